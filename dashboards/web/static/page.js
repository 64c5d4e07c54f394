// What the pages share: the state, the controls in the header, live, and the line at the foot.

import * as api from "./api.js";
import * as chips from "./chips.js";
import { linkTo, read, removeFilter, write } from "./board-state.js";
import * as statusLine from "./status.js";
import { element } from "./text.js";
import * as timerange from "./timerange.js";

const STATUS_EVERY = 3000;
const $ = (id) => document.getElementById(id);

export class Page {
  #asked = null; // AbortController of what is under way

  // `ask(signal)` asks and draws; `show()` shows the state in what the page has besides; live asks again `every` so
  // many milliseconds if `mayRefresh()`; `usual` is the time range without another.
  constructor({ ask, show = () => {}, every, mayRefresh = () => true, usual, title = "" }) {
    Object.assign(this, { ask, show, every, mayRefresh, usual, title });
    this.state = read(usual);
  }

  start() {
    $("range").append(...timerange.RANGES.map(([value, textContent]) => element("option", { value, textContent })));
    $("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.go({ ...this.state, query: $("query").value });
    });
    $("range").addEventListener("change", () => this.#onRange());
    for (const id of ["from", "to"]) $(id).addEventListener("change", () => this.#onCustom());
    $("live").addEventListener("change", () => this.go({ ...this.state, live: $("live").checked }, { replace: true }));
    document.addEventListener("keydown", onKey);
    addEventListener("popstate", () => {
      this.state = read(this.usual);
      this.#showControls();
      this.run();
    });
    this.#showControls();
    this.run();
    this.#refresh();
    refreshStatus();
  }

  go(next, options) {
    this.state = next;
    write(next, options);
    this.#showControls();
    this.run();
  }

  narrow(from, to) {
    this.go({ ...this.state, range: "custom", from: timerange.isoOf(from), to: timerange.isoOf(to), live: false });
  }

  async run() {
    this.#asked?.abort();
    const mine = (this.#asked = new AbortController());
    document.body.classList.add("busy");
    try {
      await this.ask(mine.signal);
      showProblem(null);
    } catch (error) {
      if (error.name !== "AbortError") showProblem(error);
    } finally {
      if (this.#asked === mine) {
        this.#asked = null;
        document.body.classList.remove("busy");
      }
    }
  }

  // The next refresh waits until the one under way has ended.
  #refresh() {
    setTimeout(async () => {
      if (this.state.live && !document.hidden && !this.#asked && this.mayRefresh()) await this.run();
      this.#refresh();
    }, this.every);
  }

  #showControls() {
    const { state } = this;
    $("query").value = state.query;
    $("range").value = state.range;
    if (!$("range").value) $("range").value = "custom";
    $("custom").hidden = state.range !== "custom";
    $("from").value = timerange.localInput(state.from);
    $("to").value = timerange.localInput(state.to);
    $("live").checked = state.live;
    chips.draw($("chips"), state.filters, (filter) => this.go(removeFilter(this.state, filter)));
    document.title = [state.query, this.title, "sawlog"].filter(Boolean).join(" · ");
    drawLinks(state);
    this.show();
  }

  #onRange() {
    const range = $("range").value;
    if (range !== "custom") return this.go({ ...this.state, range, from: null, to: null });
    const { from, to } = timerange.bounds(this.state);
    const now = Date.now();
    this.go({ ...this.state, range, from: timerange.isoOf(from ?? now - 86_400_000), to: timerange.isoOf(to ?? now), live: false });
  }

  #onCustom() {
    this.go({ ...this.state, range: "custom", from: timerange.fromLocalInput($("from").value), to: timerange.fromLocalInput($("to").value) });
  }
}

export function showProblem(error) {
  $("problem").hidden = error === null;
  $("problem").textContent = error?.message ?? "";
  if (error?.kind === "query") $("query").setAttribute("aria-invalid", "true");
  else $("query").removeAttribute("aria-invalid");
}

// The links to the pages; a query, filters and a chosen range go along.
async function drawLinks(state) {
  const { dashboards } = await api.objects().catch(() => ({ dashboards: [] }));
  const pages = [["/", "Search"], ...dashboards.map(({ id, title }) => [`/dashboards/${id}`, title])];
  $("pages").replaceChildren(
    ...pages.map(([path, textContent]) => {
      const here = path === location.pathname;
      return element("a", { textContent, href: linkTo(path, state), ...(here && { "aria-current": "page" }) });
    }),
  );
}

function onKey(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "") && document.activeElement.type !== "checkbox";
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    $("query").focus();
    $("query").select();
  }
}

async function refreshStatus() {
  try {
    if (!document.hidden) statusLine.draw($("status"), await api.status());
  } catch (error) {
    statusLine.drawOffline($("status"), error);
  }
  setTimeout(refreshStatus, STATUS_EVERY);
}
