// What the page shows, as one object that the address bar holds, so that all of it can be shared, bookmarked and gone
// back to; and the actions that change it.

import { parse } from "./exact.js";
import { readWork, writeWork } from "./grok-link.js";

/** @import { State, Filter, Operator, Value, Question, Language, View } from "./types.js" */

export const USUAL_FROM = "now-1h";
export const BOARD_FROM = "now-24h"; // of a dashboard that was opened without a time
export const COLUMNS = ["log.level", "service.name", "log.logger", "message"];
export const SPLIT = "log.level";

/** @type {Record<string, Operator>} */
const FILTERS = { is: "is", not: "is_not", has: "exists", lacks: "missing", between: "range", outside: "not_range" };
/** @type {Record<string, string>} of earlier versions */
const FACETS = { level: "log.level", service: "service.name" };
const SEARCHED = ["q", "saved", "level", "service", "is", "not", "has", "lacks", "between", "outside", "event", "cols"];

/**
 * Read an address. Links of earlier versions say `range=2h`, `level=ERROR`, `service=orders`, `is=field:"value"`.
 * @param {string} search
 * @param {string} [path]
 * @returns {State}
 */
export function read(search, path = "/") {
  const given = new URLSearchParams(search);
  const board = /^\/dashboards\/([^/]+)$/.exec(path);
  const filters = [...given].map(([name, text]) => (Object.hasOwn(FACETS, name) ? is(FACETS[name], text) : Object.hasOwn(FILTERS, name) ? parseFilter(text, FILTERS[name]) : null));
  const id = given.get("event");
  return {
    view: board ? "board" : viewOf(given),
    board: board ? decodeURIComponent(board[1]) : null,
    edit: board !== null && given.get("edit") === "1",
    query: given.get("q") ?? "",
    language: oneOf(given.get("lang"), ["kql", "lucene"], "auto"),
    filters: merged(filters.filter((one) => one !== null)),
    ...readTime(given, board ? BOARD_FROM : USUAL_FROM),
    zone: given.get("tz") || "browser",
    order: given.get("order") === "oldest" ? "oldest" : "newest",
    columns: list(given.get("cols")) ?? COLUMNS,
    widths: readWidths(given.get("w")),
    split: given.get("split") ?? SPLIT,
    live: given.get("live") === "1",
    event: id ? { id, index: given.get("in") ?? "" } : null,
    index: given.get("index"),
    saved: given.get("saved"),
    grok: readWork(given),
  };
}

/**
 * The address of a state, path included.
 * @param {State} state
 */
export function write(state) {
  const given = new URLSearchParams();
  const put = (/** @type {string} */ name, /** @type {string | null | false} */ value) => value && given.append(name, value);
  put("view", state.view !== "board" && state.view !== "problems" && state.view);
  put("edit", state.view === "board" && state.edit && "1");
  put("q", state.query);
  put("lang", state.language !== "auto" && state.language);
  for (const { field, operator, values } of state.filters) {
    const name = Object.keys(FILTERS).find((one) => FILTERS[one] === operator) ?? "is";
    put(name, operator === "exists" || operator === "missing" ? field : `${field}:${JSON.stringify(values)}`);
  }
  const usual = state.view === "board" ? BOARD_FROM : USUAL_FROM;
  if (state.from !== usual || state.to !== null) {
    put("from", state.from ?? (state.to === null && "all"));
    put("to", state.to);
  }
  put("tz", state.zone !== "browser" && state.zone);
  put("order", state.order === "oldest" && "oldest");
  put("cols", !same(state.columns, COLUMNS) && (state.columns.join(",") || "none"));
  put("w", Object.entries(state.widths).map(([field, width]) => `${field}:${Math.round(width)}`).join(","));
  if (state.split !== SPLIT) given.append("split", state.split);
  put("live", state.live && "1");
  put("event", state.event && state.event.id);
  put("in", state.event && state.event.index);
  put("index", state.index);
  put("saved", state.saved);
  if (state.view === "grok") writeWork(state.grok, put);
  // The first view needs a name once something else in the address would mean the list of events.
  if (state.view === "problems" && SEARCHED.some((name) => given.has(name))) given.append("view", "problems");
  const path = state.view === "board" && state.board ? `/dashboards/${encodeURIComponent(state.board)}` : "/";
  const text = given.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
  return text ? `${path}?${text}` : path;
}

/**
 * What the server is asked; `zone` is the resolved name.
 * @param {State} state
 * @param {string} zone
 * @returns {Question}
 */
export function question(state, zone) {
  const { query, language, filters, from, to, index, saved } = state;
  return { query, language, filters, from, to, zone, ...(index && { index }), ...(saved && { saved }) };
}

/** @param {URLSearchParams} given @returns {View} */
function viewOf(given) {
  const named = given.get("view");
  if (named === "problems" || named === "events" || named === "grok" || named === "alerts") return named;
  return SEARCHED.some((name) => given.has(name)) ? "events" : "problems";
}

