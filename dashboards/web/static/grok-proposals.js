// What the server proposes: whole expressions for all samples, and what may come next after the one that there is.

import * as ask from "./ask.js";
import { useAsk } from "./hooks.js";
import { number, visible } from "./text.js";
import { html, useState } from "./vendor/preact.js";

/** @typedef {{ groks: string[], about: string, captures: number }} Suggestion */
/** @typedef {{ name: string | null, grok: string, fits: number, text: string, names: string[], types: string[] }} Step */

/** @param {{ lines: string[], use: (groks: string[]) => void }} props */
export function GrokSuggestions({ lines, use }) {
  const [key, setKey] = useState(/** @type {string | null} */ (null));
  const now = JSON.stringify(lines);
  const { answer, error, busy } = useAsk(key, (signal) => /** @type {Promise<{ suggestions: Suggestion[], json: boolean }>} */ (ask.grok("suggest", { lines }, signal)));
  const current = key === now;
  return html`<div class="proposals">
    <button type="button" class="primary" disabled=${!lines.length || (busy && current)} onClick=${() => setKey(now)}>Suggest expressions</button>
    ${current && busy && html`<span class="quiet" role="status"> comparing ${number(lines.length)} lines…</span>`}
    ${current && error && html`<p class="problem" role="alert">${visible(error.message)}</p>`}
    ${current && !busy && answer && html`
      ${answer.json && html`<p>These lines are JSON: the filter <code>json</code>, or the default pipeline, reads them without grok.</p>`}
      <ul aria-label="Suggestions">${answer.suggestions.map((one) => html`<li key=${one.groks.join("\n")}><button type="button" class="plain" onClick=${() => use(one.groks)}>
        <span class="about">${visible(one.about)} <span class="quiet">${number(one.captures)} ${one.captures === 1 ? "field" : "fields"}</span></span>
        ${one.groks.map((grok) => html`<code>${visible(grok)}</code>`)}</button></li>`)}</ul>`}
  </div>`;
}

/** @param {{ lines: string[], expression: string | null, add: (part: string) => void }} props */
export function GrokNext({ lines, expression, add }) {
  const [open, setOpen] = useState(false);
  const usable = lines.length > 0 && expression !== null;
  const { answer, error, busy } = useAsk(open && usable ? JSON.stringify([lines, expression]) : null, (signal) =>
    /** @type {Promise<{ matched: number, steps: Step[] }>} */ (ask.grok("next", { lines, grok: expression }, signal)));
  const added = (/** @type {Step} */ step) => {
    if (!step.name || !step.names.length) return add(step.grok);
    const name = step.names.find((one) => !expression?.includes(`:${one}`)) ?? step.names[0];
    add(`%{${step.name}:${name}${step.types.length ? `:${step.types[0]}` : ""}}`);
  };
  return html`<div class="proposals">
    <button type="button" aria-expanded=${open} disabled=${!usable} onClick=${() => setOpen(!open)}>Step by step</button>
    ${open && usable && error && html`<p class="problem" role="alert">${visible(error.message)}</p>`}
    ${open && usable && !error && answer && html`<div class=${busy ? "stale" : ""}>
      <p class="quiet">${answer.matched && !answer.steps.length ? "Nothing is left of the lines: the expression takes all of them." : answer.matched ? `What may come next in ${number(answer.matched)} of ${number(Math.min(lines.length, 500))} lines; what fits all comes first.` : "The expression matches none of the lines so far."}</p>
      <ul class="steps" aria-label="What may come next">${answer.steps.slice(0, 24).map((step) => html`<li key=${step.grok}><button type="button" class="plain" disabled=${busy} onClick=${() => added(step)}>
        <span class=${step.fits === answer.matched ? "good" : "quiet"}>${number(step.fits)} of ${number(answer.matched)}</span>
        <code>${visible(step.name ?? `"${step.text}"`)}</code> <span class="quiet example">${visible(step.text.slice(0, 80))}</span></button></li>`)}</ul></div>`}
  </div>`;
}
