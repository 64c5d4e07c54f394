// A table of events, newest first; a row opens to show every field of its event.

import { written } from "./format.js";
import { kind } from "./levels.js";
import { element, flatten, get, visible } from "./text.js";
import { stamp } from "./timerange.js";

export const COLUMNS = ["log.level", "service.name", "log.logger", "message"];

const LONGEST = 2000; // characters of a text in its row; all of it is in the details
const TITLES = { "log.level": "Level", "service.name": "Service", "log.logger": "Logger", message: "Message" };
const CLASSES = { "log.level": "level", "service.name": "service", "log.logger": "logger", message: "message", "error.stack_trace": "stack" };

export class Table {
  constructor(host, onFilter) {
    this.host = host;
    this.head = element("tr");
    this.body = element("tbody");
    host.replaceChildren(element("thead", {}, this.head), this.body);
    this.onFilter = onFilter;
    this.hits = [];
    this.ids = new Set();
    this.setColumns(COLUMNS);
  }

  // The fields to show after the time; `spans` are those that no event holds, but the times from one field to another.
  setColumns(columns, spans = {}) {
    this.spans = spans;
    if (this.columns?.join() === columns.join()) return;
    this.columns = columns;
    const fold = element("th", { scope: "col", className: "fold" }, element("span", { className: "visually-hidden", textContent: "Details" }));
    const title = (field) => element("th", { scope: "col", className: CLASSES[field] ?? "field", textContent: TITLES[field] ?? field });
    this.head.replaceChildren(fold, element("th", { scope: "col", className: "time", textContent: "Time" }), ...columns.map(title));
    this.host.style.setProperty("--fields", columns.filter((field) => !CLASSES[field]).length);
    this.body.replaceChildren();
    this.hits = [];
    this.ids.clear();
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
    const button = element("button", { type: "button", className: "unfold", "aria-label": "Show all fields" });
    const row = element(
      "tr", { className: `event level-${kind(get(source, "log.level"))}`, dataset: { id: hit._id }, "aria-expanded": "false" },
      element("td", { className: "fold" }, button),
      element("td", { className: "time" }, element("time", { dateTime: source["@timestamp"] ?? "", textContent: stamp(source["@timestamp"]) })),
      ...this.columns.map((field) => this.#cell(field, source)),
    );
    row.addEventListener("click", (event) => {
      const selecting = String(getSelection()) !== "" && !event.target.closest("button");
      if (!selecting) this.#toggle(row, hit);
    });
    return row;
  }

  #cell(field, source) {
    const className = CLASSES[field] ?? "field";
    if (field === "message") return element("td", { className }, this.#message(source));
    const text = visible(cut(this.#text(field, source)));
    if (field === "log.level") return element("td", { className }, text ? element("span", { className: `badge level-${kind(text)}`, textContent: text }) : null);
    if (field === "log.logger") return element("td", { className, textContent: shorten(text), title: text });
    if (field === "service.name") return element("td", { className, textContent: text, title: text });
    return element("td", { className }, element("div", { className: "lines", textContent: text }));
  }

  #message(source) {
    const text = String(get(source, "message") ?? get(source, "event.original") ?? "");
    const message = element("div", { className: "lines", textContent: visible(cut(text)) });
    const has = get(source, "error.stack_trace") && !this.columns.includes("error.stack_trace");
    if (has) message.append(element("span", { className: "trace", textContent: "stack trace" }));
    return message;
  }

  #text(field, source) {
    const span = this.spans[field];
    if (span) {
      const length = Date.parse(get(source, span.to)) - Date.parse(get(source, span.from));
      return Number.isNaN(length) ? "" : written(length, "duration");
    }
    const value = get(source, field) ?? "";
    if (Array.isArray(value)) return value.map((one) => (typeof one === "object" ? JSON.stringify(one) : String(one))).join(", ");
    return typeof value === "object" ? JSON.stringify(value) : String(value);
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
    return element("tr", { className: "details" }, element("td", { colSpan: this.columns.length + 2 }, element("dl", {}, ...fields)));
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

const cut = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

// "br.com.service.ContaService" → "b.c.s.ContaService", as Logback does; the whole is in the tooltip.
function shorten(logger) {
  const names = logger.split(".");
  return logger.length <= 24 ? logger : [...names.slice(0, -1).map((name) => name.slice(0, 1)), names.at(-1)].join(".");
}
