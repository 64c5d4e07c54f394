// The filters that the running pipeline uses: opened in the workbench again, and deleted.

import * as ask from "./ask.js";
import { useAsk } from "./hooks.js";
import { number, visible } from "./text.js";
import { html, useState } from "./vendor/preact.js";

/** @typedef {{ name: string, file: string, text: string, groks: string[], lines: string[], needed: number, deletable: boolean, problem: string | null }} KeptFilter */

/** @param {{ turn: number, open: (filter: KeptFilter) => void, changed: () => void }} props */
export function GrokKept({ turn, open, changed }) {
  const { answer, error } = useAsk(`filters ${turn}`, (signal) => /** @type {Promise<{ filters: KeptFilter[] }>} */ (ask.grok("filters", {}, signal)));
  const [said, say] = useState(/** @type {{ text: string, bad: boolean } | null} */ (null));
  if (!error && !answer?.filters.length && !said) return null;
  return html`<section class="card grok-kept" aria-label="Saved filters">
    <h2>Saved filters <span class="quiet">${answer ? number(answer.filters.length) : ""}</span></h2>
    ${error && html`<p class="problem" role="alert">${visible(error.message)}</p>`}
    ${said && html`<p role="status" class=${said.bad ? "problem" : "quiet"}>${visible(said.text)}</p>`}
    ${answer && html`<ul>${answer.filters.map((one) => html`<${Kept} key=${one.file} one=${one} open=${open} say=${say} changed=${changed} />`)}</ul>`}
  </section>`;
}

/** @param {{ one: KeptFilter, open: (filter: KeptFilter) => void, say: (said: { text: string, bad: boolean }) => void, changed: () => void }} props */
function Kept({ one, open, say, changed }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const remove = () => {
    setBusy(true);
    ask.grok("delete", { name: one.name, text: one.text }).then((/** @type {{ file: string, reload: string | null }} */ { file, reload }) => {
      say(reload === null ? { text: `${file} is deleted (it is kept as ${file}~), and the running pipeline goes on without it.`, bad: false }
        : { text: `${file} is deleted, but the pipeline was not reloaded: ${reload}`, bad: true });
      changed();
    }, (/** @type {Error} */ failed) => say({ text: failed.message, bad: true })).finally(() => setBusy(false));
  };
  const name = visible(one.name);
  return html`<li>
    <div class="name"><b>${name}</b> <code title=${visible(one.file)}>${visible(one.file.split("/").slice(-2).join("/"))}</code>
      <button type="button" disabled=${!one.groks.length} onClick=${() => open(one)} aria-label=${`Open ${name}`}>Open</button>
      ${one.deletable ? html`<button type="button" aria-expanded=${asking} onClick=${() => setAsking(!asking)} aria-label=${`Delete ${name}`}>Delete…</button>`
        : html`<span class="quiet">a file of the pipeline's own</span>`}</div>
    ${one.problem && html`<p class="bad">${visible(one.problem)}</p>`}
    ${asking && html`<div class="sure" role="group" aria-label=${`Delete ${name}?`}>
      <p>The running pipeline uses it. ${one.needed ? `Nothing else reads ${one.needed === one.lines.length ? "" : `${number(one.needed)} of `}its ${number(one.lines.length)} ${one.lines.length === 1 ? "sample" : "samples"}: such lines are indexed as text then, tagged _grokparsefailure.`
        : one.lines.length ? "Something else reads its samples, too." : "It has no samples that would say what only it reads."} What is in the index stays as it is.</p>
      <button type="button" disabled=${busy} onClick=${remove}>Delete the filter ${name}</button>
      <button type="button" class="plain" onClick=${() => setAsking(false)}>Keep it</button></div>`}
    <details><summary>The filter</summary><pre tabindex="0">${visible(one.text)}</pre></details>
  </li>`;
}
