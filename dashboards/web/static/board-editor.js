// A dashboard that is being made: what can be put on it, its panels in their order, and its name.

import * as ask from "./ask.js";
import { draftOf, drop, keep, moved, panelOf, savedOf } from "./board-draft.js";
import { Place } from "./board-panel.js";
import { useAsk } from "./hooks.js";
import { visible } from "./text.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** @import { Draft, DraftPanel } from "./board-draft.js" */
/** @typedef {{ id: string, title: string, kind: string, own: boolean, version: string }} Offer */

const BARS = 60;
/** @type {Record<string, string>} what a kind is called where that is not its name */
const KINDS = { search: "", "horizontal bars": "bars", donut: "ring" };

/** @param {any} props */
export function BoardEditor(props) {
  const { actions, asked, key_: key, objects, board, reload } = props;
  const [draft, setDraft] = useState(() => draftOf(board));
  const [said, say] = useState("");
  const [problem, setProblem] = useState(/** @type {Error & { kind?: string } | null} */ (null));
  const [busy, setBusy] = useState(false);
  const name = useRef(/** @type {any} */ (null));
  const follow = useFocus(draft.panels);
  const { answer: count } = useAsk(key, (signal) => ask.count({ ...asked, split: null, buckets: BARS, facets: [] }, signal));
  const change = (/** @type {Partial<Draft>} */ part) => setDraft((before) => {
    const next = { ...before, ...part, changed: true };
    keep(next);
    return next;
  });
  useLeaving(draft.changed);
  useEffect(() => name.current?.focus(), []);

  const titleOf = (/** @type {DraftPanel} */ { show, title }) => visible(title || objects.searches[show]?.title || objects.charts[show]?.title || show);
  const set = (/** @type {DraftPanel[]} */ panels, /** @type {string} */ words) => {
    change({ panels });
    say(words);
  };
  const move = (/** @type {DraftPanel} */ one, /** @type {-1 | 1} */ by) => {
    const panels = moved(draft.panels, one.key, by);
    if (panels === draft.panels) return say(`${titleOf(one)} is the ${by < 0 ? "first" : "last"}`);
    follow();
    set(panels, `${titleOf(one)} is number ${panels.indexOf(one) + 1} of ${panels.length}`);
  };
  const remove = (/** @type {DraftPanel} */ one) => {
    const place = draft.panels.indexOf(one);
    follow(place);
    set(draft.panels.filter((other) => other !== one), `${titleOf(one)} is removed`);
  };
  const put = (/** @type {DraftPanel} */ one, /** @type {Partial<DraftPanel>} */ part) => change({ panels: draft.panels.map((other) => (other === one ? { ...one, ...part } : other)) });
  const add = (/** @type {Offer} */ offer) => {
    const width = offer.kind === "search" ? "full" : offer.kind === "number" ? "third" : "half";
    set([...draft.panels, panelOf({ show: offer.id, width })], `${visible(offer.title)} is number ${draft.panels.length + 1}`);
  };

  const done = async (/** @type {() => Promise<string | null>} */ act) => {
    setBusy(true);
    setProblem(null);
    try {
      const opened = await act();
      drop(draft.id);
      setDraft((before) => ({ ...before, changed: false }));
      await reload();
      if (opened) actions.openBoard(opened);
      else actions.view("problems");
    } catch (error) {
      setProblem(/** @type {Error} */ (error));
      setBusy(false);
    }
  };
  const save = (/** @type {Draft} */ one) => done(async () => (await ask.save(savedOf(one))).id);
  const leave = () => {
    drop(draft.id);
    if (draft.id) actions.openBoard(draft.id);
    else actions.view("problems");
  };
  const forget = () => confirm(`Delete the dashboard “${visible(draft.title)}”? Its charts and searches stay.`) && done(async () => {
    await ask.forget(/** @type {string} */ (draft.id), draft.version);
    return null;
  });
  const theirs = async () => {
    drop(draft.id);
    await reload();
    actions.openBoard(/** @type {string} */ (draft.id));
  };

  const place = (/** @type {DraftPanel} */ one, /** @type {number} */ at) => html`<${Place} key=${one.key} ...${props} place=${one} count=${count} onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    event.preventDefault();
    move(one, event.key === "ArrowUp" ? -1 : 1);
  }} tools=${html`<${PanelTools} panel=${one} title=${titleOf(one)} usual=${visible(objects.searches[one.show]?.title ?? objects.charts[one.show]?.title ?? one.show)} first=${at === 0} last=${at === draft.panels.length - 1} move=${move} remove=${remove} put=${put} />`} />`;

  return html`<div class="board editing">
    <form class="board-head" onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      if (!busy && draft.title.trim()) save(draft);
    }}>
      <h1>${draft.id ? "Edit dashboard" : "New dashboard"}</h1>
      <input type="text" id="board-title" class="board-title" ref=${name} required maxlength="200" pattern=".*\\S.*" aria-label="Name of the dashboard" placeholder="Name of the dashboard" value=${draft.title} onInput=${(/** @type {any} */ event) => change({ title: event.target.value })} />
      <input type="text" class="board-about" maxlength="2000" aria-label="What it is for" placeholder="What it is for (optional)" value=${draft.description} onInput=${(/** @type {any} */ event) => change({ description: event.target.value })} />
      <span class="space"></span>
      ${draft.id && html`<button type="button" class="plain bad" disabled=${busy} onClick=${forget}>Delete</button>`}
      <button type="button" disabled=${busy} onClick=${leave}>Cancel</button>
      <button type="submit" class="primary" disabled=${busy}>Save</button>
    </form>
    ${problem && html`<div class="problem" role="alert"><p>${visible(problem.message)}${problem.kind === "conflict" ? ". What you have changed is still here, and is not saved." : ""}</p>
      ${problem.kind === "conflict" && html`<p class="choices"><button type="button" onClick=${() => save({ ...draft, id: null, version: "", title: `${draft.title.trim()} (copy)` })}>Save mine as a copy</button>
        <button type="button" onClick=${theirs}>Show theirs instead</button></p>`}</div>`}
    <p class="visually-hidden" role="status">${said}</p>
    <div class="editor">
      <div class="board-flow">
        ${draft.panels.map(place)}
        ${draft.panels.length === 0 && html`<p class="empty"><span>Choose what is to be on it. A chart of your own is made in <em>Events</em>: ask, then <em>Save as chart</em>.</span></p>`}
      </div>
      <${Offers} objects=${objects} panels=${draft.panels} add=${add} reload=${reload} />
    </div>
  </div>`;
}

