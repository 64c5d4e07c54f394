// What components share: asking the server, and hearing of things outside of them.

import { useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** @template T @typedef {{ answer: T | null, error: Error | null, busy: boolean, stale: boolean }} Asked */

/**
 * Ask again whenever `key` changes; what is superseded is aborted. The last answer stays until there is another, and
 * is `stale` while what stands beside it is an error. It is `busy` from the drawing on in which the key is another.
 * @template T
 * @param {string | null} key null: nothing to ask
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @returns {Asked<T>}
 */
export function useAsk(key, ask) {
  const [asked, set] = useState({ of: /** @type {string | null} */ (null), answer: /** @type {T | null} */ (null), error: /** @type {Error | null} */ (null) });
  useEffect(() => {
    if (key === null) return;
    const aborter = new AbortController();
    set((before) => ({ ...before, of: null }));
    ask(aborter.signal).then(
      (answer) => aborter.signal.aborted || set({ of: key, answer, error: null }),
      (error) => aborter.signal.aborted || set((before) => ({ ...before, of: key, error })),
    );
    return () => aborter.abort();
  }, [key]);
  const { of, answer, error } = asked;
  return { answer, error, busy: key !== null && of !== key, stale: error !== null && answer !== null };
}

/** The size of an element, kept. @returns {[{ current: any }, { width: number, height: number }]} */
export function useSize() {
  const ref = useRef(/** @type {any} */ (null));
  const [size, set] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (!ref.current) return;
    const watch = new ResizeObserver(([{ contentRect }]) => {
      // Within the frame, a change of layout would be reported as a loop.
      requestAnimationFrame(() => set({ width: contentRect.width, height: contentRect.height }));
    });
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return [ref, size];
}

/** Call `act` for a click outside of `ref`, or Escape; at once, as the next key may be one. @param {{ current: any }} ref @param {boolean} open @param {() => void} act */
export function useOutside(ref, open, act) {
  useLayoutEffect(() => {
    if (!open) return;
    const click = (/** @type {Event} */ event) => {
      if (ref.current && !ref.current.contains(/** @type {Node} */ (event.target))) act();
    };
    const key = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      event.preventDefault(); // a search box would be emptied
      act();
      ref.current?.querySelector("[aria-expanded]")?.focus();
    };
    document.addEventListener("pointerdown", click, true);
    document.addEventListener("keydown", key, true);
    return () => {
      document.removeEventListener("pointerdown", click, true);
      document.removeEventListener("keydown", key, true);
    };
  }, [open]);
}
