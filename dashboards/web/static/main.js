// The page: reads the state from the address bar, asks, and draws the answer.

import * as api from "./api.js";
import * as chips from "./chips.js";
import * as facets from "./facets.js";
import { Histogram } from "./histogram.js";
import { addFilter, read, toggle, write } from "./state.js";
import * as requests from "./request.js";
import * as statusLine from "./status.js";
import { Table } from "./table.js";
import { element, number } from "./text.js";
import * as timerange from "./timerange.js";

const LIVE_EVERY = 2000;
const STATUS_EVERY = 3000;

const $ = (id) => document.getElementById(id);
let state = read();
let asked = null; // AbortController of the search under way
let shown = null; // the bounds of the result on the page

const table = new Table($("rows"), (filter) => go(addFilter(state, filter)));
const histogram = new Histogram($("histogram"), narrow);

function go(next, options) {
  state = next;
  write(state, options);
  showControls();
  run();
}

function narrow(from, to) {
  go({ ...state, range: "custom", from: timerange.isoOf(from), to: timerange.isoOf(to), live: false });
}

async function run() {
  asked?.abort();
  const mine = (asked = new AbortController());
  document.body.classList.add("busy");
  try {
    await ask(mine.signal);
    showProblem(null);
  } catch (error) {
    if (error.name !== "AbortError") showProblem(error);
  } finally {
    if (asked === mine) {
      asked = null;
      document.body.classList.remove("busy");
    }
  }
}

async function ask(signal) {
  const bounds = timerange.bounds(state);
  const span = await spanOf(bounds, signal);
  const step = span && timerange.interval(span.from, span.to);
  const [found, counts] = await Promise.all([
    api.search(requests.events(state, bounds, step), signal),
    api.search(requests.facets(state, bounds), signal),
  ]);
  if (signal.aborted) return;
  shown = bounds;
  const total = found.hits.total.value;
  table.replace(found.hits.hits);
  facets.draw($("facets"), counts.aggregations, state, {
    onLevel: (level) => go({ ...state, levels: toggle(state.levels, level) }),
    onService: (service) => go({ ...state, services: toggle(state.services, service) }),
    onTag: toggleTag,
  });
  $("total").textContent = `${number(total)} ${total === 1 ? "event" : "events"}`;
  $("shown-range").textContent = span ? `${timerange.long(span.from)} – ${timerange.long(span.to)}` : "";
  $("interval").textContent = step ? `per ${step.text}` : "";
  $("more").hidden = found.hits.hits.length < requests.PAGE;
  $("table").hidden = total === 0;
  await showEmpty(total, signal);
  if (total && step) await histogram.draw(found.aggregations.histogram.buckets, step.size, span.from, span.to);
  else histogram.clear();
}

// What the histogram's axis covers: the range, with open ends where the events end.
async function spanOf(bounds, signal) {
  if (bounds.now) return { from: bounds.from, to: bounds.now };
  if (bounds.from !== null && bounds.to !== null) return bounds.from < bounds.to ? bounds : { ...bounds, to: bounds.from + 1000 };
  const { aggregations } = await api.search(requests.extent(state, bounds), signal);
  const { oldest, newest } = aggregations;
  if (oldest.value === null || oldest.value === undefined) return null;
  const from = bounds.from ?? oldest.value;
  return { from, to: Math.max(bounds.to ?? newest.value + 1, from + 1000) };
}

async function loadMore() {
  const { last, ties } = table.end();
  $("more").disabled = true;
  try {
    const { hits } = await api.search(requests.more(state, shown, last, ties));
    table.append(hits.hits);
    $("more").hidden = hits.hits.length < requests.PAGE;
    showProblem(null);
  } catch (error) {
    showProblem(error);
  } finally {
    $("more").disabled = false;
  }
}

