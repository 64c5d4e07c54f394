// The page: the head with its views, the query, the time and the filters; below it the view.

import * as ask from "./ask.js";
import { NEW } from "./board-draft.js";
import { EventsView } from "./events-view.js";
import { Chips } from "./filter-chips.js";
import { Later } from "./later.js";
import { Problems } from "./problems.js";
import { QueryBox } from "./query-box.js";
import { COLUMNS, question, read, Store, write } from "./state.js";
import { StatusLine, useStatus } from "./status-line.js";
import { zoneName } from "./time.js";
import { TimePicker } from "./time-picker.js";
import { visible } from "./text.js";
import { ValueMenu } from "./value-menu.js";
import { html, render, useEffect, useState } from "./vendor/preact.js";

/** @import { State, Actions, Value } from "./types.js" */

const ICON = new URL("./icon.svg", import.meta.url).pathname;

/**
 * What each view gets: the state, its actions, the name of the zone, the question to ask, a `key` that changes when it
 * must be asked anew, and `menu(event, field, value)`, which opens what can be done with a value.
 * @typedef {object} ViewProps
 * @property {State} state
 * @property {Actions} actions
 * @property {string} zone
 * @property {import("./types.js").Question} asked
 * @property {string} key_
 * @property {(event: Event, field: string, value: Value) => void} menu
 * @property {() => void} refresh
 */

/** @param {{ store: Store }} props */
function App({ store }) {
  const [turn, setTurn] = useState(0);
  const [, draw] = useState(0);
  const [menu, setMenu] = useState(/** @type {any} */ (null));
  const { state, actions } = store;
  const status = useStatus();
  const { objects, reload } = useObjects();
  const refresh = () => setTurn((before) => before + 1);
  const zone = zoneName(state.zone, status.values?.zone);
  const asked = question(state, zone);
  const openMenu = (/** @type {Event} */ event, /** @type {string} */ field, /** @type {Value} */ value) => {
    event.stopPropagation();
    const from = /** @type {HTMLElement} */ (event.currentTarget ?? event.target);
    const box = from.getBoundingClientRect();
    setMenu({ field, value, x: box.left, y: box.bottom, from });
  };
  const props = { state, actions, zone, asked, key_: `${turn} ${JSON.stringify(asked)}`, menu: openMenu, refresh };

  useEffect(() => {
    const redraw = () => draw((before) => before + 1);
    const back = () => store.reread();
    const stop = store.subscribe(redraw);
    addEventListener("popstate", back);
    return () => {
      stop();
      removeEventListener("popstate", back);
    };
  }, []);
  useEffect(() => {
    const dashboard = objects.answer?.dashboards.find((/** @type {any} */ one) => one.id === state.board);
    const view = state.view === "board" ? (state.board === NEW ? "New dashboard" : dashboard?.title && visible(dashboard.title)) : state.view === "events" ? "Events" : state.view === "grok" ? "Grok" : state.view === "alerts" ? "Alerts" : "What is broken";
    document.title = [state.query, view, "sawlog"].filter(Boolean).join(" · ");
  }, [state.view, state.board, state.query, objects.answer]);
  useSavedSearch(state, actions, objects.answer);

  return html`
    <a class="skip" href="#main">Skip to the content</a>
    <header class=${`head${objects.answer?.dashboards.some((/** @type {any} */ one) => one.own) ? " crowded" : ""}`}>
      <${Views} state=${state} actions=${actions} boards=${objects.answer?.dashboards ?? []} alerts=${status.values?.alerts ?? null} />
      <${QueryBox} ...${props} searches=${objects.answer?.searches ?? {}} reload=${reload} />
      <${TimePicker} ...${props} server=${status.values?.zone ?? null} />
    </header>
    <${Chips} state=${state} actions=${actions} searches=${objects.answer?.searches ?? {}} />
    <main id="main" class=${`view-${state.view}`} tabindex="-1">
      ${state.view === "problems" && html`<${Problems} ...${props} />`}
      ${state.view === "events" && html`<${EventsView} ...${props} objects=${objects.answer} reload=${reload} />`}
      ${state.view === "grok" && html`<${Later} key="grok" load=${() => import("./grok.js").then(({ Grok }) => Grok)} ...${props} />`}
      ${state.view === "alerts" && html`<${Later} key="alerts" load=${() => import("./alerts.js").then(({ Alerts }) => Alerts)} ...${props} />`}
      ${state.view === "board" && html`<${Later} load=${() => import("./board.js").then(({ Board }) => Board)} ...${props} key=${state.board} id=${state.board} objects=${objects} reload=${reload} />`}
    </main>
    <${StatusLine} status=${status} actions=${actions} />
    ${menu && html`<${ValueMenu} ...${props} ...${menu} close=${() => setMenu(null)} />`}
  `;
}

