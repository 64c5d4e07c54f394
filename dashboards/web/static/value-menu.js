// What can be done with a value: filter for it or it out, copy it, see the field's most frequent values, show its column.

import * as ask from "./ask.js";
import { useAsk, useOutside } from "./hooks.js";
import { number, visible } from "./text.js";
import { html, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** @import { Value } from "./types.js" */

/** @param {import("./app.js").ViewProps & { field: string, value: Value, x: number, y: number, from: HTMLElement, close: () => void }} props */
export function ValueMenu({ state, actions, asked, field, value, x, y, from, close }) {
  const ref = useRef(/** @type {any} */ (null));
  const [top, setTop] = useState(false);
  useOutside(ref, true, () => leave());
  useLayoutEffect(() => {
    const { width, height } = ref.current.getBoundingClientRect();
    ref.current.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 8))}px`;
    ref.current.style.top = `${y + height > innerHeight - 8 ? Math.max(4, innerHeight - height - 8) : y + 2}px`;
  });
  useLayoutEffect(() => ref.current.querySelector("button")?.focus(), []); // before the next key, which is for the menu
  const leave = () => {
    close();
    if (from.isConnected) from.focus();
  };
  const does = (/** @type {() => void} */ act) => () => {
    act();
    leave();
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const all = [...ref.current.querySelectorAll("button")];
    const place = all.indexOf(document.activeElement);
    all[(place + (event.key === "ArrowDown" ? 1 : -1) + all.length) % all.length]?.focus();
  };
  const shown = state.columns.includes(field);
  const none = value === null || value === undefined;
  return html`<div ref=${ref} class="menu value-menu" role="dialog" aria-label=${`${visible(field)}: ${visible(value)}`} onKeyDown=${keys}>
    <p class="menu-head"><span class="quiet">${visible(field)}</span> <b>${none ? "no value" : visible(String(value).slice(0, 200)) || '""'}</b></p>
    ${!none && html`
      <button type="button" onClick=${does(() => actions.filterIn(field, value))}><i>+</i> Filter for this value</button>
      <button type="button" onClick=${does(() => actions.filterOut(field, value))}><i>−</i> Filter out this value</button>
      <button type="button" onClick=${does(() => copy(String(value)))}><i>⧉</i> Copy</button>`}
    <button type="button" aria-expanded=${top} onClick=${() => setTop(!top)}><i>≡</i> Top values of ${visible(field)}</button>
    ${top && html`<${TopValues} asked=${asked} actions=${actions} field=${field} done=${leave} />`}
    <button type="button" onClick=${does(() => actions.addFilter({ field, operator: none ? "missing" : "exists", values: [] }))}><i>∃</i> ${none ? "Only events without it" : "Only events with this field"}</button>
    <button type="button" onClick=${does(() => (shown ? actions.hideColumn(field) : actions.showColumn(field)))}><i>▥</i> ${shown ? "Hide the column" : "Show as a column"}</button>
  </div>`;
}

/**
 * A field's most frequent values with their shares; the field's own filters do not count, so that none vanishes.
 * @param {{ asked: import("./types.js").Question, actions: import("./types.js").Actions, field: string, done?: () => void }} props
 */
export function TopValues({ asked, actions, field, done = () => {} }) {
  const without = { ...asked, filters: asked.filters.filter((one) => one.field !== field) };
  const { answer, error, busy } = useAsk(`${field} ${JSON.stringify(without)}`, (signal) => ask.values({ ...without, field, size: 10 }, signal));
  if (error) return html`<p class="bad">${error.message}</p>`;
  if (!answer) return html`<p class="quiet">${busy ? "…" : ""}</p>`;
  if (!answer.values.length) return html`<p class="quiet">No values.</p>`;
  const pick = (/** @type {() => void} */ act) => () => {
    act();
    done();
  };
  return html`<div class="top-values">
    <ul>${answer.values.map(({ value, n }) => {
      const share = answer.with ? n / answer.with : 0;
      const text = visible(value);
      return html`<li key=${String(value)}>
        <span class="key" title=${text}>${text || '""'}</span>
        <span class="count" title=${`${number(n)} events`}>${share < 0.001 ? "<0.1" : (share * 100).toFixed(1)} %</span>
        <span class="pick">
          <button type="button" onClick=${pick(() => actions.filterIn(field, value))} aria-label=${`Filter for ${text}`} title="Filter for this value">+</button>
          <button type="button" onClick=${pick(() => actions.filterOut(field, value))} aria-label=${`Filter out ${text}`} title="Filter out this value">−</button>
        </span>
        <meter min="0" max="1" value=${share} aria-hidden="true"></meter>
      </li>`;
    })}</ul>
    <p class="quiet">${number(answer.distinct)} ${answer.distinct === 1 ? "value" : "values"} in ${number(answer.with)} events</p>
  </div>`;
}

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS and beyond localhost there is no clipboard; the old way still works.
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
