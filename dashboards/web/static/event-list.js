// The list of events: rows of one line each, of which only those in sight are in the page.

import { kind } from "./levels.js";
import { written } from "./format.js";
import { get, number, pieces, shorten, valueText, visible } from "./text.js";
import { stamp } from "./time.js";
import { useSize } from "./hooks.js";
import { copy } from "./value-menu.js";
import { Component, html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** @import { State, Actions, LogEvent } from "./types.js" */
/** @import { FoundEvents } from "./live.js" */

/** @typedef {{ id: string, field?: string }} Cursor the cell that keys are for; without a field, that of the first column */
/** @typedef {Record<string, { from: string, to: string }>} Spans fields that no event holds, but the milliseconds from one field to another */

export const ROW = 22; // pixels; as in style.css
const HEAD = 28;
const BEYOND = 12; // rows above and below those in sight
const LONGEST = 2000; // characters of a text in its row
const NARROW = 620; // pixels below which service and logger give way to the message
/** @type {Record<string, string>} */
export const TITLES = { "@timestamp": "Time", "log.level": "Level", "service.name": "Service", "log.logger": "Logger", message: "Message" };
/** @type {Record<string, number>} */
const WIDTHS = { "@timestamp": 196, "log.level": 62, "service.name": 116, "log.logger": 208 };
const USUAL_WIDTH = 150;
const LEAST_WIDTH = 40;

/** @param {{ state: State, actions: Actions, zone: string, found: FoundEvents, menu: Function, open: LogEvent | null, spans: Spans }} props */
export function EventList({ state, actions, zone, found, menu, open, spans }) {
  const [box, size] = useSize();
  const [top, setTop] = useState(0);
  const [cursor, setCursor] = useState(/** @type {Cursor | null} */ (null));
  const [unseen, setUnseen] = useState(0);
  const { pages, busy, stale } = found;
  const count = pages?.count ?? 0;
  const narrow = useNarrow(box);
  const columns = narrow ? state.columns.filter((field) => field !== "log.logger" && field !== "service.name") : state.columns;
  const first = Math.max(0, Math.floor(top / ROW) - BEYOND);
  const last = Math.min(count - 1, Math.ceil((top + size.height) / ROW) + BEYOND);
  useNewRows(box, pages, state, setUnseen);
  useMore(found, first, last);
  useLayoutEffect(() => {
    if (open) setCursor((before) => ({ id: open.id, field: before?.field }));
  }, [open?.id]);
  const focus = cursor && { ...cursor, column: Math.max(0, columns.indexOf(cursor.field ?? "")) + 1 };
  const go = (/** @type {number} */ by) => {
    if (!pages || count === 0) return;
    const at = focus ? pages.rowOf(focus.id) : -1;
    const row = Math.min(count - 1, Math.max(0, at < 0 ? Math.max(0, Math.ceil(top / ROW)) : at + by));
    const event = pages.at(row);
    if (!event) return;
    setCursor({ id: event.id, field: focus?.field });
    intoSight(box.current, row);
    setTop(box.current.scrollTop); // the row is drawn before the next key, which may ask for it; the list's own word comes later
    if (state.event) actions.openEvent(event.index, event.id, { replace: true });
  };
  const toNewest = () => {
    box.current.scrollTop = state.order === "newest" ? 0 : box.current.scrollHeight;
    setUnseen(0);
  };
  useKeys({ go, pages, focus, columns, actions, state, menu, setCursor, box, toNewest });

  const template = templateOf(columns, state.widths, narrow);
  const rows = [];
  for (let row = first; row <= last; row++) {
    const event = pages?.at(row);
    const id = event?.id ?? `row-${row}`;
    rows.push(html`<${Row} key=${id} id=${id} row=${row} event=${event} columns=${columns} zone=${zone} narrow=${narrow} menu=${menu} actions=${actions}
      place=${focus?.id === id ? focus.column : -1} open=${state.event?.id === id} spans=${spans} />`);
  }
  const label = `Events, ${state.order} first`;
  return html`<div class=${`list-frame${stale ? " stale" : ""}${busy ? " busy" : ""}`}>
    ${unseen > 0 && html`<button type="button" class="unseen" onClick=${toNewest}>${number(unseen)} new ${state.order === "newest" ? "↑" : "↓"}</button>`}
    ${(pages?.skipped ?? 0) > 0 && html`<button type="button" class="unseen skipped" onClick=${found.anew} title="More came than can be shown as they come">${number(pages?.skipped ?? 0)} events skipped; show them</button>`}
    <div class="list" ref=${box} tabindex="0" role="grid" aria-label=${label} aria-rowcount=${found.pages?.ended ? count + 1 : -1} aria-busy=${busy}
        aria-activedescendant=${focus && pages && inside(pages.rowOf(focus.id), first, last) ? `row-${focus.id}` : null}
        style=${{ "--columns": template.columns, "--least": `${template.least}px` }}
        onScroll=${(/** @type {any} */ event) => {
          setTop(event.target.scrollTop);
          if (state.order === "newest" ? event.target.scrollTop < ROW : event.target.scrollTop + event.target.clientHeight > event.target.scrollHeight - ROW) setUnseen(0);
        }}>
      <${Head} columns=${columns} state=${state} actions=${actions} narrow=${narrow} />
      <div role="rowgroup" class="rows" style=${{ height: `${count * ROW}px` }}>${rows}</div>
      ${pages && !pages.ended && count > 0 && html`<div class="loading quiet" role="presentation">…</div>`}
      ${pages?.ended && count > 0 && html`<div class="loading quiet" role="presentation">${state.order === "newest" ? "These are the oldest." : "These are the newest."}</div>`}
    </div>
  </div>`;
}

const inside = (/** @type {number} */ row, /** @type {number} */ first, /** @type {number} */ last) => row >= first && row <= last;

/** Whether the list is narrow. It is measured with each drawing: what a key does must fit what is shown, also in the moment after the panel beside the list has gone. */
function useNarrow(/** @type {{ current: any }} */ box) {
  const [narrow, setNarrow] = useState(false);
  useLayoutEffect(() => setNarrow(box.current.offsetWidth < NARROW));
  return narrow;
}

/** New rows keep the row under the eye where it is, and announce themselves to who has scrolled or is marking text. */
function useNewRows(/** @type {{ current: any }} */ box, /** @type {FoundEvents["pages"]} */ pages, /** @type {State} */ state, /** @type {Function} */ setUnseen) {
  const known = useRef({ pages: /** @type {unknown} */ (null), fresh: 0 });
  useLayoutEffect(() => {
    const fresh = pages?.fresh.length ?? 0;
    const list = box.current;
    const isMarking = () => {
      const selection = getSelection();
      return Boolean(selection && !selection.isCollapsed && list.contains(selection.anchorNode));
    };
    if (pages) pages.isRead = () => Boolean(state.event) || isMarking() || (state.order === "newest" ? list.scrollTop > 2 : list.scrollTop + list.clientHeight < list.scrollHeight - 2 * ROW);
    if (known.current.pages !== pages) {
      known.current = { pages, fresh };
      list.scrollTop = 0;
      setUnseen(0);
      return;
    }
    const came = fresh - known.current.fresh;
    known.current.fresh = fresh;
    if (came <= 0) return;
    const marking = isMarking();
    if (state.order === "newest") {
      if (list.scrollTop <= 2 && !marking && !state.event) return;
      list.scrollTop += came * ROW;
      setUnseen((/** @type {number} */ before) => before + came);
    } else {
      const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - (came + 2) * ROW;
      if (atEnd && !marking) list.scrollTop = list.scrollHeight;
      else setUnseen((/** @type {number} */ before) => before + came);
    }
  });
}

/** Pages are asked for as one scrolls towards them. */
function useMore(/** @type {FoundEvents} */ found, /** @type {number} */ first, /** @type {number} */ last) {
  const { pages, redraw, fail } = found;
  const count = pages?.count ?? 0;
  useEffect(() => {
    if (!pages) return;
    const drawn = (/** @type {boolean} */ some) => some && redraw();
    const failed = (/** @type {Error} */ error) => error.name !== "AbortError" && fail(error);
    pages.keep(first, last).then(drawn, failed);
    if (last >= count - 60 && !pages.ended && !pages.asking && !found.error) pages.more().then(() => redraw(), failed);
  }, [pages, first, last, count]);
}

function intoSight(/** @type {any} */ list, /** @type {number} */ row) {
  const [from, to] = [row * ROW, row * ROW + ROW];
  const seen = list.clientHeight - HEAD;
  if (from < list.scrollTop) list.scrollTop = from;
  else if (to > list.scrollTop + seen) list.scrollTop = to - seen;
}

function useKeys(/** @type {any} */ held) {
  const now = useRef(held);
  now.current = held;
  useLayoutEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      const { go, pages, focus, columns, actions, state, menu, setCursor, box, toNewest } = now.current;
      const target = /** @type {HTMLElement} */ (event.target);
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.closest(".menu")) return;
      const inList = box.current?.contains(target) || target === document.body;
      const current = focus && pages ? pages.at(pages.rowOf(focus.id)) : undefined;
      /** @type {Record<string, () => void>} */
      const acts = {
        j: () => go(1),
        k: () => go(-1),
        Escape: () => (state.event ? actions.closeEvent() : setCursor(null)),
        c: () => current && copy(valueText(get(current.source, "message"))),
        f: () => current && openCell(current, focus, columns, menu),
        g: toNewest,
      };
      if (inList) {
        acts.ArrowDown = acts.j;
        acts.ArrowUp = acts.k;
        const aside = (/** @type {number} */ by) => focus && setCursor({ id: focus.id, field: columns[Math.min(columns.length, Math.max(1, focus.column + by)) - 1] });
        acts.ArrowRight = () => aside(1);
        acts.ArrowLeft = () => aside(-1);
        if (target.tagName !== "BUTTON") acts.Enter = () => current && actions.openEvent(current.index, current.id);
      }
      const act = acts[event.key];
      if (!act) return;
      if (event.key !== "Escape") event.preventDefault();
      act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

function openCell(/** @type {LogEvent} */ event, /** @type {{ column: number }} */ focus, /** @type {string[]} */ columns, /** @type {Function} */ menu) {
  const row = document.getElementById(`row-${event.id}`);
  const cell = /** @type {HTMLElement | null} */ (row?.children[focus.column] ?? null);
  const field = columns[focus.column - 1];
  if (!cell || !field) return;
  // The menu gives the focus back to the list, where the keys are.
  const list = /** @type {HTMLElement} */ (cell.closest(".list"));
  const box = cell.getBoundingClientRect();
  menu({ currentTarget: { getBoundingClientRect: () => box, focus: () => list.focus(), isConnected: true }, stopPropagation() {} }, field, [get(event.source, field)].flat()[0]);
}

/** @param {string[]} columns @param {Record<string, number>} widths @param {boolean} narrow */
export function templateOf(columns, widths, narrow) {
  const all = ["@timestamp", ...columns];
  const flexible = all.includes("message") ? "message" : all[all.length - 1];
  let least = 0;
  const made = all.map((field) => {
    const width = widths[field] ?? (narrow && field === "@timestamp" ? 112 : narrow && field === "log.level" ? 26 : (WIDTHS[field] ?? USUAL_WIDTH));
    if (field === flexible && !widths[field]) {
      least += narrow ? 160 : 320;
      return `minmax(${narrow ? 160 : 320}px, 1fr)`;
    }
    least += width;
    return `${width}px`;
  });
  return { columns: made.join(" "), least };
}

/** The sticky head: a name opens what can be done with its column; the edge resizes it. */
function Head(/** @type {{ columns: string[], state: State, actions: Actions, narrow: boolean }} */ { columns, state, actions, narrow }) {
  const [open, setOpen] = useState(/** @type {string | null} */ (null));
  const drop = (/** @type {DragEvent} */ event, /** @type {string} */ before) => {
    event.preventDefault();
    const field = event.dataTransfer?.getData("text/x-column");
    if (!field || field === before || !state.columns.includes(field)) return;
    const rest = state.columns.filter((one) => one !== field);
    const place = before === "@timestamp" ? 0 : rest.indexOf(before) + (state.columns.indexOf(field) < state.columns.indexOf(before) ? 1 : 0);
    actions.setColumns([...rest.slice(0, place), field, ...rest.slice(place)]);
  };
  const does = (/** @type {() => void} */ act) => () => {
    act();
    setOpen(null);
  };
  return html`<div class="list-head" role="rowgroup"><div role="row" class="row-head">
    ${["@timestamp", ...columns].map((field) => html`<div key=${field} role="columnheader" class="column"
        onDragOver=${(/** @type {Event} */ event) => event.preventDefault()} onDrop=${(/** @type {DragEvent} */ event) => drop(event, field)}
        aria-sort=${field === "@timestamp" ? (state.order === "newest" ? "descending" : "ascending") : null}>
      ${field === "@timestamp"
        ? html`<button type="button" class="plain" onClick=${() => actions.setOrder(state.order === "newest" ? "oldest" : "newest")} title="Turn the order round">Time ${state.order === "newest" ? "↓" : "↑"}</button>`
        : html`<button type="button" class="plain" draggable="true" aria-expanded=${open === field} onClick=${() => setOpen(open === field ? null : field)}
            onDragStart=${(/** @type {DragEvent} */ event) => event.dataTransfer?.setData("text/x-column", field)} title=${`${visible(field)}: drag to reorder`} aria-label=${TITLES[field] ?? visible(field)}>${narrow && field === "log.level" ? "" : (TITLES[field] ?? visible(field))}</button>`}
      <${Edge} field=${field} width=${state.widths[field] ?? WIDTHS[field] ?? USUAL_WIDTH} actions=${actions} />
      ${open === field && html`<div class="menu column-menu" onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && setOpen(null)}>
        <button type="button" onClick=${does(() => actions.moveColumn(field, -1))}>Move left</button>
        <button type="button" onClick=${does(() => actions.moveColumn(field, 1))}>Move right</button>
        <button type="button" onClick=${does(() => actions.hideColumn(field))}>Hide the column</button>
        <button type="button" onClick=${does(() => actions.setSplit(field))}>Split the histogram by it</button>
      </div>`}
    </div>`)}
  </div></div>`;
}

/** The edge of a column: drag it, or the arrow keys; a double click gives the usual width again. */
function Edge(/** @type {{ field: string, width: number, actions: Actions }} */ { field, width, actions }) {
  const resize = (/** @type {PointerEvent} */ down) => {
    down.preventDefault();
    const edge = /** @type {HTMLElement} */ (down.currentTarget);
    const begun = /** @type {HTMLElement} */ (edge.parentElement).getBoundingClientRect().width;
    edge.setPointerCapture(down.pointerId);
    edge.onpointermove = (move) => actions.setWidth(field, Math.max(LEAST_WIDTH, Math.round(begun + move.clientX - down.clientX)));
    edge.onpointerup = () => (edge.onpointermove = null);
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    event.stopPropagation();
    actions.setWidth(field, Math.max(LEAST_WIDTH, width + (event.key === "ArrowLeft" ? -16 : 16)));
  };
  return html`<span class="edge" role="separator" aria-orientation="vertical" tabindex="0" aria-label=${`Width of ${visible(field)}`} aria-valuenow=${Math.round(width)}
    aria-valuemin=${LEAST_WIDTH} aria-valuemax="2000" onPointerDown=${resize} onDblClick=${() => actions.setWidth(field, null)} onKeyDown=${keys}></span>`;
}

/**
 * One event. It is drawn anew only if something of it changed, and keeps its nodes when it moves, so that a marked text
 * stays marked.
 * @extends {Component<any>}
 */
export class Row extends Component {
  /** @param {any} next */
  shouldComponentUpdate(next) {
    const { event, row, columns, zone, narrow, place, open } = this.props;
    return event !== next.event || row !== next.row || zone !== next.zone || narrow !== next.narrow || place !== next.place || open !== next.open || columns.join() !== next.columns.join();
  }

  /** @param {any} props */
  render({ id, row, event, columns, zone, narrow, menu, actions, place, open, spans, cell = "gridcell" }) {
    const style = { transform: `translateY(${row * ROW}px)` };
    if (!event) return html`<div role="row" class="row away" style=${style}><span role=${cell} class="cell">…</span></div>`;
    const { source } = event;
    const level = kind(get(source, "log.level"));
    const click = (/** @type {MouseEvent} */ clicked) => {
      if (/** @type {HTMLElement} */ (clicked.target).closest("button")) return;
      if (String(getSelection()) === "") open ? actions.closeEvent() : actions.openEvent(event.index, event.id);
    };
    const time = stamp(event.at ?? Date.parse(source["@timestamp"]), zone);
    const [date, clock] = time.split(" ");
    return html`<div role="row" id=${`row-${id}`} data-id=${id} class=${`row event level-${level}${open ? " open" : ""}${place >= 0 ? " current" : ""}`} style=${style}
        aria-rowindex=${row + 2} aria-selected=${cell === "gridcell" ? open : null} onClick=${click}>
      <span role=${cell} class="cell time"><time datetime=${source["@timestamp"]} title=${time}>${narrow ? clock : html`<span class="date">${date}</span> ${clock}`}</time></span>
      ${columns.map((/** @type {string} */ field, /** @type {number} */ number_) => html`<${Cell} key=${field} field=${field} event=${event} menu=${menu} narrow=${narrow} here=${place === number_ + 1} cell=${cell} span=${spans?.[field]} />`)}
    </div>`;
  }
}

/** @param {{ field: string, event: LogEvent, menu: Function, narrow: boolean, here: boolean, cell: string, span?: { from: string, to: string } }} props */
function Cell({ field, event, menu, narrow, here, cell, span }) {
  const { source, marks } = event;
  const mine = here ? " here" : "";
  if (span) {
    const length = Date.parse(get(source, span.to)) - Date.parse(get(source, span.from));
    return html`<span role=${cell} class=${`cell${mine}`}>${Number.isNaN(length) ? "" : written(length, "duration")}</span>`;
  }
  if (field === "message") return html`<${Message} event=${event} here=${mine} cell=${cell} />`;
  const value = get(source, field);
  const text = valueText(value).slice(0, LONGEST);
  const single = value !== null && typeof value === "object" ? (Array.isArray(value) && value.length === 1 ? value[0] : undefined) : value;
  const shown = field === "log.logger" && !marks?.[field] ? html`${visible(shorten(text))}` : marked(field === "log.level" && narrow ? text.slice(0, 1) : text.replace(/\s*\n\s*/g, " ⏎ "), marks?.[field]);
  const name = field === "log.level" ? "level" : field.replaceAll(/\W/g, "-");
  if (text === "" || single === undefined) return html`<span role=${cell} class=${`cell ${name}${mine}`} title=${visible(text)}>${shown}</span>`;
  return html`<span role=${cell} class=${`cell ${name}${mine}`}><button type="button" class="value" tabindex="-1" title=${visible(text)} onClick=${(/** @type {Event} */ click) => menu(click, field, single)}>${shown}</button></span>`;
}

/** The first line of the message that says something, and what was thrown. @param {{ event: LogEvent, here: string, cell: string }} props */
function Message({ event, here, cell }) {
  const { source, marks } = event;
  const text = valueText(get(source, "message") ?? get(source, "event.original"));
  const blank = /^(?:[^\S\r\n]*\r?\n)+/.exec(text)?.[0].length ?? 0;
  const start = blank < text.length ? blank : 0;
  const end = text.slice(start).search(/\r?\n/);
  const line = (end < 0 ? text.slice(start) : text.slice(start, start + end)).slice(0, LONGEST);
  const thrown = valueText(get(source, "error.type"));
  const trace = get(source, "error.stack_trace");
  return html`<span role=${cell} class=${`cell message${here}`}>${marked(line, start ? shifted(marks?.message, text, start) : marks?.message)}${start > 0 || end >= 0 && html`<i class="more-lines" title="More lines"> ⏎</i>`}${
    (thrown || trace) && html`<span class="thrown">${visible(thrown ? thrown.slice(thrown.lastIndexOf(".") + 1) : "stack trace")}</span>`}</span>`;
}

/** Marks of a text of which the beginning is left out; they count characters. @param {[number, number][] | undefined} marks @param {string} text @param {number} start @returns {[number, number][] | undefined} */
function shifted(marks, text, start) {
  const by = [...text.slice(0, start)].length;
  return marks?.map(([from, to]) => /** @type {[number, number]} */ ([Math.max(0, from - by), to - by])).filter(([from, to]) => to > from);
}

function marked(/** @type {string} */ text, /** @type {[number, number][] | undefined} */ marks) {
  return pieces(text, marks).map(([piece, matched], place) => (matched ? html`<mark key=${place}>${piece}</mark>` : piece));
}