/** What can be shown: asked for at the beginning, and when somebody has saved something. */
function useObjects() {
  const [objects, set] = useState(/** @type {{ answer: any, error: Error | null }} */ ({ answer: null, error: null }));
  const reload = () => ask.objects().then((answer) => set({ answer, error: null }), (error) => set(({ answer }) => ({ answer, error })));
  useEffect(() => {
    reload();
  }, []);
  return { objects, reload };
}

/** @param {{ state: State, actions: Actions, boards: { id: string, title: string }[], alerts: number | null }} props `alerts`: how many fire; null without rules */
function Views({ state, actions, boards, alerts }) {
  const to = (/** @type {string} */ text, /** @type {Partial<State>} */ part, /** @type {() => void} */ go, /** @type {boolean} */ here, label = "") => html`
    <a href=${write({ ...state, event: null, board: null, edit: false, ...part })} aria-current=${here ? "page" : null} aria-label=${label || null} title=${label || text}
       onClick=${(/** @type {MouseEvent} */ event) => {
         if (event.ctrlKey || event.metaKey || event.shiftKey) return;
         event.preventDefault();
         go();
       }}>${text}</a>`;
  return html`
    <a class="brand" href="/" aria-label="sawlog"><img src=${ICON} alt="" width="22" height="22" /><span>sawlog</span></a>
    <nav class="views" aria-label="Views">
      ${to("What is broken", { view: "problems" }, () => actions.view("problems"), state.view === "problems")}
      ${to("Events", { view: "events" }, () => actions.view("events"), state.view === "events")}
      ${to("Grok", { view: "grok" }, () => actions.view("grok"), state.view === "grok")}
      ${(alerts !== null || state.view === "alerts") && to(alerts ? `Alerts (${alerts})` : "Alerts", { view: "alerts" }, () => actions.view("alerts"), state.view === "alerts")}
      ${boards.map(({ id, title }) => to(visible(title), { view: "board", board: id }, () => actions.openBoard(id), state.board === id))}
      ${to("+", { view: "board", board: NEW }, () => actions.openBoard(NEW), state.board === NEW, "New dashboard")}
    </nav>`;
}

/** A link may name a search: its columns are shown, and one that somebody saved is put in place of its name. @param {State} state @param {Actions} actions @param {any} objects */
function useSavedSearch(state, actions, objects) {
  useEffect(() => {
    if (!state.saved || !objects) return;
    const known = objects.searches[state.saved];
    // One of somebody's own becomes what it asks, unless something else is asked as well.
    if (known && (!known.own || state.query || state.filters.length > 0)) {
      if (state.columns === COLUMNS) actions.apply({ columns: known.columns }, { replace: true });
      return;
    }
    const put = (/** @type {any} */ content) => actions.apply({ ...content, ...(/[?&](from|to|range)=/.test(location.search) && { from: state.from, to: state.to }), view: "events", saved: null }, { replace: true });
    ask.saved().then((all) => {
      const mine = all.find(({ id }) => id === state.saved);
      if (mine) put(mine.content);
    }, () => {});
  }, [state.saved, objects]);
}

/** `/` goes to the query; the views have keys of their own. */
document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) return;
  event.preventDefault();
  const box = /** @type {HTMLInputElement | null} */ (document.getElementById("query"));
  box?.focus();
  box?.select();
});

render(html`<${App} store=${new Store(read(location.search, location.pathname))} />`, /** @type {Element} */ (document.getElementById("app")));
