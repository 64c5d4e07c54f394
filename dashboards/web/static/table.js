// The table of events, newest first; a row opens to show every field of its event.

import { kind } from "./levels.js";
import { element, flatten, get, visible } from "./text.js";
import { stamp } from "./timerange.js";

const LONGEST = 2000; // characters of a message in its row; all of it is in the details

export class Table {
  constructor(body, onFilter) {
    this.body = body;
    this.onFilter = onFilter;
    this.hits = [];
    this.ids = new Set();
  }

  // Show `hits` instead of what there is; rows that were open stay open.
  replace(hits) {
    const open = new Set([...this.body.querySelectorAll("tr.event[aria-expanded=true]")].map((row) => row.dataset.id));
    const focused = document.activeElement?.closest?.("tr.event")?.dataset.id;
    this.hits = [];
    this.ids.clear();
    this.body.replaceChildren();
    this.append(hits);
    for (const row of [...this.body.querySelectorAll("tr.event")]) {
      if (open.has(row.dataset.id)) row.querySelector("button").click();
      if (row.dataset.id === focused) row.querySelector("button").focus();
    }
  }

  // Add the hits that are not shown yet; returns how many those were.
  append(hits) {
    const fresh = hits.filter(({ _id }) => !this.ids.has(_id));
    fresh.forEach((hit) => this.ids.add(hit._id));
    this.hits.push(...fresh);
    this.body.append(...fresh.map((hit) => this.#row(hit)));
    return fresh.length;
  }

  // The time of the last event in milliseconds, and how many shown events have it: where the next page begins.
  end() {
    const time = (hit) => Date.parse(hit._source["@timestamp"]);
    const last = time(this.hits.at(-1));
    return { last, ties: this.hits.filter((hit) => time(hit) === last).length };
  }

  #row(hit) {
    const source = hit._source;
    const level = get(source, "log.level");
    const logger = visible(get(source, "log.logger") ?? "");
    const button = element("button", { type: "button", className: "unfold", "aria-label": "Show all fields" });
    const message = element("div", { className: "lines", textContent: firstLines(source) });
    if (get(source, "error.stack_trace")) message.append(element("span", { className: "trace", textContent: "stack trace" }));
    const row = element(
      "tr", { className: `event level-${kind(level)}`, dataset: { id: hit._id }, "aria-expanded": "false" },
      element("td", { className: "fold" }, button),
      element("td", { className: "time" }, element("time", { dateTime: source["@timestamp"] ?? "", textContent: stamp(source["@timestamp"]) })),
      element("td", { className: "level" }, level ? element("span", { className: `badge level-${kind(level)}`, textContent: visible(level) }) : null),
      element("td", { className: "service", textContent: visible(get(source, "service.name") ?? "") }),
      element("td", { className: "logger", textContent: shorten(logger), title: logger }),
      element("td", { className: "message" }, message),
    );
    row.addEventListener("click", (event) => {
      const selecting = String(getSelection()) !== "" && !event.target.closest("button");
      if (!selecting) this.#toggle(row, hit);
    });
    return row;
  }

  #toggle(row, hit) {
    const open = row.getAttribute("aria-expanded") !== "true";
    row.setAttribute("aria-expanded", String(open));
    row.querySelector("button").setAttribute("aria-label", open ? "Hide the fields" : "Show all fields");
    if (open) row.after(this.#details(hit));
    else row.nextElementSibling.remove();
  }

  #details(hit) {
    const fields = [...flatten(hit._source), ["_id", hit._id]].map(([field, value]) => this.#field(field, value));
    return element("tr", { className: "details" }, element("td", { colSpan: 6 }, element("dl", {}, ...fields)));
  }

  #field(field, value) {
    const values = Array.isArray(value) ? value : [value];
    const line = element("div", {}, element("dt", { textContent: visible(field) }));
    for (const one of values) {
      const text = typeof one === "object" ? JSON.stringify(one) : String(one);
      const cell = element("dd", {}, element("span", { className: "value", textContent: visible(text) }));
      if (typeof one !== "object" && field !== "_id" && field !== "@timestamp" && text.length <= 1000) cell.append(this.#filters(field, one));
      line.append(cell);
    }
    return line;
  }

  #filters(field, value) {
    const button = (not, sign, words) => {
      const node = element("button", { type: "button", textContent: sign, title: words, "aria-label": `${words}: ${visible(field)}` });
      node.addEventListener("click", () => this.onFilter({ field, value, not }));
      return node;
    };
    return element("span", { className: "pick" }, button(false, "+", "Filter for this value"), button(true, "−", "Filter out this value"));
  }
}

function firstLines(source) {
  const text = String(get(source, "message") ?? get(source, "event.original") ?? "");
  return visible(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}

// "br.com.service.ContaService" → "b.c.s.ContaService", as Logback does; the whole is in the tooltip.
function shorten(logger) {
  const names = logger.split(".");
  return logger.length <= 24 ? logger : [...names.slice(0, -1).map((name) => name.slice(0, 1)), names.at(-1)].join(".");
}
