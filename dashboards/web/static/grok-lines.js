// Each sample with what is captured from it in colours, and for those that are not matched, where the expression stops.

import { colours } from "./grok.js";
import { number, visible } from "./text.js";
import { html, useState } from "./vendor/preact.js";

/** @import { Row, Tried } from "./grok.js" */

const SHOWN = 100;
const WIDTH = 2_000;

/** @param {{ lines: string[], tried: Tried | null }} props */
export function GrokLines({ lines, tried }) {
  const [shown, setShown] = useState(SHOWN);
  const [failing, setFailing] = useState(false);
  const rows = lines.map((line, place) => ({ line, row: tried?.rows[place] ?? null })).filter(({ row }) => !failing || (row && row.grok === null));
  const colourOf = tried ? colours(tried) : () => 1;
  const missed = tried ? tried.lines - tried.matched : 0;
  return html`<section class="card grok-lines" aria-label="Lines">
    <h2>Lines ${tried && html`<span role="status" class=${missed ? "bad" : "good"}>${number(tried.matched)} of ${number(tried.lines)} matched${tried.runaway ? `; on ${number(tried.runaway)} the expression runs away` : ""}</span>`}
      ${missed > 0 && html`<label class="only"><input type="checkbox" checked=${failing} onChange=${() => setFailing(!failing)} /> Only those that are not</label>`}</h2>
    <ol>${rows.slice(0, shown).map(({ line, row }, place) => html`<li key=${place} class=${row && row.grok === null ? "missed" : ""}>
      <code>${row ? coloured(line, row, colourOf) : visible(line.slice(0, WIDTH))}</code>
      ${row?.stop && html`<p class="bad">${visible(row.stop.why)}</p>`}
    </li>`)}</ol>
    ${rows.length > shown && html`<button type="button" onClick=${() => setShown(shown + 10 * SHOWN)}>Show more of ${number(rows.length)}</button>`}
  </section>`;
}

/** A line in pieces; the server counts characters, not UTF-16's units. @param {string} line @param {Row} row @param {(field: string) => number} colourOf */
function coloured(line, row, colourOf) {
  const characters = [...line.slice(0, 2 * WIDTH)].slice(0, WIDTH);
  const cut = (/** @type {number} */ from, /** @type {number} */ to) => visible(characters.slice(from, to).join(""));
  const end = row.grok === null ? (row.stop?.at ?? 0) : row.end;
  const made = [];
  let at = 0;
  for (const span of row.spans) {
    if (span.start < at) continue;
    made.push(html`<span class="literal">${cut(at, span.start)}</span>`);
    made.push(html`<span class="capture" data-colour=${colourOf(span.field)} title=${`${span.field}: ${typeof span.value}`}>${cut(span.start, span.end)}</span>`);
    at = span.end;
  }
  made.push(html`<span class="literal">${cut(at, end)}</span>`);
  if (row.grok === null) made.push(html`<span class="stop" title="Here it stops">▸</span>`);
  made.push(html`<span class="after">${cut(Math.max(end, at), WIDTH)}${line.length > WIDTH ? "…" : ""}</span>`);
  return made;
}
