// What is broken now: the services by their errors, and the problems, which are exceptions and error messages of a kind.

import * as ask from "./ask.js";
import { Empty } from "./empty-answer.js";
import { useAsk } from "./hooks.js";
import { messageOf } from "./event-panel.js";
import { Spark } from "./spark.js";
import { valuesOf, write } from "./state.js";
import { number, visible } from "./text.js";
import { lengthText, rangeText, stamp } from "./time.js";
import { html, useEffect, useState } from "./vendor/preact.js";

/** @import { State, Actions, Filter, LogEvent } from "./types.js" */
/** @typedef {{ name: string | null, events: number, errors: number, errors_before: number | null, spark: number[] }} ServiceErrors */
/**
 * @typedef {object} Problem
 * @property {string} key
 * @property {string} title
 * @property {string | null} type
 * @property {string | null} place
 * @property {"exception" | "message"} kind
 * @property {number} count
 * @property {number | null} before
 * @property {number} first
 * @property {number} last
 * @property {boolean} new
 * @property {string[]} services
 * @property {number[]} spark
 * @property {LogEvent | null} sample
 * @property {Filter[]} [filters]
 * @property {string} [query]
 */
/** @typedef {{ from: number, to: number, interval_ms: number, services: ServiceErrors[], levels: string[], problems: Problem[], found: number, complete: boolean }} Answer */

const EVERY = 15_000;
const BUCKETS = 30;
/** So many errors are looked at first. */
const QUICK = 500;
const SERVICE = "service.name";
/** @type {Record<string, [string, (one: Problem, other: Problem) => number]>} */
const ORDERS = {
  count: ["Most frequent first", (one, other) => other.count - one.count],
  new: ["Newest problem first", (one, other) => other.first - one.first],
  last: ["Last seen first", (one, other) => other.last - one.last],
};

/** @param {import("./app.js").ViewProps} props */
export function Problems(props) {
  const { state, actions, zone, asked, key_: key } = props;
  const [order, setOrder] = useState("count");
  const turn = useTurn(state.to === null);
  // The newest errors at once; where there are more, all of them a moment later. Services are counted either way.
  const quick = useAsk(`${key} ${turn}`, (signal) => problemsOf(asked, key, QUICK, signal));
  const { error, busy, stale } = quick;
  const whole = useAsk(quick.answer && !quick.answer.complete && quick.answer.key === key ? `${key} ${turn}` : null, (signal) => problemsOf(asked, key, null, signal));
  const isThere = whole.answer !== null && whole.answer.key === key;
  const answer = quick.answer && !quick.answer.complete && whole.answer && isThere ? { ...quick.answer, problems: whole.answer.problems, found: whole.answer.found } : quick.answer;
  const heading = html`<h1 class=${answer?.services.length ? "" : "visually-hidden"}>What is broken</h1>`;
  if (!answer) return html`<div class="problems-view" aria-busy=${busy}>${heading}${error ? html`<p class="problem" role="alert">${error.message}</p>` : html`<${Waiting} />`}</div>`;
  const problems = [...answer.problems].sort(ORDERS[order][1]);
  return html`<div class=${`problems-view${stale ? " stale" : ""}`} aria-busy=${busy}>
    ${error && html`<p class="problem" role="alert">${error.message}</p>`}
    ${!answer.services.length ? html`${heading}<${Nothing} ...${props} />` : html`
      <div class="problems-head">${heading}<${Summary} answer=${answer} state=${state} zone=${zone} /></div>
      <${Services} answer=${answer} state=${state} actions=${actions} zone=${zone} />
      <section class="card problems" aria-label="Problems">
        <div class="card-head"><h2>Problems <span class="quiet">${answer.found > problems.length ? `the most frequent ${number(problems.length)} of ${number(answer.found)}` : number(problems.length)}${!answer.complete && !isThere ? " among the newest errors; looking at all …" : ""}</span></h2>
          ${problems.length > 1 && html`<label class="visually-hidden" for="problem-order">Order</label>
          <select id="problem-order" value=${order} onChange=${(/** @type {any} */ event) => setOrder(event.target.value)}>
            ${Object.entries(ORDERS).map(([value, [title]]) => html`<option key=${value} value=${value}>${title}</option>`)}</select>`}
        </div>
        ${problems.length ? html`<ul>${problems.map((one) => html`<${ProblemRow} key=${one.key} one=${one} answer=${answer} state=${state} actions=${actions} zone=${zone} />`)}</ul>` : html`<${AllWell} state=${state} zone=${zone} />`}
      </section>`}
  </div>`;
}

/**
 * @param {import("./types.js").Question} asked @param {string} key @param {number | null} most @param {AbortSignal} signal
 * @returns {Promise<Answer & { key: string }>}
 */
const problemsOf = (asked, key, most, signal) => ask.problems({ ...asked, buckets: BUCKETS, ...(most && { most }) }, signal).then((found) => ({ ...found, key }));

