// The query: its language, completion of fields and values, recent and saved queries.

import * as ask from "./ask.js";
import { useOutside } from "./hooks.js";
import { number, visible } from "./text.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** @import { Saved, State, Suggested } from "./types.js" */

const RECENT = "sawlog.recent";
const MOST_RECENT = 12;
const WAIT = 120; // milliseconds of rest before completions are asked for

/** @param {import("./app.js").ViewProps & { searches: Record<string, { title: string, description: string, query?: string, columns: string[], own?: boolean }> }} props */
export function QueryBox(props) {
  const { state, actions, refresh } = props;
  const [text, setText] = useState(state.query);
  const [offered, setOffered] = useState(/** @type {(Suggested & { to: string }) | null} */ (null));
  const [active, setActive] = useState(-1);
  const ref = useRef(/** @type {any} */ (null));
  const input = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => setText(state.query), [state.query]); // at once, or it would take away what is typed next
  useOutside(ref, offered !== null, () => setOffered(null));
  const listen = useCompletion(props, setOffered, () => setActive(-1));

  const run = (/** @type {string} */ query) => {
    setOffered(null);
    listen.stop();
    remember(query);
    if (query === state.query) refresh();
    else actions.setQuery(query);
  };
  const take = (/** @type {Suggested["items"][0]} */ item) => {
    if (item.kind === "recent") return run(item.text);
    if (offered?.to !== text) return; // it was offered to what stood there before
    const { start, end } = offered;
    const space = item.kind === "field" ? "" : " ";
    const next = `${text.slice(0, start)}${item.text}${space}${text.slice(end)}`;
    const caret = start + item.text.length + space.length;
    setText(next);
    setOffered(null);
    requestAnimationFrame(() => {
      input.current.focus();
      input.current.setSelectionRange(caret, caret);
      listen.ask(next, caret);
    });
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const items = offered?.items ?? [];
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !event.altKey) {
      event.preventDefault();
      if (!items.length) return listen.ask(text, input.current.selectionStart, 0);
      setActive((active + (event.key === "ArrowDown" ? 1 : -1) + items.length + 1) % (items.length + 1) || 0);
      if (event.key === "ArrowUp" && active <= 0) setActive(items.length - 1);
    } else if ((event.key === "Enter" || event.key === "Tab") && items[active]) {
      event.preventDefault();
      take(items[active]);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      input.current.blur();
    }
  };
  const chosen = offered?.items[active] ? `suggestion-${active}` : null;
  return html`<form class="search" role="search" ref=${ref} onSubmit=${(/** @type {Event} */ event) => {
    event.preventDefault();
    run(text.trim());
  }}>
    <div class="query">
      <input id="query" ref=${input} type="search" value=${text} autocomplete="off" autocapitalize="off" spellcheck=${false} aria-label="Query"
        placeholder="Search: words, level: ERROR, service.name: orders" role="combobox" aria-autocomplete="list" aria-expanded=${offered !== null}
        aria-controls="suggestions" aria-activedescendant=${chosen} onKeyDown=${keys}
        onFocus=${() => !text && listen.ask("", 0, 0)}
        onInput=${(/** @type {any} */ event) => {
          setText(event.target.value);
          listen.ask(event.target.value, event.target.selectionStart);
        }} />
      <kbd aria-hidden="true" title="Press / to search">/</kbd>
      <${LanguageSwitch} state=${state} actions=${actions} />
      <ul id="suggestions" class="menu suggestions" role="listbox" aria-label="Completions" hidden=${!offered?.items.length}>
        ${offered?.items.map((item, place) => html`<li id=${`suggestion-${place}`} key=${`${item.kind} ${item.text}`} role="option" aria-selected=${place === active}
            onPointerDown=${(/** @type {Event} */ event) => event.preventDefault()} onClick=${() => take(item)}>
          <span class=${`kind kind-${item.kind}`}>${item.kind}</span><span class="key">${visible(item.text)}</span>
          ${typeof item.n === "number" && html`<span class="count">${number(item.n)}</span>`}
        </li>`)}
      </ul>
    </div>
    <button class="primary" type="submit">Search</button>
    <${SavedMenu} ...${props} text=${text} />
  </form>`;
}

