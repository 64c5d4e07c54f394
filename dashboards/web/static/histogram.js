// Events over time as stacked bars, errors on a track of their own above; a drag or a click narrows the time range.

import { byGravity, kind } from "./levels.js";
import { tipPlace, usePlot } from "./plot.js";
import { number, visible } from "./text.js";
import { lengthText, spanText, ticks } from "./time.js";
import { html } from "./vendor/preact.js";

/** @import { Counted, Bar } from "./types.js" */
/** @typedef {{ name: string, className: string }} Series */

const HEIGHT = 96;
const TRACK = 10; // of the errors
const FOOT = 18;
const MOST_SERIES = 8;
const COLOURS = 10;
const REST = "other";

/** The class that gives a series its colour. @param {string} name @param {string} field @param {number} place */
export const classOf = (name, field, place) => (field === "log.level" ? `level-${kind(name)}` : `series-${(place % COLOURS) + 1}`);

/**
 * The parts of each bar from the ground up, those of the same series at the same place in all bars.
 * @param {Bar[]} bars @param {string} split
 * @returns {{ series: Series[], parts: number[][] }}
 */
export function stacks(bars, split) {
  /** @type {Map<string, number>} */
  const totals = new Map();
  for (const { by } of bars) for (const [name, n] of Object.entries(by ?? {})) totals.set(name, (totals.get(name) ?? 0) + n);
  const names = [...totals].sort(([, one], [, other]) => other - one).map(([name]) => name);
  const named = split === "log.level" ? names.sort(byGravity) : names.slice(0, MOST_SERIES);
  const series = named.map((name, place) => ({ name, className: classOf(name, split, place) }));
  const parts = bars.map(({ n, by }) => {
    const made = series.map(({ name }) => by?.[name] ?? 0);
    return [...made, Math.max(0, n - made.reduce((sum, one) => sum + one, 0))];
  });
  const some = parts.some((values) => values[values.length - 1] > 0);
  return { series: some ? [...series, { name: split ? REST : "events", className: split ? "level-other" : "series-1" }] : series, parts };
}

/** @param {{ counted: Counted, zone: string, split: string, splits: string[], onSplit: (split: string) => void, onRange: (from: number, to: number) => void }} props */
export function Histogram({ counted, zone, split, splits, onSplit, onRange }) {
  const { interval_ms: step } = counted;
  // Clocks that are ahead make events of the future: they are counted, and are no part of a picture that ends now.
  const bars = counted.bars.filter(({ at }) => counted.to === null || at <= counted.to);
  const from = counted.from ?? bars[0]?.at ?? 0;
  const to = Math.max(counted.to ?? (bars[bars.length - 1]?.at ?? 0) + step, from + 1);
  const plot = usePlot({ from, to, step, starts: bars.map(({ at }) => at), ends: bars.map(({ to: end }) => end), onRange });
  const stacked = stacks(bars, split);
  const { width, over, drag } = plot;
  const frame = { bars, from, to, zone, split, plot, ...stacked };
  return html`<figure class="histogram" aria-label="Events over time">
    <figcaption>
      <span class="quiet">${bars.length > 0 && `${lengthText(step)} a bar`}</span>
      <ul class="legend" aria-label="Legend">${stacked.series.map(({ name, className }) => html`<li key=${name}><i class=${`dot ${className}`}></i>${visible(name)}</li>`)}</ul>
      <label class="quiet">by <select aria-label="Split the histogram by" value=${split} onChange=${(/** @type {any} */ event) => onSplit(event.target.value)}>
        <option value="">nothing</option>${splits.map((field) => html`<option key=${field} value=${field}>${field}</option>`)}
      </select></label>
    </figcaption>
    <div class="plot" ref=${plot.ref} ...${plot.handlers}>
      ${width > 0 && bars.length > 0 && html`<${Picture} ...${frame} />`}
      ${width > 0 && (drag || bars[over]) && html`<${Tip} ...${frame} />`}
    </div>
  </figure>`;
}

/** @typedef {{ bars: Bar[], from: number, to: number, zone: string, split: string, plot: ReturnType<typeof usePlot>, series: Series[], parts: number[][] }} Frame */

