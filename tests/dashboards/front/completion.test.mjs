import assert from "node:assert/strict";
import { test } from "node:test";
import { fitting } from "../../../dashboards/web/static/completion.js";

const field = (name) => ({ kind: "field", text: `${name}: ` });
const offered = { to: "ERROR and lo (x)", start: 10, end: 12, items: [field("log.level"), field("service.log"), { kind: "recent", text: "ERROR and lo (x) y" }] };
const texts = (found) => found?.items.map(({ text }) => text);

test("an offer fits the text that it was made to", () => {
  assert.equal(fitting(offered, offered.to), offered);
  assert.equal(fitting(null, "x"), null);
});

test("who types on in the word keeps what goes on with it, and its place", () => {
  const found = fitting(offered, "ERROR and log.L (x)");
  assert.deepEqual(texts(found), ["log.level: "]);
  assert.deepEqual([found.start, found.end, found.to], [10, 15, "ERROR and log.L (x)"]);
  assert.deepEqual(texts(fitting(offered, "ERROR and l (x)")), ["log.level: ", "service.log: "]);
});

test("an offer to other text fits no more", () => {
  for (const text of ["ERROR and log. (y)", "WARN and log (x)", "ERROR and lo: (x)", "ERROR and lo x (x)", "ERROR and  (x)", "ERROR (x)", "", "ERROR and zz (x)"]) assert.equal(fitting(offered, text), null, text);
});

test("values are those that begin so", () => {
  const values = { to: "level: E", start: 7, end: 8, items: [{ kind: "value", text: "ERROR" }, { kind: "value", text: '"ER ROR"' }, { kind: "value", text: "EXTRA" }] };
  assert.deepEqual(texts(fitting(values, "level: er")), ["ERROR", '"ER ROR"']);
  assert.equal(fitting(values, "level: x"), null);
});
