// The events of a search, in pages; and the new ones, as the server sends them.

import * as ask from "./ask.js";
import { parse } from "./exact.js";
import { Pages } from "./pages.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

/** @import { LogEvent, Language } from "./types.js" */

const OPEN_WITHIN = 1500; // milliseconds to wait for the stream before asking for the first page without
const RECOUNT_EVERY = 4000;
const MOST_NOTICES = 5;

/** @typedef {{ title: string, type: string | null, place: string | null, kind: string, filters: import("./types.js").Filter[], index: string, id: string }} FoundProblem */

/**
 * @typedef {object} FoundEvents
 * @property {Pages | null} pages
 * @property {Error | null} error
 * @property {boolean} busy
 * @property {boolean} stale what is shown belongs to the question before
 * @property {Language | null} language as which the query was read
 * @property {number} recount changes when rows that came live should be counted
 * @property {(id: string) => LogEvent | undefined} find
 * @property {() => void} redraw
 * @property {(error: Error | null) => void} fail
 * @property {FoundProblem[]} notices problems that were not there before, the newest last
 * @property {(id: string) => void} unnotice
 * @property {string | null} away why the store does not answer just now
 * @property {() => void} anew ask for the list once more
 */

/** @param {import("./app.js").ViewProps} props @returns {FoundEvents} */
export function useEvents({ state, asked, key_: key }) {
  const [shown, show] = useState(/** @type {{ of: string, pages: Pages | null, error: Error | null, language: Language | null }} */ ({ of: "", pages: null, error: null, language: null }));
  const [, draw] = useState(0);
  const [recount, setRecount] = useState(0);
  const [notices, setNotices] = useState(/** @type {FoundProblem[]} */ ([]));
  const [away, setAway] = useState(/** @type {string | null} */ (null));
  const redraw = () => draw((before) => before + 1);
  const { live, order } = state;
  // Ending live leaves the rows as they are; beginning it asks anew.
  const begun = useRef({ live: false, times: 0 });
  if (live && !begun.current.live) begun.current.times++;
  begun.current.live = live;
  const whole = `${key} ${order} ${begun.current.times}`;
  const made = useRef({ whole: "", pages: /** @type {Pages | null} */ (null), opened: Promise.resolve() });

  useEffect(() => {
    const aborter = new AbortController();
    const fixed = { ...asked };
    const pages = new Pages(async (after, size) => {
      const found = await ask.search({ ...fixed, size, after, order }, aborter.signal);
      if (after === null) {
        // "now" of the further pages is that of the first.
        if (found.from !== null) fixed.from = new Date(found.from).toISOString();
        show((before) => ({ ...before, language: found.language }));
      }
      return found;
    });
    pages.oldestFirst = order === "oldest";
    made.current = { whole, pages, opened: Promise.resolve() };
    show((before) => ({ ...before, of: "" }));
    // The stream opens first (the effect below), so that no event falls between it and the first page.
    queueMicrotask(async () => {
      try {
        await made.current.opened;
        if (aborter.signal.aborted) return;
        await pages.more();
        if (!aborter.signal.aborted) show(({ language }) => ({ of: whole, pages, error: null, language }));
      } catch (error) {
        if (!aborter.signal.aborted) show((before) => ({ ...before, of: whole, error: /** @type {Error} */ (error) }));
      }
    });
    return () => aborter.abort();
  }, [whole]);

  useEffect(() => {
    const { pages } = made.current;
    if (!live || !pages) return;
    const source = new EventSource(ask.liveAddress(asked));
    let uncounted = false;
    let opened = false;
    made.current.opened = new Promise((resolve) => {
      source.onopen = () => {
        // Connected again: what came between was told to nobody, so that the list begins anew.
        if (opened) begun.current.times++;
        if (opened) redraw();
        opened = true;
        resolve(undefined);
      };
      setTimeout(resolve, OPEN_WITHIN);
    });
    source.addEventListener("rows", (message) => {
      const { events } = parse(message.data);
      const before = pages.skipped;
      if (pages.add(events) === 0 && pages.skipped === before) return;
      uncounted = true;
      if (made.current.pages === pages) redraw();
    });
    source.addEventListener("skipped", (message) => {
      pages.skipped = Math.max(0, pages.skipped + JSON.parse(message.data).n);
      uncounted = true;
      if (made.current.pages === pages) redraw();
    });
    source.addEventListener("found", (message) => {
      const problem = parse(message.data);
      setNotices((before) => [...before.filter(({ id }) => id !== problem.id), problem].slice(-MOST_NOTICES));
    });
    source.addEventListener("problem", (message) => setAway(parse(message.data).reason));
    source.onerror = () => {
      // A connection that is lost comes again by itself; one that is refused does not.
      if (source.readyState === EventSource.CLOSED) show((before) => ({ ...before, error: new Error("New events are not shown as they come: the server refuses. Too many pages may be looking.") }));
    };
    const timer = setInterval(() => {
      if (uncounted) setRecount((before) => before + 1);
      uncounted = false;
    }, RECOUNT_EVERY);
    return () => {
      setAway(null);
      source.close();
      clearInterval(timer);
    };
  }, [live, whole]);

  const { of, pages, error, language } = shown;
  return {
    pages, error, language, recount, redraw,
    busy: of !== whole, // from the drawing on in which something else is asked
    stale: error !== null && pages !== null && pages !== made.current.pages,
    notices, away,
    unnotice: (id) => setNotices((before) => before.filter((one) => one.id !== id)),
    anew: () => {
      begun.current.times++;
      setRecount((before) => before + 1);
    },
    find: (id) => (pages && pages.rowOf(id) >= 0 ? pages.at(pages.rowOf(id)) : undefined),
    fail: (problem) => show((before) => ({ ...before, error: problem })),
  };
}
