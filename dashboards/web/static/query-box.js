// The query: its language, completion of fields and values, recent and saved queries.

import * as ask from "./ask.js";
import { fitting, nameOf, remember, useCompletion } from "./completion.js";
import { useOutside } from "./hooks.js";
import { ImportFile } from "./import-file.js";
import { number, visible } from "./text.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** @import { Saved, State, Suggested } from "./types.js" */

/** @param {import("./app.js").ViewProps & { searches: Record<string, { title: string, description: string, query?: string, columns: string[], own?: boolean }>, reload: () => Promise<void> }} props */
export function QueryBox(props) {
  const { state, actions, refresh } = props;
  const [text, setText] = useState(state.query);
  const [offered, setOffered] = useState(/** @type {import("./completion.js").Offered | null} */ (null));
  const [chosen, choose] = useState(/** @type {string | null} */ (null));
  const ref = useRef(/** @type {any} */ (null));
  const input = useRef(/** @type {any} */ (null));
  const caret = useRef(/** @type {number | null} */ (null)); // where it belongs once the text that was taken is drawn
  useLayoutEffect(() => setText(state.query), [state.query]); // at once, or it would take away what is typed next
  useLayoutEffect(() => {
    if (caret.current !== null) input.current.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  });
  const listen = useCompletion(props, setOffered, choose);
  const close = () => {
    listen.stop(); // what is on its way would open it again
    setOffered(null);
  };
  useOutside(ref, offered !== null, close);
  const shown = fitting(offered, text);
  const items = shown?.items ?? [];
  const active = items.findIndex((item) => nameOf(item) === chosen);

  const run = (/** @type {string} */ query) => {
    close();
    remember(query);
    if (query === state.query) refresh();
    else actions.setQuery(query);
  };
  const take = (/** @type {Suggested["items"][0]} */ item) => {
    if (item.kind === "recent") return run(item.text);
    if (!shown) return;
    const { start, end } = shown;
    const space = item.kind === "field" ? "" : " ";
    const next = `${text.slice(0, start)}${item.text}${space}${text.slice(end)}`;
    caret.current = start + item.text.length + space.length;
    setText(next);
    setOffered(null);
    input.current.focus();
    listen.ask(next, caret.current);
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !event.altKey) {
      event.preventDefault();
      if (!items.length) return listen.ask(text, input.current.selectionStart, 0, event.key === "ArrowDown" ? 0 : -1);
      // Before the first and behind the last is the text itself.
      const next = event.key === "ArrowDown" ? active + 1 : active < 0 ? items.length - 1 : active - 1;
      choose(items[next] ? nameOf(items[next]) : null);
    } else if ((event.key === "Enter" || event.key === "Tab") && items[active]) {
      event.preventDefault();
      take(items[active]);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      input.current.blur();
    }
  };
  return html`<form class="search" role="search" ref=${ref} onSubmit=${(/** @type {Event} */ event) => {
    event.preventDefault();
    run(text.trim());
  }}>
    <div class="query">
      <input id="query" ref=${input} type="search" value=${text} autocomplete="off" autocapitalize="off" spellcheck=${false} aria-label="Query"
        placeholder="Search: words, level: ERROR, service.name: orders" role="combobox" aria-autocomplete="list" aria-expanded=${items.length > 0}
        aria-controls="suggestions" aria-activedescendant=${active < 0 ? null : `suggestion-${active}`} onKeyDown=${keys} onBlur=${close}
        onFocus=${() => !text && listen.ask("", 0, 0)}
        onInput=${(/** @type {any} */ event) => {
          setText(event.target.value);
          listen.ask(event.target.value, event.target.selectionStart);
        }} />
      <kbd aria-hidden="true" title="Press / to search">/</kbd>
      <${LanguageSwitch} state=${state} actions=${actions} />
      <ul id="suggestions" class="menu suggestions" role="listbox" aria-label="Completions" hidden=${!items.length}>
        ${items.map((item, place) => html`<li id=${`suggestion-${place}`} key=${nameOf(item)} role="option" aria-selected=${place === active}
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

/** @param {{ state: State, actions: import("./types.js").Actions }} props */
function LanguageSwitch({ state, actions }) {
  return html`<select class="language" aria-label="Language of the query" title="KQL as in Kibana, or Lucene; by itself the page tells them apart" value=${state.language}
      onChange=${(/** @type {any} */ event) => actions.setQuery(state.query, event.target.value)}>
    <option value="auto">KQL or Lucene</option><option value="kql">KQL</option><option value="lucene">Lucene</option>
  </select>`;
}

/** Saved searches: those that come with sawlog, those that were saved here, and what saves the one on the page. */
function SavedMenu(/** @type {any} */ { state, actions, searches, text, reload }) {
  const [open, setOpen] = useState(false);
  const [all, setAll] = useState(/** @type {Saved[]} */ ([]));
  const [title, setTitle] = useState("");
  const [problem, setProblem] = useState("");
  const ref = useRef(/** @type {any} */ (null));
  useOutside(ref, open, () => setOpen(false));
  const load = () => ask.saved().then(setAll, (error) => setProblem(error.message));
  useEffect(() => {
    setProblem("");
    if (open) load();
  }, [open]);
  const mine = all.filter(({ kind }) => kind === "search");
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
      await changed();
    } catch (error) {
      setProblem(/** @type {Error} */ (error).message);
    }
  };
  const changed = () => load().then(reload);
  const forget = (/** @type {string} */ id, /** @type {string} */ version) => ask.forget(id, version).then(changed, (error) => setProblem(error.message));
  return html`<div class="saved" ref=${ref}>
    <button type="button" aria-expanded=${open} aria-haspopup="dialog" onClick=${() => setOpen(!open)} title="Saved searches">☆<span class="wide"> Saved</span></button>
    ${open && html`<div class="menu" role="dialog" aria-label="Saved searches">
      <ul>
        ${Object.entries(searches).filter(([, one]) => !one.own).map(([id, one]) => html`<li key=${id}><button type="button" title=${one.description}
          onClick=${() => go({ query: "", language: "auto", filters: [], columns: one.columns, saved: id })}>${one.title}</button></li>`)}
        ${mine.map(({ id, title: name, content, version }) => html`<li key=${id} class="mine">
          <button type="button" onClick=${() => go({ saved: null, ...content })}>${visible(name)}</button>
          <button type="button" class="plain" aria-label=${`Forget ${visible(name)}`} onClick=${() => forget(id, version)}>×</button></li>`)}
      </ul>
      <div class="save">
        <input type="text" aria-label="Name of this search" placeholder="Name of this search" value=${title} onInput=${(/** @type {any} */ event) => setTitle(event.target.value)}
          onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Enter" && title.trim() && save(event)} />
        <button type="button" class="primary" disabled=${!title.trim()} onClick=${save}>Save</button>
      </div>
      <div class="files">${all.length > 0 && html`<a href="/api/saved/export" download title="All searches, charts and dashboards that were saved here">Export for Kibana</a>`}
        <${ImportFile} done=${changed} /></div>
      ${problem && html`<p class="bad" role="alert">${problem}</p>`}
    </div>`}
  </div>`;
}
