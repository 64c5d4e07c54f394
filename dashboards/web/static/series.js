// The series of a chart: their order, and the class that gives each its colour (`--series-1`, `--level-error`, …).

import { style } from "./drawing.js";
import { byGravity, kind } from "./levels.js";

const COLOURS = 10;

// [{ name, other, className }] of `names`, in order; `other` is the one that stands for all the rest.
export function seriesOf(names, field, other = null) {
  const known = [...new Set(names)];
  if (field === "log.level") known.sort(byGravity);
  const made = known.map((name, place) => ({
    name, other: false, className: field === "log.level" ? `level-${kind(name)}` : `series-${(place % COLOURS) + 1}`,
  }));
  return other === null ? made : [...made, { name: other, other: true, className: "level-other" }];
}

export const colourOf = ({ className }) => style(`--${className}`);
