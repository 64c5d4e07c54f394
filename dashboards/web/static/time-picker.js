// The time: as text, by presets, arrows, zooming out and back; the zone; refreshing and live.

import { Draft } from "./draft.js";
import { useOutside } from "./hooks.js";
import { browserZone, edgeFrom, edgeText, isZone, offsetText, PRESETS, rangeText, zones } from "./time.js";
import { html, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** @import { State, Actions } from "./types.js" */

/** @param {import("./app.js").ViewProps & { server: string | null }} props */
export function TimePicker({ state, actions, zone, refresh, server }) {
  const [open, setOpen] = useState(false);
  const ref = useRef(/** @type {any} */ (null));
  useOutside(ref, open, () => setOpen(false));
  return html`<div class="when" ref=${ref}>
    <button type="button" class="range" aria-expanded=${open} aria-haspopup="dialog" onClick=${() => setOpen(!open)} title="Change the time range">
      <span aria-hidden="true">◷</span> <b>${rangeText(state.from, state.to, zone)}</b> <span class="quiet zone">${zoneLabel(zone)}</span>
    </button>
    <button type="button" class="icon" onClick=${actions.undoTime} disabled=${!actions.canUndoTime()} aria-label="Undo the last change of time" title="Undo the last change of time">↶</button>
    <button type="button" class="icon" onClick=${refresh} aria-label="Ask again" title="Ask again">⟳</button>
    ${open && html`<div class="menu picker" role="dialog" aria-label="Time range">
      <${Edges} state=${state} actions=${actions} zone=${zone} close=${() => setOpen(false)} />
      <ul class="presets">${PRESETS.map(([from, text]) => html`<li key=${text}><button type="button" aria-pressed=${state.to === null && state.from === from}
        onClick=${() => {
          actions.setTime(from, null);
          setOpen(false);
        }}>${text}</button></li>`)}</ul>
      <${ZonePicker} state=${state} actions=${actions} zone=${zone} server=${server} />
    </div>`}
  </div>`;
}

/** Both edges as text: what the command line understands, or a moment on the zone's clock. */
function Edges(/** @type {{ state: State, actions: Actions, zone: string, close: () => void }} */ { state, actions, zone, close }) {
  const [from, setFrom] = useState(edgeText(state.from ?? "", zone));
  const [to, setTo] = useState(edgeText(state.to ?? "", zone));
  const first = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {
    first.current.focus(); // before the next key
    first.current.select();
  }, []);
  const apply = (/** @type {Event} */ event) => {
    event.preventDefault();
    actions.setTime(edgeFrom(from, zone), edgeFrom(to, zone));
    close();
  };
  const value = (/** @type {(text: string) => void} */ set) => (/** @type {any} */ event) => set(event.target.value);
  return html`<form class="edges" onSubmit=${apply}>
    <label>From <input ref=${first} name="from" value=${from} onInput=${value(setFrom)} placeholder="2h, yesterday 14:00, 2026-11-28 09:30" autocomplete="off" spellcheck=${false} /></label>
    <label>to <input name="to" value=${to} onInput=${value(setTo)} placeholder="now" autocomplete="off" spellcheck=${false} /></label>
    <button class="primary" type="submit">Apply</button>
  </form>`;
}

/** @param {{ state: State, actions: Actions, zone: string, server: string | null }} props */
function ZonePicker({ state, actions, zone, server }) {
  const known = ["browser", "server", "UTC"];
  const change = (/** @type {any} */ { target }) => {
    const name = target.value.trim();
    target.setCustomValidity(isZone(name) ? "" : "There is no such time zone");
    if (target.reportValidity()) actions.setZone(name);
  };
  return html`<fieldset class="zones"><legend>Clock: ${zoneLabel(zone)}</legend>
    ${[["browser", `Browser (${browserZone()})`], ...(server ? [["server", `Server (${server})`]] : []), ["UTC", "UTC"]].map(([choice, text]) => html`
      <label key=${choice}><input type="radio" name="zone" checked=${state.zone === choice} onChange=${() => actions.setZone(choice)} /> ${text}</label>`)}
    <label>Other <${Draft} list="zones" name="other-zone" value=${known.includes(state.zone) ? "" : state.zone} placeholder="Europe/Berlin" onChange=${change} autocomplete="off" /></label>
    <datalist id="zones">${zones().map((name) => html`<option key=${name} value=${name} />`)}</datalist>
  </fieldset>`;
}

/** @param {string} zone */
export const zoneLabel = (zone) => (zone === "UTC" ? "UTC" : `${zone} ${offsetText(Date.now(), zone)}`);