/** Ask for completions a moment after the last key. @param {import("./app.js").ViewProps} props @param {(offered: (Suggested & { to: string }) | null) => void} show @param {() => void} reset */
function useCompletion({ asked }, show, reset) {
  const waiting = useRef({ timer: 0, aborter: /** @type {AbortController | null} */ (null) });
  const stop = () => {
    clearTimeout(waiting.current.timer);
    waiting.current.aborter?.abort();
  };
  const start = (/** @type {string} */ text, /** @type {number} */ caret, wait = WAIT) => {
    stop();
    reset();
    const recent = recentQueries().filter((one) => one !== text && one.toLowerCase().includes(text.toLowerCase())).slice(0, text ? 3 : 8).map((one) => ({ text: one, kind: "recent" }));
    if (!text) show(recent.length ? { start: 0, end: 0, items: recent, to: text } : null);
    waiting.current.timer = setTimeout(async () => {
      const aborter = (waiting.current.aborter = new AbortController());
      try {
        // The server counts characters, a text of the page UTF-16's units.
        const found = await ask.suggest({ ...asked, query: "", text, caret: [...text.slice(0, caret)].length }, aborter.signal);
        const [start, end] = [found.start, found.end].map((place) => [...text].slice(0, place).join("").length);
        const items = [...(text ? [] : recent), ...found.items, ...(text ? recent : [])];
        if (!aborter.signal.aborted) show(items.length ? { start, end, items, to: text } : null);
      } catch {
        // A query can be written without completions; the search itself says what is wrong.
      }
    }, wait);
  };
  useEffect(() => stop, []);
  return { ask: start, stop };
}

/** @param {{ state: State, actions: import("./types.js").Actions }} props */
function LanguageSwitch({ state, actions }) {
  return html`<select class="language" aria-label="Language of the query" title="KQL as in Kibana, or Lucene; by itself the page tells them apart" value=${state.language}
      onChange=${(/** @type {any} */ event) => actions.setQuery(state.query, event.target.value)}>
    <option value="auto">KQL or Lucene</option><option value="kql">KQL</option><option value="lucene">Lucene</option>
  </select>`;
}

/** Saved searches: those that come with sawlog, those that were saved here, and what saves the one on the page. */
function SavedMenu(/** @type {any} */ { state, actions, searches, text }) {
  const [open, setOpen] = useState(false);
  const [mine, setMine] = useState(/** @type {Saved[]} */ ([]));
  const [title, setTitle] = useState("");
  const [problem, setProblem] = useState("");
  const ref = useRef(/** @type {any} */ (null));
  useOutside(ref, open, () => setOpen(false));
  const load = () => ask.saved().then((all) => setMine(all.filter(({ kind }) => kind === "search")), (error) => setProblem(error.message));
  useEffect(() => {
    setProblem("");
    if (open) load();
  }, [open]);
  const go = (/** @type {Record<string, any>} */ content) => {
    setOpen(false);
    actions.apply({ ...content, view: "events", board: null, event: null });
  };
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const { language, filters, from, to, columns, order, split } = state;
    try {
      await ask.save({ title: title.trim(), kind: "search", content: { query: text, language, filters, from, to, columns, order, split } });
      setTitle("");
      setProblem("");
      await load();
    } catch (error) {
      setProblem(/** @type {Error} */ (error).message);
    }
  };
  const forget = (/** @type {string} */ id) => ask.forget(id).then(load, (error) => setProblem(error.message));
  return html`<div class="saved" ref=${ref}>
    <button type="button" aria-expanded=${open} aria-haspopup="dialog" onClick=${() => setOpen(!open)} title="Saved searches">☆<span class="wide"> Saved</span></button>
    ${open && html`<div class="menu" role="dialog" aria-label="Saved searches">
      <ul>
        ${Object.entries(searches).filter(([, one]) => !one.own).map(([id, one]) => html`<li key=${id}><button type="button" title=${one.description}
          onClick=${() => go({ query: "", language: "auto", filters: [], columns: one.columns, saved: id })}>${one.title}</button></li>`)}
        ${mine.map(({ id, title: name, content }) => html`<li key=${id} class="mine">
          <button type="button" onClick=${() => go({ saved: null, ...content })}>${visible(name)}</button>
          <button type="button" class="plain" aria-label=${`Forget ${visible(name)}`} onClick=${() => forget(id)}>×</button></li>`)}
      </ul>
      <div class="save">
        <input type="text" aria-label="Name of this search" placeholder="Name of this search" value=${title} onInput=${(/** @type {any} */ event) => setTitle(event.target.value)}
          onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Enter" && title.trim() && save(event)} />
        <button type="button" class="primary" disabled=${!title.trim()} onClick=${save}>Save</button>
      </div>
      ${mine.length > 0 && html`<a href="/api/saved/export" download>Export for Kibana</a>`}
      ${problem && html`<p class="bad" role="alert">${problem}</p>`}
    </div>`}
  </div>`;
}

/** @returns {string[]} */
function recentQueries() {
  try {
    const kept = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string") : [];
  } catch {
    return []; // storage is forbidden, or holds something else
  }
}

/** @param {string} query */
function remember(query) {
  if (!query) return;
  try {
    localStorage.setItem(RECENT, JSON.stringify([query, ...recentQueries().filter((one) => one !== query)].slice(0, MOST_RECENT)));
  } catch {
    // Storage is forbidden or full: nothing is remembered.
  }
}
