// The server's HTTP interface, one function for each endpoint. Every failure is an AskError that can be shown as it is.

import { parse } from "./exact.js";

/** @import { Question, Found, Counted, ValueCount, Suggested, LogEvent, Saved } from "./types.js" */

export class AskError extends Error {
  /** @param {string} kind @param {string} reason @param {{ start: number, end: number } | null} [at] where in the query */
  constructor(kind, reason, at = null) {
    super(reason);
    this.kind = kind;
    this.at = at;
  }
}

/** @param {Question & { size?: number, after?: unknown, order?: string }} body @param {AbortSignal} [signal] @returns {Promise<Found>} */
export const search = (body, signal) => post("/api/search", body, signal);
/** @param {Question & { split?: string | null, buckets?: number, facets?: string[], errors?: boolean }} body @param {AbortSignal} [signal] @returns {Promise<Counted>} */
export const count = (body, signal) => post("/api/count", body, signal);
/** @param {Question} body @param {AbortSignal} [signal] @returns {Promise<{ fields: { name: string, type: string, aggregatable: boolean, share: number | null }[] }>} */
export const fields = (body, signal) => post("/api/fields", body, signal);
/** @param {Question & { field: string, size?: number, prefix?: string }} body @param {AbortSignal} [signal] @returns {Promise<{ values: ValueCount[], with: number, distinct: number }>} */
export const values = (body, signal) => post("/api/values", body, signal);
/** @param {Question & { text: string, caret: number }} body @param {AbortSignal} [signal] @returns {Promise<Suggested>} */
export const suggest = (body, signal) => post("/api/suggest", body, signal);
/** @param {Question & { buckets?: number, most?: number }} body @param {AbortSignal} [signal] @returns {Promise<any>} */
export const problems = (body, signal) => post("/api/problems", body, signal);
/** @param {Record<string, unknown>} body @param {AbortSignal} [signal] @returns {Promise<any>} */
export const context = (body, signal) => post("/api/context", body, signal);
/** @param {string} index @param {string} id @param {AbortSignal} [signal] @returns {Promise<LogEvent>} */
export const event = (index, id, signal) => ask(`/api/event?${new URLSearchParams({ index, id })}`, { signal });
/** @param {string} id @param {Record<string, unknown>} body @param {AbortSignal} [signal] @returns {Promise<any>} */
export const chart = (id, body, signal) => post(`/api/charts/${encodeURIComponent(id)}`, body, signal, JSON.parse); // to be reckoned with
/** The figures of a chart that is not saved yet. @param {Record<string, unknown>} body @param {AbortSignal} [signal] @returns {Promise<any>} */
export const newChart = (body, signal) => post("/api/charts", body, signal, JSON.parse);
/** What the grok workbench is asked: "failures", "suggest", "try", "next", "filter", "save", "filters", "delete". @param {string} what @param {Record<string, unknown>} body @param {AbortSignal} [signal] @returns {Promise<any>} */
export const grok = (what, body, signal) => post(`/api/grok/${what}`, body, signal);
/** The rules of alerts. @returns {Promise<any>} */
export const alerts = () => ask("/api/alerts", {});
/** A rule's windows over time. @param {Record<string, unknown>} body @param {AbortSignal} [signal] @returns {Promise<any>} */
export const alertChart = (body, signal) => post("/api/alerts/chart", body, signal);
/** @returns {Promise<Record<string, any>>} */
export const status = () => ask("/api/status", {});

/** The dashboards, charts and saved searches that come with sawlog, and those that people saved. @returns {Promise<any>} */
export const objects = () => ask("/api/objects", {});
/** @returns {Promise<any[]>} links out of an event, of links.yml */
export const links = () => once("links", () => ask("/api/links", {}));
/** Whose code is one's own, of problems.yml. @returns {Promise<import("./libraries.js").Rules>} */
export const rules = () => once("rules", () => ask("/api/rules", {}));
/** @returns {Promise<string[]>} */
export const indices = () => ask("/api/indices", {}).then((answer) => answer.indices ?? answer);

