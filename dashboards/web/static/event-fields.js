// All fields of an event: a click on a value offers to filter for it, out, to copy it, to see the most frequent ones.

import { flatten, valueText, visible } from "./text.js";
import { html, useState } from "./vendor/preact.js";

const LONGEST = 1000; // characters of a value that can be filtered for

/** @param {import("./event-panel.js").PanelProps} props */
export function EventFields({ event, menu, actions }) {
  const [wanted, setWanted] = useState("");
  const words = wanted.trim().toLowerCase();
  const all = [...flatten(event.source), ["_id", event.id], ["_index", event.index]];
  const shown = all.filter(([field, value]) => !words || field.toLowerCase().includes(words) || valueText(value).toLowerCase().includes(words));
  return html`
    <label class="visually-hidden" for="field-filter">Find a field or value</label>
    <input id="field-filter" type="search" placeholder="Find a field or value" autocomplete="off" spellcheck="false" value=${wanted}
      onInput=${(/** @type {any} */ typed) => setWanted(typed.target.value)} />
    <dl class="event-fields">${shown.map(([field, value]) => html`<div key=${field}>
      <dt title=${visible(field)}>${visible(field)}</dt>
      ${(Array.isArray(value) ? value : [value]).map((/** @type {any} */ one, /** @type {number} */ place) => html`<${Value} key=${place} field=${field} value=${one} menu=${menu} actions=${actions} />`)}
    </div>`)}</dl>
    ${!shown.length && html`<p class="quiet">No field or value has this in it.</p>`}`;
}

/** @param {{ field: string, value: any, menu: Function, actions: import("./types.js").Actions }} props */
function Value({ field, value, menu, actions }) {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const plain = (value === null || typeof value !== "object") && !field.startsWith("_") && field !== "@timestamp" && text.length <= LONGEST;
  if (!plain) return html`<dd><span class="value-text">${visible(text)}</span></dd>`;
  const named = `${visible(field)}: ${visible(text.slice(0, 100))}`;
  return html`<dd>
    <button type="button" class="value" title="What to do with it" onClick=${(/** @type {Event} */ click) => menu(click, field, value)}>${visible(text) || '""'}</button>
    <span class="pick">
      <button type="button" aria-label=${`Filter for this value: ${named}`} title="Filter for this value" onClick=${() => actions.filterIn(field, value)}>+</button>
      <button type="button" aria-label=${`Filter out this value: ${named}`} title="Filter out this value" onClick=${() => actions.filterOut(field, value)}>−</button>
    </span>
  </dd>`;
}
