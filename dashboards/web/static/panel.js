// One panel of a dashboard: a chart or a saved search with its title, and what there is to say when it shows nothing.

import * as api from "./api.js";
import { Donut } from "./donut.js";
import * as figures from "./figures.js";
import { OverTime } from "./overtime.js";
import * as requests from "./request.js";
import { seriesOf } from "./series.js";
import { addFilter, choose, linkTo } from "./board-state.js";
import { Table } from "./table.js";
import { element, number } from "./text.js";

const OVER_TIME = ["bars", "lines", "areas"];

// Make the panel that shows `id`; each has a `node`, and `refresh(asked, signal)` draws what the store says.
export function panelFor({ show, title, width }, objects, page) {
  const object = objects.searches[show] ?? objects.charts[show];
  const made = objects.searches[show] ? new SearchPanel(show, object, objects.spans, page) : new ChartPanel(show, object, page);
  made.name(title || object.title, object);
  made.node.style.setProperty("--columns", width);
  return made;
}

class Panel {
  constructor() {
    this.heading = element("h2");
    this.body = element("div", { className: "panel-body" });
    this.message = element("p", { className: "nothing", hidden: true });
    this.notes = element("p", { className: "notes" });
    this.node = element("section", { className: "panel" }, element("header", {}, this.heading), this.body, this.message, this.notes);
  }

  name(title, { description, notes }) {
    this.title = title;
    this.heading.textContent = title;
    this.heading.title = description;
    this.node.setAttribute("aria-label", title);
    this.notes.textContent = notes.join("; ");
    this.notes.hidden = !notes.length;
  }

  // A panel that fails says so itself; the others go on.
  async refresh(asked, signal) {
    this.node.setAttribute("aria-busy", "true");
    try {
      const some = await this.draw(asked, signal);
      if (!signal.aborted) this.#say(some ? null : "No data", false);
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      // What fails all of the page is told once, above.
      const told = (await asked.problem) === error.message;
      if (!signal.aborted) this.#say(told ? "–" : error.message, !told);
    } finally {
      if (!signal.aborted) this.node.removeAttribute("aria-busy");
    }
  }

  #say(text, bad) {
    this.message.textContent = text ?? "";
    this.message.hidden = text === null;
    this.message.classList.toggle("bad", bad);
    this.body.hidden = text !== null;
  }
}

class SearchPanel extends Panel {
  constructor(id, search, spans, page) {
    super();
    this.search = search;
    const host = element("table", { className: "events" });
    this.table = new Table(host, (filter) => page.go(addFilter(page.state, filter)));
    this.table.setColumns(search.columns, spans);
    this.body.append(host);
    this.body.classList.add("scrolls");
    this.body.tabIndex = 0;
    this.body.setAttribute("role", "group");
    this.count = element("span", { className: "quiet" });
    this.link = element("a", { textContent: "Open in search" });
    this.node.firstElementChild.append(this.count, this.link);
    this.linkTo = (state) => linkTo("/", state, { saved: id, range: true });
  }

  name(title, object) {
    super.name(title, object);
    this.table.host.setAttribute("aria-label", title);
    this.body.setAttribute("aria-label", title);
  }

  async draw({ state, bounds }, signal) {
    this.link.href = this.linkTo(state);
    const { hits } = await api.search(requests.events({ ...state, clause: this.search.clause }, bounds), signal);
    if (signal.aborted) return true;
    this.table.replace(hits.hits);
    this.count.textContent = `${number(hits.total.value)} ${hits.total.value === 1 ? "event" : "events"}`;
    return hits.total.value > 0;
  }
}

class ChartPanel extends Panel {
  constructor(id, chart, page) {
    super();
    this.id = id;
    this.chart = chart;
    this.overTime = OVER_TIME.includes(chart.kind);
    const field = (chart.split ?? chart.by)?.top;
    this.pick = field ? (value) => page.go(choose(page.state, field, value)) : null;
    this.field = field;
    if (!this.overTime && chart.kind !== "donut") return;
    const figure = element("figure");
    this.legend = element("ul", { className: "legend" });
    this.body.classList.add(this.overTime ? "over-time" : "donut");
    this.body.append(figure, this.legend);
    this.picture = this.overTime ? new OverTime(figure, (from, to) => page.narrow(from, to)) : new Donut(figure, this.pick);
  }

  async draw({ state, bounds, span, step }, signal) {
    if (this.overTime && !span) return false;
    const times = this.overTime ? { from: span.from, to: Math.max(bounds.to ?? span.to, span.from) } : bounds;
    const answer = await api.chart(this.id, requests.chart(state, times, this.overTime ? step : null), signal);
    if (signal.aborted) return true;
    const rows = answer.rows.map((row) => ({ by: null, split: null, other: false, ...row }));
    const some = rows.some(({ value }) => value !== null && (value > 0 || this.chart.kind === "number"));
    // The body has a size to draw in only while it is shown.
    this.body.hidden = !some;
    if (!some) this.picture?.clear();
    else if (this.overTime) await this.#overTime(rows, span, step);
    else if (this.chart.kind === "donut") await this.#donut(rows);
    else this.#figures(rows);
    return some;
  }

  #overTime(rows, span, step) {
    const { kind, split, values } = this.chart;
    // A running range is asked a minute ahead; its axis ends now.
    const past = rows.filter(({ by }) => by < span.to);
    const named = past.map((row) => ({ start: row.by, series: split ? row.split : row.label, value: row.value, other: row.other }));
    const rest = named.find(({ other }) => other)?.series ?? null;
    const series = seriesOf(named.filter(({ other }) => !other).map((row) => row.series), this.field, rest);
    figures.drawLegend(this.legend, series, this.pick);
    this.legend.hidden = !split && series.length < 2 && !this.chart.notes.length;
    return this.picture.draw({ title: this.title, kind, format: values[0].format, rows: named, series, step: step.size, ...span });
  }

  #donut(rows) {
    const { format } = this.chart.values[0];
    const rest = rows.find(({ other }) => other)?.by ?? null;
    const series = seriesOf(rows.filter(({ other }) => !other).map(({ by }) => by), this.field, rest);
    const parts = series.map(({ name, other }) => ({ name, value: rows.find((row) => row.by === name && row.other === other).value }));
    figures.drawLegend(this.legend, series, this.pick, parts.map(({ value }) => number(value)));
    return this.picture.draw({ title: this.title, parts, series, format });
  }

  #figures(rows) {
    const { kind, values, by } = this.chart;
    if (kind === "number") return figures.drawNumber(this.body, { ...rows[0], format: values[0].format });
    const lines = new Map();
    for (const { by: key, other, label, value } of rows) {
      const line = `${other} ${key}`;
      if (!lines.has(line)) lines.set(line, { by: key, other, values: [] });
      lines.get(line).values.push({ label, value, format: values.find((one) => one.label === label).format });
    }
    const drawn = { title: this.title, head: by.top ?? by.time, rows: [...lines.values()] };
    if (kind === "table") figures.drawTable(this.body, drawn, this.pick);
    else figures.drawBars(this.body, drawn, this.pick);
  }
}
