// The fields beside the list: values to tick of the most useful, and all that the store has, with types and shares.

import { byGravity, kind } from "./levels.js";
import { valuesOf } from "./state.js";
import { number, visible } from "./text.js";
import { TopValues } from "./value-menu.js";
import { html, useState } from "./vendor/preact.js";

/** @import { Counted, State, Actions, Question, Value } from "./types.js" */

/** @type {Record<string, string>} */
const TITLES = { "log.level": "Level", "service.name": "Service", tags: "Tags" };
/** @type {Record<string, string>} */
const TYPES = { keyword: "t", text: "T", long: "#", integer: "#", double: "#", float: "#", date: "◷", boolean: "◐", ip: "ip" };
const FEW = 8;

/** @param {import("./app.js").ViewProps & { fields: import("./hooks.js").Asked<{ fields: { name: string, type: string, share: number | null }[] }>, counted: Counted | null, facets: string[] }} props */
export function FieldList({ state, actions, asked, fields, counted, facets }) {
  const [sought, setSought] = useState("");
  const [shown, setShown] = useState(matchMedia("(min-width: 900px)").matches);
  const all = fields.answer?.fields ?? [];
  const words = sought.toLowerCase();
  const matching = all.filter(({ name }) => name.toLowerCase().includes(words));
  return html`<aside class=${`fields${shown ? "" : " folded"}`} aria-label="Fields">
    <button type="button" class="fields-fold plain" aria-expanded=${shown} onClick=${() => setShown(!shown)}>${shown ? "‹ Fields" : "Fields ›"}</button>
    ${shown && html`<div class="fields-body">
      ${facets.map((field) => html`<${Facet} key=${field} field=${field} found=${counted?.facets?.[field] ?? []} state=${state} actions=${actions} />`)}
      <h2>All fields</h2>
      <input type="search" placeholder="Find a field" aria-label="Find a field" value=${sought} onInput=${(/** @type {any} */ event) => setSought(event.target.value)} />
      ${fields.error && html`<p class="bad">${fields.error.message}</p>`}
      <ul class="all-fields">${matching.map((field) => html`<${Field} key=${field.name} ...${field} state=${state} actions=${actions} asked=${asked} />`)}</ul>
    </div>`}
  </aside>`;
}

/** Values to tick: several are OR, and those ticked stay though nothing has them. */
function Facet(/** @type {{ field: string, found: { value: Value, n: number }[], state: State, actions: Actions }} */ { field, found, state, actions }) {
  const [more, setMore] = useState(false);
  const chosen = valuesOf(state.filters, field);
  const excluded = valuesOf(state.filters, field, "is_not");
  const missing = [...chosen, ...excluded].filter((value) => !found.some((one) => one.value === value)).map((value) => ({ value, n: 0 }));
  const all = [...found, ...missing];
  if (field === "log.level") all.sort((one, other) => byGravity(String(one.value), String(other.value)));
  if (!all.length) return null;
  const most = Math.max(1, ...all.map(({ n }) => n));
  const shown = more ? all : all.filter(({ value }, place) => place < FEW || chosen.includes(value));
  return html`<section class="facet"><h2>${TITLES[field] ?? visible(field)}</h2><ul>
    ${shown.map(({ value, n }) => {
      const text = visible(value);
      const out = excluded.includes(value);
      return html`<li key=${String(value)} class=${out ? "out" : ""}>
        <label title=${text}><input type="checkbox" checked=${chosen.includes(value)} onChange=${() => actions.toggleValue(field, value)} />
          ${field === "log.level" && html`<i class=${`dot level-${kind(value)}`}></i>`}<span class="key">${text || '""'}</span><span class="count">${number(n)}</span></label>
        <button type="button" class="plain exclude" aria-pressed=${out} aria-label=${out ? `Do not leave out ${text}` : `Leave out ${text}`} title=${out ? "Do not leave out" : "Leave out"}
          onClick=${() => (out ? actions.setFilters(state.filters.map((one) => (one.field === field && one.operator === "is_not" ? { ...one, values: one.values.filter((v) => v !== value) } : one)).filter((one) => one.values.length || one.operator === "exists" || one.operator === "missing")) : actions.filterOut(field, value))}>−</button>
        <meter min="0" max=${most} value=${n} aria-hidden="true"></meter>
      </li>`;
    })}</ul>
    ${all.length > shown.length && html`<button type="button" class="plain" onClick=${() => setMore(true)}>${all.length - shown.length} more</button>`}
  </section>`;
}

/** A field: its type, in how many events it is, its most frequent values on demand, and its column. */
function Field(/** @type {{ name: string, type: string, share: number | null, state: State, actions: Actions, asked: Question }} */ { name, type, share, state, actions, asked }) {
  const [open, setOpen] = useState(false);
  const column = state.columns.includes(name);
  return html`<li>
    <div class="field-line">
      <button type="button" class="plain name" aria-expanded=${open} onClick=${() => setOpen(!open)} title=${`${visible(name)}: ${type}`}>
        <i class="type" aria-hidden="true">${TYPES[type] ?? "?"}</i><span class="visually-hidden">${type} </span><span class="key">${visible(name) || '""'}</span>
        ${share !== null && html`<span class="count">${share > 0 && share < 0.01 ? "<1" : Math.round(share * 100)} %</span>`}
      </button>
      ${name !== "@timestamp" && html`<button type="button" class="plain column-button" aria-pressed=${column} aria-label=${column ? `Hide the column ${visible(name)}` : `Show ${visible(name)} as a column`}
        title=${column ? "Hide the column" : "Show as a column"} onClick=${() => (column ? actions.hideColumn(name) : actions.showColumn(name))}>${column ? "✓" : "+"}</button>`}
    </div>
    ${open && html`<${TopValues} asked=${asked} actions=${actions} field=${name} />`}
  </li>`;
}
