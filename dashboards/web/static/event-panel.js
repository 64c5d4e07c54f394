// One event beside the list.

import { flatten, valueText, visible } from "./text.js";
import { html } from "./vendor/preact.js";

/** @param {import("./app.js").ViewProps & { event: import("./types.js").LogEvent }} props */
export function EventPanel({ event, actions }) {
  return html`<aside class="event-panel" aria-label="Event">
    <button type="button" onClick=${actions.closeEvent} aria-label="Close">×</button>
    <dl>${flatten(event.source).map(([field, value]) => html`<div><dt>${visible(field)}</dt><dd>${visible(valueText(value))}</dd></div>`)}</dl>
  </aside>`;
}
