// One event beside the list: what it says, what was thrown, its fields, the lines around it, and its request.

import { EventFields } from "./event-fields.js";
import { kind } from "./levels.js";
import { LinesAround } from "./lines-around.js";
import { LinksOut } from "./links-out.js";
import { write } from "./state.js";
import { get, pieces, valueText, visible } from "./text.js";
import { ThisRequest } from "./this-request.js";
import { instant, stamp, offsetText } from "./time.js";
import { TraceView } from "./trace-view.js";
import { copy } from "./value-menu.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** @import { State, LogEvent } from "./types.js" */
/** @typedef {import("./app.js").ViewProps & { event: LogEvent }} PanelProps */

const MINUTE = 60_000;
const SPAN = 15 * MINUTE; // of a link's time range, before and after the event
const BRIEF = ["trace.id", "span.id", "process.thread.name", "host.name", "log.file.path", "http.request.method", "url.path", "user.name", "tags"];

/** The parts of the panel; `when` says whether an event has it. @type {{ id: string, title: string, key: string, when?: (event: LogEvent) => unknown }[]} */
const TABS = [
  { id: "event", title: "Event", key: "e" },
  { id: "fields", title: "Fields", key: "i" },
  { id: "around", title: "Lines around", key: "a", when: ({ source }) => get(source, "log.file.path") },
  { id: "request", title: "This request", key: "r", when: ({ source }) => get(source, "trace.id") },
  { id: "json", title: "JSON", key: "o" },
];

let lastTab = "event"; // the next event shows the same part

/** @param {PanelProps} props */
export function EventPanel(props) {
  const { event } = props;
  const [chosen, choose] = useState(lastTab);
  const panel = useRef(/** @type {any} */ (null));
  const tabs = TABS.filter(({ when }) => !when || when(event));
  const tab = tabs.some(({ id }) => id === chosen) ? chosen : "event";
  const go = (/** @type {string} */ id) => {
    lastTab = id;
    choose(id);
  };
  useKeys(tabs, go);
  useEffect(() => {
    const body = panel.current?.querySelector(".panel-part");
    if (body) body.scrollTop = 0;
  }, [event.id, tab]);
  const parts = /** @type {Record<string, unknown>} */ ({ event: What, fields: EventFields, around: LinesAround, request: ThisRequest, json: Json });
  const Part = parts[tab];
  return html`<aside ref=${panel} class="event-panel" aria-label="Event">
    <${Head} ...${props} />
    <${Tabs} tabs=${tabs} tab=${tab} go=${go} />
    <div class="panel-part" role="tabpanel" id="panel-part" aria-labelledby=${`tab-${tab}`} tabindex="0">
      <${Part} key=${`${tab} ${tab === "around" || tab === "request" ? "" : event.id}`} ...${props} />
    </div>
  </aside>`;
}

/** When, where, how bad; and what can be taken along. @param {PanelProps} props */
function Head({ event, state, actions, zone }) {
  const { source } = event;
  const level = valueText(get(source, "log.level"));
  const service = valueText(get(source, "service.name"));
  const logger = valueText(get(source, "log.logger"));
  return html`<header class=${`panel-head level-${kind(level)}`}>
    <div class="panel-line">
      ${level && html`<span class=${`badge level-${kind(level)}`}>${visible(level)}</span>`}
      <b class="panel-service" title=${visible(service)}>${visible(service) || "no service"}</b>
      <time class="quiet" datetime=${source["@timestamp"]} title=${`${stamp(event.at, "UTC")} UTC`}>${stamp(event.at, zone)} <small>${offsetText(event.at, zone)}</small></time>
      <span class="space"></span>
      <button type="button" class="icon" onClick=${actions.closeEvent} aria-label="Close" title="Close (Esc)">×</button>
    </div>
    <div class="panel-line">
      <span class="panel-logger" title=${visible(logger)}><bdi>${visible(logger)}</bdi></span>
      <span class="space"></span>
      <${Copy} text=${() => messageOf(source)} what="Copy the message">Message</${Copy}>
      <${Copy} text=${() => JSON.stringify(source, null, 2)} what="Copy as JSON">JSON</${Copy}>
      <${Copy} text=${() => permalink(state, event)} what="Copy a link to this event, its time absolute">Link</${Copy}>
    </div>
  </header>`;
}

