// A request's way through the services: all events of its trace, the oldest first, under a small picture of who was busy when.

import * as ask from "./ask.js";
import { useAsk } from "./hooks.js";
import { kind } from "./levels.js";
import { Line } from "./lines-around.js";
import { get, number, valueText, visible } from "./text.js";
import { html } from "./vendor/preact.js";

/** @import { LogEvent, Actions } from "./types.js" */

const HOUR = 3_600_000;
const MOST = 1000;
const TRACE = "trace.id";

/** @param {import("./event-panel.js").PanelProps} props */
export function ThisRequest({ event, actions, zone }) {
  const trace = valueText(get(event.source, TRACE));
  const { answer, error } = useAsk(trace, (signal) => request(trace, event, zone, signal));
  if (!answer) return html`<p class=${error ? "bad" : "quiet"}>${error?.message ?? "…"}</p>`;
  const { events, more } = answer;
  const start = events[0]?.at ?? event.at;
  const services = new Set(events.map(serviceOf));
  const length = (events[events.length - 1]?.at ?? start) - start;
  return html`<div class="request">
    <p class="panel-line"><span>${number(events.length)}${more ? "+" : ""} events in ${services.size} ${services.size === 1 ? "service" : "services"} within ${lasted(length)}</span>
      <span class="space"></span>
      <button type="button" class="small" title=${visible(trace)} onClick=${() => actions.apply({ view: "events", query: "", filters: [{ field: TRACE, operator: "is", values: [trace] }], event: null })}>Show in the list</button></p>
    <${Waterfall} events=${events} start=${start} length=${length} here=${event.id} actions=${actions} />
    <ol class="lines-around" aria-label="Events of this request">
      ${events.map((one) => html`<${Line} key=${one.id} event=${one} zone=${zone} here=${one.id === event.id} actions=${actions} service=${serviceOf(one)} time=${`+${lasted(one.at - start)}`} />`)}
    </ol>
    ${more && html`<p class="quiet">Only the first ${number(MOST)} events.</p>`}
  </div>`;
}

/** @param {string} trace @param {LogEvent} event @param {string} zone @param {AbortSignal} signal */
async function request(trace, event, zone, signal) {
  const filters = [{ field: TRACE, operator: /** @type {const} */ ("is"), values: [trace] }];
  const iso = (/** @type {number} */ at) => new Date(at).toISOString();
  const asked = { query: "", language: /** @type {const} */ ("auto"), filters, from: iso(event.at - HOUR), to: iso(event.at + HOUR), zone };
  const { events, after } = await ask.search({ ...asked, size: MOST, order: "oldest" }, signal);
  return { events, more: after !== null && after !== undefined && events.length >= MOST };
}

/**
 * A row for each service, in the order in which the request came to them; a bar from its first event to its last.
 * @param {{ events: LogEvent[], start: number, length: number, here: string, actions: Actions }} props
 */
function Waterfall({ events, start, length, here, actions }) {
  /** @type {Map<string, LogEvent[]>} */
  const services = new Map();
  for (const one of events) services.set(serviceOf(one), [...(services.get(serviceOf(one)) ?? []), one]);
  const place = (/** @type {number} */ at) => (length ? ((at - start) / length) * 100 : 0);
  return html`<ul class="waterfall" aria-label="When each service logged">${[...services].map(([name, its], row) => {
    const [first, last] = [its[0].at, its[its.length - 1].at];
    const bad = its.filter((one) => ["error", "fatal"].includes(kind(get(one.source, "log.level")))).length;
    const told = `${number(its.length)} ${its.length === 1 ? "event" : "events"}, ${bad ? `${bad} ${bad === 1 ? "error" : "errors"}, ` : ""}+${lasted(first - start)} to +${lasted(last - start)}`;
    return html`<li key=${name} title=${told}>
      <span class="line-service"><i class=${`dot series-${(row % 10) + 1}`}></i><bdi>${visible(name)}</bdi></span>
      <span class="lane" role="img" aria-label=${`${visible(name)}: ${told}`}>
        <i class=${`bar series-${(row % 10) + 1}`} style=${{ left: `${place(first)}%`, width: `${Math.max(0, place(last) - place(first))}%` }}></i>
        ${its.map((one) => html`<i key=${one.id} class=${`tick level-${kind(get(one.source, "log.level"))}${one.id === here ? " here" : ""}`} style=${{ left: `${place(one.at)}%` }}
          onClick=${() => actions.openEvent(one.index, one.id, { replace: true })}></i>`)}
      </span>
      <span class="count">${bad > 0 && html`<b class="bad">${bad} ✕</b> `}${lasted(last - first)}</span>
    </li>`;
  })}</ul>`;
}

/** @param {LogEvent} event */
const serviceOf = ({ source }) => valueText(get(source, "service.name")) || "no service";

/** "420 ms", "1.25 s", "2.5 min" @param {number} milliseconds */
export function lasted(milliseconds) {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  if (milliseconds < 60_000) return `${Number((milliseconds / 1000).toFixed(2))} s`;
  return `${Number((milliseconds / 60_000).toFixed(1))} min`;
}
