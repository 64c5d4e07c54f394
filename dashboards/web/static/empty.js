// Nothing found: say why, and offer the one click that helps.

import * as api from "./api.js";
import * as requests from "./request.js";
import { cleared } from "./board-state.js";
import { element, number } from "./text.js";
import * as timerange from "./timerange.js";

// `state` may carry the clause of a saved search, unlike the page's own.
export async function explain(host, page, state, signal) {
  const anywhere = await api.search(requests.extent(state), signal);
  const newest = anywhere.aggregations.newest.value;
  if (newest !== null && newest !== undefined) {
    const count = anywhere.hits.total.value;
    host.replaceChildren(
      element("h2", { textContent: "No events in this time range" }),
      element("p", { textContent: `${number(count)} outside of it; the newest is from ${timerange.long(newest)}.` }),
      action("Jump to the newest events", () => narrowTo(page, newest), "jump"),
      action("Show all time", () => page.go({ ...page.state, range: "all" })),
    );
    return;
  }
  const narrowed = state.query || state.saved || state.levels.length || state.services.length || state.filters.length;
  host.replaceChildren(
    element("h2", { textContent: narrowed ? "No event matches" : "Nothing has been indexed yet" }),
    element("p", { textContent: narrowed ? "Not in this time range, nor at any other time." : "Events appear here as soon as they are read." }),
    narrowed ? action("Clear the query and all filters", () => page.go(cleared(page.state))) : "",
  );
}

function narrowTo(page, newest) {
  const { from, to } = timerange.bounds(page.state);
  const span = from !== null && to !== null ? Math.max(to - from, 60_000) : 15 * 60_000;
  page.narrow(newest - span, newest + 1);
}

function action(text, onClick, id = "") {
  const button = element("button", { type: "button", textContent: text, id, className: "primary" });
  button.addEventListener("click", onClick);
  return button;
}
