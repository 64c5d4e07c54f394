// Events by level over time, drawn by Vega-Lite. A click on a bar or a drag across several narrows the time range.

import { byGravity, colour } from "./levels.js";
import { long } from "./timerange.js";
import { element, number, visible } from "./text.js";
import { interpreter } from "./vega-expression.js";

const HEIGHT = 132;
const CLOCK = {
  year: "%Y", quarter: "%b", month: "%b", week: "%d %b", date: "%d %b", hours: "%H:%M", minutes: "%H:%M",
  seconds: "%H:%M:%S", milliseconds: "%S.%L",
};

export class Histogram {
  #view = null;
  #drawn = null; // what to draw again when the width or the colours change
  #turn = 0;

  constructor(host, onRange) {
    this.host = host;
    this.onRange = onRange;
    let width = 0;
    new ResizeObserver(([{ contentRect }]) => {
      if (Math.abs(contentRect.width - width) < 2) return;
      width = contentRect.width;
      this.#again();
    }).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#again());
  }

  // `buckets` are those of the date_histogram; bars reach from a bucket's key over `step` milliseconds.
  async draw(buckets, step, from, to) {
    this.#drawn = [buckets, step, from, to];
    const turn = ++this.#turn;
    if (!window.vegaEmbed) {
      this.host.replaceChildren(element("p", { className: "quiet", textContent: "The histogram's library did not load." }));
      return;
    }
    const values = bars(buckets, step);
    const host = element("div", { className: "chart" });
    const { view } = await vegaEmbed(host, chart(values, from, to, this.host.clientWidth), {
      mode: "vega-lite", renderer: "svg", ast: true, expr: interpreter, actions: false, defaultStyle: false,
      tooltip: (_, event, item) => (this.host.title = item?.datum?.level ? describe(item.datum) : ""),
    });
    if (turn !== this.#turn) return view.finalize();
    this.#view?.finalize();
    this.#view = view;
    this.host.replaceChildren(host);
    this.host.setAttribute("aria-label", summary(values));
    this.#select(view);
  }

  clear() {
    this.#turn++;
    this.#drawn = null;
    this.#view?.finalize();
    this.#view = null;
    this.host.replaceChildren();
  }

  #again() {
    if (this.#drawn) this.draw(...this.#drawn);
  }

  #select(view) {
    let brushed = null;
    view.addSignalListener("brush", (_, value) => (brushed = value?.start ?? null));
    view.addEventListener("click", (_, item) => {
      if (!brushed && item?.datum?.level) this.onRange(item.datum.start, item.datum.end - 1);
    });
    this.host.onpointerup = () => {
      // The brush's last signal comes after this event.
      setTimeout(() => {
        if (brushed && brushed[1] - brushed[0] >= 1) this.onRange(Math.floor(brushed[0]), Math.ceil(brushed[1]));
      });
    };
  }
}

// One rectangle for each level of each bucket, the worst at the bottom, each upon the one before.
function bars(buckets, step) {
  return buckets.flatMap(({ key, doc_count, levels }) => {
    const counted = levels.buckets.map((bucket) => ({ level: visible(bucket.key), count: bucket.doc_count }));
    const rest = doc_count - counted.reduce((sum, { count }) => sum + count, 0);
    if (rest > 0) counted.push({ level: "none", count: rest });
    counted.sort((one, other) => byGravity(one.level, other.level));
    let height = 0;
    return counted.map((one) => ({ start: key, end: key + step, low: height, high: (height += one.count), ...one }));
  });
}

function chart(values, from, to, width) {
  const levels = [...new Set(values.map(({ level }) => level))].sort(byGravity);
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--quiet").trim();
  const line = style.getPropertyValue("--line").trim();
  return {
    width: Math.max(120, width), height: HEIGHT, autosize: { type: "fit", contains: "padding" }, background: "transparent",
    padding: { left: 0, right: 4, top: 4, bottom: 0 },
    data: { values },
    params: [{ name: "brush", select: { type: "interval", encodings: ["x"], translate: false, zoom: false } }],
    mark: { type: "rect", clip: true, x2Offset: -1, cursor: "pointer", tooltip: true },
    encoding: {
      x: { field: "start", type: "temporal", scale: { domainMin: from, domainMax: to, nice: false }, axis: { title: null, format: CLOCK, tickCount: Math.max(3, Math.floor(width / 110)) } },
      x2: { field: "end" },
      y: { field: "low", type: "quantitative", axis: { title: null, tickCount: 3, format: "~s" } },
      y2: { field: "high" },
      color: { field: "level", type: "nominal", legend: null, scale: { domain: levels, range: levels.map(colour) } },
    },
    config: {
      view: { stroke: null },
      font: style.getPropertyValue("--sans").trim(),
      axis: { labelColor: ink, domainColor: line, tickColor: line, gridColor: line, labelFontSize: 11, domain: false },
      axisX: { grid: false, labelOverlap: true, labelFlush: true }, axisY: { ticks: false, labelPadding: 6, minExtent: 28 },
    },
  };
}

const describe = ({ start, end, level, count }) => `${long(start)} – ${long(end)}\n${level}: ${number(count)}`;

function summary(values) {
  const totals = new Map();
  values.forEach(({ level, count }) => totals.set(level, (totals.get(level) ?? 0) + count));
  const words = [...totals].sort(([one], [other]) => byGravity(one, other)).map(([level, count]) => `${level} ${number(count)}`);
  return `Events by level over time: ${words.join(", ") || "none"}`;
}
