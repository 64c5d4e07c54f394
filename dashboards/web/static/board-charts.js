// The charts of a dashboard, each from the rows that the server made of the store's answer.

import { roundUp, written } from "./format.js";
import { classOf, TimeAxis } from "./histogram.js";
import { useSize } from "./hooks.js";
import { byGravity } from "./levels.js";
import { tipPlace, usePlot } from "./plot.js";
import { number, visible } from "./text.js";
import { lengthText, spanText } from "./time.js";
import { html, useState } from "./vendor/preact.js";

/** @import { Value } from "./types.js" */
/** @import { Format } from "./format.js" */
/** @typedef {{ label: string, value: number | null, by?: any, split?: any, other?: boolean }} Row */
/** @typedef {{ name: string, other: boolean, className: string }} Series */
/** @typedef {{ kind: string, title: string, by: { time?: string, top?: string } | null, split: { top: string } | null, values: { label: string, format: Format }[] }} ChartObject */
/**
 * @typedef {object} Drawn
 * @property {ChartObject} chart
 * @property {Row[]} rows
 * @property {{ from: number, to: number, step: number }} span
 * @property {string} zone
 * @property {((value: Value) => void) | null} pick what a click on a value does
 * @property {(from: number, to: number) => void} onRange
 */

const FOOT = 18;
const OVER_TIME = ["bars", "lines", "areas"];

/** Whether a chart has time as its axis. @param {ChartObject} chart */
export const isOverTime = (chart) => OVER_TIME.includes(chart.kind);

/** @param {Drawn} drawn */
export function Chart(drawn) {
  const { kind } = drawn.chart;
  if (isOverTime(drawn.chart)) return html`<${OverTime} ...${drawn} />`;
  if (kind === "donut") return html`<${Donut} ...${drawn} />`;
  if (kind === "number") return html`<${Figure} ...${drawn} />`;
  if (kind === "table") return html`<${FigureTable} ...${drawn} />`;
  return html`<${Bars} ...${drawn} />`;
}

/** The series of names, worst level first; what stands for all others comes last. @param {Row[]} rows @param {(row: Row) => string} nameOf @param {string} field @returns {Series[]} */
export function seriesOf(rows, nameOf, field) {
  const names = [...new Set(rows.filter(({ other }) => !other).map(nameOf))];
  if (field === "log.level") names.sort(byGravity);
  const rest = rows.find(({ other }) => other);
  const made = names.map((name, place) => ({ name, other: false, className: classOf(name, field, place) }));
  return rest ? [...made, { name: nameOf(rest), other: true, className: "level-other" }] : made;
}

/** @param {Drawn} drawn */
function OverTime({ chart, rows, span, zone, pick, onRange }) {
  const field = chart.split?.top ?? "";
  const nameOf = (/** @type {Row} */ row) => String((chart.split ? row.split : row.label) ?? "");
  const series = seriesOf(rows, nameOf, field);
  const starts = [...new Set(rows.map(({ by }) => Number(by)))].sort((one, other) => one - other);
  /** @type {(number | null)[][]} */
  const values = series.map(() => starts.map(() => null));
  for (const row of rows) values[series.findIndex((one) => one.name === nameOf(row) && one.other === Boolean(row.other))][starts.indexOf(Number(row.by))] = row.value;
  const { format } = chart.values[0];
  const plot = usePlot({ ...span, starts, onRange });
  const frame = { kind: chart.kind, title: chart.title, series, starts, values, format, zone, plot, ...span };
  return html`<div class="over-time">
    <div class="plot" ref=${plot.ref} ...${plot.handlers}>
      ${plot.width > 0 && plot.height > 0 && html`<${Lines} ...${frame} />`}
      ${plot.width > 0 && (plot.drag || plot.over >= 0) && html`<${Tip} ...${frame} />`}
    </div>
    ${(chart.split || series.length > 1) && html`<${Legend} series=${series} pick=${chart.split ? pick : null} />`}
  </div>`;
}

/** @typedef {{ kind: string, title: string, series: Series[], starts: number[], values: (number | null)[][], format: Format, zone: string, plot: ReturnType<typeof usePlot>, from: number, to: number, step: number }} Frame */

