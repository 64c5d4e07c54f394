// Events over time as stacked bars, errors on a track of their own above; a drag or a click narrows the time range.

import { useSize } from "./hooks.js";
import { byGravity, kind } from "./levels.js";
import { number, visible } from "./text.js";
import { lengthText, spanText, ticks } from "./time.js";
import { html, useRef, useState } from "./vendor/preact.js";

/** @import { Counted, Bar } from "./types.js" */

const HEIGHT = 96;
const TRACK = 10; // of the errors
const FOOT = 18;
const SERIES = 8;
const REST = "other";

/**
 * The parts of each bar: [[name, count, class], …] from the ground up, the same names in the same order in all bars.
 * @param {Bar[]} bars @param {string} split
 */
export function stacks(bars, split) {
  /** @type {Map<string, number>} */
  const totals = new Map();
  for (const { by } of bars) for (const [name, n] of Object.entries(by ?? {})) totals.set(name, (totals.get(name) ?? 0) + n);
  const names = [...totals].sort(([, one], [, other]) => other - one).map(([name]) => name);
  const named = split === "log.level" ? names.sort(byGravity) : names.slice(0, SERIES);
  const series = named.map((name, place) => ({ name, className: split === "log.level" ? `level-${kind(name)}` : `series-${(place % 10) + 1}` }));
  const parts = bars.map(({ n, by }) => {
    const made = series.map(({ name }) => by?.[name] ?? 0);
    return [...made, Math.max(0, n - made.reduce((sum, one) => sum + one, 0))];
  });
  const some = parts.some((values) => values[values.length - 1] > 0);
  return { series: some ? [...series, { name: split ? REST : "events", className: split ? "level-other" : "series-1" }] : series, parts };
}

/** @param {{ counted: Counted, zone: string, split: string, splits: string[], onSplit: (split: string) => void, onRange: (from: number, to: number) => void }} props */
export function Histogram({ counted, zone, split, splits, onSplit, onRange }) {
  const [ref, { width }] = useSize();
  const [drag, setDrag] = useState(/** @type {{ from: number, to: number } | null} */ (null));
  const [over, setOver] = useState(/** @type {number | null} */ (null));
  const started = useRef(/** @type {number | null} */ (null));
  const { bars, interval_ms: step } = counted;
  const from = counted.from ?? bars[0]?.at ?? 0;
  const to = Math.max(counted.to ?? (bars[bars.length - 1]?.at ?? 0) + step, from + 1);
  const x = (/** @type {number} */ at) => ((Math.min(Math.max(at, from), to) - from) / (to - from)) * width;
  const timeAt = (/** @type {PointerEvent} */ event) => {
    const box = ref.current.getBoundingClientRect();
    return from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (to - from);
  };
  const barAt = (/** @type {number} */ at) => bars.findIndex((bar) => bar.at <= at && at < bar.at + step);
  const down = (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    ref.current.setPointerCapture(event.pointerId);
    started.current = timeAt(event);
  };
  const move = (/** @type {PointerEvent} */ event) => {
    const at = timeAt(event);
    setOver(barAt(at));
    if (started.current !== null) setDrag({ from: Math.min(started.current, at), to: Math.max(started.current, at) });
  };
  const up = (/** @type {PointerEvent} */ event) => {
    const at = timeAt(event);
    const start = started.current;
    started.current = null;
    setDrag(null);
    if (start === null) return;
    if (Math.abs(x(at) - x(start)) >= 4) return onRange(Math.floor(Math.min(start, at)), Math.ceil(Math.max(start, at)));
    const bar = bars[barAt(at)];
    if (bar) onRange(Math.max(bar.at, from), Math.min(bar.at + step, to));
  };
  const cancel = () => {
    started.current = null;
    setDrag(null);
    setOver(null);
  };
  const picture = width > 0 && bars.length > 0;
  return html`<figure class="histogram" aria-label="Events over time">
    <figcaption>
      <span class="quiet">${bars.length > 0 && `${lengthText(step)} a bar`}</span>
      <${Legend} ...${stacks(bars, split)} />
      <label class="quiet">by <select aria-label="Split the histogram by" value=${split} onChange=${(/** @type {any} */ event) => onSplit(event.target.value)}>
        <option value="">nothing</option>${splits.map((field) => html`<option key=${field} value=${field}>${field}</option>`)}
      </select></label>
    </figcaption>
    <div class="plot" ref=${ref} onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${cancel} onPointerLeave=${() => started.current === null && setOver(null)}>
      ${picture && html`<${Picture} bars=${bars} step=${step} from=${from} to=${to} width=${width} x=${x} zone=${zone} split=${split} over=${over} drag=${drag} />`}
      ${picture && (drag || (over !== null && bars[over])) && html`<${Tip} bar=${over !== null ? bars[over] : null} drag=${drag} step=${step} x=${x} width=${width} zone=${zone} split=${split} from=${from} to=${to} />`}
    </div>
  </figure>`;
}