/** @param {URLSearchParams} given @param {string} usual */
function readTime(given, usual) {
  const range = given.get("range");
  const from = given.get("from");
  const to = given.get("to") || null;
  if (range && range !== "custom") return { from: range === "all" ? null : /^\d/.test(range) ? `now-${range}` : range, to: null };
  if (from === "all") return { from: null, to };
  return { from: from || (to ? null : usual), to };
}

/** @param {string} text @param {Operator} operator @returns {Filter | null} */
function parseFilter(text, operator) {
  if (operator === "exists" || operator === "missing") return { field: text, operator, values: [] };
  // The name may hold a colon of its own; the value begins where JSON does.
  for (let colon = text.indexOf(":"); colon > 0; colon = text.indexOf(":", colon + 1)) {
    try {
      const value = parse(text.slice(colon + 1));
      return { field: text.slice(0, colon), operator, values: Array.isArray(value) ? value : [value] };
    } catch {
      // Another colon, then.
    }
  }
  // "level:ERROR", as people write it by hand.
  const colon = text.indexOf(":");
  return colon > 0 ? { field: text.slice(0, colon), operator, values: [text.slice(colon + 1)] } : null;
}

/** @param {string} field @param {Value} value @returns {Filter} */
const is = (field, value) => ({ field, operator: "is", values: [value] });

/**
 * One filter for each field and operator: several values are one filter's.
 * @param {Filter[]} filters
 * @returns {Filter[]}
 */
function merged(filters) {
  /** @type {Filter[]} */
  const made = [];
  for (const one of filters) {
    const there = made.find(({ field, operator }) => field === one.field && operator === one.operator && operator.startsWith("is"));
    if (there) there.values = [...new Set([...there.values, ...one.values])];
    else made.push({ ...one });
  }
  return made;
}

/** @param {string | null} text */
function list(text) {
  if (text === null) return null;
  return text === "none" ? [] : text.split(",").filter(Boolean);
}

/** @param {string | null} text @returns {Record<string, number>} */
function readWidths(text) {
  const pairs = (text ?? "").split(",").map((one) => [one.slice(0, one.lastIndexOf(":")), Number(one.slice(one.lastIndexOf(":") + 1))]);
  return Object.fromEntries(pairs.filter(([field, width]) => field && Number(width) > 0));
}

/** @template {string} T @param {string | null} value @param {T[]} known @param {any} usual */
const oneOf = (value, known, usual) => (known.includes(/** @type {T} */ (value)) ? value : usual);
const same = (/** @type {unknown[]} */ one, /** @type {unknown[]} */ other) => one.length === other.length && one.every((item, place) => item === other[place]);

/**
 * Filters with `value` among (`keep`) or out of those of `field`.
 * @param {Filter[]} filters
 * @param {string} field
 * @param {Value} value
 * @param {"is" | "is_not"} operator
 */
export function withValue(filters, field, value, operator) {
  const other = operator === "is" ? "is_not" : "is";
  const rest = withoutValue(filters, field, value, other);
  const there = rest.find((one) => one.field === field && one.operator === operator);
  if (!there) return [...rest, { field, operator, values: [value] }];
  if (there.values.includes(value)) return rest;
  return rest.map((one) => (one === there ? { ...one, values: [...one.values, value] } : one));
}

/** @param {Filter[]} filters @param {string} field @param {Value} value @param {"is" | "is_not"} operator */
export function withoutValue(filters, field, value, operator) {
  return filters
    .map((one) => (one.field === field && one.operator === operator ? { ...one, values: one.values.filter((v) => v !== value) } : one))
    .filter((one) => one.values.length > 0 || one.operator === "exists" || one.operator === "missing");
}

/** The values that `field` is filtered for. @param {Filter[]} filters @param {string} field @param {Operator} [operator] */
export function valuesOf(filters, field, operator = "is") {
  return filters.find((one) => one.field === field && one.operator === operator)?.values ?? [];
}

/** @type {Record<Operator, Operator>} */
const OPPOSITE = { is: "is_not", is_not: "is", exists: "missing", missing: "exists", range: "not_range", not_range: "range" };

/**
 * The state, who hears of its changes, and what changes it.
 * @typedef {ReturnType<typeof makeActions>} Actions
 */
export class Store {
  /** @param {State} state */
  constructor(state) {
    this.state = state;
    /** @type {Set<() => void>} */
    this.heard = new Set();
    /** @type {{ from: string | null, to: string | null }[]} */
    this.times = []; // earlier time ranges, for undo
    this.actions = makeActions(this);
  }

  /** @param {() => void} listener */
  subscribe(listener) {
    this.heard.add(listener);
    return () => this.heard.delete(listener);
  }

  /** @param {Partial<State>} part @param {{ replace?: boolean, remember?: boolean }} [how] */
  change(part, { replace = false, remember = true } = {}) {
    const next = { ...this.state, ...part };
    if (remember && (next.from !== this.state.from || next.to !== this.state.to)) {
      this.times.push({ from: this.state.from, to: this.state.to });
    }
    this.state = next;
    const address = write(next);
    if (address !== location.pathname + location.search) history[replace ? "replaceState" : "pushState"](null, "", address);
    this.tell();
  }

