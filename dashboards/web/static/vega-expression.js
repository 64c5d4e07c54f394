// Evaluates Vega's expressions by walking their syntax trees, so that the page needs no 'unsafe-eval'.
//
// Vega compiles expressions with `Function` unless its View is given an `expr` object (this one) and `vega.parse`
// was told to keep the trees ({ ast: true }). A tree's nodes are ESTree nodes; an identifier that is not bound
// here is a signal, found in the operator's parameters under "$name".
// Facts: https://vega.github.io/vega/docs/expressions/ and the `expr` option of https://vega.github.io/vega/docs/api/view/

const CONSTANTS = {
  NaN, E: Math.E, LN2: Math.LN2, LN10: Math.LN10, LOG2E: Math.LOG2E, LOG10E: Math.LOG10E, PI: Math.PI,
  SQRT1_2: Math.SQRT1_2, SQRT2: Math.SQRT2, MIN_VALUE: Number.MIN_VALUE, MAX_VALUE: Number.MAX_VALUE, undefined,
};

const EVENT_FUNCTIONS = new Set(["view", "item", "group", "xy", "x", "y"]);
const FORBIDDEN = new Set(["constructor", "prototype", "__proto__"]);

const BINARY = {
  "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b, "%": (a, b) => a % b,
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
  "==": (a, b) => a == b, "!=": (a, b) => a != b, "===": (a, b) => a === b, "!==": (a, b) => a !== b,
  "&": (a, b) => a & b, "|": (a, b) => a | b, "^": (a, b) => a ^ b,
  "<<": (a, b) => a << b, ">>": (a, b) => a >> b, ">>>": (a, b) => a >>> b,
};
const UNARY = { "+": (a) => +a, "-": (a) => -a, "~": (a) => ~a, "!": (a) => !a };

const utc = (year, month = 0, ...rest) => Date.UTC(year, month, ...rest);
const part = (name) => (when) => new Date(when)[name]();
const MATH = ["abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "exp", "floor", "hypot", "log", "max", "min",
  "pow", "random", "round", "sin", "sqrt", "tan"];

// What Vega's compiler writes out in place; the rest comes from Vega itself (`context.functions`).
const FUNCTIONS = {
  ...Object.fromEntries(MATH.map((name) => [name, Math[name]])),
  isNaN: Number.isNaN, isFinite: Number.isFinite, parseFloat, parseInt,
  clamp: (value, low, high) => Math.max(low, Math.min(high, value)),
  now: Date.now, utc, datetime: (...parts) => new Date(...parts),
  date: part("getDate"), day: part("getDay"), year: part("getFullYear"), month: part("getMonth"),
  hours: part("getHours"), minutes: part("getMinutes"), seconds: part("getSeconds"),
  milliseconds: part("getMilliseconds"), time: part("getTime"), timezoneoffset: part("getTimezoneOffset"),
  utcdate: part("getUTCDate"), utcday: part("getUTCDay"), utcyear: part("getUTCFullYear"), utcmonth: part("getUTCMonth"),
  utchours: part("getUTCHours"), utcminutes: part("getUTCMinutes"), utcseconds: part("getUTCSeconds"),
  utcmilliseconds: part("getUTCMilliseconds"),
  length: (value) => value?.length ?? null,
  indexof: (value, sought) => value.indexOf(sought), lastindexof: (value, sought) => value.lastIndexOf(sought),
  slice: (value, ...range) => value.slice(...range), substring: (text, ...range) => String(text).substring(...range),
  join: (values, between) => values.join(between), split: (text, ...how) => String(text).split(...how),
  lower: (text) => String(text).toLowerCase(), upper: (text) => String(text).toUpperCase(),
  trim: (text) => String(text).trim(), replace: (text, ...how) => String(text).replace(...how),
  regexp: (...parts) => new RegExp(...parts), test: (expression, text) => expression.test(text),
};

// A mark's encodings call these with the name of a scale, which is a parameter "%name".
const SCALE_FUNCTIONS = {
  _scale: (scale, value) => scale(value),
  _range: (scale) => scale.range(),
  _bandwidth: (scale) => scale?.bandwidth?.() ?? 0,
};