/** Everything in one sentence. @param {{ answer: Answer, state: State, zone: string }} props */
function Summary({ answer, state, zone }) {
  const errors = sum(answer.services, ({ errors: n }) => n);
  const known = answer.services.every(({ errors_before: n }) => n !== null);
  const before = known ? sum(answer.services, ({ errors_before: n }) => n ?? 0) : null;
  const bad = answer.services.filter(({ errors: n }) => n > 0).length;
  const fresh = answer.problems.filter((one) => one.new).length;
  return html`<p class="problems-summary" role="status">
    <b id="total" class=${errors ? "bad" : ""}>${plural(errors, "error", "errors")}</b> ${bad > 0 && html`in ${bad} of ${plural(answer.services.length, "service", "services")}`}
    <${Change} now=${errors} before=${before} length=${answer.to - answer.from} />
    ${fresh > 0 && html` <span class="new">${plural(fresh, "new problem", "new problems")}</span>`}
    <span class="quiet"> · ${rangeText(state.from, state.to, zone)}</span></p>`;
}

/** @param {{ answer: Answer, state: State, actions: Actions, zone: string }} props */
function Services({ answer, state, actions, zone }) {
  const [all, setAll] = useState(false);
  const sorted = [...answer.services].sort((one, other) => other.errors - one.errors || other.events - one.events);
  const shown = all ? sorted : sorted.slice(0, Math.max(8, sorted.filter(({ errors }) => errors > 0).length));
  return html`<section class="card services" aria-label="Services">
    <table><thead><tr><th scope="col">Service</th><th scope="col" class="spark-cell">Errors over time</th><th scope="col" class="figure-cell">Errors</th>
      <th scope="col" class="change-cell"><span class="visually-hidden">Against the time before</span></th><th scope="col" class="figure-cell">Events</th></tr></thead>
    <tbody>${shown.map(({ name, events, errors, errors_before: before, spark }) => {
      const filters = narrowed(state.filters, name === null ? { field: SERVICE, operator: "missing", values: [] } : { field: SERVICE, operator: "is", values: [name] });
      const bad = narrowed(filters, { field: "log.level", operator: "is", values: answer.levels });
      const shown_ = name === null ? "no service" : visible(name);
      return html`<tr key=${name ?? ""} class=${errors ? "" : "well"}>
        <th scope="row"><${Go} state=${state} actions=${actions} part=${{ filters: errors ? bad : filters }} title=${errors ? `The errors of ${shown_}` : `The events of ${shown_}`}><bdi class=${name === null ? "quiet" : null}>${shown_}</bdi></${Go}></th>
        <td class="spark-cell"><${Spark} counts=${spark} from=${answer.from} interval=${answer.interval_ms} zone=${zone} /></td>
        <td class="figure-cell">${errors ? html`<b class="bad">${number(errors)}</b>` : html`<span class="quiet">0</span>`}</td>
        <td class="change-cell"><${Change} now=${errors} before=${before} length=${answer.to - answer.from} /></td>
        <td class="figure-cell quiet">${number(events)}</td></tr>`;
    })}</tbody></table>
    ${shown.length < sorted.length && html`<button type="button" class="small" onClick=${() => setAll(true)}>${sorted.length - shown.length} more without errors</button>`}
  </section>`;
}

/** @param {{ one: Problem, answer: Answer, state: State, actions: Actions, zone: string }} props */
function ProblemRow({ one, answer, state, actions, zone }) {
  const { type, place, services, sample } = one;
  const short = type ? type.slice(type.lastIndexOf(".") + 1) : "";
  const part = { filters: (one.filters ?? []).reduce(narrowed, state.filters), ...(one.query !== undefined && { query: both(state.query, one.query) }) };
  const text = type && one.title.startsWith(type) ? one.title.slice(type.length).replace(/^:\s*/, "") : one.title;
  const sampled = sample ? messageOf(sample.source).trim().split("\n")[0] : "";
  return html`<li class="problem-row">
    <div class="problem-what">
      <${Go} state=${state} actions=${actions} part=${part} title="Show these events" className="problem-title">
        ${one.new && html`<span class="new">new</span> `}${short && html`<b title=${visible(type)}>${visible(short)}</b> `}<span class=${short ? "" : "message-shape"}>${visible(text)}</span></${Go}>
      <p class="problem-where">${place && html`<code>${visible(place)}</code>`}
        ${services.slice(0, 4).map((name) => html`<button type="button" class="value service" key=${name} title="Filter for this service" onClick=${() => actions.toggleValue(SERVICE, name)}>${visible(name)}</button>`)}
        ${services.length > 4 && html`<span class="quiet" title=${visible(services.slice(4).join(", "))}>+${services.length - 4}</span>`}
        ${sampled && html`<button type="button" class="sample" title="Open this one" onClick=${() => sample && actions.apply({ view: "events", ...part, event: { index: sample.index, id: sample.id } })}>${visible(sampled.slice(0, 300))}</button>`}</p>
    </div>
    <div class="problem-spark"><${Spark} counts=${one.spark} from=${answer.from} interval=${answer.interval_ms} zone=${zone} /></div>
    <p class="problem-count"><b>${number(one.count)}</b> ${!one.new && html`<${Change} now=${one.count} before=${one.before} length=${answer.to - answer.from} />`}</p>
    <p class="problem-times quiet"><${Ago} at=${one.last} zone=${zone} what="last" /><${Ago} at=${one.first} zone=${zone} what="first" /></p>
  </li>`;
}

