// What plots over time share: their width, where a moment stands, and a drag or a click that narrows the time range.

import { useSize } from "./hooks.js";
import { useRef, useState } from "./vendor/preact.js";

const A_CLICK = 4; // pixels; a drag goes further

/**
 * @param {{ from: number, to: number, step: number, starts: number[], ends?: number[], onRange: (from: number, to: number) => void }} what
 *   `starts` are the moments at which bars of `step` milliseconds begin, `ends` those at which they end if that differs
 */
export function usePlot({ from, to, step, starts, ends = starts.map((at) => at + step), onRange }) {
  const [ref, { width, height }] = useSize();
  const [drag, setDrag] = useState(/** @type {{ from: number, to: number } | null} */ (null));
  const [over, setOver] = useState(-1);
  const started = useRef(/** @type {number | null} */ (null));
  const x = (/** @type {number} */ at) => ((Math.min(Math.max(at, from), to) - from) / (to - from)) * width;
  const timeAt = (/** @type {PointerEvent} */ event) => {
    const box = ref.current.getBoundingClientRect();
    return from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (to - from);
  };
  const barAt = (/** @type {number} */ at) => starts.findIndex((start, place) => start <= at && at < ends[place]);
  const cancel = () => {
    started.current = null;
    setDrag(null);
    setOver(-1);
  };
  const handlers = {
    onPointerDown: (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0) return;
      ref.current.setPointerCapture(event.pointerId);
      started.current = timeAt(event);
    },
    onPointerMove: (/** @type {PointerEvent} */ event) => {
      const at = timeAt(event);
      setOver(barAt(at));
      if (started.current !== null) setDrag({ from: Math.min(started.current, at), to: Math.max(started.current, at) });
    },
    onPointerUp: (/** @type {PointerEvent} */ event) => {
      const at = timeAt(event);
      const start = started.current;
      started.current = null;
      setDrag(null);
      if (start === null) return;
      if (Math.abs(x(at) - x(start)) >= A_CLICK) return onRange(Math.floor(Math.min(start, at)), Math.ceil(Math.max(start, at)));
      const bar = barAt(at);
      if (bar >= 0) onRange(Math.max(starts[bar], from), Math.min(ends[bar], to));
    },
    onPointerCancel: cancel,
    onPointerLeave: () => started.current === null && setOver(-1),
  };
  return { ref, width, height, x, drag, over, handlers };
}

/** Where a tip stands that must not leave the plot. @param {number} at pixels @param {number} width */
export const tipPlace = (at, width) => ({ left: `${Math.min(Math.max(at, 110), Math.max(110, width - 110))}px` });
