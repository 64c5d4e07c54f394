import assert from "node:assert/strict";
import { test } from "node:test";
import { begin, draftOf, drop, keep, moved, panelOf, panelsOf, savedOf } from "../../../dashboards/web/static/board-draft.js";
import { askedText, contentOf, fieldsFor, titleOf, together } from "../../../dashboards/web/static/chart-shape.js";
import { read, write } from "../../../dashboards/web/static/state.js";

const asked = { query: "log.level: ERROR", language: "auto", filters: [{ field: "service.name", operator: "is", values: ["orders", "payments"] }] };
const choice = (shape, field, more = {}) => ({ shape, field, drawn: "bars", size: 10, ...more });
const events = [{ label: "Events", count: "" }];

test("a chart is a question and what is drawn of it", () => {
  assert.deepEqual(contentOf(choice("time", "host.name", { drawn: "areas" }), asked), {
    ...asked, kind: "areas", values: events, by: { time: "@timestamp" }, split: { top: "host.name", size: 12, other: true },
  });
  assert.deepEqual(contentOf(choice("time", ""), asked), { ...asked, kind: "bars", values: events, by: { time: "@timestamp" } });
  assert.deepEqual(contentOf(choice("values", "log.logger", { size: 5 }), asked), { ...asked, kind: "horizontal bars", values: events, by: { top: "log.logger", size: 5 } });
  assert.deepEqual(contentOf(choice("number", "log.level"), asked), { ...asked, kind: "number", values: events });
  const lines = contentOf(choice("percentiles", "http.took"), asked);
  assert.equal(lines.kind, "lines");
  assert.deepEqual(lines.values.map(({ percentile, of }) => [percentile, of]), [[50, "http.took"], [95, "http.took"], [99, "http.took"]]);
});

test("only what has values is counted, and only numbers are measured", () => {
  const fields = [
    { name: "message", type: "text", aggregatable: false, share: 1 },
    { name: "@timestamp", type: "date", aggregatable: true, share: 1 },
    { name: "unused", type: "keyword", aggregatable: true, share: 0 },
    { name: "zone", type: "keyword", aggregatable: true, share: 0.1 },
    { name: "log.level", type: "keyword", aggregatable: true, share: 1 },
    { name: "log.offset", type: "long", aggregatable: true, share: 1 },
    { name: "http.took", type: "double", aggregatable: true, share: 0.5 },
  ];
  assert.deepEqual(fieldsFor(fields, "values"), ["http.took", "log.level", "log.offset", "zone", "unused"]);
  assert.deepEqual(fieldsFor(fields, "percentiles"), ["http.took"]);
});

test("a chart is called after what it shows", () => {
  assert.equal(askedText(asked), "log.level: ERROR, service.name: orders or payments");
  assert.equal(titleOf(choice("time", "log.level"), { ...asked, filters: [] }), "Events by log.level · log.level: ERROR");
  assert.equal(titleOf(choice("number", ""), { query: "", language: "auto", filters: [] }), "Events");
  assert.equal(titleOf(choice("values", "a"), { ...asked, query: "x".repeat(300) }).length, 120);
});

test("a saved search and a query are one question where their languages are one", () => {
  const search = { query: "a : 1 or b : 2", language: "kql", filters: [{ field: "c", operator: "exists", values: [] }] };
  const alone = { query: "", language: "auto", filters: [] };
  assert.deepEqual(together(null, asked, "kql"), asked);
  assert.deepEqual(together(search, alone, null), search);
  assert.deepEqual(together(search, asked, "kql"), { query: "(a : 1 or b : 2) and (log.level: ERROR)", language: "kql", filters: [...search.filters, ...asked.filters] });
  assert.equal(together(search, asked, "lucene"), null);
  assert.equal(together({ ...search, language: "lucene" }, asked, "lucene").query, "(a : 1 or b : 2) AND (log.level: ERROR)");
  assert.equal(together({ ...search, query: "" }, asked, "lucene").query, asked.query);
});

test("panels are moved by one place, and not beyond the ends", () => {
  const panels = ["a", "b", "c"].map((show) => panelOf({ show }));
  const names = (list) => list.map(({ show }) => show).join("");
  assert.equal(names(moved(panels, panels[0].key, 1)), "bac");
  assert.equal(names(moved(panels, panels[2].key, -1)), "acb");
  assert.equal(moved(panels, panels[0].key, -1), panels);
  assert.equal(moved(panels, panels[2].key, 1), panels);
  assert.equal(moved(panels, -5, 1), panels);
  assert.equal(names(panels), "abc");
});

test("a draft stays until it is saved or given up", () => {
  const board = { id: "shop", version: "7", title: "Shop", description: "", panels: [{ show: "a" }, { show: "b", title: "B", width: "full" }] };
  const draft = draftOf(board);
  assert.deepEqual(savedOf(draft), { id: "shop", version: "7", title: "Shop", kind: "dashboard", content: { panels: [{ show: "a", width: "half" }, { show: "b", width: "full", title: "B" }] } });
  keep({ ...draft, title: " Mine ", changed: true });
  assert.equal(savedOf(draftOf({ ...board, version: "8" })).title, "Mine");
  // Of the version that was seen when it was begun, so that whoever saves it is told.
  assert.equal(draftOf({ ...board, version: "8" }).version, "7");
  drop("shop");
  assert.equal(draftOf({ ...board, version: "8" }).version, "8");
  begin("A copy", [{ show: "a" }]);
  assert.deepEqual([draftOf(null).title, draftOf(null).changed, "id" in savedOf(draftOf(null))], ["A copy", true, false]);
  drop(null);
  assert.equal(draftOf(null).panels.length, 0);
});

test("the panels of a dashboard that comes with sawlog keep their widths as words", () => {
  const rows = [{ height: 11, panels: [{ show: "a", title: "", width: 36 }, { show: "b", title: "B", width: 12 }] }, { height: 11, panels: [{ show: "c", width: 24 }] }];
  assert.deepEqual(panelsOf(rows), [{ show: "a", title: "", width: "full" }, { show: "b", title: "B", width: "third" }, { show: "c", title: "", width: "half" }]);
});

test("that a dashboard is edited is in its address", () => {
  const state = read("?edit=1&q=x", "/dashboards/shop");
  assert.deepEqual([state.view, state.board, state.edit], ["board", "shop", true]);
  assert.equal(write(state), "/dashboards/shop?edit=1&q=x");
  assert.equal(read("?edit=1").edit, false);
  assert.equal(write({ ...state, view: "events", board: null }), "/?view=events&q=x&from=now-24h");
});
