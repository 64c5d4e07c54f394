// The page of a dashboard: its panels in rows of 48 columns, below the choices of its controls.

import * as api from "./api.js";
import { explain } from "./empty.js";
import * as facets from "./facets.js";
import { kind } from "./levels.js";
import { Page, showProblem } from "./page.js";
import { panelFor } from "./panel.js";
import * as requests from "./request.js";
import { choose, chosen } from "./board-state.js";
import { element, number, visible } from "./text.js";
import * as timerange from "./timerange.js";

const FACETS = { "log.level": "levels", "service.name": "services" };
const LIVE_EVERY = 5000;
const USUAL_RANGE = "24h";

const $ = (id) => document.getElementById(id);
const objects = await api.objects().catch((error) => {
  showProblem(error);
  throw error;
});
const board = objects.dashboards.find(({ id }) => location.pathname === `/dashboards/${id}`);
const page = new Page({ ask, every: LIVE_EVERY, usual: USUAL_RANGE, title: board.title });
const panels = [];
const controls = board.controls.map((control) => ({ ...control, ...menu(control.title) }));

// Each panel is asked for by itself, so that none waits for another.
async function ask(signal) {
  const { state } = page;
  const bounds = timerange.bounds(state);
  const span = await timerange.span(bounds, () => api.search(requests.extent(state, bounds), signal));
  const asked = { state, bounds, span, step: span && timerange.interval(span.from, span.to) };
  const mine = drawControls(asked, signal);
  asked.problem = mine.then(() => null, (error) => error.message);
  await Promise.all([mine, ...panels.map((panel) => panel.refresh(asked, signal))]);
}

async function drawControls({ state, bounds, span }, signal) {
  const more = controls.map(({ field }) => field).filter((field) => !FACETS[field]);
  const { aggregations } = await api.search(requests.facets(state, bounds, more), signal);
  if (signal.aborted) return;
  for (const { field, title, list, text } of controls) {
    const values = chosen(state, field);
    const found = facets.buckets(aggregations[FACETS[field] ?? field], values);
    const dot = field === "log.level" ? kind : null;
    const focused = document.activeElement?.dataset?.key;
    list.replaceChildren(facets.group(title, found, values, (value) => page.go(choose(page.state, field, value)), dot));
    if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    text.textContent = values.length ? values.map(visible).join(", ") : "any";
  }
  const total = aggregations.tags.doc_count;
  $("total").textContent = `${number(total)} ${total === 1 ? "event" : "events"}`;
  $("shown-range").textContent = span ? `${timerange.long(span.from)} – ${timerange.long(span.to)}` : "";
  $("empty").hidden = total > 0;
  $("panels").hidden = total === 0;
  if (!total) await explain($("empty"), page, state, signal);
}

function menu(title) {
  const list = element("div", { className: "choices" });
  const text = element("span", { className: "key", textContent: "any" });
  const node = element("details", { className: "control" }, element("summary", {}, `${title}: `, text), list);
  document.addEventListener("click", ({ target }) => {
    if (!node.contains(target) && target.isConnected) node.open = false;
  });
  node.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !node.open) return;
    node.open = false;
    node.querySelector("summary").focus();
  });
  return { node, list, text };
}

$("title").textContent = board.title;
$("title").title = $("description").textContent = board.description;
$("controls").append(...controls.map(({ node }) => node));
for (const { height, panels: places } of board.rows) {
  const row = element("div", { className: "row" });
  row.style.setProperty("--rows", height);
  for (const place of places) {
    const panel = panelFor(place, objects, page);
    panels.push(panel);
    row.append(panel.node);
  }
  $("panels").append(row);
}
page.start();