/** A link to the list of events that also goes without a click's script, in another tab. */
function Go(/** @type {{ state: State, actions: Actions, part: Partial<State>, title: string, className?: string, children?: unknown }} */ { state, actions, part, title, className, children }) {
  const next = { ...state, view: /** @type {const} */ ("events"), ...part };
  const click = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    actions.apply({ view: "events", ...part });
  };
  return html`<a href=${write(next)} class=${className} title=${title} onClick=${click}>${children}</a>`;
}

/** How much more or less than in the window before. @param {{ now: number, before: number | null, length: number }} props */
function Change({ now, before, length }) {
  if (before === null || before === undefined || now === before) return html`<span class="change quiet">${before !== null && before !== undefined && now > 0 ? "same" : ""}</span>`;
  const up = now > before;
  const text = before === 0 ? "from 0" : now >= 2 * before ? `×${rounded(now / before)}` : `${up ? "+" : "−"}${Math.round((Math.abs(now - before) / before) * 100)} %`;
  const title = `${number(before)} in the ${lengthText(length)} before`;
  return html`<span class=${`change ${up ? "up" : "down"}`} title=${title}><span aria-hidden="true">${up ? "↑" : "↓"}</span> ${text}</span>`;
}

/** @param {{ at: number, zone: string, what: string }} props */
function Ago({ at, zone, what }) {
  const before = Math.max(0, Date.now() - at);
  const text = before < 60_000 ? "just now" : `${ago(before)} ago`;
  return html`<time datetime=${new Date(at).toISOString()} title=${`${what} seen ${stamp(at, zone)}`}><span>${what}</span> ${text}</time>`;
}

/** @param {{ state: State, zone: string }} props */
function AllWell({ state, zone }) {
  return html`<div class="all-well"><svg viewBox="0 0 24 24" width="36" height="36" aria-hidden="true"><circle cx="12" cy="12" r="11" /><path d="M7 12.5l3.4 3.4L17 9" /></svg>
    <p><b>No errors</b></p><p class="quiet">${rangeText(state.from, state.to, zone)}${state.query || state.filters.length ? ", with this query and these filters" : ""}</p></div>`;
}

/** No events at all: why, and what helps. @param {import("./app.js").ViewProps} props */
function Nothing({ state, actions, zone, asked, key_: key }) {
  const { answer, error } = useAsk(key, (signal) => ask.count({ ...asked, buckets: 1 }, signal));
  if (error) return html`<p class="problem" role="alert">${error.message}</p>`;
  return answer && html`<${Empty} state=${state} actions=${actions} zone=${zone} asked=${asked} count=${answer} />`;
}

function Waiting() {
  return html`<div class="waiting" aria-hidden="true">${[0, 1, 2, 3].map((row) => html`<i key=${row}></i>`)}</div>`;
}

/** Counts up now and then while the time range runs on. @param {boolean} running */
function useTurn(running) {
  const [turn, set] = useState(0);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => document.hidden || set((before) => before + 1), EVERY);
    return () => clearInterval(timer);
  }, [running]);
  return turn;
}

/** Filters that hold, and one more: values of one filter are alternatives, so that it narrows those of its field. @param {Filter[]} filters @param {Filter} one @returns {Filter[]} */
function narrowed(filters, one) {
  if (one.operator !== "is") return [...filters.filter(({ field, operator }) => field !== one.field || operator !== one.operator), one];
  const there = valuesOf(filters, one.field);
  const both = one.values.filter((value) => there.includes(value));
  return [...filters.filter(({ field, operator }) => field !== one.field || operator !== "is"), { ...one, values: both.length ? both : one.values }];
}
/** @param {string} one @param {string} other */
const both = (one, other) => (one && one !== other ? `(${one}) AND (${other})` : other);
/** @template T @param {T[]} all @param {(one: T) => number} count */
const sum = (all, count) => all.reduce((total, one) => total + count(one), 0);
/** @param {number} n @param {string} one @param {string} many */
const plural = (n, one, many) => `${number(n)} ${n === 1 ? one : many}`;
/** @param {number} value */
const rounded = (value) => (value < 10 ? Number(value.toFixed(1)) : Math.round(value));
/** @param {number} milliseconds */
const ago = (milliseconds) => {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`;
};
