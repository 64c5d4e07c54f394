// What to say when nothing was found: what the server knows of the reason, and where there are events.

import { number } from "./text.js";
import { html } from "./vendor/preact.js";

/** @import { Counted, State, Actions, Hint } from "./types.js" */

/** @param {{ state: State, actions: Actions, count: Counted | null }} props */
export function Empty({ state, actions, count }) {
  const hints = count?.hints ?? [];
  const follow = (/** @type {Hint} */ { action }) => {
    if (!action) return;
    const { from, to, ...rest } = action;
    const text = (/** @type {any} */ time) => (typeof time === "number" ? new Date(time).toISOString() : time);
    actions.apply({ ...rest, ...(from !== undefined && { from: text(from) }), ...(to !== undefined && { to: text(to) }), ...("from" in action && !("to" in action) && { to: null }) });
  };
  const narrowed = state.query !== "" || state.filters.length > 0;
  return html`<div id="empty" class="empty">
    <h2>${narrowed ? "No events match" : "No events in this time range"}</h2>
    ${hints.map((hint) => html`<p key=${hint.text}>${hint.action ? html`<button type="button" class="hint" onClick=${() => follow(hint)}>${hint.text}</button>` : hint.text}</p>`)}
    <p>
      ${(state.from !== null || state.to !== null) && html`<button type="button" onClick=${() => actions.setTime(null, null)}>Show all time</button>`}
      ${narrowed && html`<button type="button" onClick=${actions.clear}>Clear the query and filters</button>`}
    </p>
    ${count && count.total > 0 && html`<p class="quiet">${number(count.total)} were counted a moment later.</p>`}
  </div>`;
}