/** @param {{ text: () => string, what: string, children?: unknown }} props */
function Copy({ text, what, children }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const act = async () => {
    await copy(text());
    setDone(true);
  };
  return html`<button type="button" class=${`small${done ? " done" : ""}`} onClick=${act} aria-label=${what} title=${what}>${done ? "✓ Copied" : children}</button>`;
}

/** @param {{ tabs: typeof TABS, tab: string, go: (id: string) => void }} props */
function Tabs({ tabs, tab, go }) {
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const next = tabs[(tabs.findIndex(({ id }) => id === tab) + by + tabs.length) % tabs.length];
    go(next.id);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label="Parts of the event" onKeyDown=${keys}>
    ${tabs.map(({ id, title, key }) => html`<button type="button" role="tab" id=${`tab-${id}`} key=${id} aria-selected=${id === tab} aria-controls="panel-part"
      tabindex=${id === tab ? 0 : -1} title=${`${title} (${key})`} onClick=${() => go(id)}>${title}</button>`)}
  </div>`;
}

/** The message, what was thrown, and the fields that one looks for first. @param {PanelProps} props */
function What({ event, menu }) {
  const { source, marks } = event;
  const trace = valueText(get(source, "error.stack_trace"));
  const brief = BRIEF.map((field) => ({ field, value: get(source, field) })).filter(({ value }) => value !== undefined && value !== null && value !== "");
  const offset = get(source, "log.offset");
  return html`
    <pre class="panel-message">${pieces(messageOf(source), marks?.message).map(([text, matched], place) => (matched ? html`<mark key=${place}>${text}</mark>` : text))}</pre>
    ${trace && html`<${TraceView} text=${trace} source=${source} />`}
    <${LinksOut} event=${event} />
    <dl class="brief">${brief.map(({ field, value }) => html`<div key=${field}><dt>${visible(field)}</dt><dd>
      ${(Array.isArray(value) ? value : [value]).map((/** @type {any} */ one) => (typeof one === "object" ? html`<span>${visible(JSON.stringify(one))}</span>`
        : html`<button type="button" class="value" onClick=${(/** @type {Event} */ click) => menu(click, field, one)}>${visible(one)}</button>`))}
      ${field === "log.file.path" && offset !== undefined && html`<span class="quiet"> at byte ${visible(offset)}</span>`}
    </dd></div>`)}</dl>`;
}

/** @param {PanelProps} props */
function Json({ event }) {
  return html`<pre class="json">${visible(JSON.stringify(event.source, null, 2))}</pre>`;
}

/** The keys of the parts, wherever nobody types. */
function useKeys(/** @type {typeof TABS} */ tabs, /** @type {(id: string) => void} */ go) {
  const now = useRef({ tabs, go });
  now.current = { tabs, go };
  useLayoutEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.closest(".menu")) return;
      const tab = now.current.tabs.find(({ key }) => key === event.key);
      if (tab) now.current.go(tab.id);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

/** @param {any} source */
export const messageOf = (source) => valueText(get(source, "message") ?? get(source, "event.original"));

/** The address that shows this event to anybody at any time: running ranges become those around it. @param {State} state @param {LogEvent} event */
export function permalink(state, event) {
  const fixed = instant(state.from) !== null && instant(state.to) !== null;
  const iso = (/** @type {number} */ at) => new Date(at).toISOString();
  const [from, to] = fixed ? [state.from, state.to] : [iso(event.at - SPAN), iso(event.at + SPAN)];
  return location.origin + write({ ...state, view: "events", board: null, live: false, from, to, event: { index: event.index, id: event.id } });
}
