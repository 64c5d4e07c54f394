// The grok workbench: samples, the expression with what it captures from each of them, and the filter that comes of it.

import * as ask from "./ask.js";
import { Draft } from "./draft.js";
import { GrokFilter } from "./grok-filter.js";
import { GrokKept } from "./grok-kept.js";
import { GrokLines } from "./grok-lines.js";
import { keepDraft, same, wholeOf, workFor } from "./grok-link.js";
import { GrokNext, GrokSuggestions } from "./grok-proposals.js";
import { useAsk } from "./hooks.js";
import { number, visible } from "./text.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** @typedef {{ field: string, start: number, end: number, value: string | number }} Span */
/** @typedef {{ grok: number | null, spans: Span[], end: number, stop: { why: string, at: number, runs_away: boolean } | null }} Row */
/** @typedef {{ pattern: string, field: string, type: string, names: string[], types: string[] }} Capture */
/** @typedef {{ rows: Row[], lines: number, matched: number, runaway: number, captures: Capture[] }} Tried */
/** @typedef {{ total: number, lines: number, shapes: number, groups: { n: number, sample: string, lines: string[] }[] }} Failures */

const PAUSE = 350;
const STYLE = new URL("./grok.css", import.meta.url).pathname;

/** @param {import("./app.js").ViewProps} props */
export function Grok({ state, actions, key_: key }) {
  useLayoutEffect(style, []);
  const { samples, setSamples, expression, setExpression } = useWork(state, actions);
  const [turn, setTurn] = useState(0);
  const groks = expression.split("\n").filter((line) => line.trim());
  const lines = samples.filter((line) => line.trim());
  const settled = useSettled(JSON.stringify([lines, groks]));
  const ready = lines.length > 0 && groks.length > 0;
  const tried = useAsk(ready ? settled : null, (signal) => /** @type {Promise<Tried>} */ (ask.grok("try", { lines, groks }, signal)));
  const failures = useAsk(`failures ${turn} ${state.index}`, (signal) => /** @type {Promise<Failures>} */ (ask.grok("failures", { index: state.index }, signal)));
  if (failures.error && /** @type {ask.AskError} */ (failures.error).kind === "http") {
    return html`<div class="grok-view"><h1>Grok</h1><p class="card">No pipeline runs beside this page, so there is nobody to answer: <code>sawlog up</code> has the workbench, and <code>sawlog grok --suggest</code> does the same on the command line.</p></div>`;
  }
  const answer = ready && !tried.error ? tried.answer : null;
  const use = (/** @type {string[]} */ made) => setExpression(made.join("\n"));
  return html`<div class="grok-view" data-key=${key}>
    <h1 class="visually-hidden">Grok</h1>
    <section class="card samples" aria-label="Samples">
      <h2>Samples <span class="quiet">${lines.length ? number(lines.length) : ""}</span>${state.grok.more && html`<span class="quiet">too many for a link, which has ${number(state.grok.lines.length)}</span>`}</h2>
      <textarea id="grok-samples" rows="5" spellcheck=${false} aria-label="Sample lines" placeholder="Paste lines of log here, or take those that did not parse"
        value=${samples.join("\n")} onInput=${(/** @type {any} */ event) => setSamples(event.target.value.split("\n"))}></textarea>
      <${Unparsed} failures=${failures} actions=${actions} again=${() => setTurn((before) => before + 1)} take=${(/** @type {string[]} */ taken) => { setSamples(taken); setExpression(""); }} />
    </section>
    <section class="card expression" aria-label="Expression">
      <h2>Expression</h2>
      <textarea id="grok-expression" rows="3" spellcheck=${false} aria-label="Grok expression, one in each line" placeholder=${'%{TIMESTAMP_ISO8601:timestamp} %{LOGLEVEL:[log][level]} %{GREEDYDATA:message}'}
        value=${expression} onInput=${(/** @type {any} */ event) => setExpression(event.target.value)}></textarea>
      ${ready && tried.error && html`<p class="problem" role="alert">${visible(tried.error.message)}</p>`}
      ${answer && html`<${Captures} captures=${answer.captures} colourOf=${colours(answer)} rename=${(/** @type {Capture} */ one, /** @type {string} */ field, /** @type {string} */ type) => setExpression(renamed(expression, one, field, type))} />`}
      <${GrokSuggestions} lines=${lines} use=${use} />
      <${GrokNext} lines=${lines} expression=${groks.length > 1 ? null : expression} add=${(/** @type {string} */ part) => setExpression((expression || "^") + part)} />
    </section>
    ${lines.length > 0 && html`<${GrokLines} lines=${lines} tried=${answer} />`}
    ${answer && answer.matched > 0 && html`<${GrokFilter} lines=${lines} groks=${groks} index=${state.index} saved=${() => setTurn((before) => before + 1)} />`}
    <${GrokKept} turn=${turn} open=${(/** @type {import("./grok-kept.js").KeptFilter} */ one) => { setSamples(one.lines); use(one.groks); }} changed=${() => setTurn((before) => before + 1)} />
  </div>`;
}

