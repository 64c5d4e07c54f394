// What a chart of one's own is made of: a question, and what is drawn of it.

import { filterText } from "./filter-chips.js";

/** @import { Filter, Language } from "./types.js" */
/** @typedef {"time" | "values" | "number" | "percentiles"} Shape */
/**
 * What somebody chose of a chart; `field` is what bars are split by, what values are counted of, or what is measured.
 * @typedef {{ shape: Shape, field: string, drawn: string, size: number }} Choice
 */
/** @typedef {{ query: string, language: Language, filters: Filter[] }} Asked */

export const PERCENTILES = [50, 95, 99];
const SPLIT = 12; // series; the rest is "other"
const TIME = { time: "@timestamp" };
const EVENTS = [{ label: "Events", count: "" }];
const NUMBERS = ["long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long"];

/** What each shape can be drawn as, the usual first. @type {Record<Shape, { kind: string, name: string }[]>} */
export const DRAWN = {
  time: [{ kind: "bars", name: "Bars" }, { kind: "areas", name: "Areas" }, { kind: "lines", name: "Lines" }],
  values: [{ kind: "horizontal bars", name: "Bars" }, { kind: "table", name: "Table" }, { kind: "donut", name: "Ring" }],
  number: [{ kind: "number", name: "Number" }],
  percentiles: [{ kind: "lines", name: "Lines" }],
};

/** The content of a chart as the server keeps it. @param {Choice} choice @param {Asked} asked */
export function contentOf({ shape, field, drawn, size }, { query, language, filters }) {
  const kind = DRAWN[shape].some((one) => one.kind === drawn) ? drawn : DRAWN[shape][0].kind;
  const question = { query, language, filters, kind };
  if (shape === "time") return { ...question, values: EVENTS, by: TIME, ...(field && { split: { top: field, size: SPLIT, other: true } }) };
  if (shape === "values") return { ...question, values: EVENTS, by: { top: field, size, ...(kind === "donut" && { other: true }) } };
  if (shape === "number") return { ...question, values: EVENTS };
  return { ...question, by: TIME, values: PERCENTILES.map((percentile) => ({ label: `${percentile}th percentile`, percentile, of: field })) };
}

/** Fields that a shape can be of. @param {{ name: string, type: string, aggregatable?: boolean, share?: number | null }[]} fields @param {Shape} shape */
export function fieldsFor(fields, shape) {
  const fit = fields.filter(({ name, type, aggregatable }) =>
    shape === "percentiles" ? NUMBERS.includes(type) && name !== "log.offset" : aggregatable !== false && type !== "text" && type !== "date");
  return fit.sort((one, other) => Number((other.share ?? 0) > 0) - Number((one.share ?? 0) > 0) || (one.name < other.name ? -1 : 1)).map(({ name }) => name);
}

/** What a chart could be called. @param {Choice} choice @param {Asked} asked */
export function titleOf({ shape, field }, asked) {
  const what = { time: field ? `Events by ${field}` : "Events over time", values: `Top ${field}`, number: "Events", percentiles: `Percentiles of ${field}` }[shape];
  const of = askedText(asked);
  const title = of ? `${what} · ${of}` : what;
  return title.length > 120 ? `${title.slice(0, 119)}…` : title;
}

/** What is asked, in a line. @param {Asked} asked */
export const askedText = ({ query, filters }) => [query, ...filters.map(filterText)].filter(Boolean).join(", ");

/**
 * One question of a saved search and what is asked besides.
 * @param {Asked | null} search @param {Asked} asked @param {Language | null} readAs what the query beside was read as
 * @returns {Asked | null} null where the two languages cannot be one query
 */
export function together(search, asked, readAs) {
  if (!search) return asked;
  const filters = [...search.filters, ...asked.filters];
  if (!search.query) return { ...asked, filters };
  if (!asked.query) return { query: search.query, language: search.language, filters };
  if (search.language === "lucene" && readAs === "lucene") return { query: `(${search.query}) AND (${asked.query})`, language: "lucene", filters };
  if (search.language !== "lucene" && readAs === "kql") return { query: `(${search.query}) and (${asked.query})`, language: "kql", filters };
  return null;
}
