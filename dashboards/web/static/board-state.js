// What is searched for: query, time range, filters. The address bar holds all of it, so that a search can be
// shared, bookmarked, and gone back to.

export const DEFAULT_RANGE = "15m";

// `usual` is the time range that the page has when the address names none.
export function read(usual = DEFAULT_RANGE, search = location.search) {
  const given = new URLSearchParams(search);
  return {
    usual,
    saved: given.get("saved"),
    query: given.get("q") ?? "",
    range: given.get("range") ?? (given.has("from") || given.has("to") ? "custom" : usual),
    from: given.get("from"),
    to: given.get("to"),
    levels: given.getAll("level"),
    services: given.getAll("service"),
    filters: [
      ...given.getAll("is").map((text) => parseFilter(text, false)),
      ...given.getAll("not").map((text) => parseFilter(text, true)),
    ].filter(Boolean),
    live: given.get("live") === "1",
  };
}

export function write(state, { replace = false } = {}) {
  const given = parameters(state);
  const address = given.size ? `?${given}` : location.pathname;
  if (address === (location.search || location.pathname)) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
}

// The address of another page that shows the same: `saved` is the saved search there, if any. A range that nobody
// chose is left to that page, unless `range` is to go along.
export function linkTo(path, state, { saved = null, range = false } = {}) {
  const given = parameters({ ...state, saved, usual: range ? DEFAULT_RANGE : state.usual });
  return given.size ? `${path}?${given}` : path;
}

function parameters(state) {
  const given = new URLSearchParams();
  if (state.saved) given.set("saved", state.saved);
  if (state.query) given.set("q", state.query);
  if (state.range === "custom") {
    if (state.from) given.set("from", state.from);
    if (state.to) given.set("to", state.to);
  } else if (state.range !== state.usual) given.set("range", state.range);
  state.levels.forEach((level) => given.append("level", level));
  state.services.forEach((service) => given.append("service", service));
  state.filters.forEach(({ field, value, not }) => given.append(not ? "not" : "is", `${field}:${JSON.stringify(value)}`));
  if (state.live) given.set("live", "1");
  return given;
}

// Choose a value of a field, or let go of it: levels and services are choices of several, others are filters.
export function choose(state, field, value) {
  if (field === "log.level") return { ...state, levels: toggle(state.levels, value) };
  if (field === "service.name") return { ...state, services: toggle(state.services, value) };
  const held = state.filters.some((one) => one.field === field && one.value === value && !one.not);
  return held ? removeFilter(state, { field, value }) : addFilter(state, { field, value, not: false });
}

// The values of a field that are chosen.
export function chosen(state, field) {
  if (field === "log.level") return state.levels;
  if (field === "service.name") return state.services;
  return state.filters.filter((one) => one.field === field && !one.not).map(({ value }) => value);
}

export function addFilter(state, filter) {
  const rest = state.filters.filter(({ field, value }) => field !== filter.field || value !== filter.value);
  return { ...state, filters: [...rest, filter] };
}

export function removeFilter(state, { field, value }) {
  return { ...state, filters: state.filters.filter((one) => one.field !== field || one.value !== value) };
}

export const cleared = (state) => ({ ...state, saved: null, query: "", levels: [], services: [], filters: [] });

function toggle(values, value) {
  return values.includes(value) ? values.filter((other) => other !== value) : [...values, value];
}

// `field:JSON value`: the type survives, so that 5 stays a number and "5" a text.
function parseFilter(text, not) {
  const colon = text.indexOf(":");
  if (colon < 1) return null;
  try {
    return { field: text.slice(0, colon), value: JSON.parse(text.slice(colon + 1)), not };
  } catch {
    return null;
  }
}
