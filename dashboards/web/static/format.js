// How a chart's figures are written: "number", "percent" or "duration" (milliseconds).

import { number } from "./text.js";

/** @typedef {"number" | "percent" | "duration"} Format */

/** @type {[number, string][]} */
const UNITS = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1000, "s"], [1, "ms"]];

/** @param {number | null | undefined} value @param {Format} format */
export function written(value, format) {
  if (value === null || value === undefined) return "–";
  if (format === "percent") return `${number(rounded(value * 100, 1))} %`;
  if (format === "duration") {
    const [size, unit] = UNITS.find(([one]) => Math.abs(value) >= one) ?? UNITS[UNITS.length - 1];
    return `${number(rounded(value / size, 1))} ${unit}`;
  }
  return number(rounded(value, 2));
}

const rounded = (/** @type {number} */ value, /** @type {number} */ digits) => Number(value.toFixed(digits));

/** The round figure at the top of an axis that holds `most`. @param {number} most @param {Format} format */
export function roundUp(most, format) {
  if (!(most > 0)) return 1;
  const unit = format === "duration" ? (UNITS.find(([one]) => most >= one) ?? [1])[0] : 1;
  const size = 10 ** Math.floor(Math.log10(most / unit)) * unit;
  const step = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((one) => one * size >= most) ?? 10;
  return step * size;
}
