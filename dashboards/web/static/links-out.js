// Links from an event to other tools, as `links.yml` names them: a tracing system, a source repository.

import * as ask from "./ask.js";
import { useAsk } from "./hooks.js";
import { get, valueText, visible } from "./text.js";
import { html } from "./vendor/preact.js";

/** @import { LogEvent } from "./types.js" */
/** @import { Frame } from "./stack-trace.js" */
/** @typedef {{ title: string, field: string, url: string }} Link */

const HOUR = 3_600_000;
const TRACE = "error.stack_trace"; // links of this field go from each frame of own code

/** @returns {Link[]} */
function useLinks() {
  const { answer } = useAsk("links", ask.links);
  const links = /** @type {any} */ (answer)?.links ?? answer;
  return Array.isArray(links) ? links : [];
}

/** @param {{ event: LogEvent }} props */
export function LinksOut({ event }) {
  const made = useLinks()
    .filter(({ field }) => field !== TRACE)
    .map((link) => ({ title: link.title, address: addressOf(link, event) }))
    .filter(({ address }) => address !== null);
  if (!made.length) return null;
  return html`<p class="links-out">${made.map(({ title, address }) => html`<a key=${title} href=${address} target="_blank" rel="noreferrer">${visible(title)} ↗</a>`)}</p>`;
}

/** What gives the address of a frame's source; null where nothing is configured. @param {any} source @returns {(frame: Frame) => string | null} */
export function useSourceLink(source) {
  const link = useLinks().find(({ field }) => field === TRACE);
  return (frame) => {
    if (!link || !frame.file) return null;
    const folder = frame.type.slice(0, frame.type.lastIndexOf(".") + 1).replaceAll(".", "/");
    return filled(link.url, (name) => {
      const known = /** @type {Record<string, unknown>} */ ({ path: folder + frame.file, file: frame.file, line: frame.line ?? 1, class: frame.type, method: frame.method });
      return known[name] ?? get(source, name);
    });
  };
}

/** @param {Link} link @param {LogEvent} event */
function addressOf({ field, url }, event) {
  const value = get(event.source, field);
  if (value === undefined || value === null || value === "") return null;
  const known = /** @type {Record<string, unknown>} */ ({ value, from: event.at - HOUR, to: event.at + HOUR });
  return filled(url, (name) => known[name] ?? get(event.source, name));
}

/**
 * An address with its `{names}` filled in; null if one of them has no value, or it is none of the web.
 * @param {string} url @param {(name: string) => unknown} found
 */
export function filled(url, found) {
  let missing = false;
  const made = url.replace(/\{([\w.@-]+)\}/g, (_, name) => {
    const value = found(name);
    if (value === undefined || value === null) missing = true;
    return valueText(value).split("/").map(encodeURIComponent).join("/");
  });
  return missing || !/^(https?:)?\/\//i.test(made) ? null : made;
}
