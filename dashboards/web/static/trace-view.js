// A stack trace to read: the root cause first, own code bright, the frames of libraries folded.

import { chain, completed, grouped, parse } from "./stack-trace.js";
import * as ask from "./ask.js";
import { useAsk } from "./hooks.js";
import { useSourceLink } from "./links-out.js";
import { visible } from "./text.js";
import { copy } from "./value-menu.js";
import { html, useMemo, useState } from "./vendor/preact.js";

/** @import { Frame, Thrown } from "./stack-trace.js" */

const FEW = 2; // frames of libraries that are not worth folding

/** @param {{ text: string, source: any }} props */
export function TraceView({ text, source }) {
  const [written, setWritten] = useState(false);
  const [open, setOpen] = useState(false);
  const { answer: rules } = useAsk("rules", ask.rules);
  const trace = useMemo(() => parse(text, rules), [text, rules]);
  const link = useSourceLink(source);
  if (!trace) return html`<pre class="trace-text">${visible(text)}</pre>`;
  const chained = chain(trace.thrown);
  const whole = completed(chained);
  return html`<section class="trace-view" aria-label="Stack trace">
    <div class="panel-line">
      <h3>${chained.length > 1 ? "Root cause" : "Thrown"}</h3>
      <span class="space"></span>
      ${!written && html`<button type="button" class="small" aria-pressed=${open} onClick=${() => setOpen(!open)}>All frames</button>`}
      <button type="button" class="small" aria-pressed=${written} onClick=${() => setWritten(!written)} title="As it was logged">As written</button>
      <button type="button" class="small" onClick=${() => copy(text)}>Copy</button>
    </div>
    ${written ? html`<pre class="trace-text" tabindex="0">${visible(text)}</pre>`
      : chained.map((thrown, place) => html`<${ThrownView} key=${place} thrown=${thrown} shared=${whole[place].shared} open=${open} link=${link} root=${place === 0}
          title=${place === 0 ? null : place === chained.length - 1 ? "was reported as" : "led to"} />`)}
  </section>`;
}

/** @param {{ thrown: Thrown, shared: Frame[], open: boolean, link: (frame: Frame) => string | null, root: boolean, title: string | null }} props */
function ThrownView({ thrown, shared, open, link, root, title }) {
  const short = thrown.type.slice(thrown.type.lastIndexOf(".") + 1);
  return html`<div class=${`thrown-view${root ? " root" : ""}`}>
    ${title && html`<h3 class="quiet">${title}</h3>`}
    <p class="thrown-type" title=${visible(thrown.type)}><span class="quiet">${visible(thrown.type.slice(0, thrown.type.length - short.length))}</span><b>${visible(short)}</b>${
      thrown.circular && html`<span class="quiet"> (again)</span>`}</p>
    ${thrown.message && html`<pre class="thrown-message">${visible(thrown.message)}</pre>`}
    <${Frames} frames=${root ? [...thrown.frames, ...shared] : thrown.frames} open=${open} link=${link} first=${root} />
    ${!root && thrown.omitted > 0 && html`<p class="frames-note">${thrown.omitted} more, the same as below</p>`}
    ${root && thrown.omitted > shared.length && html`<p class="frames-note">${thrown.omitted - shared.length} more frames were not written</p>`}
    ${thrown.cut > 0 && html`<p class="frames-note">${thrown.cut} frames were left out by the logging pattern</p>`}
    ${thrown.suppressed.map((one, place) => html`<details class="suppressed" key=${place} open=${open}>
      <summary>Suppressed: <b>${visible(one.type.slice(one.type.lastIndexOf(".") + 1))}</b> ${visible(one.message.split("\n")[0])}</summary>
      ${chain(one).map((inner, depth) => html`<${ThrownView} key=${depth} thrown=${inner} shared=${[]} open=${open} link=${link} root=${depth === 0} title=${depth === 0 ? null : "led to"} />`)}
    </details>`)}
  </div>`;
}

/** @param {{ frames: Frame[], open: boolean, link: (frame: Frame) => string | null, first: boolean }} props */
function Frames({ frames, open, link, first }) {
  const groups = grouped(frames);
  return html`<ol class="frames">${groups.map(({ own, frames: members }, place) => {
    if (own || members.length <= FEW || open) return members.map((frame, at) => html`<${FrameLine} key=${`${place} ${at}`} frame=${frame} link=${link} />`);
    // Where it was thrown stays in sight, whoever's code that is.
    const shown = first && place === 0 ? 1 : 0;
    return html`${members.slice(0, shown).map((frame) => html`<${FrameLine} key=${`${place} 0`} frame=${frame} link=${link} />`)}
      <${Folded} key=${`${place} folded`} frames=${members.slice(shown)} link=${link} />`;
  })}</ol>`;
}

/** @param {{ frames: Frame[], link: (frame: Frame) => string | null }} props */
function Folded({ frames, link }) {
  const [open, setOpen] = useState(false);
  const names = [...new Set(frames.map(({ library }) => library))];
  const told = names.length > 4 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} others` : names.join(", ");
  return html`<li class="folded"><button type="button" aria-expanded=${open} onClick=${() => setOpen(!open)}>${frames.length} frames of ${told}</button></li>
    ${open && frames.map((frame, at) => html`<${FrameLine} key=${at} frame=${frame} link=${link} />`)}`;
}

/** @param {{ frame: Frame, link: (frame: Frame) => string | null }} props */
function FrameLine({ frame, link }) {
  const { type, method, file, line, from, library } = frame;
  const dot = type.lastIndexOf(".");
  const where = file ? `${file}${line === null ? "" : `:${line}`}` : "";
  const address = library === null ? link(frame) : null;
  return html`<li class=${library === null ? "own" : "theirs"} title=${visible(from ? `${frame.text} of ${from}` : frame.text)}>
    <span class="package">${visible(type.slice(0, dot + 1))}</span><b>${visible(type.slice(dot + 1))}</b>.${visible(method)}
    ${where && (address ? html` <a class="where" href=${address} target="_blank" rel="noreferrer">${visible(where)}</a>` : html` <span class="where">${visible(where)}</span>`)}
  </li>`;
}
