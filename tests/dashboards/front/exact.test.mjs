import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../../dashboards/web/static/exact.js";
import { read, write } from "../../../dashboards/web/static/state.js";

test("a whole number keeps its digits, there and back", { skip: !("rawJSON" in JSON) && "this node cannot" }, () => {
  const text = '{"n":9007199254740993,"list":[-9007199254740993,1,12345678901234567890123],"said":": 9007199254740993","half":0.12345678901234567,"big":1e300}';
  const there = parse(text);
  assert.equal(String(there.n), "9007199254740993");
  assert.equal(JSON.stringify(there), text.replace("1e300", "1e+300"));
  assert.equal(parse('{"n":7}').n, 7);
  const state = read('?is=n:[9007199254740993]&from=all');
  assert.match(decodeURIComponent(write(state)), /is=n:\[9007199254740993\]/);
});
