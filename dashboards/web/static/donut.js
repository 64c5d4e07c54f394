// Parts of a whole as a ring; a click on a part picks it.

import { Drawing } from "./drawing.js";
import { written } from "./format.js";
import { colourOf } from "./series.js";
import { visible } from "./text.js";

export class Donut {
  constructor(host, onPick) {
    this.onPick = onPick;
    this.drawing = new Drawing(host);
  }

  // `parts` are { name, value }, side by side with `series`.
  draw({ title, parts, series, format }) {
    const whole = parts.reduce((sum, { value }) => sum + value, 0);
    const values = parts.map(({ value }, place) => ({ place, value }));
    return this.drawing.draw({
      make: (width, height) => specification(values, series, width, height),
      describe: ({ place }) => (place === undefined ? null : `${visible(series[place].name)}: ${written(parts[place].value, format)} (${written(parts[place].value / whole, "percent")})`),
      label: `${title}: ${parts.map(({ name, value }) => `${visible(name)} ${written(value, format)}`).join(", ")}`,
      watch: (view) => view.addEventListener("click", (_, item) => {
        const picked = series[item?.datum?.place];
        if (picked && !picked.other) this.onPick(picked.name);
      }),
    });
  }

  clear() {
    this.drawing.clear();
  }
}

function specification(values, series, width, height) {
  const radius = Math.max(30, Math.min(width, height) / 2 - 4);
  return {
    width: Math.max(80, width), height: Math.max(80, height), data: { values },
    mark: { type: "arc", innerRadius: radius * 0.6, outerRadius: radius, padAngle: values.length > 1 ? 0.012 : 0, cursor: "pointer", tooltip: true },
    encoding: {
      theta: { field: "value", type: "quantitative", stack: true },
      order: { field: "place", type: "quantitative" },
      color: { field: "place", type: "nominal", legend: null, scale: { domain: values.map(({ place }) => place), range: series.map(colourOf) } },
    },
  };
}
