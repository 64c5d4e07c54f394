// The lines before and after an event in its file, whatever is searched for.

import * as ask from "./ask.js";
import { kind } from "./levels.js";
import { get, shorten, valueText, visible } from "./text.js";
import { clockTime } from "./time.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** @import { LogEvent } from "./types.js" */
/** @typedef {{ events: LogEvent[], more_before: boolean, more_after: boolean }} Lines */

const STEP = 20;

/** @param {import("./event-panel.js").PanelProps} props */
export function LinesAround({ event, actions, zone }) {
  const [lines, setLines] = useState(/** @type {Lines | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [busy, setBusy] = useState(false);
  const now = useRef(lines);
  now.current = lines;
  const host = useRef(/** @type {any} */ (null));
  const held = useRef(/** @type {{ id: string, height: number } | null} */ (null)); // grows above keep what is read where it is
  const here = lines?.events.some(({ id }) => id === event.id);
  useEffect(() => {
    if (here) return; // another line of these was opened
    const aborter = new AbortController();
    ask.context({ index: event.index, id: event.id, before: STEP, after: STEP }, aborter.signal).then(
      (answer) => {
        setLines(answer);
        setError(null);
      },
      (failed) => failed.name !== "AbortError" && setError(failed),
    );
    return () => aborter.abort();
  }, [event.id]);
  useLayoutEffect(() => {
    const box = host.current?.closest(".panel-part");
    if (!box || !lines) return;
    if (held.current) box.scrollTop += box.scrollHeight - held.current.height;
    else host.current.querySelector("[aria-current]")?.scrollIntoView({ block: "center" });
    held.current = null;
  }, [lines]);

  const more = async (/** @type {"before" | "after"} */ direction) => {
    if (!lines) return;
    setBusy(true);
    const edge = direction === "before" ? lines.events[0] : lines.events[lines.events.length - 1];
    const asked = { index: edge.index, id: edge.id, before: direction === "before" ? 2 * STEP : 0, after: direction === "after" ? 2 * STEP : 0 };
    try {
      const answer = await ask.context(asked);
      if (now.current !== lines) return; // the lines are those around another event by now
      const known = new Set(lines.events.map(({ id }) => id));
      const fresh = answer.events.filter((/** @type {LogEvent} */ one) => !known.has(one.id));
      const box = host.current.closest(".panel-part");
      if (direction === "before") held.current = { id: edge.id, height: box.scrollHeight };
      else held.current = { id: edge.id, height: Infinity };
      setLines(direction === "before"
        ? { ...lines, events: [...fresh, ...lines.events], more_before: answer.more_before && fresh.length > 0 }
        : { ...lines, events: [...lines.events, ...fresh], more_after: answer.more_after && fresh.length > 0 });
      setError(null);
    } catch (failed) {
      if (now.current === lines) setError(/** @type {Error} */ (failed));
    } finally {
      setBusy(false);
    }
  };

  if (!lines) return html`<p class=${error ? "bad" : "quiet"} ref=${host}>${error?.message ?? "…"}</p>`;
  const end = (/** @type {"before" | "after"} */ direction, /** @type {boolean} */ some) => some
    ? html`<button type="button" class="more-around" disabled=${busy} onClick=${() => more(direction)}>${direction === "before" ? "↑ Earlier lines" : "↓ Later lines"}</button>`
    : html`<p class="quiet end-of-file">${direction === "before" ? "The beginning of what is known of this file" : "The end of what is known of this file"}</p>`;
  return html`<div ref=${host} class="around">
    <p class="quiet around-file" title=${visible(get(event.source, "log.file.path"))}><bdi>${visible(get(event.source, "log.file.path"))}</bdi></p>
    ${error && html`<p class="bad">${error.message}</p>`}
    ${end("before", lines.more_before)}
    <ol class="lines-around" aria-label="Lines around">${lines.events.map((one) => html`<${Line} key=${one.id} event=${one} zone=${zone} here=${one.id === event.id} actions=${actions} />`)}</ol>
    ${end("after", lines.more_after)}
  </div>`;
}

/** One line of a file: the further ones of its message or trace are counted. @param {{ event: LogEvent, zone: string, here: boolean, actions: import("./types.js").Actions, service?: string | null, time?: string }} props */
export function Line({ event, zone, here, actions, service = null, time = clockTime(event.at, zone) }) {
  const { source } = event;
  const text = valueText(get(source, "message") ?? get(source, "event.original"));
  const [first, ...rest] = text.trim().split("\n");
  const trace = valueText(get(source, "error.stack_trace"));
  const further = rest.length + (trace ? trace.trimEnd().split("\n").length : 0);
  const level = valueText(get(source, "log.level"));
  const logger = valueText(get(source, "log.logger"));
  return html`<li class=${`line level-${kind(level)}`} aria-current=${here ? "true" : null}>
    <button type="button" onClick=${() => actions.openEvent(event.index, event.id, { replace: true })} title=${visible(text.slice(0, 2000))}>
      <span class="line-time">${time}</span>
      <span class="line-level">${visible(level).slice(0, 5)}</span>
      ${service !== null && html`<span class="line-service">${visible(service)}</span>`}
      <span class="line-text">${logger && html`<span class="line-logger">${visible(shorten(logger))}</span> `}${visible(first.slice(0, 2000))}${further > 0 && html`<span class="thrown">+${further} ${further === 1 ? "line" : "lines"}</span>`}</span>
    </button>
  </li>`;
}
