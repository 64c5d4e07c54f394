// A dashboard: its panels in rows of 48 columns, below the choices of its controls.

import * as ask from "./ask.js";
import { eventsText } from "./board-charts.js";
import { begin, NEW, panelsOf } from "./board-draft.js";
import { BoardEditor } from "./board-editor.js";
import { Place } from "./board-panel.js";
import { Empty } from "./empty-answer.js";
import { QueryProblem } from "./events-view.js";
import { useAsk, useOutside } from "./hooks.js";
import { byGravity, kind } from "./levels.js";
import { valuesOf } from "./state.js";
import { number, visible } from "./text.js";
import { spanText } from "./time.js";
import { html, useRef, useState } from "./vendor/preact.js";

/** @import { State, Actions, Value } from "./types.js" */

const BARS = 60;

/** @param {import("./app.js").ViewProps & { id: string, objects: { answer: any, error: Error | null }, reload: () => Promise<void> }} props */
export function Board(props) {
  const { state, id, objects } = props;
  const board = objects.answer?.dashboards.find((/** @type {any} */ one) => one.id === id);
  if (!objects.answer) return html`<p class="empty">${objects.error?.message ?? "…"}</p>`;
  if (id === NEW || (state.edit && board?.own)) return html`<${BoardEditor} key=${id} ...${props} objects=${objects.answer} board=${board ?? null} />`;
  if (!board) return html`<p class="empty" role="alert">There is no such dashboard.${objects.answer.problem ? ` What was saved cannot be read: ${visible(objects.answer.problem)}` : ""}</p>`;
  return html`<${Shown} ...${props} board=${board} objects=${objects.answer} />`;
}

/** A dashboard to look at. @param {any} props */
function Shown(props) {
  const { state, actions, zone, asked, key_: key, id, objects, board } = props;
  /** @type {{ field: string, title: string }[]} */
  const controls = board.controls ?? [];
  const { answer: count, error, stale } = useAsk(`${key} ${id}`, (signal) =>
    ask.count({ ...asked, split: null, buckets: BARS, facets: controls.map(({ field }) => field) }, signal));
  const place = (/** @type {any} */ one, /** @type {number} */ number_) => html`<${Place} key=${`${number_} ${one.show}`} ...${props} place=${one} objects=${objects} count=${count} />`;
  return html`<div class="board">
    <div class="board-head">
      <h1 title=${board.description}>${visible(board.title)}</h1>
      <div class="controls" role="group" aria-label="Narrow down">${controls.map((control) => html`<${Control} key=${control.field} ...${control} state=${state} actions=${actions} found=${count?.facets?.[control.field] ?? []} />`)}</div>
      <p class=${stale ? "stale" : ""}><strong id="total" aria-live="polite">${count ? eventsText(count.total) : "…"}</strong>
        <span id="shown-range" class="quiet"> ${count?.from != null && count.to != null ? spanText(count.from, count.to, zone) : ""}</span></p>
      <${Tools} board=${board} actions=${actions} />
    </div>
    ${board.problem && html`<p class="problem" role="alert">This dashboard cannot be read: ${visible(board.problem)}</p>`}
    ${error && html`<${QueryProblem} error=${error} query=${state.query} stale=${stale} />`}
    ${count && count.total === 0 && html`<${Empty} state=${state} actions=${actions} count=${count} />`}
    ${count && count.total > 0 && html`<div class=${stale ? "stale" : ""}>${board.own ? html`<div class="board-flow">${board.panels.map(place)}</div>
      ${board.panels.length === 0 && html`<p class="empty">Nothing is on this dashboard yet. <button type="button" onClick=${() => actions.editBoard(id)}>Edit it</button></p>`}`
      : board.rows.map((/** @type {any} */ { height, panels }, /** @type {number} */ row) => html`<div key=${row} class="board-row" style=${{ "--rows": height }}>${panels.map(place)}</div>`)}</div>`}
  </div>`;
}

/** What can be done with the dashboard itself. @param {{ board: any, actions: Actions }} props */
function Tools({ board, actions }) {
  if (board.own) {
    return html`<div class="board-tools"><button type="button" onClick=${() => actions.editBoard(board.id)}>Edit</button>
      <a href=${`/api/saved/export?id=${encodeURIComponent(board.id)}`} download title="This dashboard and all it shows as saved objects (NDJSON), for Kibana's Import">Export for Kibana</a></div>`;
  }
  return html`<div class="board-tools"><button type="button" title="Make a dashboard of your own that begins with these panels" onClick=${() => {
    begin(`${board.title} (copy)`, panelsOf(board.rows));
    actions.openBoard(NEW);
  }}>Edit a copy</button></div>`;
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
