import assert from "node:assert/strict";
import { test } from "node:test";
import { COLUMNS, question, read, withoutValue, withValue, write } from "../../../dashboards/web/static/state.js";

const again = (state) => read(new URL(write(state), "http://x").search, new URL(write(state), "http://x").pathname);

test("an address without anything is the first view of the last hour", () => {
  const state = read("");
  assert.deepEqual([state.view, state.from, state.to, state.filters, state.columns], ["problems", "now-1h", null, [], COLUMNS]);
  assert.equal(write(state), "/");
});

test("all of a state is in its address", () => {
  const state = {
    ...read("?view=events"),
    query: 'log.level : "ERROR" and (a:b+c & d=e #f)', language: "kql",
    filters: [
      { field: "service.name", operator: "is", values: ["orders", "a:b,c", 5, true] },
      { field: "service.name", operator: "is_not", values: ["x"] },
      { field: "error.type", operator: "exists", values: [] },
      { field: "trace.id", operator: "missing", values: [] },
      { field: "odd:name", operator: "is", values: ["v"] },
      { field: "http.status", operator: "range", values: [500, null] },
    ],
    from: "yesterday 14:00", to: "2026-11-28T09:30:00.000Z", zone: "America/Sao_Paulo", order: "oldest", columns: ["message", "trace.id"],
    widths: { message: 300, "log:x": 90 }, split: "", event: { id: "a/b:1 2", index: "logs-spring-default" }, index: "logs-*",
  };
  const grok = { ...state, view: "grok", grok: { lines: ["a b & c", "%{x}"], expression: "^%{INT:a}\n+ é", more: true } };
  assert.deepEqual(again(grok), grok);
  assert.deepEqual(again(state), state);
  assert.deepEqual(again({ ...state, columns: [], from: null, to: null, split: "host.name" }), { ...state, columns: [], from: null, to: null, split: "host.name" });
});

test("the first view keeps its name when it is filtered, and a dashboard its path", () => {
  const state = { ...read(""), query: "x" };
  assert.equal(again(state).view, "problems");
  const board = { ...read("", "/dashboards/sawlog-service-logs"), query: "x" };
  assert.equal(write(board), "/dashboards/sawlog-service-logs?q=x");
  assert.equal(board.from, "now-24h");
});

test("links of earlier versions are understood", () => {
  assert.deepEqual([read("?range=2h").from, read("?range=2h").to], ["now-2h", null]);
  assert.equal(read("?range=15m").from, "now-15m");
  assert.equal(read("?range=all").from, null);
  assert.equal(read("?from=now-3h").from, "now-3h");
  assert.equal(read("?from=garbage").from, "garbage"); // the server says that it is not understood
  assert.deepEqual([read("?to=2017-07-04").from, read("?to=2017-07-04").to], [null, "2017-07-04"]);
  const old = read('?q=level:x&level=ERROR&level=WARN&service=orders&is=process.pid:5&not=log.logger:"a:b"&live=1');
  assert.equal(old.view, "events");
  assert.equal(old.live, true);
  assert.deepEqual(old.filters, [
    { field: "log.level", operator: "is", values: ["ERROR", "WARN"] },
    { field: "service.name", operator: "is", values: ["orders"] },
    { field: "process.pid", operator: "is", values: [5] },
    { field: "log.logger", operator: "is_not", values: ["a:b"] },
  ]);
  assert.deepEqual(read("?is=service.name:orders").filters, [{ field: "service.name", operator: "is", values: ["orders"] }]);
});

test("several values of a field are one filter, and in and out exclude each other", () => {
  let filters = withValue([], "service.name", "orders", "is");
  filters = withValue(filters, "service.name", "payments", "is");
  filters = withValue(filters, "service.name", "payments", "is");
  assert.deepEqual(filters, [{ field: "service.name", operator: "is", values: ["orders", "payments"] }]);
  filters = withValue(filters, "service.name", "orders", "is_not");
  assert.deepEqual(filters, [
    { field: "service.name", operator: "is", values: ["payments"] },
    { field: "service.name", operator: "is_not", values: ["orders"] },
  ]);
  filters = withoutValue(withoutValue(filters, "service.name", "payments", "is"), "service.name", "orders", "is_not");
  assert.deepEqual(filters, []);
});

test("a question names the zone, and the index only if one was chosen", () => {
  assert.deepEqual(question(read("?q=a"), "Europe/Berlin"), { query: "a", language: "auto", filters: [], from: "now-1h", to: null, zone: "Europe/Berlin" });
  assert.equal(question(read("?index=logs-a"), "UTC").index, "logs-a");
});

test("hostile addresses do not break it", () => {
  for (const search of ["?is=", "?is=:", "?w=a:b,:3", "?cols=,,", "?order=x&lang=y&view=z", "?is=__proto__:1", "?range=<b>"]) assert.doesNotThrow(() => again(read(search)));
});
