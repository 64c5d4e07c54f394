// The filters, each with what turns it round and what takes it away.

import { visible } from "./text.js";
import { html } from "./vendor/preact.js";

/** @import { Filter, State, Actions } from "./types.js" */

/** What a filter says. @param {Filter} filter */
export function filterText({ field, operator, values }) {
  const name = visible(field);
  const said = values.map((value) => visible(value)).join(" or ");
  if (operator === "exists") return `${name} exists`;
  if (operator === "missing") return `no ${name}`;
  if (operator === "range" || operator === "not_range") return `${operator === "range" ? "" : "not "}${name}: ${visible(values[0] ?? "…")} to ${visible(values[1] ?? "…")}`;
  return `${operator === "is_not" ? "not " : ""}${name}: ${said}`;
}

/** @param {{ state: State, actions: Actions, searches: Record<string, { title: string, notes: string[] }> }} props */
export function Chips({ state, actions, searches }) {
  const { filters, saved } = state;
  if (!filters.length && !saved) return null;
  const search = saved ? searches[saved] : null;
  return html`<section aria-label="Filters"><ul class="chips">
    ${saved && html`<li class="chip" title=${search?.notes?.join("; ") ?? ""}><button type="button" class="turn" disabled aria-hidden="true">☆</button><span>${visible(search?.title ?? saved)}</span>
      <button type="button" onClick=${() => actions.apply({ saved: null })} aria-label=${`Leave the search ${visible(search?.title ?? saved)}`}>×</button></li>`}
    ${filters.map((filter) => {
      const text = filterText(filter);
      const not = ["is_not", "missing", "not_range"].includes(filter.operator);
      return html`<li key=${JSON.stringify([filter.field, filter.operator])} class=${not ? "chip not" : "chip"} title=${text}>
        <button type="button" class="turn" onClick=${() => actions.invertFilter(filter)}
                aria-label=${`Turn round the filter ${text}`} title="Turn round">${not ? "≠" : "="}</button>
        <span>${text}</span>
        <button type="button" onClick=${() => actions.removeFilter(filter)} aria-label=${`Remove the filter ${text}`}>×</button>
      </li>`;
    })}
    <li><button type="button" class="plain" onClick=${actions.clear}>Clear all</button></li>
  </ul></section>`;
}