/** The head of a panel while it is arranged. @param {any} props */
function PanelTools({ panel, title, usual, first, last, move, remove, put }) {
  return html`<header class="panel-tools">
    <input type="text" maxlength="200" aria-label=${`Title of ${title}`} placeholder=${usual} value=${panel.title} onInput=${(/** @type {any} */ event) => put(panel, { title: event.target.value })} />
    <select aria-label=${`Width of ${title}`} value=${panel.width} onChange=${(/** @type {any} */ event) => put(panel, { width: event.target.value })}>
      <option value="third">Third</option><option value="half">Half</option><option value="full">Full</option></select>
    <button type="button" class="icon" data-tool="earlier" aria-disabled=${first} aria-keyshortcuts="Alt+ArrowUp" title="Earlier (Alt+↑)" aria-label=${`Move ${title} earlier`} onClick=${() => move(panel, -1)}>↑</button>
    <button type="button" class="icon" data-tool="later" aria-disabled=${last} aria-keyshortcuts="Alt+ArrowDown" title="Later (Alt+↓)" aria-label=${`Move ${title} later`} onClick=${() => move(panel, 1)}>↓</button>
    <button type="button" class="icon" data-tool="remove" title="Remove" aria-label=${`Remove ${title}`} onClick=${() => remove(panel)}>×</button>
  </header>`;
}

