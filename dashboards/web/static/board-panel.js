// A panel of a dashboard: a chart, or the newest events of a saved search.

import * as ask from "./ask.js";
import { Chart, eventsText, isOverTime } from "./board-charts.js";
import { ROW, Row, templateOf, TITLES } from "./event-list.js";
import { useAsk } from "./hooks.js";
import { write } from "./state.js";
import { visible } from "./text.js";
import { html } from "./vendor/preact.js";

/** @import { Value } from "./types.js" */

const SHOWN = 100; // events of a saved search

/** A chart or a saved search with its head; one that fails says so itself, the others go on. */
export function Place(/** @type {any} */ props) {
  const { place, objects, tools, onKeyDown } = props;
  const search = objects.searches[place.show];
  const object = search ?? objects.charts[place.show];
  const title = visible(place.title || object?.title || place.show);
  const size = search ? "search" : object?.kind === "number" ? "number" : "chart";
  const name = { id: place.show, title };
  // Of people's own dashboards the width is a word, of those that come with sawlog a number of columns.
  const [sized, style] = typeof place.width === "number" ? ["", { "--columns": place.width }] : [`width-${place.width ?? "half"} size-${size}`, {}];
  return html`<section class=${`panel ${sized}`} aria-label=${title} style=${style} onKeyDown=${onKeyDown}>
    ${tools}
    ${!object ? html`<${Lost} ...${name} tools=${tools} text="What was shown here is gone: it was deleted." />`
      : object.problem ? html`<${Lost} ...${name} tools=${tools} text=${`This cannot be shown: ${visible(object.problem)}`} />`
      : search ? html`<${SearchPanel} ...${props} ...${name} search=${search} />`
      : html`<${ChartPanel} ...${props} ...${name} chart=${object} />`}
    ${object?.notes?.length > 0 && html`<p class="notes">${object.notes.join("; ")}</p>`}
  </section>`;
}

/** What a panel can be called that has nothing to show. @param {any} props */
const Lost = ({ title, text, tools }) => html`${!tools && html`<header><h2>${title}</h2></header>`}<p class="nothing bad">${text}</p>`;

function ChartPanel(/** @type {any} */ { id, title, chart, count, asked, zone, actions, key_: key, tools }) {
  // Of no events at all nothing is known of when; while a dashboard is made, its panels stand there all the same.
  const span = { from: count?.from ?? 0, to: count?.to ?? 1, step: count?.interval_ms || 1 };
  const overTime = isOverTime(chart);
  const found = useAsk(count?.from == null ? null : `${key} ${id} ${overTime ? JSON.stringify(span) : ""}`, (signal) =>
    ask.chart(id, { ...asked, ...(overTime && { from: span.from, to: span.to, interval: `${span.step}ms` }) }, signal));
  const field = (chart.split ?? chart.by)?.top;
  const pick = field ? (/** @type {Value} */ value) => actions.toggleValue(field, value) : null;
  /** @type {import("./board-charts.js").Row[]} */
  const rows = found.answer?.rows ?? [];
  const some = rows.some(({ value }) => value !== null && value !== undefined && (value > 0 || chart.kind === "number"));
  return html`${!tools && html`<header><h2 title=${chart.description || title}>${title}</h2></header>`}
    <div class=${`panel-body${found.stale ? " stale" : ""}`} aria-busy=${found.busy}>
      ${found.error && !found.answer ? html`<p class="nothing bad">${found.error.message}</p>`
        : some ? html`<${Chart} chart=${{ ...chart, title, values: found.answer?.values ?? chart.values }} rows=${rows} span=${span} zone=${zone} pick=${pick} onRange=${actions.setTime} />`
        : !found.busy && html`<p class="nothing">No data</p>`}
    </div>
    ${found.answer?.notes && html`<p class="notes">${found.answer.notes.join("; ")}</p>`}`;
}

/** The newest events of a saved search in its columns. */
function SearchPanel(/** @type {any} */ { id, title, search, objects, asked, state, actions, zone, menu, key_: key, tools }) {
  const found = useAsk(`${key} ${id}`, async (signal) => {
    const question = { ...asked, saved: id };
    const [{ events }, { total }] = await Promise.all([ask.search({ ...question, size: SHOWN }, signal), ask.count({ ...question, buckets: 1 }, signal)]);
    return { events, total };
  });
  const events = found.answer?.events ?? [];
  const template = templateOf(search.columns, {}, false);
  const elsewhere = { ...actions, openEvent: (/** @type {string} */ index, /** @type {string} */ event) => actions.apply({ view: "events", board: null, event: { index, id: event } }) };
  return html`${!tools && html`<header><h2 title=${search.description || title}>${title}</h2>
      ${found.answer && html`<span class="quiet">${eventsText(found.answer.total)}</span>`}
      <a href=${write({ ...state, view: "events", board: null, saved: id })}>Open in search</a></header>`}
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