/** @returns {Promise<Saved[]>} */
export const saved = () => ask("/api/saved", {}).then((answer) => answer.saved ?? answer);
/** A version of what is there is replaced, if it still is that one. @param {Omit<Saved, "id" | "version"> & { id?: string, version?: string }} one @returns {Promise<Saved>} */
export const save = (one) => post("/api/saved", one);
/** A file of saved objects. @param {string} text @param {boolean} replace what is there already and differs @returns {Promise<{ saved: Saved[], known: string[] }>} */
export const importSaved = (text, replace) => ask(`/api/saved/import${replace ? "?replace" : ""}`, { method: "POST", headers: { "Content-Type": "application/x-ndjson" }, body: text });
/** Of this version, if one is given. @param {string} id @param {string} [version] @returns {Promise<unknown>} */
export const forget = (id, version = "") => ask(`/api/saved/${encodeURIComponent(id)}${version && `?version=${encodeURIComponent(version)}`}`, { method: "DELETE", headers: JSON_TYPE });

/** Where all hits are downloaded from. @param {Question & { order?: string }} asked @param {"ndjson" | "csv"} format @param {string[]} columns */
export const exportAddress = (asked, format, columns) =>
  `/api/export?${new URLSearchParams({ question: JSON.stringify(asked), format, ...(format === "csv" && { fields: columns.join(",") }) })}`;
/** @param {Question} asked */
export const liveAddress = (asked) => `/api/live?${new URLSearchParams({ question: JSON.stringify(asked) })}`;

const JSON_TYPE = { "Content-Type": "application/json" };
/** @type {Map<string, Promise<any>>} */
const known = new Map();

/** What stays the same as long as the page is open. @param {string} name @param {() => Promise<any>} make @returns {Promise<any>} */
function once(name, make) {
  let made = known.get(name);
  if (!made) {
    made = make();
    known.set(name, made);
    made.catch(() => known.delete(name));
  }
  return made;
}

// A store runs few searches side by side and turns away more than some that wait; a dashboard has a dozen.
const AT_ONCE = 4;
const AGAIN_AFTER = 1000;
let running = 0;
/** @type {(() => void)[]} */
const waiting = [];

/** Wait for a turn; what is aborted meanwhile gives up its turn. @template T @param {AbortSignal | null | undefined} signal @param {() => Promise<T>} act @returns {Promise<T>} */
async function inTurn(signal, act) {
  if (running >= AT_ONCE) await new Promise((resolve) => waiting.push(() => resolve(undefined)));
  running++;
  try {
    signal?.throwIfAborted();
    return await act();
  } finally {
    running--;
    waiting.shift()?.();
  }
}

/** @param {string} path @param {unknown} body @param {AbortSignal} [signal] @param {(text: string) => any} [read] */
const post = (path, body, signal, read) => ask(path, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body), signal }, read);

/** @param {string} path @param {RequestInit} options @param {(text: string) => any} [read] @returns {Promise<any>} */
async function ask(path, options, read = parse) {
  let response;
  try {
    const send = () => fetch(path, { ...options, cache: "no-store" });
    response = await (options.method === "POST" ? inTurn(options.signal, send) : send());
    for (let times = 0; response.status === 429 && times < 5; times++) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER));
      response = await send();
    }
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new AskError("offline", "The sawlog server does not answer. Is it still running?");
  }
  if (response.status === 204) return null;
  const body = await response.text().then(read).catch(() => null);
  if (response.ok && body !== null) return body;
  throw new AskError(body?.error ?? "http", explain(response.status, body), body?.at ?? null);
}

/** @param {number} code @param {any} body */
function explain(code, body) {
  const reason = body?.reason ?? `The server answered with status ${code}.`;
  return body?.error === "unavailable" ? `The store is not available: ${reason}` : reason;
}
