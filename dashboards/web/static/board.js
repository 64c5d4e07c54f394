// A dashboard: its panels in rows of 48 columns, below the choices of its controls.

import * as ask from "./ask.js";
import { Chart, eventsText, isOverTime } from "./board-charts.js";
import { Empty } from "./empty-answer.js";
import { ROW, Row, templateOf, TITLES } from "./event-list.js";
import { QueryProblem } from "./events-view.js";
import { useAsk, useOutside } from "./hooks.js";
import { byGravity, kind } from "./levels.js";
import { valuesOf, write } from "./state.js";
import { number, visible } from "./text.js";
import { spanText } from "./time.js";
import { html, useRef, useState } from "./vendor/preact.js";

/** @import { State, Actions, Value } from "./types.js" */

const BARS = 60;
const SHOWN = 100; // events of a saved search

/** @param {import("./app.js").ViewProps & { id: string, objects: import("./hooks.js").Asked<any> }} props */
export function Board(props) {
  const { state, actions, zone, asked, key_: key, id, objects } = props;
  const board = objects.answer?.dashboards.find((/** @type {any} */ one) => one.id === id);
  /** @type {{ field: string, title: string }[]} */
  const controls = board?.controls ?? [];
  const { answer: count, error, stale } = useAsk(board ? `${key} ${id}` : null, (signal) =>
    ask.count({ ...asked, split: null, buckets: BARS, facets: controls.map(({ field }) => field) }, signal));
  if (!board) return html`<p class="empty" role=${objects.answer ? "alert" : null}>${objects.answer ? "There is no such dashboard." : (objects.error?.message ?? "…")}</p>`;
  return html`<div class="board">
    <div class="board-head">
      <h1 title=${board.description}>${board.title}</h1>
      <div class="controls" role="group" aria-label="Narrow down">${controls.map((control) => html`<${Control} key=${control.field} ...${control} state=${state} actions=${actions} found=${count?.facets?.[control.field] ?? []} />`)}</div>
      <p class=${stale ? "stale" : ""}><strong id="total" aria-live="polite">${count ? `${number(count.total)} ${count.total === 1 ? "event" : "events"}` : "…"}</strong>
        <span id="shown-range" class="quiet"> ${count?.from != null && count.to != null ? spanText(count.from, count.to, zone) : ""}</span></p>
    </div>
    ${error && html`<${QueryProblem} error=${error} query=${state.query} stale=${stale} />`}
    ${count && count.total === 0 && html`<${Empty} state=${state} actions=${actions} count=${count} />`}
    ${count && count.total > 0 && html`<div class=${stale ? "stale" : ""}>${board.rows.map((/** @type {any} */ { height, panels }, /** @type {number} */ place) => html`<div key=${place} class="board-row" style=${{ "--rows": height }}>
      ${panels.map((/** @type {any} */ one, /** @type {number} */ number_) => html`<${Place} key=${`${number_} ${one.show}`} ...${props} place=${one} objects=${objects.answer} count=${count} />`)}
    </div>`)}</div>`}
  </div>`;
}

/** A chart or a saved search with its head; one that fails says so itself, the others go on. */
function Place(/** @type {any} */ props) {
  const { place, objects } = props;
  const search = objects.searches[place.show];
  const object = search ?? objects.charts[place.show];
  const title = place.title || object.title;
  return html`<section class="panel" aria-label=${title} style=${{ "--columns": place.width }}>
    ${search ? html`<${SearchPanel} ...${props} title=${title} search=${search} id=${place.show} />` : html`<${ChartPanel} ...${props} title=${title} chart=${object} id=${place.show} />`}
    ${object.notes?.length > 0 && html`<p class="notes">${object.notes.join("; ")}</p>`}
  </section>`;
}