/** The samples and the expression; the address has them a moment after they have changed, and they are what it says when it changes by itself. @param {import("./types.js").State} state @param {import("./types.js").Actions} actions */
function useWork(state, actions) {
  const [samples, setSamples] = useState(() => wholeOf(state.grok).lines);
  const [expression, setExpression] = useState(() => wholeOf(state.grok).expression);
  const written = useRef(state.grok);
  const now = useRef({ samples, expression });
  now.current = { samples, expression };
  const writeDown = () => {
    const work = workFor(now.current.samples, now.current.expression);
    keepDraft(now.current.samples, now.current.expression);
    if (same(work, written.current)) return;
    written.current = work;
    actions.setGrok(work);
  };
  const settled = useSettled(JSON.stringify([samples, expression]));
  useEffect(writeDown, [settled]);
  useEffect(() => writeDown, []);
  useEffect(() => {
    if (same(state.grok, written.current)) return;
    written.current = state.grok;
    const whole = wholeOf(state.grok);
    setSamples(whole.lines);
    setExpression(whole.expression);
  }, [state.grok]);
  return { samples, setSamples, expression, setExpression };
}

/** @param {{ failures: import("./hooks.js").Asked<Failures>, actions: import("./types.js").Actions, again: () => void, take: (lines: string[]) => void }} props */
function Unparsed({ failures, actions, again, take }) {
  const { answer, error } = failures;
  if (error) return html`<p class="problem" role="alert">${visible(error.message)}</p>`;
  if (!answer) return html`<p class="quiet">Looking for lines that did not parse…</p>`;
  if (!answer.total) return html`<p class="quiet">Every event in the index has been parsed. <button type="button" class="plain" onClick=${again}>Look again</button></p>`;
  return html`<div class="unparsed">
    <p><b>${number(answer.total)} parse ${answer.total === 1 ? "failure" : "failures"}</b> <span class="quiet">of ${number(answer.shapes)} ${answer.shapes === 1 ? "shape" : "shapes"}${answer.total > answer.lines ? `, the newest ${number(answer.lines)} grouped` : ""}</span>
      <button type="button" class="plain" onClick=${again}>Look again</button>
      <button type="button" class="plain" onClick=${() => actions.apply({ view: "events", query: "tags: _grokparsefailure", language: "kql", filters: [], from: null, to: null })}>Show as events</button></p>
    <ul>${answer.groups.map((group) => html`<li key=${group.sample}><button type="button" class="plain" title="Take these lines as samples" onClick=${() => take(group.lines)}>
      <b>${number(group.n)} ×</b> <code>${visible(group.sample.slice(0, 300))}</code></button></li>`)}</ul>
  </div>`;
}

/** @param {{ captures: Capture[], colourOf: (field: string) => number, rename: (one: Capture, field: string, type: string) => void }} props */
function Captures({ captures, colourOf, rename }) {
  if (!captures.length) return null;
  return html`<table class="captures"><caption class="visually-hidden">What is captured</caption>
    <thead><tr><th scope="col">Pattern</th><th scope="col">Field</th><th scope="col">Type</th></tr></thead>
    <tbody>${captures.map((one, place) => html`<tr key=${place}>
      <td><span class="swatch" data-colour=${colourOf(one.field)}></span><code>${one.pattern}</code></td>
      <td><${Draft} value=${one.field} list=${`grok-names-${place}`} aria-label=${`Field of ${one.pattern} ${place + 1}`}
        onChange=${(/** @type {any} */ event) => rename(one, event.target.value.trim(), one.type)} />
        <datalist id=${`grok-names-${place}`}>${one.names.map((name) => html`<option value=${name}></option>`)}</datalist></td>
      <td><select aria-label=${`Type of ${one.field}`} value=${one.type} onChange=${(/** @type {any} */ event) => rename(one, one.field, event.target.value)}>
        ${["", ...new Set([...one.types, "int", "float"])].map((type) => html`<option value=${type} selected=${type === one.type}>${type || "text"}</option>`)}</select></td>
    </tr>`)}</tbody></table>`;
}

/** Put another name or type into the expression. @param {string} expression @param {Capture} one @param {string} field @param {string} type */
function renamed(expression, one, field, type) {
  const before = `%{${one.pattern}:${one.field}${one.type ? `:${one.type}` : ""}}`;
  if (!/^[\w@.[\]-]+$/.test(field)) return expression;
  return expression.replace(before, () => `%{${one.pattern}:${field}${type ? `:${type}` : ""}}`);
}

/** Each field has a colour, the same everywhere: one of ten, in the order in which they are captured. @param {Tried} tried @returns {(field: string) => number} */
export function colours({ captures, rows }) {
  const fields = [...new Set([...captures.map(({ field }) => field), ...rows.slice(0, 100).flatMap(({ spans }) => spans.map(({ field }) => field))])];
  return (field) => (fields.indexOf(field) % 10) + 1;
}

/** The styles come with the first look at the view. */
function style() {
  if (document.getElementById("grok-style")) return;
  const link = Object.assign(document.createElement("link"), { id: "grok-style", rel: "stylesheet", href: STYLE });
  document.head.append(link);
}

/** A value once it has not changed for a moment. @param {string} value */
function useSettled(value) {
  const [settled, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), PAUSE);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
