// Rules of alerts: which fire, of what, since when; and the windows of a rule over time beside its threshold.

import * as ask from "./ask.js";
import { useAsk, useSize } from "./hooks.js";
import { write } from "./state.js";
import { number, visible } from "./text.js";
import { lengthText, stamp, ticks } from "./time.js";
import { html, useEffect, useState } from "./vendor/preact.js";

/** @import { State, Actions, Value } from "./types.js" */
/** @typedef {{ group: string, value: Value | null, since: number, count: number, told: boolean }} Firing */
/**
 * @typedef {object} Rule
 * @property {string} name
 * @property {string} words
 * @property {string} query
 * @property {"auto" | "kql" | "lucene"} language
 * @property {string | null} index
 * @property {string | null} field
 * @property {number} within_ms
 * @property {string[]} notify
 * @property {number | null} evaluated
 * @property {string | null} problem
 * @property {boolean} partial
 * @property {Firing[]} groups
 */
/** @typedef {{ rules: Rule[], targets: { name: string, sent: number, problem: string | null }[], waiting: number, problem: string | null }} Overview */
/** @typedef {{ from: number, to: number, interval_ms: number, limit: number | null, series: { group: string, values: number[] }[], more: number }} Windows */

const EVERY = 10_000;
const HEIGHT = 150;
const LEFT = 44;
const BOTTOM = 20;
const TOP = 8;

/** @param {import("./app.js").ViewProps} props */
export function Alerts({ state, actions, zone, key_: key }) {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setTurn((before) => before + 1), EVERY);
    return () => clearInterval(timer);
  }, []);
  const { answer, error, busy } = useAsk(`${key} ${turn}`, () => ask.alerts());
  const firing = answer?.rules.filter((/** @type {Rule} */ one) => one.groups.length > 0).length ?? 0;
  return html`<div class="alerts-view" aria-busy=${busy && !answer}>
    <div class="problems-head"><h1>Alerts</h1>
      ${answer && html`<p class="problems-summary" role="status"><b id="total" class=${firing ? "bad" : ""}>${firing} of ${number(answer.rules.length)}</b> rules ${firing === 1 ? "fires" : "fire"}
        ${answer.waiting > 0 && html`<span class="quiet"> · ${number(answer.waiting)} ${answer.waiting === 1 ? "message waits" : "messages wait"} to be sent</span>`}</p>`}</div>
    ${error && html`<p class="problem" role="alert">${error.message}</p>`}
    ${answer?.problem && html`<p class="problem" role="alert">${visible(answer.problem)}</p>`}
    ${answer?.targets.filter((/** @type {any} */ one) => one.problem).map((/** @type {any} */ one) => html`<p class="problem" role="alert" key=${one.name}>${visible(one.name)} cannot be told: ${visible(one.problem)}</p>`)}
    ${answer?.rules.map((/** @type {Rule} */ rule, /** @type {number} */ place) => html`<${RuleCard} key=${rule.name} rule=${rule} state=${state} actions=${actions} zone=${zone} refreshed=${`${key} ${turn}`} first=${place < 3 && rule.groups.length > 0} />`)}
    ${answer && answer.rules.length === 0 && html`<p class="quiet">There are no rules in alerts.yml.</p>`}
  </div>`;
}

/** @param {{ rule: Rule, state: State, actions: Actions, zone: string, refreshed: string, first: boolean }} props */
function RuleCard({ rule, state, actions, zone, refreshed, first }) {
  const [chosen, choose] = useState(/** @type {boolean | null} */ (null));
  const open = chosen ?? first;
  const fires = rule.groups.length > 0;
  const told = rule.problem ? "cannot be looked at" : fires ? "fires" : rule.evaluated === null ? "waits" : "well";
  return html`<section class="card alert-rule" aria-label=${visible(rule.name)}>
    <div class="card-head"><h2><span class=${`alert-state ${fires || rule.problem ? "bad" : "quiet"}`}>${told}</span> ${visible(rule.name)} <span class="quiet">${visible(rule.words)}</span></h2>
      <button type="button" class="small" aria-expanded=${open} aria-label=${`Chart of ${visible(rule.name)}`} onClick=${() => choose(!open)}>Chart</button></div>
    ${rule.query && html`<p class="alert-query"><code>${visible(rule.query)}</code></p>`}
    ${rule.problem && html`<p class="problem alert-note">${visible(rule.problem)}</p>`}
    ${rule.partial && html`<p class="alert-note quiet">There are more groups than are watched.</p>`}
    ${fires && html`<table class="alert-groups"><thead><tr><th scope="col">${rule.field ? visible(rule.field) : "Fires"}</th><th scope="col">Since</th><th scope="col" class="figure-cell">Events</th><th scope="col">Told</th></tr></thead>
      <tbody>${rule.groups.map((one) => html`<tr key=${one.group}><th scope="row"><${Events} rule=${rule} one=${one} state=${state} actions=${actions} /></th>
        <td class="nowrap">${stamp(one.since, zone).slice(0, 19)}</td><td class="figure-cell">${number(one.count)}</td><td>${one.told ? "yes" : rule.notify.length ? "soon" : "nobody"}</td></tr>`)}</tbody></table>`}
    ${open && html`<${Chart} rule=${rule} state=${state} zone=${zone} refreshed=${refreshed} />`}
  </section>`;
}

