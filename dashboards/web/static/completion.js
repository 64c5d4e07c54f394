// What may stand at the caret of the query: what the server offers, and queries of before.

import * as ask from "./ask.js";
import { useEffect, useRef } from "./vendor/preact.js";

/** @import { Suggested } from "./types.js" */
/** @typedef {Suggested & { to: string }} Offered `to` is the text that it was offered to */

const RECENT = "sawlog.recent";
const MOST_RECENT = 12;
const WAIT = 120; // milliseconds of rest before completions are asked for

/** @param {Suggested["items"][0]} item */
export const nameOf = ({ kind, text }) => `${kind} ${text}`;

/**
 * What of an offer still fits. While one types on in the same word, it is what goes on with that word, so that nobody
 * waits for the next answer, and no key takes what was offered to something else.
 * @param {Offered | null} offered
 * @param {string} text
 * @returns {Offered | null}
 */
export function fitting(offered, text) {
  if (!offered || offered.to === text) return offered;
  const { start, end, to, items } = offered;
  const behind = to.slice(end);
  const word = text.slice(start, text.length - behind.length);
  if (`${to.slice(0, start)}${word}${behind}` !== text || !/^[\w.@/-]+$/.test(word)) return null;
  const still = items.filter((item) => goesOn(item, item.kind === "recent" ? text : word));
  return still.length ? { start, end: start + word.length, to: text, items: still } : null;
}

/** As the server looks for them: a value from its beginning, a field anywhere in its name. @param {Suggested["items"][0]} item @param {string} word */
function goesOn({ kind, text }, word) {
  const [whole, wanted] = [text.toLowerCase(), word.toLowerCase()];
  return kind === "field" || kind === "recent" ? whole.includes(wanted) : whole.replace(/^"/, "").startsWith(wanted);
}

/**
 * Ask for completions a moment after the last key. With `first`, the item at that place is chosen once they are there.
 * @param {import("./app.js").ViewProps} props
 * @param {(offered: Offered | null) => void} show
 * @param {(chosen: string | null) => void} choose
 */
export function useCompletion({ asked }, show, choose) {
  const waiting = useRef({ timer: 0, aborter: /** @type {AbortController | null} */ (null) });
  const stop = () => {
    clearTimeout(waiting.current.timer);
    waiting.current.aborter?.abort();
  };
  const start = (/** @type {string} */ text, /** @type {number} */ caret, wait = WAIT, /** @type {number | null} */ first = null) => {
    stop();
    choose(null);
    let wanted = first;
    const offer = (/** @type {Offered | null} */ offered) => {
      show(offered);
      const item = wanted !== null && offered?.items.at(wanted);
      if (!item) return;
      choose(nameOf(item));
      wanted = null;
    };
    const recent = recentQueries().filter((one) => one !== text && one.toLowerCase().includes(text.toLowerCase())).slice(0, text ? 3 : 8).map((one) => ({ text: one, kind: "recent" }));
    if (!text) offer(recent.length ? { start: 0, end: 0, items: recent, to: text } : null);
    const aborter = (waiting.current.aborter = new AbortController());
    waiting.current.timer = setTimeout(async () => {
      try {
        // The server counts characters, a text of the page UTF-16's units.
        const found = await ask.suggest({ ...asked, query: "", text, caret: [...text.slice(0, caret)].length }, aborter.signal);
        const [start, end] = [found.start, found.end].map((place) => [...text].slice(0, place).join("").length);
        const items = [...(text ? [] : recent), ...found.items, ...(text ? recent : [])];
        if (!aborter.signal.aborted) offer(items.length ? { start, end, items, to: text } : null);
      } catch {
        // A query can be written without completions; the search itself says what is wrong.
      }
    }, wait);
  };
  useEffect(() => stop, []);
  return { ask: start, stop };
}

/** @returns {string[]} */
function recentQueries() {
  try {
    const kept = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string") : [];
  } catch {
    return []; // storage is forbidden, or holds something else
  }
}

/** @param {string} query */
export function remember(query) {
  if (!query) return;
  try {
    localStorage.setItem(RECENT, JSON.stringify([query, ...recentQueries().filter((one) => one !== query)].slice(0, MOST_RECENT)));
  } catch {
    // Storage is forbidden or full: nothing is remembered.
  }
}
