// The view of events: the field list, the histogram, the list, and one event beside it.

import * as ask from "./ask.js";
import { NEW } from "./board-draft.js";
import { Empty } from "./empty-answer.js";
import { EventList } from "./event-list.js";
import { EventPanel } from "./event-panel.js";
import { FieldList } from "./field-list.js";
import { Histogram } from "./histogram.js";
import { useAsk } from "./hooks.js";
import { Later } from "./later.js";
import { useEvents } from "./live.js";
import { number, visible } from "./text.js";
import { clockTime, moved, spanText } from "./time.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

/** @import { LogEvent } from "./types.js" */
/** @import { AskError } from "./ask.js" */

const FACETS = ["log.level", "service.name", "tags"];
const TEXTS = ["message", "error.message", "error.stack_trace", "event.original"]; // have words, not values to count
const SPLITS = ["log.level", "service.name", "log.logger", "host.name"];
const BARS = 80;

/** @param {import("./app.js").ViewProps & { objects: any, reload: () => Promise<void> }} props */
export function EventsView(props) {
  const { state, actions, zone, asked, key_: key, menu } = props;
  const found = useEvents(props);
  const [chart, setChart] = useState(false);
  const [told, tell] = useState("");
  const facets = [...new Set([...FACETS, ...state.filters.filter(({ field, operator }) => operator === "is" && !TEXTS.includes(field)).map(({ field }) => field)])];
  // While new rows come, they are counted now and then.
  const counted = useAsk(`${key} ${state.split} ${facets} ${found.recount}`, (signal) =>
    ask.count({ ...asked, split: state.split || null, buckets: BARS, facets, errors: true }, signal));
  const fields = useAsk(key, (signal) => ask.fields(asked, signal));
  const open = useOpenEvent(state.event, found.find);
  const error = /** @type {AskError | null} */ (found.error ?? counted.error);
  const count = counted.answer;
  const empty = !found.error && !found.busy && found.pages && found.pages.count === 0;
  const splits = [...new Set([...SPLITS, ...facets, state.split].filter(Boolean))];
  return html`<div class=${`events-view${state.event ? " with-event" : ""}`}>
    <h1 class="visually-hidden">Events</h1>
    <${FieldList} ...${props} fields=${fields} counted=${count} facets=${facets} />
    <section class="result" aria-label="Search result" aria-busy=${found.busy || counted.busy}>
      <${Summary} ...${props} count=${count} found=${found} stale=${counted.stale || found.stale} saveChart=${() => setChart(true)} />
      ${found.away !== null && html`<p class="problem" role="status">New events do not come just now: ${visible(found.away)} It is asked again.</p>`}
      <${Notices} found=${found} actions=${actions} />
      ${told && html`<p class="told" role="status">${told}. <button type="button" class="plain" onClick=${() => actions.openBoard(NEW)}>Make a dashboard</button> <button type="button" class="plain" aria-label="Dismiss" onClick=${() => tell("")}>×</button></p>`}
      ${error && html`<${QueryProblem} error=${error} query=${state.query} stale=${found.stale || counted.stale} />`}
      <div class=${counted.stale ? "stale" : ""}>
        ${count && count.total > 0 && html`<${Histogram} counted=${count} zone=${zone} split=${state.split} splits=${splits} onSplit=${actions.setSplit} onRange=${actions.setTime} />`}
      </div>
      ${empty ? html`<${Empty} state=${state} actions=${actions} zone=${zone} asked=${asked} count=${count} />`
        : html`<${EventList} state=${state} actions=${actions} zone=${zone} found=${found} menu=${menu} open=${open.event} spans=${props.objects?.spans ?? {}} />`}
    </section>
    ${chart && html`<${Later} load=${() => import("./chart-dialog.js").then(({ ChartDialog }) => ChartDialog)} ...${props} count=${count} readAs=${found.language} close=${(/** @type {string | null} */ text) => {
      setChart(false);
      tell(text ?? "");
    }} />`}
    ${state.event && (open.event ? html`<${EventPanel} ...${props} event=${open.event} fields=${fields.answer?.fields ?? []} />` : html`<aside class="event-panel" aria-label="Event">
      <p class=${open.error ? "bad" : "quiet"}>${open.error?.message ?? "…"}</p><button type="button" onClick=${actions.closeEvent}>Close</button></aside>`)}
  </div>`;
}

/** Problems that were not there before: each leads to its events. @param {{ found: import("./live.js").FoundEvents, actions: import("./types.js").Actions }} props */
function Notices({ found, actions }) {
  if (!found.notices.length) return null;
  return html`<div class="notices" role="status"><ul aria-label="New problems">${found.notices.map((one) => html`<li key=${one.id}>
    <b>New problem</b> <span>${visible(one.title)}${one.place ? html` <span class="quiet">at ${visible(one.place)}</span>` : ""}</span>
    <button type="button" class="plain" onClick=${() => { found.unnotice(one.id); actions.apply({ view: "events", filters: one.filters }); }}>Show its events</button>
    <button type="button" class="plain" onClick=${() => { found.unnotice(one.id); actions.openEvent(one.index, one.id); }}>Open it</button>
    <button type="button" class="icon" aria-label=${`Dismiss ${visible(one.title)}`} onClick=${() => found.unnotice(one.id)}>×</button>
  </li>`)}</ul></div>`;
}