// Nothing found: say why, and offer the one click that helps.
async function showEmpty(total, signal) {
  const host = $("empty");
  host.hidden = total > 0;
  if (total > 0) return;
  const anywhere = await api.search(requests.extent(state), signal);
  const newest = anywhere.aggregations.newest.value;
  if (newest !== null && newest !== undefined) {
    const count = anywhere.hits.total.value;
    host.replaceChildren(
      element("h2", { textContent: "No events in this time range" }),
      element("p", { textContent: `${number(count)} outside of it; the newest is from ${timerange.long(newest)}.` }),
      action("Jump to the newest events", () => narrowTo(newest), "jump"),
      action("Show all time", () => go({ ...state, range: "all" })),
    );
    return;
  }
  const narrowed = state.query || state.levels.length || state.services.length || state.filters.length;
  host.replaceChildren(
    element("h2", { textContent: narrowed ? "No event matches" : "Nothing has been indexed yet" }),
    element("p", { textContent: narrowed ? "Not in this time range, nor at any other time." : "Events appear here as soon as they are read." }),
    narrowed ? action("Clear the query and all filters", () => go({ ...state, query: "", levels: [], services: [], filters: [] })) : "",
  );
}

function narrowTo(newest) {
  const { from, to } = timerange.bounds(state);
  const span = from !== null && to !== null ? Math.max(to - from, 60_000) : 15 * 60_000;
  narrow(newest - span, newest + 1);
}

function action(text, onClick, id = "") {
  const button = element("button", { type: "button", textContent: text, id, className: "primary" });
  button.addEventListener("click", onClick);
  return button;
}

function toggleTag(tag) {
  const held = state.filters.some(({ field, value, not }) => field === "tags" && value === tag && !not);
  if (held) removeFilter({ field: "tags", value: tag });
  else go(addFilter(state, { field: "tags", value: tag, not: false }));
}

function removeFilter({ field, value }) {
  go({ ...state, filters: state.filters.filter((one) => one.field !== field || one.value !== value) });
}

function showProblem(error) {
  $("problem").hidden = error === null;
  $("problem").textContent = error?.message ?? "";
  if (error?.kind === "query") $("query").setAttribute("aria-invalid", "true");
  else $("query").removeAttribute("aria-invalid");
}

function showControls() {
  $("query").value = state.query;
  $("range").value = state.range;
  if (!$("range").value) $("range").value = "custom";
  $("custom").hidden = state.range !== "custom";
  $("from").value = timerange.localInput(state.from);
  $("to").value = timerange.localInput(state.to);
  $("live").checked = state.live;
  chips.draw($("chips"), state.filters, removeFilter);
  document.title = state.query ? `${state.query} · sawlog` : "sawlog";
}

function onRange() {
  const range = $("range").value;
  if (range !== "custom") return go({ ...state, range, from: null, to: null });
  const { from, to } = timerange.bounds(state);
  const now = Date.now();
  go({ ...state, range, from: timerange.isoOf(from ?? now - 86_400_000), to: timerange.isoOf(to ?? now), live: false });
}

function onCustom() {
  go({ ...state, range: "custom", from: timerange.fromLocalInput($("from").value), to: timerange.fromLocalInput($("to").value) });
}

function onKey(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "") && document.activeElement.type !== "checkbox";
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    $("query").focus();
    $("query").select();
  }
}

async function refreshStatus() {
  try {
    if (!document.hidden) statusLine.draw($("status"), await api.status());
  } catch (error) {
    statusLine.drawOffline($("status"), error);
  }
  setTimeout(refreshStatus, STATUS_EVERY);
}

$("range").append(...timerange.RANGES.map(([value, textContent]) => element("option", { value, textContent })));
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  go({ ...state, query: $("query").value });
});
$("range").addEventListener("change", onRange);
$("from").addEventListener("change", onCustom);
$("to").addEventListener("change", onCustom);
$("live").addEventListener("change", () => go({ ...state, live: $("live").checked }, { replace: true }));
$("more").addEventListener("click", loadMore);
document.addEventListener("keydown", onKey);
addEventListener("popstate", () => {
  state = read();
  showControls();
  run();
});
// A page of further rows is not taken away under the reader's hands: live shows the newest only at the top.
setInterval(() => {
  if (state.live && !document.hidden && !asked && table.hits.length <= requests.PAGE) run();
}, LIVE_EVERY);
if (matchMedia("(max-width: 760px)").matches) $("facets-fold").open = false;
showControls();
run();
refreshStatus();
