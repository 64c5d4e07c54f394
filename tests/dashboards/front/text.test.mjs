import assert from "node:assert/strict";
import { test } from "node:test";
import { flatten, get, pieces, shorten, valueText, visible } from "../../../dashboards/web/static/text.js";
import { stacks } from "../../../dashboards/web/static/histogram.js";

test("control characters and bidirectional overrides are shown, joiners are left alone", () => {
  assert.equal(visible("\x1b[31mred\x1b[0m \u202eevil \u2066x\u2069"), "\\x1b[31mred\\x1b[0m \\u202eevil \\u2066x\\u2069");
  assert.equal(visible("a\u200bb\ufeff"), "a\\u200bb\\ufeff");
  for (const text of ["👩\u200d💻", "می\u200cخواهم", "עברית", "a\tb\nc"]) assert.equal(visible(text), text);
  assert.equal(visible("a\r\nb\rc"), "a\nb\\x0dc");
});

test("what matched is told apart, counted in characters", () => {
  assert.deepEqual(pieces("GET /orders", [[5, 11]]), [["GET /", false], ["orders", true]]);
  assert.deepEqual(pieces("🙂 ok \x1b", [[2, 4]]), [["🙂 ", false], ["ok", true], [" \\x1b", false]]);
  assert.deepEqual(pieces("abc", [[0, 2], [1, 3], [5, 9]]), [["ab", true], ["c", false]]);
  assert.deepEqual(pieces("abc"), [["abc", false]]);
});

test("fields are found whether they are nested or have dots in their names", () => {
  assert.equal(get({ log: { level: "INFO" } }, "log.level"), "INFO");
  assert.equal(get({ "log.level": "INFO" }, "log.level"), "INFO");
  assert.equal(get({ a: { "b.c": 1 } }, "a.b.c"), 1);
  assert.equal(get({}, "constructor.name"), undefined);
  assert.deepEqual(flatten({ b: [1], a: { c: null } }), [["a.c", null], ["b", [1]]]);
  assert.equal(valueText(["a", { b: 1 }]), 'a, {"b":1}');
  assert.equal(shorten("br.com.service.orders.ContaService"), "b.c.s.o.ContaService");
});

test("bars are stacked by gravity, with what is left over", () => {
  const { series, parts } = stacks([{ at: 0, n: 10, by: { INFO: 6, ERROR: 1 } }, { at: 1, n: 2, by: { WARN: 2 } }], "log.level");
  assert.deepEqual(series.map(({ name }) => name), ["ERROR", "WARN", "INFO", "other"]);
  assert.deepEqual(parts, [[1, 0, 6, 3], [0, 2, 0, 0]]);
  assert.deepEqual(stacks([{ at: 0, n: 4 }], "").parts, [[4]]);
});
