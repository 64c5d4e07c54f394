// A small picture of counts over time, to stand in a line of text.

import { number } from "./text.js";
import { stamp } from "./time.js";
import { html } from "./vendor/preact.js";

const HEIGHT = 24;
const LEAST = 4; // a single error does not fill the height
const BAR = 4; // units of width of a bar with its gap

/**
 * @param {{ counts: number[], from: number, interval: number, zone: string, most?: number, what?: string }} props
 *   `most`: what the full height stands for, so that several can be compared
 */
export function Spark({ counts, from, interval, zone, most = Math.max(LEAST, ...counts), what = "errors" }) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  const peak = counts.indexOf(Math.max(...counts));
  const told = total ? `${number(total)} ${what}, most at ${stamp(from + peak * interval, zone).slice(0, 16)}: ${number(counts[peak])}` : `no ${what}`;
  const bars = counts.map((n, place) => {
    const height = n ? Math.max(2, (n / Math.max(most, 1)) * HEIGHT) : 0;
    return n ? `M${place * BAR} ${HEIGHT}v${-height.toFixed(1)}h${BAR - 1}v${height.toFixed(1)}z` : "";
  });
  return html`<svg class="spark" role="img" aria-label=${told} viewBox=${`0 0 ${counts.length * BAR} ${HEIGHT + 1}`} preserveAspectRatio="none">
    <title>${told}</title>
    <path class="floor" d=${`M0 ${HEIGHT + 0.5}h${counts.length * BAR}`} />
    <path class="bars" d=${bars.join("")} />
  </svg>`;
}