/** A link to a group's events from a window before it fires on. @param {{ rule: Rule, one: Firing, state: State, actions: Actions }} props */
function Events({ rule, one, state, actions }) {
  /** @type {Partial<State>} */
  const part = {
    view: "events",
    query: rule.query,
    language: rule.language,
    index: rule.index,
    filters: rule.field ? [{ field: rule.field, operator: "is", values: [one.value ?? one.group] }] : [],
    from: new Date(one.since - rule.within_ms).toISOString(),
    to: null,
  };
  const click = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    actions.apply(part);
  };
  return html`<a href=${write({ ...state, ...part })} title="Show these events" onClick=${click}>${visible(one.group) || "its events"}</a>`;
}

/** @param {{ rule: Rule, state: State, zone: string, refreshed: string }} props */
function Chart({ rule, state, zone, refreshed }) {
  const { answer, error, busy } = useAsk(`${rule.name} ${refreshed}`, (signal) => ask.alertChart({ rule: rule.name, from: state.from, to: state.to, zone }, signal));
  const [ref, { width }] = useSize();
  return html`<div class="alert-chart" aria-busy=${busy && !answer} ref=${ref}>
    ${error && html`<p class="problem" role="alert">${error.message}</p>`}
    ${answer && width > 0 && html`<${Lines} found=${answer} width=${width} zone=${zone} rule=${rule} />`}
  </div>`;
}

/** @param {{ found: Windows, width: number, zone: string, rule: Rule }} props */
function Lines({ found, width, zone, rule }) {
  const { from, to, interval_ms: interval, limit, series, more } = found;
  const most = Math.max(1, (limit ?? 0) * 1.25, ...series.flatMap(({ values }) => values));
  const x = (/** @type {number} */ at) => LEFT + ((at - from) / Math.max(1, to - from)) * (width - LEFT - 10);
  const y = (/** @type {number} */ n) => TOP + (1 - n / most) * (HEIGHT - TOP - BOTTOM);
  const marks = ticks(from, to, Math.max(2, width / 110), zone).filter(({ at }) => x(at) < width - 30);
  const peak = series.map(({ group, values }) => `${visible(group) || "all"} ${number(values.reduce((one, other) => Math.max(one, other), 0))}`).join(", ");
  const words = `Events within ${lengthText(rule.within_ms)}${limit === null ? "" : `; the threshold is ${number(limit)}`}${peak ? `; at most: ${peak}` : "; none"}`;
  return html`<svg role="img" aria-label=${words} width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`}>
      <title>${words}</title>
      ${[0, most].map((n) => html`<g key=${n}><path class="grid" d=${`M${LEFT} ${y(n)}H${width - 10}`} /><text class="axis" x=${LEFT - 6} y=${y(n) + 4} text-anchor="end">${number(Math.round(n))}</text></g>`)}
      ${marks.map(({ at, text }) => html`<text key=${at} class="axis" x=${x(at)} y=${HEIGHT - 5} text-anchor="middle">${text}</text>`)}
      ${series.map(({ group, values }, place) => html`<path key=${group} class="line" style=${{ stroke: `var(--series-${place + 1})` }} d=${values.map((n, at) => `${at ? "L" : "M"}${x(from + at * interval).toFixed(1)} ${y(n).toFixed(1)}`).join("")} />`)}
      ${limit !== null && html`<g class="threshold"><path d=${`M${LEFT} ${y(limit)}H${width - 10}`} /><text x=${LEFT - 6} y=${y(limit) + 4} text-anchor="end">${number(limit)}</text></g>`}
    </svg>
    <ul class="alert-legend">${series.map(({ group }, place) => html`<li key=${group}><i style=${{ background: `var(--series-${place + 1})` }}></i>${visible(group) || "all events"}</li>`)}
      ${more > 0 && html`<li class="quiet">and ${number(more)} more</li>`}${limit !== null && html`<li><i class="dashed"></i>threshold</li>`}${series.length === 0 && html`<li class="quiet">no events</li>`}</ul>`;
}