function ChartPanel(/** @type {any} */ { id, title, chart, count, asked, zone, actions, key_: key }) {
  const span = { from: count.from, to: count.to, step: count.interval_ms };
  const overTime = isOverTime(chart);
  const found = useAsk(`${key} ${id} ${overTime ? JSON.stringify(span) : ""}`, (signal) =>
    ask.chart(id, { ...asked, ...(overTime && { from: span.from, to: span.to, interval: `${span.step}ms` }) }, signal));
  const field = (chart.split ?? chart.by)?.top;
  const pick = field ? (/** @type {Value} */ value) => actions.toggleValue(field, value) : null;
  /** @type {import("./board-charts.js").Row[]} */
  const rows = found.answer?.rows ?? [];
  const some = rows.some(({ value }) => value !== null && value !== undefined && (value > 0 || chart.kind === "number"));
  return html`<header><h2 title=${chart.description || title}>${title}</h2></header>
    <div class=${`panel-body${found.stale ? " stale" : ""}`} aria-busy=${found.busy}>
      ${found.error && !found.answer ? html`<p class="nothing bad">${found.error.message}</p>`
        : some ? html`<${Chart} chart=${{ ...chart, title, values: found.answer?.values ?? chart.values }} rows=${rows} span=${span} zone=${zone} pick=${pick} onRange=${actions.setTime} />`
        : !found.busy && html`<p class="nothing">No data</p>`}
    </div>
    ${found.answer?.notes && html`<p class="notes">${found.answer.notes.join("; ")}</p>`}`;
}

/** The newest events of a saved search in its columns. */
function SearchPanel(/** @type {any} */ { id, title, search, objects, asked, state, actions, zone, menu, key_: key }) {
  const found = useAsk(`${key} ${id}`, async (signal) => {
    const question = { ...asked, saved: id };
    const [{ events }, { total }] = await Promise.all([ask.search({ ...question, size: SHOWN }, signal), ask.count({ ...question, buckets: 1 }, signal)]);
    return { events, total };
  });
  const events = found.answer?.events ?? [];
  const template = templateOf(search.columns, {}, false);
  const elsewhere = { ...actions, openEvent: (/** @type {string} */ index, /** @type {string} */ event) => actions.apply({ view: "events", board: null, event: { index, id: event } }) };
  return html`<header><h2 title=${search.description || title}>${title}</h2>
      ${found.answer && html`<span class="quiet">${eventsText(found.answer.total)}</span>`}
      <a href=${write({ ...state, view: "events", board: null, saved: id })}>Open in search</a></header>
    <div class=${`panel-body scrolls${found.stale ? " stale" : ""}`} tabindex="0" role="group" aria-label=${title} aria-busy=${found.busy}>
      ${found.error && !found.answer ? html`<p class="nothing bad">${found.error.message}</p>`
        : !events.length ? !found.busy && html`<p class="nothing">No data</p>`
        : html`<div class="mini-list" role="table" aria-label=${title} style=${{ "--columns": template.columns, "--least": `${template.least}px` }}>
          <div role="rowgroup" class="list-head"><div role="row" class="row-head">${["@timestamp", ...search.columns].map((field) => html`<span key=${field} role="columnheader" class="column">${TITLES[field] ?? field}</span>`)}</div></div>
          <div role="rowgroup" class="rows" style=${{ height: `${events.length * ROW}px` }}>${events.map((event, row) => html`<${Row} key=${event.id} id=${`${id}-${event.id}`} row=${row} event=${event} columns=${search.columns} zone=${zone}
            narrow=${false} menu=${menu} actions=${elsewhere} place=${-1} open=${false} spans=${objects.spans} cell="cell" />`)}</div>
        </div>`}
    </div>`;
}

/** The values of a control's field to tick: several are OR. */
function Control(/** @type {{ field: string, title: string, state: State, actions: Actions, found: { value: Value, n: number }[] }} */ { field, title, state, actions, found }) {
  const [open, setOpen] = useState(false);
  const ref = useRef(/** @type {any} */ (null));
  useOutside(ref, open, () => setOpen(false));
  const chosen = valuesOf(state.filters, field);
  const all = [...found, ...chosen.filter((value) => !found.some((one) => one.value === value)).map((value) => ({ value, n: 0 }))];
  if (field === "log.level") all.sort((one, other) => byGravity(String(one.value), String(other.value)));
  return html`<div class="control" ref=${ref}>
    <button type="button" aria-expanded=${open} onClick=${() => setOpen(!open)}>${title}: <b class="key">${chosen.length ? chosen.map(visible).join(", ") : "any"}</b> <span aria-hidden="true">▾</span></button>
    ${open && html`<div class="menu facet"><ul>${all.map(({ value, n }) => html`<li key=${String(value)}><label title=${visible(value)}>
      <input type="checkbox" checked=${chosen.includes(value)} onChange=${() => actions.toggleValue(field, value)} />
      ${field === "log.level" && html`<i class=${`dot level-${kind(value)}`}></i>`}<span class="key">${visible(value)}</span><span class="count">${number(n)}</span></label></li>`)}</ul></div>`}
  </div>`;
}
