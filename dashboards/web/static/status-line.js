// The line at the foot of the page: what the running sawlog says of itself.

import * as ask from "./ask.js";
import { number, visible } from "./text.js";
import { html, useEffect, useState } from "./vendor/preact.js";

const EVERY = 3000;
const count = (/** @type {number} */ value, /** @type {string} */ one, /** @type {string} */ many) => `${number(value)} ${value === 1 ? one : many}`;
/** @type {Record<string, (value: number) => string>} */
const WORDS = {
  indexed: (value) => `${count(value, "event", "events")} in the index`,
  events_per_second: (value) => `${number(Math.round(value))} events/s`,
  files: (value) => count(value, "file", "files"),
  lag_seconds: (value) => `${number(Math.round(value * 10) / 10)} s behind`,
  lag_bytes: (value) => (value > 0 ? `${bytes(value)} behind` : "up to date"),
  unparsed: (value) => count(value, "parse failure", "parse failures"),
  dead_letters: (value) => count(value, "dead letter", "dead letters"),
};
const WARNINGS = ["unparsed", "dead_letters"];

/** @typedef {{ values: Record<string, any> | null, error: Error | null }} Status */

/** @returns {Status} */
export function useStatus() {
  const [status, set] = useState(/** @type {Status} */ ({ values: null, error: null }));
  useEffect(() => {
    let timer = 0;
    let last = /** @type {{ events: number, at: number } | null} */ (null);
    const refresh = async () => {
      try {
        if (!document.hidden) {
          const values = await ask.status();
          const now = { events: values.events, at: performance.now() };
          if (last && values.events_per_second === undefined) values.events_per_second = Math.max(0, ((now.events - last.events) * 1000) / (now.at - last.at));
          last = now;
          set({ values, error: null });
        }
      } catch (error) {
        set(({ values }) => ({ values, error: /** @type {Error} */ (error) }));
      }
      timer = setTimeout(refresh, EVERY);
    };
    refresh();
    return () => clearTimeout(timer);
  }, []);
  return status;
}

/** @param {{ status: Status, actions: import("./types.js").Actions }} props */
export function StatusLine({ status, actions }) {
  const { values, error } = status;
  return html`<footer id="status" class="status" aria-label="State of sawlog">
    ${error && html`<span class="bad">${error.message}</span>`}
    ${!error && values && Object.keys(WORDS).filter((key) => Number.isFinite(values[key])).map((key) => {
      const bad = WARNINGS.includes(key) && values[key] > 0;
      const text = WORDS[key](values[key]);
      if (bad && key === "unparsed") {
        return html`<button key=${key} type="button" class="bad plain" title="Take them apart" onClick=${() => actions.view("grok")}>${text}</button>`;
      }
      return html`<span key=${key} class=${bad ? "bad" : ""}>${text}</span>`;
    })}
    ${!error && Object.entries(values?.problems ?? {}).map(([path, reason]) => html`<span key=${path} class="bad">${visible(path)}: ${visible(reason)}</span>`)}
  </footer>`;
}

/** @param {number} value */
function bytes(value) {
  const power = Math.min(3, Math.floor(Math.log(value) / Math.log(1024)));
  return `${number(Math.round((value / 1024 ** power) * 10) / 10)} ${["B", "KiB", "MiB", "GiB"][power]}`;
}
