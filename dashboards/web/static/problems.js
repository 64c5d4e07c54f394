// What is broken now: services and problems.

import { html } from "./vendor/preact.js";

/** @param {import("./app.js").ViewProps} props */
export function Problems({ actions }) {
  return html`<h1 class="visually-hidden">What is broken</h1><p class="empty"><button type="button" onClick=${() => actions.view("events")}>Show all events</button></p>`;
}
