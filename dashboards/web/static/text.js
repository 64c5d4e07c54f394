// Log text is hostile: it reaches the page only as text, with what would be invisible or reorder it made visible.

// Control characters, bidirectional embeddings, overrides and isolates, and blanks without width. Joiners (U+200C and
// U+200D) belong to words and to pictures of people, and the marks of direction (U+200E and U+200F) reorder nothing else.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;

/** ESC becomes "\x1b", a bidirectional override "\u202e". @param {unknown} text */
export function visible(text) {
  return String(text).replace(/\r\n/g, "\n").replace(CONTROL, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });
}

/**
 * A text in pieces, those that matched told apart: [[text, matched], …]. The server counts characters, not UTF-16's units.
 * @param {string} text @param {[number, number][]} [marks] @returns {[string, boolean][]}
 */
export function pieces(text, marks) {
  if (!marks?.length) return [[visible(text), false]];
  const wide = /[\ud800-\udbff]/.test(text);
  const characters = wide ? [...text] : text;
  const cut = (/** @type {number} */ from, /** @type {number} */ to) =>
    visible(wide ? /** @type {string[]} */ (characters).slice(from, to).join("") : text.slice(from, to));
  /** @type {[string, boolean][]} */
  const made = [];
  let end = 0;
  for (const [from, to] of [...marks].sort(([one], [other]) => one - other)) {
    if (from < end || to <= from || from >= characters.length) continue;
    if (from > end) made.push([cut(end, from), false]);
    made.push([cut(from, to), true]);
    end = to;
  }
  if (end < characters.length) made.push([cut(end, characters.length), false]);
  return made;
}

/** A value of a field in one line, not yet made visible. @param {unknown} value */
export function valueText(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map((one) => (typeof one === "object" ? JSON.stringify(one) : String(one))).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** "br.com.service.ContaService" → "b.c.s.ContaService", as Logback does. @param {string} logger @param {number} [most] */
export function shorten(logger, most = 24) {
  const names = logger.split(".");
  return logger.length <= most ? logger : [...names.slice(0, -1).map((name) => name.slice(0, 1)), names[names.length - 1]].join(".");
}

// Make an element: properties are assigned, children appended; a string child becomes text, never markup.
/** @param {string} tag @param {Record<string, any>} [properties] @param {...any} children @returns {any} */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(node.dataset, value);
    else if (name.startsWith("aria-") || name === "role" || name === "scope") node.setAttribute(name, value);
    else /** @type {any} */ (node)[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** @param {unknown} value */
export const number = (value) => Number(value).toLocaleString();

/** A field of a document, nested or with dots in its name. @param {any} source @param {string} path @returns {any} */
export function get(source, path) {
  if (source === null || typeof source !== "object") return undefined;
  if (Object.hasOwn(source, path)) return source[path];
  for (let dot = path.indexOf("."); dot > 0; dot = path.indexOf(".", dot + 1)) {
    const found = get(source[path.slice(0, dot)], path.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

// [["log.level", "INFO"], …] of a document, sorted by name; lists of objects stay one value.
/** @param {any} source @param {string} [prefix] @returns {[string, any][]} */
export function flatten(source, prefix = "") {
  return Object.entries(source)
    .flatMap(([key, value]) =>
      value !== null && typeof value === "object" && !Array.isArray(value)
        ? flatten(value, `${prefix}${key}.`)
        : [/** @type {[string, any]} */ ([prefix + key, value])],
    )
    .sort(([one], [other]) => (one < other ? -1 : 1));
}