  /** The address changed by itself: back or forward. */
  reread() {
    this.state = read(location.search, location.pathname);
    this.tell();
  }

  tell() {
    for (const listener of this.heard) listener();
  }
}

/** @param {Store} store */
function makeActions(store) {
  const now = () => store.state;
  const change = store.change.bind(store);
  /** @returns {Partial<State>} what a filter from elsewhere shows */
  const events = () => (now().view === "board" ? {} : { view: "events" });
  return {
    /** @param {string} field @param {Value} value */
    filterIn: (field, value) => change({ filters: withValue(now().filters, field, value, "is"), ...events() }),
    /** @param {string} field @param {Value} value */
    filterOut: (field, value) => change({ filters: withValue(now().filters, field, value, "is_not"), ...events() }),
    /** Put `value` among those of `field`, or take it away. @param {string} field @param {Value} value */
    toggleValue: (field, value) => {
      const { filters } = now();
      const there = valuesOf(filters, field).includes(value);
      change({ filters: there ? withoutValue(filters, field, value, "is") : withValue(filters, field, value, "is") });
    },
    /** @param {Filter} filter */
    addFilter: (filter) => change({ filters: merged([...now().filters, filter]), ...events() }),
    /** @param {Filter[]} filters */
    setFilters: (filters) => change({ filters: merged(filters) }),
    /** @param {Filter} filter */
    removeFilter: (filter) => change({ filters: now().filters.filter((one) => one !== filter) }),
    /** @param {Filter} filter */
    invertFilter: (filter) =>
      change({ filters: merged(now().filters.map((one) => (one === filter ? { ...one, operator: OPPOSITE[one.operator] } : one))) }),
    /** @param {string} query @param {Language} [language] */
    setQuery: (query, language = now().language) => change({ query, language }),
    /** Several things at once, as a hint or a saved search wants it. @param {Partial<State>} part @param {{ replace?: boolean }} [how] */
    apply: (part, how) => change(part, how),
    /** @param {string | number | null} from @param {string | number | null} to */
    setTime: (from, to) => change({ from: timeText(from), to: timeText(to), live: now().live && to === null }),
    undoTime: () => {
      const before = store.times.pop();
      if (before) change({ ...before, live: false }, { remember: false });
    },
    canUndoTime: () => store.times.length > 0,
    /** @param {string} zone */
    setZone: (zone) => change({ zone }),
    /** @param {"newest" | "oldest"} order */
    setOrder: (order) => change({ order }),
    /** @param {string} split */
    setSplit: (split) => change({ split }),
    /** @param {boolean} live */
    setLive: (live) => change({ live, ...(live && { to: null }) }, { replace: true }),
    /** @param {import("./grok-link.js").GrokWork} grok */
    setGrok: (grok) => change({ grok }, { replace: true }),
    /** @param {string | null} index */
    setIndex: (index) => change({ index }),
    /** @param {string} index @param {string} id @param {{ replace?: boolean }} [how] */
    openEvent: (index, id, how) => change({ event: { index, id } }, how),
    closeEvent: () => now().event && change({ event: null }),
    /** @param {View} name */
    view: (name) => change({ view: name, board: null, edit: false, event: null, ...(now().view === "board" && now().from === BOARD_FROM && { from: USUAL_FROM }) }),
    /** @param {string} id */
    openBoard: (id) => change({ view: "board", board: id, edit: false, event: null, live: false, ...(now().view !== "board" && now().from === USUAL_FROM && { from: BOARD_FROM }) }),
    /** @param {string} id */
    editBoard: (id) => change({ view: "board", board: id, edit: true, event: null, live: false }),
    /** @param {string} field */
    showColumn: (field) => {
      const { columns } = now();
      if (columns.includes(field)) return;
      const last = columns.indexOf("message");
      change({ columns: last < 0 ? [...columns, field] : [...columns.slice(0, last), field, ...columns.slice(last)] });
    },
    /** @param {string} field */
    hideColumn: (field) => change({ columns: now().columns.filter((one) => one !== field) }),
    /** Put `field` before or after its neighbour. @param {string} field @param {-1 | 1} by */
    moveColumn: (field, by) => {
      const columns = [...now().columns];
      const place = columns.indexOf(field);
      const to = place + by;
      if (place < 0 || to < 0 || to >= columns.length) return;
      [columns[place], columns[to]] = [columns[to], columns[place]];
      change({ columns });
    },
    /** @param {string[]} columns */
    setColumns: (columns) => change({ columns }),
    /** @param {string} field @param {number | null} width */
    setWidth: (field, width) => {
      const widths = { ...now().widths };
      if (width === null) delete widths[field];
      else widths[field] = width;
      change({ widths }, { replace: true });
    },
    clear: () => change({ query: "", filters: [], saved: null }),
  };
}

/** @param {string | number | null} time */
const timeText = (time) => (typeof time === "number" ? new Date(time).toISOString() : time);
