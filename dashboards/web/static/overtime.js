// Figures over time as bars, lines or areas. A click on a bar or a drag across several narrows the time range.

import { Drawing } from "./drawing.js";
import { axis, written } from "./format.js";
import { colourOf } from "./series.js";
import { visible } from "./text.js";
import { long } from "./timerange.js";

const CLOCK = {
  year: "%Y", quarter: "%b", month: "%b", week: "%d %b", date: "%d %b", hours: "%H:%M", minutes: "%H:%M",
  seconds: "%H:%M:%S", milliseconds: "%S.%L",
};

export class OverTime {
  constructor(host, onRange, height = null) {
    this.host = host;
    this.onRange = onRange;
    this.height = height;
    this.drawing = new Drawing(host);
  }

  // `rows` are { start, series, value }, `series` is what `seriesOf` gave; a bucket reaches over `step` milliseconds
  // and the axis from `from` to `to`.
  draw(chart) {
    const buckets = bucketsOf(chart);
    return this.drawing.draw({
      make: (width, height) => specification({ ...chart, buckets }, width, this.height ?? height),
      describe: (datum) => describe(datum, chart),
      label: summary(chart),
      watch: (view) => this.#watch(view),
    });
  }

  clear() {
    this.drawing.clear();
  }

  #watch(view) {
    let brushed = null;
    view.addSignalListener("brush", (_, value) => (brushed = value?.start ?? null));
    view.addEventListener("click", (_, item) => {
      if (!brushed && item?.datum?.end) this.onRange(item.datum.start, item.datum.end - 1);
    });
    this.host.onpointerup = () => {
      // The brush's last signal comes after this event.
      setTimeout(() => {
        if (brushed && brushed[1] - brushed[0] >= 1) this.onRange(Math.floor(brushed[0]), Math.ceil(brushed[1]));
      });
    };
  }
}

// For each time the figures of all series in their order, each upon the one before.
function bucketsOf({ rows, series, step }) {
  const times = new Map();
  for (const { start, series: name, value } of rows) {
    if (!times.has(start)) times.set(start, new Map());
    times.get(start).set(name, value);
  }
  return [...times].sort(([one], [other]) => one - other).map(([start, values]) => {
    let height = 0;
    const parts = series.map(({ name }, place) => {
      const value = values.get(name) ?? null;
      const low = height;
      height += value ?? 0;
      return { start, end: start + step, middle: start + step / 2, series: String(place), name, value, low, high: height };
    });
    return { start, end: start + step, parts };
  });
}

function specification({ kind, buckets, series, from, to, format }, width, height) {
  const parts = buckets.flatMap((bucket) => bucket.parts);
  const most = Math.max(0, ...parts.map(({ value, high }) => (kind === "lines" ? (value ?? 0) : high)));
  const { size, unit, format: digits } = axis(most, format);
  const scaled = parts.map((part) => ({ ...part, figure: part.value === null ? null : part.value / size, low: part.low / size, high: part.high / size }));
  // Between whole counts there are no ticks.
  const tickCount = format === "number" && kind !== "lines" ? Math.min(3, Math.max(1, most)) : 3;
  const y = { type: "quantitative", scale: { zero: true, nice: true }, axis: { title: null, tickCount, format: digits, ...(unit && { labelExpr: `datum.label + '${unit}'` }) } };
  const color = { field: "series", type: "nominal", legend: null, scale: { domain: series.map((_, place) => String(place)), range: series.map(colourOf) } };
  const x = (field) => ({ field, type: "temporal", scale: { domainMin: from, domainMax: to, nice: false }, axis: { title: null, format: CLOCK, tickCount: Math.max(3, Math.floor(width / 110)) } });
  const brush = { params: [{ name: "brush", select: { type: "interval", encodings: ["x"], translate: false, zoom: false } }] };
  const sides = { x: x("start"), x2: { field: "end" } };
  const frame = { width: Math.max(120, width), height };
  if (kind === "bars") {
    return {
      ...frame, ...brush, data: { values: scaled.filter(({ value }) => value) },
      mark: { type: "rect", clip: true, x2Offset: -1, cursor: "pointer", tooltip: true },
      encoding: { ...sides, y: { ...y, field: "low" }, y2: { field: "high" }, color },
    };
  }
  const area = kind === "areas";
  const shape = area
    ? { mark: { type: "area", clip: true, opacity: 0.85 }, encoding: { x: x("middle"), y: { ...y, field: "low", stack: null }, y2: { field: "high" }, color } }
    : { mark: { type: "line", clip: true, strokeWidth: 2 }, encoding: { x: x("middle"), y: { ...y, field: "figure" }, color } };
  const alone = area ? [] : scaled.filter((part, place) => isAlone(scaled, part, place, series.length));
  const lone = { data: { values: alone }, mark: { type: "point", clip: true, filled: true, size: 36 }, encoding: { x: x("middle"), y: { ...y, field: "figure" }, color } };
  return {
    ...frame,
    layer: [
      { ...shape, data: { values: scaled } },
      ...(alone.length ? [lone] : []),
      // Something to point at, all the way up.
      { ...brush, data: { values: buckets }, mark: { type: "rect", clip: true, opacity: 0, cursor: "pointer", tooltip: true }, encoding: sides },
    ],
  };
}

// A figure without a neighbour in time makes no line.
function isAlone(parts, { figure }, place, every) {
  return figure !== null && (parts[place - every]?.figure ?? null) === null && (parts[place + every]?.figure ?? null) === null;
}

function describe({ start, end, parts, name, value }, { series, format }) {
  if (!end) return null;
  const told = parts ?? [{ name, value }];
  const named = (part) => (series.length > 1 || series[0].name ? `${visible(part.name)}: ` : "");
  return [`${long(start)} – ${long(end)}`, ...told.filter((part) => part.value !== null).map((part) => `${named(part)}${written(part.value, format)}`)].join("\n");
}

function summary({ title, rows, series, format }) {
  const told = series.map(({ name }) => {
    const values = rows.filter((row) => row.series === name && row.value !== null).map(({ value }) => value);
    const total = values.reduce((sum, value) => sum + value, 0);
    return `${visible(name)} ${written(format === "number" || !values.length ? total : Math.max(...values), format)}`;
  });
  return `${title}: ${told.join(", ") || "none"}`;
}