function Picture(/** @type {any} */ { bars, step, from, to, width, x, zone, split, over, drag }) {
  const { series, parts } = stacks(bars, split);
  const tops = parts.map((values) => values.reduce((sum, one) => sum + one, 0));
  const most = Math.max(1, ...tops);
  const mostErrors = Math.max(1, ...bars.map((/** @type {Bar} */ { errors }) => errors ?? 0));
  const ground = HEIGHT - FOOT;
  const tall = ground - TRACK - 6;
  const total = tops.reduce((sum, one) => sum + one, 0);
  const label = `${number(total)} events; ${series.map(({ name }, place) => `${visible(name)} ${number(parts.reduce((sum, values) => sum + values[place], 0))}`).join(", ")}`;
  return html`<svg role="img" aria-label=${label} width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`}>
    <defs><pattern id="partial" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="5" class="hatch" /></pattern></defs>
    <line class="grid" x1="0" x2=${width} y1=${ground - tall} y2=${ground - tall} /><text class="most" x="2" y=${ground - tall + 11}>${number(most)}</text>
    <line class="grid" x1="0" x2=${width} y1=${ground + 0.5} y2=${ground + 0.5} />
    ${bars.map((/** @type {Bar} */ { at, errors = 0, partial }, /** @type {number} */ place) => {
      const left = x(at);
      const wide = Math.max(1, x(at + step) - left - (x(at + step) - left > 4 ? 1 : 0));
      let foot = ground;
      return html`<g key=${at} class=${`bar${place === over ? " over" : ""}`}>
        ${errors > 0 && html`<rect class="errors" x=${left} y="0" width=${wide} height=${TRACK} fill-opacity=${0.35 + 0.65 * Math.sqrt(errors / mostErrors)} />`}
        ${parts[place].map((value, number_) => {
          if (!value) return null;
          const high = Math.max(1, (value / most) * tall);
          foot -= high;
          return html`<rect key=${number_} class=${series[number_]?.className} x=${left} y=${foot} width=${wide} height=${high} />`;
        })}
        ${partial && tops[place] > 0 && html`<rect class="partial" fill="url(#partial)" x=${left} y=${foot} width=${wide} height=${ground - foot} />`}
      </g>`;
    })}
    ${ticks(from, to, Math.max(2, Math.floor(width / 90)), zone).map(({ at, text }) => html`<g key=${at} class="tick"><line x1=${x(at)} x2=${x(at)} y1=${ground} y2=${ground + 4} />
      <text x=${Math.min(Math.max(x(at), 18), width - 24)} y=${HEIGHT - 3} text-anchor="middle">${text}</text></g>`)}
    ${drag && html`<rect class="drag" x=${x(drag.from)} y="0" width=${Math.max(1, x(drag.to) - x(drag.from))} height=${ground} />`}
  </svg>`;
}

function Tip(/** @type {any} */ { bar, drag, step, x, width, zone, split, from, to }) {
  const at = drag ? (drag.from + drag.to) / 2 : bar.at + step / 2;
  const place = Math.min(Math.max(x(at), 110), Math.max(110, width - 110));
  if (drag) return html`<div class="tip" style=${{ left: `${place}px` }}><b>${spanText(Math.floor(drag.from), Math.ceil(drag.to), zone)}</b><span>${lengthText(drag.to - drag.from)}</span></div>`;
  const rows = split ? Object.entries(bar.by ?? {}).sort(([one], [other]) => (split === "log.level" ? byGravity(one, other) : bar.by[other] - bar.by[one])).slice(0, 8) : [];
  return html`<div class="tip" style=${{ left: `${place}px` }}>
    <b>${spanText(Math.max(bar.at, from), Math.min(bar.at + step, to), zone)}</b>
    <span>${number(bar.n)} events${bar.errors ? `, ${number(bar.errors)} errors` : ""}${bar.partial ? " (partial: the range cuts this bar)" : ""}</span>
    ${rows.map(([name, n]) => html`<span key=${name}>${visible(name)} ${number(n)}</span>`)}
  </div>`;
}

function Legend(/** @type {any} */ { series }) {
  return html`<ul class="legend" aria-label="Legend">${series.map((/** @type {any} */ { name, className }) => html`<li key=${name}><i class=${`dot ${className}`}></i>${visible(name)}</li>`)}</ul>`;
}