/** Bars and areas stand upon one another; lines do not. @param {Frame} frame */
function Lines({ kind, title, series, starts, values, format, zone, plot, from, to, step }) {
  const { x, width, height, drag, over } = plot;
  const ground = height - FOOT;
  const stacked = kind !== "lines";
  const sums = starts.map((_, place) => values.reduce((sum, one) => sum + (one[place] ?? 0), 0));
  const most = Math.max(0, ...(stacked ? sums : values.flat().map((value) => value ?? 0)));
  const top = roundUp(most, format);
  const y = (/** @type {number} */ value) => ground - (value / top) * (ground - 12);
  const below = starts.map(() => 0);
  const shapes = series.map(({ name, className, other }, row) => {
    const feet = [...below];
    if (stacked) starts.forEach((_, place) => { below[place] += values[row][place] ?? 0; });
    const key = `${other} ${name}`;
    if (kind === "bars") {
      return html`<g key=${key} class=${className}>${starts.map((at, place) => {
        const value = values[row][place];
        if (!value) return null;
        const wide = x(at + step) - x(at);
        return html`<rect key=${at} class=${place === over ? "over" : ""} x=${x(at)} width=${Math.max(1, wide - (wide > 4 ? 1 : 0))} y=${y(feet[place] + value)} height=${Math.max(1, y(feet[place]) - y(feet[place] + value))} />`;
      })}</g>`;
    }
    const points = starts.map((at, place) => ({ x: x(at + step / 2), low: y(feet[place]), high: y(stacked ? below[place] : (values[row][place] ?? 0)), is: values[row][place] !== null }));
    if (kind === "areas") {
      const up = points.map((one) => `${one.x},${one.high}`);
      const back = points.map((one) => `${one.x},${one.low}`).reverse();
      return html`<path key=${key} class=${`area ${className}`} d=${`M${[...up, ...back].join("L")}Z`} />`;
    }
    return html`<g key=${key} class=${`line ${className}`}>
      <path d=${points.map((one, place) => (one.is ? `${place > 0 && points[place - 1].is ? "L" : "M"}${one.x},${one.high}` : "")).join("")} />
      ${points.filter((one, place) => one.is && !points[place - 1]?.is && !points[place + 1]?.is).map((one) => html`<circle key=${one.x} cx=${one.x} cy=${one.high} r="2.5" />`)}
    </g>`;
  });
  return html`<svg role="img" aria-label=${summary(title, series, values, format)} width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`}>
    ${[1, 0.5].map((part) => html`<g key=${part}><line class="grid" x1="0" x2=${width} y1=${y(top * part)} y2=${y(top * part)} /></g>`)}
    <line class="grid" x1="0" x2=${width} y1=${ground + 0.5} y2=${ground + 0.5} />
    ${shapes}
    ${[1, 0.5].map((part) => html`<text key=${part} class="most" x="2" y=${y(top * part) - 2}>${written(top * part, format)}</text>`)}
    <${TimeAxis} from=${from} to=${to} x=${x} width=${width} y=${ground} zone=${zone} />
    ${kind !== "bars" && over >= 0 && html`<line class="cursor" x1=${x(starts[over] + step / 2)} x2=${x(starts[over] + step / 2)} y1="0" y2=${ground} />`}
    ${drag && html`<rect class="drag" x=${x(drag.from)} y="0" width=${Math.max(1, x(drag.to) - x(drag.from))} height=${ground} />`}
  </svg>`;
}

/** @param {string} title @param {Series[]} series @param {(number | null)[][]} values @param {Format} format */
function summary(title, series, values, format) {
  const told = series.map(({ name }, row) => {
    const known = values[row].map((value) => value ?? 0);
    return `${visible(name)} ${written(format === "number" ? known.reduce((sum, one) => sum + one, 0) : Math.max(0, ...known), format)}`;
  });
  return `${title}: ${told.join(", ") || "none"}`;
}

/** @param {Frame} frame */
function Tip({ series, starts, values, format, zone, plot, from, to, step }) {
  const { x, width, drag, over } = plot;
  if (drag) return html`<div class="tip" style=${tipPlace(x((drag.from + drag.to) / 2), width)}><b>${spanText(Math.floor(drag.from), Math.ceil(drag.to), zone)}</b><span>${lengthText(drag.to - drag.from)}</span></div>`;
  const at = starts[over];
  return html`<div class="tip" style=${tipPlace(x(at + step / 2), width)}><b>${spanText(Math.max(at, from), Math.min(at + step, to), zone)}</b>
    ${series.map(({ name, className }, row) => values[row][over] !== null && html`<span key=${name}><i class=${`dot ${className}`}></i> ${visible(name)} ${written(values[row][over], format)}</span>`)}</div>`;
}

/** @param {{ series: Series[], figures?: string[], pick: ((value: Value) => void) | null }} props */
function Legend({ series, figures = [], pick }) {
  return html`<ul class="legend">${series.map(({ name, other, className }, place) => html`<li key=${`${other} ${name}`}>
    <i class=${`dot ${className}`}></i><${Name} value=${name} other=${other} pick=${pick} />${figures[place] && html`<span class="count">${figures[place]}</span>`}</li>`)}</ul>`;
}

/** A value that can be picked is a button; what stands for all others cannot. Long names are cut from the left if they are paths. */
function Name(/** @type {{ value: any, other?: boolean, pick: ((value: Value) => void) | null }} */ { value, other = false, pick }) {
  const text = visible(value);
  const className = /^\/|^\w+(\.\w+){2,}/.test(text) ? "key from-left" : "key";
  const shown = html`<bdi>${text || '""'}</bdi>`;
  if (other || !pick) return html`<span class=${className} title=${text}>${shown}</span>`;
  return html`<button type="button" class=${className} title=${`Filter for ${text}`} onClick=${() => pick(value)}>${shown}</button>`;
}

/** Parts of a whole as a ring. @param {Drawn} drawn */
function Donut({ chart, rows, pick }) {
  const [ref, { width, height }] = useSize();
  const [over, setOver] = useState(-1);
  const { format } = chart.values[0];
  const series = seriesOf(rows, ({ by }) => String(by), chart.by?.top ?? "");
  const values = series.map(({ name, other }) => rows.find((row) => String(row.by) === name && Boolean(row.other) === other)?.value ?? 0);
  const whole = values.reduce((sum, one) => sum + one, 0) || 1;
  const size = Math.max(0, Math.min(width, height));
  const [outer, inner] = [size / 2 - 2, size / 2 - Math.max(12, size * 0.17)];
  let turn = 0;
  const label = `${chart.title}: ${series.map(({ name }, place) => `${visible(name)} ${written(values[place], format)}`).join(", ")}`;
  return html`<div class="donut">
    <div class="ring" ref=${ref}>${size > 20 && html`<svg role="img" aria-label=${label} width=${size} height=${size} viewBox=${`${-size / 2} ${-size / 2} ${size} ${size}`}>
      ${series.map(({ name, other, className }, place) => {
        const from = turn;
        turn += values[place] / whole;
        return html`<path key=${name} class=${`slice ${className}${place === over ? " over" : ""}`} d=${ring(from, turn, outer, inner)} onPointerEnter=${() => setOver(place)} onPointerLeave=${() => setOver(-1)}
          onClick=${() => !other && pick?.(name)}><title>${visible(name)}: ${written(values[place], format)} (${written(values[place] / whole, "percent")})</title></path>`;
      })}
      <text class="whole" text-anchor="middle" y="5">${written(over >= 0 ? values[over] : whole, format)}</text>
    </svg>`}</div>
    <${Legend} series=${series} pick=${pick} figures=${values.map((value) => `${written(value, format)} · ${written(value / whole, "percent")}`)} />
  </div>`;
}

/** The outline of a part of a ring; turns are of the whole. @param {number} from @param {number} to @param {number} outer @param {number} inner */
function ring(from, to, outer, inner) {
  const end = Math.min(to, from + 0.99999);
  const at = (/** @type {number} */ turn, /** @type {number} */ radius) => `${Math.sin(turn * 2 * Math.PI) * radius},${-Math.cos(turn * 2 * Math.PI) * radius}`;
  const large = end - from > 0.5 ? 1 : 0;
  return `M${at(from, outer)}A${outer},${outer} 0 ${large} 1 ${at(end, outer)}L${at(end, inner)}A${inner},${inner} 0 ${large} 0 ${at(from, inner)}Z`;
}

/** One number; its panel's title says what of. @param {Drawn} drawn */
function Figure({ chart, rows }) {
  const { format } = chart.values[0];
  return html`<p class="figure"><strong>${written(rows[0]?.value, format)}</strong></p>`;
}

/** @param {Row[]} rows @returns {{ by: any, other: boolean, values: (number | null)[] }[]} */
function lines(rows) {
  /** @type {Map<string, { by: any, other: boolean, values: (number | null)[] }>} */
  const made = new Map();
  for (const { by, other = false, value } of rows) {
    const key = `${other} ${by}`;
    const line = made.get(key) ?? { by, other, values: [] };
    line.values.push(value);
    made.set(key, line);
  }
  return [...made.values()];
}

/** @param {Drawn} drawn */
function Bars({ chart, rows, pick }) {
  const all = lines(rows);
  const most = Math.max(...all.map(({ values }) => values[0] ?? 0), Number.MIN_VALUE);
  return html`<ul class="bars">${all.map(({ by, other, values }) => html`<li key=${`${other} ${by}`}>
    <${Name} value=${by} other=${other} pick=${pick} /><span class="track"><i style=${{ width: `${((values[0] ?? 0) / most) * 100}%` }}></i></span>
    <span class="count">${written(values[0], chart.values[0].format)}</span></li>`)}</ul>`;
}

/** @param {Drawn} drawn */
function FigureTable({ chart, rows, pick }) {
  return html`<table class="figures" aria-label=${chart.title}>
    <thead><tr><th scope="col">${chart.by?.top ?? chart.by?.time}</th>${chart.values.map(({ label }) => html`<th key=${label} scope="col" class="count">${label}</th>`)}</tr></thead>
    <tbody>${lines(rows).map(({ by, other, values }) => html`<tr key=${`${other} ${by}`}><td><${Name} value=${by} other=${other} pick=${pick} /></td>
      ${values.map((value, place) => html`<td key=${place} class="count">${written(value, chart.values[place]?.format ?? "number")}</td>`)}</tr>`)}</tbody>
  </table>`;
}

export const eventsText = (/** @type {number} */ n) => `${number(n)} ${n === 1 ? "event" : "events"}`;
