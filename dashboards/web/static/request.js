// From the state to the bodies of `_search` requests. A state may carry the `clause` of a saved search.

import { isoOf } from "./timerange.js";

export const PAGE = 100;

// Fields that are analysed as text; everything else is matched as a whole.
const TEXT = new Set(["message", "error.message", "error.stack_trace", "event.original"]);

export function events(state, bounds, step) {
  const body = {
    query: query(state, bounds),
    size: PAGE,
    sort: [{ "@timestamp": "desc" }],
    track_total_hits: true,
  };
  if (step) {
    body.aggs = {
      histogram: {
        date_histogram: { field: "@timestamp", fixed_interval: step.text, min_doc_count: 1 },
        aggs: { levels: { terms: { field: "log.level", size: 10 } } },
      },
    };
  }
  return body;
}

// The page after `last`, the time of the last event shown; `ties` of those shown have that same time.
export function more(state, bounds, last, ties) {
  return {
    query: query(state, { ...bounds, to: last }),
    size: PAGE,
    from: ties,
    sort: [{ "@timestamp": "desc" }],
    track_total_hits: false,
  };
}

// Each facet counts under the filters of the others but not its own, so that a second value can be added to it.
// `more` are further fields to choose values of.
export function facets(state, bounds, more = []) {
  const without = (part) => ({ bool: { filter: chosen({ ...state, ...part }) } });
  const terms = (field, size) => ({ values: { terms: { field, size } } });
  return {
    query: query({ ...state, levels: [], services: [] }, bounds),
    size: 0,
    track_total_hits: false,
    aggs: {
      levels: { filter: without({ levels: [] }), aggs: terms("log.level", 12) },
      services: { filter: without({ services: [] }), aggs: terms("service.name", 30) },
      tags: { filter: without({}), aggs: terms("tags", 20) },
      ...Object.fromEntries(more.map((field) => [field, { filter: without({}), aggs: terms(field, 30) }])),
    },
  };
}

// The body for a chart; `step` is that of its buckets, if it is over time.
export function chart(state, { from, to }, step) {
  return { query: query(state, { from: null, to: null }), from, to, interval: step?.text ?? null };
}

// Where the matching events are in time, whatever the range; and how wide the first histogram must be.
export function extent(state, bounds = { from: null, to: null }) {
  return {
    query: query(state, bounds),
    size: 0,
    track_total_hits: true,
    aggs: { oldest: { min: { field: "@timestamp" } }, newest: { max: { field: "@timestamp" } } },
  };
}

function query(state, { from, to }) {
  const filter = chosen(state);
  const range = {};
  if (from !== null) range.gte = isoOf(from);
  if (to !== null) range.lte = isoOf(to).replace("Z", "999999Z");
  if (from !== null || to !== null) filter.push({ range: { "@timestamp": range } });
  if (state.clause) filter.push(state.clause);
  const bool = { filter };
  const words = state.query.trim();
  if (words && words !== "*") bool.must = [{ query_string: { query: words } }];
  const not = state.filters.filter((one) => one.not).map(clause);
  if (not.length) bool.must_not = not;
  return { bool };
}

function chosen(state) {
  const filter = state.filters.filter((one) => !one.not).map(clause);
  if (state.levels.length) filter.push({ terms: { "log.level": state.levels } });
  if (state.services.length) filter.push({ terms: { "service.name": state.services } });
  return filter;
}

function clause({ field, value }) {
  return TEXT.has(field) ? { match_phrase: { [field]: value } } : { term: { [field]: value } };
}
