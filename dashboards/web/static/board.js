// A dashboard: its panels in rows of 48 columns, below the choices of its controls.

import { html } from "./vendor/preact.js";

/** @param {any} props */
export function Board({ id, objects }) {
  const board = objects.answer?.dashboards.find((/** @type {any} */ one) => one.id === id);
  return html`<h1>${board?.title ?? ""}</h1>`;
}