/** What can be put on a dashboard. @param {{ objects: any, panels: DraftPanel[], add: (offer: Offer) => void, reload: () => Promise<void> }} props */
function Offers({ objects, panels, add, reload }) {
  const [sought, setSought] = useState("");
  const [problem, setProblem] = useState("");
  const groups = offersOf(objects, sought);
  const forget = async (/** @type {Offer} */ { id, title, version }) => {
    if (!confirm(`Delete “${visible(title)}”? Dashboards that show it will say that it is gone.`)) return;
    try {
      await ask.forget(id, version);
      setProblem("");
    } catch (error) {
      setProblem(/** @type {Error} */ (error).message);
    }
    await reload();
  };
  return html`<aside class="offers" aria-label="What can be put on it">
    <input type="search" aria-label="Find a chart or search" placeholder="Find a chart or search" value=${sought} onInput=${(/** @type {any} */ event) => setSought(event.target.value)} />
    ${problem && html`<p class="bad" role="alert">${visible(problem)}</p>`}
    ${groups.map(({ name, offers }) => html`<section key=${name}><h2>${name}</h2><ul>${offers.map((offer) => {
      const times = panels.filter(({ show }) => show === offer.id).length;
      return html`<li key=${offer.id}><button type="button" class="offer" title=${visible(offer.title)} onClick=${() => add(offer)}>
        <i aria-hidden="true">+</i><span class="visually-hidden">Add </span><span class="key">${visible(offer.title)}</span><span class="quiet">${times > 0 ? (times > 1 ? `${times} × on it` : "on it") : KINDS[offer.kind] ?? offer.kind}</span></button>
        ${offer.own && html`<button type="button" class="plain" aria-label=${`Delete ${visible(offer.title)}`} onClick=${() => forget(offer)}>×</button>`}</li>`;
    })}</ul></section>`)}
    ${groups.length === 0 && html`<p class="quiet">Nothing is called so.</p>`}
  </aside>`;
}

/** Own ones first. @param {any} objects @param {string} sought @returns {{ name: string, offers: Offer[] }[]} */
export function offersOf(objects, sought) {
  const words = sought.toLowerCase();
  const all = [...Object.entries(objects.charts), ...Object.entries(objects.searches).map(([id, one]) => [id, { ...one, kind: "search" }])]
    .map(([id, { title, kind, own, version }]) => ({ id, title, kind: kind ?? "", own: Boolean(own), version: version ?? "" }))
    .filter(({ title }) => title.toLowerCase().includes(words));
  const groups = [
    { name: "Your charts", offers: all.filter(({ kind, own }) => own && kind !== "search") },
    { name: "Your searches", offers: all.filter(({ kind, own }) => own && kind === "search") },
    { name: "Charts", offers: all.filter(({ kind, own }) => !own && kind !== "search") },
    { name: "Searches", offers: all.filter(({ kind, own }) => !own && kind === "search") },
  ];
  return groups.filter(({ offers }) => offers.length > 0);
}

/** Keep the focus where it is when panels change places: what is moved in the document loses it. @param {DraftPanel[]} panels @returns {(removed?: number) => void} to be called before */
function useFocus(panels) {
  const held = useRef(/** @type {{ element: HTMLElement | null, removed: number } | null} */ (null));
  useLayoutEffect(() => {
    const { element, removed } = held.current ?? { element: null, removed: -1 };
    held.current = null;
    if (removed >= 0) {
      const buttons = document.querySelectorAll(".editor [data-tool=remove]");
      const next = buttons[Math.min(removed, buttons.length - 1)] ?? document.querySelector(".offers input");
      /** @type {HTMLElement | null} */ (next)?.focus();
    } else if (element?.isConnected && document.activeElement !== element) {
      element.focus();
      element.scrollIntoView({ block: "nearest" });
    }
  }, [panels]);
  return (removed = -1) => {
    held.current = { element: /** @type {HTMLElement | null} */ (document.activeElement), removed };
  };
}

/** Ask before the page is left while something is not saved. @param {boolean} changed */
function useLeaving(changed) {
  useEffect(() => {
    if (!changed) return;
    const ask_ = (/** @type {Event} */ event) => event.preventDefault();
    addEventListener("beforeunload", ask_);
    return () => removeEventListener("beforeunload", ask_);
  }, [changed]);
}