/** How many, when, in which language, and what can be done with all of them. */
function Summary(/** @type {any} */ { state, actions, zone, asked, count, found, stale, saveChart }) {
  const span = count && count.from !== null && count.to !== null ? { from: count.from, to: count.to } : null;
  const move = (/** @type {"back" | "forth" | "out"} */ how) => () => {
    if (!span) return;
    const { from, to } = moved(span.from, span.to, how);
    actions.setTime(from, to);
  };
  const columns = ["@timestamp", ...state.columns];
  const ahead = span ? count.bars.filter((/** @type {{ at: number }} */ { at }) => at > span.to).reduce((/** @type {number} */ sum, /** @type {{ n: number }} */ { n }) => sum + n, 0) : 0;
  return html`<div class=${`summary${stale ? " stale" : ""}`}>
    <p><strong id="total" aria-live="polite">${count ? `${number(count.total)} ${count.total === 1 ? "event" : "events"}` : "…"}</strong></p>
    ${ahead > 0 && html`<button type="button" class="plain ahead" onClick=${() => actions.setTime(span?.to ?? null, null)} title="Their clocks are ahead, or of another zone: show these">${number(ahead)} later than now</button>`}
    <span class="arrows" role="group" aria-label="Move the time range">
      <button type="button" class="icon" disabled=${!span} onClick=${move("back")} aria-label="Earlier" title="Earlier">‹</button>
      <span id="shown-range" class="quiet">${span ? spanText(span.from, span.to, zone) : ""}</span>
      <button type="button" class="icon" disabled=${!span} onClick=${move("forth")} aria-label="Later" title="Later">›</button>
      <button type="button" class="icon" disabled=${!span} onClick=${move("out")} aria-label="Zoom out" title="Zoom out: twice as wide">⊖</button>
    </span>
    ${found.language && state.query && html`<span class="quiet read-as" title="How the query was read">${found.language === "kql" ? "KQL" : "Lucene"}</span>`}
    <span class="space"></span>
    <${Live} state=${state} actions=${actions} zone=${zone} />
    <label class="visually-hidden" for="order">Order</label>
    <select id="order" value=${state.order} onChange=${(/** @type {any} */ event) => actions.setOrder(event.target.value)}>
      <option value="newest">Newest first</option><option value="oldest">Oldest first</option>
    </select>
    <button type="button" class="save-chart" onClick=${saveChart} title="Save what is shown as a chart for a dashboard">Save as chart</button>
    <details class="export"><summary title="Download all hits">Export</summary><div class="menu">
      <a href=${ask.exportAddress({ ...asked, order: state.order }, "ndjson", columns)} download>All hits as NDJSON</a>
      <a href=${ask.exportAddress({ ...asked, order: state.order }, "csv", columns)} download>All hits as CSV, these columns</a>
    </div></details>
  </div>`;
}

/** Live, and that it is paused. */
function Live(/** @type {any} */ { state, actions, zone }) {
  const [paused, setPaused] = useState(/** @type {number | null} */ (null));
  const before = useRef(state.live);
  useEffect(() => {
    if (before.current && !state.live) setPaused(Date.now());
    if (state.live) setPaused(null);
    before.current = state.live;
  }, [state.live]);
  return html`<span class="live-state" role="status">${state.live ? html`<i class="pulse"></i> Live` : paused !== null ? `Paused at ${clockTime(paused, zone).slice(0, 8)}` : ""}</span>
    <button type="button" id="live" class=${state.live ? "on" : ""} aria-pressed=${state.live} onClick=${() => actions.setLive(!state.live)}
      title=${state.live ? "Stop following (f)" : "Show new events as they come"}>${state.live ? "❚❚ Pause" : paused !== null ? "▶ Resume" : "▶ Live"}</button>`;
}

/** What is wrong, with the place in the query. @param {{ error: AskError, query: string, stale: boolean }} props */
export function QueryProblem({ error, query, stale }) {
  const at = error.at;
  return html`<div class="problem" role="alert">
    <p>${error.message}</p>
    ${at && query && html`<pre>${query}\n${" ".repeat(at.start)}${"^".repeat(Math.max(1, at.end - at.start))}</pre>`}
    ${stale && html`<p class="note">What stands below is the answer to the question before.</p>`}
  </div>`;
}

/** The event of the address: from the list, else from the server. */
function useOpenEvent(/** @type {{ index: string, id: string } | null} */ wanted, /** @type {(id: string) => LogEvent | undefined} */ find) {
  const held = useRef(/** @type {LogEvent | null} */ (null));
  if (wanted === null) held.current = null;
  else if (held.current?.id !== wanted.id) held.current = find(wanted.id) ?? null;
  const asked = useAsk(wanted && !held.current ? `${wanted.index} ${wanted.id}` : null, (signal) => ask.event(wanted?.index ?? "", wanted?.id ?? "", signal));
  const answer = asked.answer?.id === wanted?.id ? asked.answer : null;
  return { event: wanted ? (held.current ?? answer) : null, error: answer ? null : asked.error };
}
