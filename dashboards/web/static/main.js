// The search page: reads the state from the address bar, asks, and draws the answer.

import * as api from "./api.js";
import { explain } from "./empty.js";
import * as facets from "./facets.js";
import { OverTime } from "./overtime.js";
import { Page, showProblem } from "./page.js";
import * as requests from "./request.js";
import { seriesOf } from "./series.js";
import { addFilter, choose } from "./board-state.js";
import { COLUMNS, Table } from "./table.js";
import { element, number } from "./text.js";
import * as timerange from "./timerange.js";

const HISTOGRAM_HEIGHT = 132;
const NO_LEVEL = "none";

const $ = (id) => document.getElementById(id);
let shown = null; // what was asked for the result on the page, and its bounds

// A page of further rows is not taken away under the reader's hands: live shows the newest only at the top.
const page = new Page({ ask, every: 2000, mayRefresh: () => table.hits.length <= requests.PAGE });
const table = new Table($("table"), (filter) => page.go(addFilter(page.state, filter)));
const histogram = new OverTime($("histogram"), (from, to) => page.narrow(from, to), HISTOGRAM_HEIGHT);

async function ask(signal) {
  const state = await withSaved(page.state);
  const bounds = timerange.bounds(state);
  const span = await timerange.span(bounds, () => api.search(requests.extent(state, bounds), signal));
  const step = span && timerange.interval(span.from, span.to);
  const [found, counts] = await Promise.all([
    api.search(requests.events(state, bounds, step), signal),
    api.search(requests.facets(state, bounds), signal),
  ]);
  if (signal.aborted) return;
  shown = { state, bounds };
  const total = found.hits.total.value;
  table.replace(found.hits.hits);
  facets.draw($("facets"), counts.aggregations, state, (field, value) => page.go(choose(page.state, field, value)));
  $("total").textContent = `${number(total)} ${total === 1 ? "event" : "events"}`;
  $("shown-range").textContent = span ? `${timerange.long(span.from)} – ${timerange.long(span.to)}` : "";
  $("interval").textContent = step ? `per ${step.text}` : "";
  $("more").hidden = found.hits.hits.length < requests.PAGE;
  $("table").hidden = total === 0;
  $("empty").hidden = total > 0;
  if (total && step) await histogram.draw({ title: "Events by level over time", kind: "bars", format: "number", ...byLevel(found.aggregations.histogram.buckets), step: step.size, ...span });
  else histogram.clear();
  if (!total) await explain($("empty"), page, state, signal);
}

// The state with the clause of its saved search, whose columns the table takes.
async function withSaved(state) {
  const objects = await api.objects().catch((error) => {
    if (state.saved) throw error;
    return { searches: {}, spans: {} };
  });
  drawSaved(objects.searches, state.saved);
  const saved = objects.searches[state.saved];
  if (state.saved && !saved) throw new api.ApiError("saved", `There is no saved search ${state.saved}.`);
  table.setColumns(saved?.columns ?? COLUMNS, objects.spans);
  $("notes").textContent = saved?.notes.join("; ") ?? "";
  return { ...state, clause: saved?.clause };
}

function drawSaved(searches, chosen) {
  const select = $("saved");
  if (!select.options.length) {
    const options = Object.entries(searches).map(([value, { title, description }]) => element("option", { value, textContent: title, title: description }));
    select.append(element("option", { value: "", textContent: "Saved searches…" }), ...options);
  }
  select.value = chosen ?? "";
}

// A series for each level, and one for events without any.
function byLevel(buckets) {
  const rows = buckets.flatMap(({ key, doc_count, levels }) => {
    const counted = levels.buckets.map((bucket) => ({ start: key, series: bucket.key, value: bucket.doc_count }));
    const rest = doc_count - counted.reduce((sum, { value }) => sum + value, 0);
    return rest > 0 ? [...counted, { start: key, series: NO_LEVEL, value: rest }] : counted;
  });
  return { rows, series: seriesOf(rows.map(({ series }) => series), "log.level") };
}

async function loadMore() {
  const { last, ties } = table.end();
  $("more").disabled = true;
  try {
    const { hits } = await api.search(requests.more(shown.state, shown.bounds, last, ties));
    table.append(hits.hits);
    $("more").hidden = hits.hits.length < requests.PAGE;
    showProblem(null);
  } catch (error) {
    showProblem(error);
  } finally {
    $("more").disabled = false;
  }
}

$("more").addEventListener("click", loadMore);
$("saved").addEventListener("change", () => page.go({ ...page.state, saved: $("saved").value || null }));
if (matchMedia("(max-width: 760px)").matches) $("facets-fold").open = false;
page.start();