/** @param {Frame} frame */
function Picture({ bars, from, to, zone, plot, series, parts }) {
  const { x, width, over, drag } = plot;
  const tops = bars.map(({ n }) => n);
  // An event may have several values of a field: its bar is as high as others, and its parts share it.
  const shares = parts.map((values, place) => Math.min(1, tops[place] / Math.max(1, values.reduce((sum, one) => sum + one, 0))));
  const most = Math.max(1, ...tops);
  const mostErrors = Math.max(1, ...bars.map(({ errors }) => errors ?? 0));
  const ground = HEIGHT - FOOT;
  const tall = ground - TRACK - 6;
  const total = tops.reduce((sum, one) => sum + one, 0);
  const label = `${number(total)} events; ${series.map(({ name }, place) => `${visible(name)} ${number(parts.reduce((sum, values) => sum + values[place], 0))}`).join(", ")}`;
  return html`<svg role="img" aria-label=${label} width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`}>
    <defs><pattern id="partial" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="5" class="hatch" /></pattern></defs>
    <line class="grid" x1="0" x2=${width} y1=${ground - tall} y2=${ground - tall} />
    <line class="grid" x1="0" x2=${width} y1=${ground + 0.5} y2=${ground + 0.5} />
    ${bars.map(({ at, to: end, errors = 0, partial }, place) => {
      const left = x(at);
      const wide = Math.max(1, x(end) - left - (x(end) - left > 4 ? 1 : 0));
      let foot = ground;
      return html`<g key=${at} class=${`bar${place === over ? " over" : ""}`}>
        ${errors > 0 && html`<rect class="errors" x=${left} y="0" width=${wide} height=${TRACK} fill-opacity=${0.35 + 0.65 * Math.sqrt(errors / mostErrors)} />`}
        ${parts[place].map((value, row) => {
          if (!value) return null;
          const high = Math.max(1, ((value * shares[place]) / most) * tall);
          foot -= high;
          return html`<rect key=${row} class=${series[row]?.className} x=${left} y=${foot} width=${wide} height=${high} />`;
        })}
        ${partial && tops[place] > 0 && html`<rect class="partial" fill="url(#partial)" x=${left} y=${foot} width=${wide} height=${ground - foot} />`}
      </g>`;
    })}
    <text class="most" x="2" y=${ground - tall + 11}>${number(most)}</text>
    <${TimeAxis} from=${from} to=${to} x=${x} width=${width} y=${ground} zone=${zone} />
    ${drag && html`<rect class="drag" x=${x(drag.from)} y="0" width=${Math.max(1, x(drag.to) - x(drag.from))} height=${ground} />`}
  </svg>`;
}

/** @param {{ from: number, to: number, x: (at: number) => number, width: number, y: number, zone: string }} props */
export function TimeAxis({ from, to, x, width, y, zone }) {
  return html`${ticks(from, to, Math.max(2, Math.floor(width / 90)), zone).map(({ at, text }) => html`<g key=${at} class="tick"><line x1=${x(at)} x2=${x(at)} y1=${y} y2=${y + 4} />
    <text x=${Math.min(Math.max(x(at), 18), width - 24)} y=${y + 15} text-anchor="middle">${text}</text></g>`)}`;
}

/** @param {Frame} frame */
function Tip({ bars, from, to, zone, split, plot, series, parts }) {
  const { x, width, drag, over } = plot;
  if (drag) {
    return html`<div class="tip" style=${tipPlace(x((drag.from + drag.to) / 2), width)}>
      <b>${spanText(Math.floor(drag.from), Math.ceil(drag.to), zone)}</b><span>${lengthText(drag.to - drag.from)}</span></div>`;
  }
  const bar = bars[over];
  return html`<div class="tip" style=${tipPlace(x((bar.at + bar.to) / 2), width)}>
    <b>${spanText(Math.max(bar.at, from), Math.min(bar.to, to), zone)}</b>
    <span>${number(bar.n)} events${bar.errors ? `, ${number(bar.errors)} errors` : ""}${bar.partial ? " (partial: the range cuts this bar)" : ""}</span>
    ${split && series.map(({ name, className }, place) => parts[over][place] > 0 && html`<span key=${name}><i class=${`dot ${className}`}></i> ${visible(name)} ${number(parts[over][place])}</span>`)}
  </div>`;
}
