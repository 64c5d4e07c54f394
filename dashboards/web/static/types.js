// The shapes that the modules share, for `tsc --checkJs`. docs/reference/http-api.md describes those of the server.

/** @typedef {"is" | "is_not" | "exists" | "missing" | "range" | "not_range"} Operator */
/** @typedef {string | number | bigint | boolean | null} Value */
/** @typedef {{ field: string, operator: Operator, values: Value[] }} Filter */
/** @typedef {"auto" | "kql" | "lucene"} Language */
/** @typedef {"problems" | "events" | "board" | "grok" | "alerts"} View */

/**
 * What the page shows. The address holds all of it.
 * `from` and `to` are text as people write it ("now-15m", "yesterday 14:00"), null when open on that side.
 * @typedef {object} State
 * @property {View} view
 * @property {string | null} board
 * @property {boolean} edit whether the dashboard, one of people's own, is being changed
 * @property {string} query
 * @property {Language} language
 * @property {Filter[]} filters
 * @property {string | null} from
 * @property {string | null} to
 * @property {string} zone "browser", "server", or a name such as "Europe/Berlin"
 * @property {"newest" | "oldest"} order
 * @property {string[]} columns
 * @property {Record<string, number>} widths in pixels, of the columns that were resized
 * @property {string} split the field whose values the histogram stacks; "" for none
 * @property {boolean} live
 * @property {{ index: string, id: string } | null} event the event that is open beside the list
 * @property {string | null} index
 * @property {string | null} saved a saved search that holds besides
 * @property {import("./grok-link.js").GrokWork} grok what stands in the workbench
 */

/** @typedef {{ query: string, language: Language, filters: Filter[], from: string | null, to: string | null, zone: string, index?: string, saved?: string }} Question */
/** @typedef {{ id: string, index: string, at: number, source: Record<string, any>, marks?: Record<string, [number, number][]> }} LogEvent */
/** @typedef {{ events: LogEvent[], after: unknown, from: number | null, to: number | null, language: Language, took_ms: number }} Found */
/** @typedef {{ at: number, to: number, n: number, by?: Record<string, number>, errors?: number, partial?: boolean }} Bar */
/** @typedef {{ text: string, action?: { query?: string, filters?: Filter[], from?: string | number | null, to?: string | number | null } | null }} Hint */
/** @typedef {{ value: Value, n: number }} ValueCount */
/** @typedef {{ total: number, from: number | null, to: number | null, interval_ms: number, bars: Bar[], facets: Record<string, ValueCount[]>, hints?: Hint[] }} Counted */
/** @typedef {{ start: number, end: number, items: { text: string, kind: string, n?: number | null }[] }} Suggested */
/** @typedef {{ id: string, title: string, kind: "search" | "chart" | "dashboard", version: string, content: Record<string, any> }} Saved */
/** @typedef {import("./state.js").Actions} Actions */

export {};