const NODES = {
  Literal: (node) => node.value,
  Identifier(node, scope) {
    const name = node.name ?? node.value;
    if (name === "datum" || name === "event" || name === "item") return scope[name];
    return Object.hasOwn(CONSTANTS, name) ? CONSTANTS[name] : scope.parameters?.[`$${name}`];
  },
  MemberExpression(node, scope) {
    const object = evaluate(node.object, scope);
    return object?.[key(node.computed ? evaluate(node.property, scope) : node.property.name)];
  },
  CallExpression: call,
  ArrayExpression: (node, scope) => node.elements.map((element) => evaluate(element, scope)),
  ObjectExpression: (node, scope) =>
    Object.fromEntries(node.properties.map((one) => [key(one.key.name ?? one.key.value), evaluate(one.value, scope)])),
  BinaryExpression: (node, scope) => BINARY[node.operator](evaluate(node.left, scope), evaluate(node.right, scope)),
  UnaryExpression: (node, scope) => UNARY[node.operator](evaluate(node.argument, scope)),
  LogicalExpression(node, scope) {
    const left = evaluate(node.left, scope);
    const decided = node.operator === "&&" ? !left : left;
    return decided ? left : evaluate(node.right, scope);
  },
  ConditionalExpression: (node, scope) => evaluate(evaluate(node.test, scope) ? node.consequent : node.alternate, scope),
};

export const interpreter = {
  operator: (context, { ast }) => (parameters) => evaluate(ast, { functions: context.functions, parameters }),
  parameter: (context, { ast }) => (datum, parameters) => evaluate(ast, { functions: context.functions, parameters, datum }),
  event: (context, { ast }) => (event) => evaluate(ast, { functions: context.functions, event }),
  handler: (context, { ast }) => (parameters, event) =>
    evaluate(ast, { functions: context.functions, parameters, event, datum: event.item?.datum }),
  encode(context, { marktype, channels }) {
    const area = ["group", "image", "rect"].includes(marktype);
    return (item, parameters) => {
      const scope = { functions: context.functions, parameters, item, datum: item.datum };
      let changed = 0;
      for (const [name, { ast }] of Object.entries(channels)) {
        const value = evaluate(ast, scope);
        if (item[name] !== value) {
          item[name] = value;
          changed = 1;
        }
      }
      if (marktype !== "rule") {
        place(item, channels, "x", "width", area);
        place(item, channels, "y", "height", area);
      }
      return changed;
    };
  },
};

function evaluate(node, scope) {
  return NODES[node.type](node, scope);
}

function call(node, scope) {
  const name = node.callee.name;
  if (name === "if") return evaluate(evaluate(node.arguments[0], scope) ? node.arguments[1] : node.arguments[2], scope);
  if (Object.hasOwn(SCALE_FUNCTIONS, name)) {
    const [scale, value] = node.arguments.map((argument) => evaluate(argument, scope));
    return SCALE_FUNCTIONS[name](scope.parameters[`%${scale}`], value);
  }
  const values = node.arguments.map((argument) => evaluate(argument, scope));
  if (EVENT_FUNCTIONS.has(name) && scope.event) return scope.event.vega[name](...values);
  if (Object.hasOwn(FUNCTIONS, name)) return FUNCTIONS[name](...values);
  if (typeof scope.functions[name] !== "function") throw new Error(`no expression function ${name}`);
  return scope.functions[name](...values);
}

function key(name) {
  if (FORBIDDEN.has(name)) throw new Error(`expression reaches for ${name}`);
  return name;
}

// Two of start, end, centre and extent fix a mark along an axis; Vega draws from start and extent.
function place(item, channels, start, extent, area) {
  const end = `${start}2`;
  const centre = `${start}c`;
  if (channels[end]) {
    if (channels[start]) {
      if (area && item[start] > item[end]) [item[start], item[end]] = [item[end], item[start]];
      item[extent] = item[end] - item[start];
    } else item[start] = item[end] - (item[extent] || 0);
  }
  if (channels[centre]) item[start] = item[centre] - (item[extent] || 0) / 2;
}
