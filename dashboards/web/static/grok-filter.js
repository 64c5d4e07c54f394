// The expression as a filter: seen, tried on the newest events, and saved where the running pipeline reads it.

import * as ask from "./ask.js";
import { useAsk } from "./hooks.js";
import { number, visible } from "./text.js";
import { html, useEffect, useState } from "./vendor/preact.js";

/** @typedef {{ events: number, tried: number, matched: number, late: number, microseconds: number, missed: string[], others: number }} Trial */
/** @typedef {{ text: string, samples: string, notes: string[], file: string, appends: boolean, before: string[], trial: Trial }} Seen */
/** @typedef {{ file: string, samples_file: string, text: string, reload: string | null }} SavedFilter */

/** @param {{ lines: string[], groks: string[], index: string | null, saved: () => void }} props */
export function GrokFilter({ lines, groks, index, saved }) {
  const [name, setName] = useState("");
  const [key, setKey] = useState(/** @type {string | null} */ (null));
  const [kept, setKept] = useState(/** @type {{ answer?: SavedFilter, error?: Error } | null} */ (null));
  const [saving, setSaving] = useState(false);
  const wanted = { lines, groks, name };
  const now = JSON.stringify([wanted, index]);
  const { answer, error, busy } = useAsk(key, (signal) => /** @type {Promise<Seen>} */ (ask.grok("filter", { ...wanted, index }, signal)));
  const current = key === now;
  useEffect(() => setKept(null), [now]);
  const save = () => {
    setSaving(true);
    ask.grok("save", wanted).then((/** @type {SavedFilter} */ made) => {
      setKept({ answer: made });
      saved();
    }, (/** @type {Error} */ failed) => setKept({ error: failed })).finally(() => setSaving(false));
  };
  return html`<section class="card grok-filter" aria-label="Filter">
    <h2>Filter</h2>
    <form class="name" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); setKey(now); }}>
      <label>Name <input value=${name} placeholder="orders" spellcheck=${false} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <button type="submit" disabled=${!name || (busy && current)}>Try it on the newest 10,000 events</button>
      ${current && busy && html`<span class="quiet" role="status">trying…</span>`}
    </form>
    ${current && error && html`<p class="problem" role="alert">${visible(error.message)}</p>`}
    ${current && !busy && !error && answer && html`
      <${Outcome} trial=${answer.trial} />
      ${answer.notes.map((note) => html`<p class="quiet">${visible(note)}</p>`)}
      <p>It ${answer.appends ? "is added to" : "becomes"} <code>${visible(answer.file)}</code>, and runs after ${answer.before.map((file) => html`<code>${visible(short(file))}</code> `)}</p>
      <pre tabindex="0" aria-label="The filter">${visible(answer.text)}</pre>
      <details><summary>Its samples, which <code>sawlog check</code> holds it to</summary><pre tabindex="0">${visible(answer.samples)}</pre></details>
      <button type="button" class="primary" disabled=${saving || kept?.answer !== undefined} onClick=${save}>Save, and run it</button>`}
    ${kept?.error && html`<p class="problem" role="alert">${visible(kept.error.message)}</p>`}
    ${kept?.answer && html`<p role="status" class="good">Saved as <code>${visible(kept.answer.file)}</code>. ${kept.answer.reload === null ? "The running pipeline goes on with it: lines that come from now on are parsed." : html`<span class="bad">The pipeline was not reloaded: ${visible(kept.answer.reload)}</span>`}</p>`}
  </section>`;
}

/** @param {{ trial: Trial }} props */
function Outcome({ trial }) {
  if (!trial.tried) return html`<p>Of the newest ${number(trial.events)} events all are parsed, and the filter would touch none; the expression alone matches ${number(trial.others)} of them.</p>`;
  const missed = trial.tried - trial.matched;
  return html`<dl class="outcome">
    <div><dt>matched</dt><dd class="good">${number(trial.matched)}</dd></div>
    <div><dt>not matched</dt><dd class=${missed ? "bad" : ""}>${number(missed)}</dd></div>
    ${trial.late > 0 && html`<div><dt>runs away on</dt><dd class="bad">${number(trial.late)}</dd></div>`}
    <div><dt>µs an event</dt><dd>${trial.microseconds.toLocaleString()}</dd></div>
    <div><dt>parsed before, not touched</dt><dd>${number(trial.events - trial.tried)}</dd></div>
  </dl>
  ${missed > 0 && html`<details><summary>Lines that are not matched</summary><ul>${trial.missed.map((line) => html`<li><code>${visible(line.slice(0, 300))}</code></li>`)}</ul></details>`}`;
}

/** @param {string} file */
const short = (file) => file.split("/").slice(-2).join("/");
