// How a chart's figures are written: "number", "percent" or "duration" (milliseconds).

import { number } from "./text.js";

const UNITS = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1000, "s"], [1, "ms"]];

export function written(value, format) {
  if (value === null || value === undefined) return "–";
  if (format === "percent") return `${rounded(value * 100, 1)} %`;
  if (format === "duration") {
    const [size, unit] = unitFor(value);
    return `${rounded(value / size, 1)} ${unit}`;
  }
  return number(rounded(value, 2));
}

// What an axis up to `most` divides its values by, writes behind them, and d3's format for the rest.
export function axis(most, format) {
  if (format === "percent") return { size: 1, unit: "", format: most < 0.05 ? ".1%" : "~%" };
  if (format !== "duration") return { size: 1, unit: "", format: "~s" };
  const [size, unit] = unitFor(most);
  return { size, unit: ` ${unit}`, format: "~r" };
}

const unitFor = (value) => UNITS.find(([size]) => Math.abs(value) >= size) ?? UNITS.at(-1);
const rounded = (value, digits) => Number(value.toFixed(digits));
