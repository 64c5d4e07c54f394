// What is searched for: query, time range, filters. The address bar holds all of it, so that a search can be
// shared, bookmarked, and gone back to.

export const DEFAULT_RANGE = "15m";

export function read(search = location.search) {
  const given = new URLSearchParams(search);
  return {
    query: given.get("q") ?? "",
    range: given.get("range") ?? (given.has("from") || given.has("to") ? "custom" : DEFAULT_RANGE),
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
  const given = new URLSearchParams();
  if (state.query) given.set("q", state.query);
  if (state.range === "custom") {
    if (state.from) given.set("from", state.from);
    if (state.to) given.set("to", state.to);
  } else if (state.range !== DEFAULT_RANGE) given.set("range", state.range);
  state.levels.forEach((level) => given.append("level", level));
  state.services.forEach((service) => given.append("service", service));
  state.filters.forEach(({ field, value, not }) => given.append(not ? "not" : "is", `${field}:${JSON.stringify(value)}`));
  if (state.live) given.set("live", "1");
  const address = given.size ? `?${given}` : location.pathname;
  if (address === (location.search || location.pathname)) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
}

export function addFilter(state, filter) {
  const rest = state.filters.filter(({ field, value }) => field !== filter.field || value !== filter.value);
  return { ...state, filters: [...rest, filter] };
}

export function toggle(values, value) {
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
