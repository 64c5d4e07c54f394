// A picture by Vega-Lite, drawn again when its width or the colours change.

import { element } from "./text.js";
import { interpreter } from "./vega-expression.js";

export class Drawing {
  #view = null;
  #drawn = null;
  #turn = 0;

  constructor(host) {
    this.host = host;
    let width = 0;
    new ResizeObserver(([{ contentRect }]) => {
      if (Math.abs(contentRect.width - width) < 2) return;
      width = contentRect.width;
      this.#again();
    }).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#again());
  }

  // `make` gives the specification for a width and a height; `describe` an item's tooltip; `label` says it in words;
  // `watch` gets the new view.
  async draw({ make, describe, label, watch }) {
    this.#drawn = { make, describe, label, watch };
    const turn = ++this.#turn;
    if (!window.vegaEmbed) {
      this.host.replaceChildren(element("p", { className: "quiet", textContent: "The drawing library did not load." }));
      return;
    }
    const picture = element("div", { className: "chart" });
    const { view } = await vegaEmbed(picture, framed(make(this.host.clientWidth, this.host.clientHeight)), {
      mode: "vega-lite", renderer: "svg", ast: true, expr: interpreter, actions: false, defaultStyle: false,
      tooltip: (_, event, item) => (this.host.title = item?.datum ? (describe(item.datum) ?? "") : ""),
    });
    if (turn !== this.#turn) return view.finalize();
    this.#view?.finalize();
    this.#view = view;
    this.host.replaceChildren(picture);
    this.host.setAttribute("role", "img");
    this.host.setAttribute("aria-label", label);
    watch(view);
  }

  clear() {
    this.#turn++;
    this.#drawn = null;
    this.#view?.finalize();
    this.#view = null;
    this.host.replaceChildren();
  }

  #again() {
    if (this.#drawn) this.draw(this.#drawn);
  }
}

// The value of a custom property of the style sheet, such as "--quiet".
export const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function framed(specification) {
  const [ink, line] = [style("--quiet"), style("--line")];
  return {
    autosize: { type: "fit", contains: "padding" }, background: "transparent", padding: { left: 0, right: 4, top: 4, bottom: 0 },
    ...specification,
    config: {
      view: { stroke: null }, font: style("--sans"),
      axis: { labelColor: ink, domainColor: line, tickColor: line, gridColor: line, labelFontSize: 11, domain: false },
      axisX: { grid: false, labelOverlap: true, labelFlush: true }, axisY: { ticks: false, labelPadding: 6, minExtent: 28 },
    },
  };
}
