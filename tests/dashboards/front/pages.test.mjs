import assert from "node:assert/strict";
import { test } from "node:test";
import { Pages } from "../../../dashboards/web/static/pages.js";

const event = (number) => ({ id: `e${number}`, index: "i", at: -number, source: {} });

/** A store of `total` events, the newest first. */
function store(total) {
  const asked = [];
  const ask = async (after, size) => {
    asked.push(after);
    const start = after ?? 0;
    const end = Math.min(total, start + size);
    return { events: Array.from({ length: end - start }, (_, place) => event(start + place)), after: end < total ? end : null };
  };
  return { ask, asked };
}

test("pages follow one another to the end", async () => {
  const pages = new Pages(store(450).ask, 200);
  while (await pages.more());
  assert.equal(pages.count, 450);
  assert.equal(pages.ended, true);
  assert.deepEqual([0, 199, 200, 449].map((row) => pages.at(row).id), ["e0", "e199", "e200", "e449"]);
  assert.equal(pages.at(450), undefined);
  assert.equal(pages.rowOf("e201"), 201);
});

test("of a long list only what is near is held, and the rest comes again", async () => {
  const { ask, asked } = store(100_000);
  const pages = new Pages(ask, 200);
  for (let row = 0; row < 100_000; row += 150) {
    await pages.keep(row, Math.min(pages.count - 1, row + 60));
    if (row + 200 >= pages.count) await pages.more();
    assert.ok(pages.parts.filter(({ events }) => events).length <= 40);
  }
  assert.equal(pages.count, 100_000);
  assert.equal(pages.at(30_000), undefined);
  const before = asked.length;
  assert.equal(await pages.keep(29_950, 30_050), true);
  assert.equal(pages.at(30_000).id, "e30000");
  assert.ok(asked.length - before <= 2);
});

test("new rows stand before the first, each once", async () => {
  const pages = new Pages(store(300).ask, 200);
  pages.add([event(0)]); // came while the first page was under way
  await pages.more();
  assert.equal(pages.count, 200);
  assert.equal(pages.add([event(-1), event(-2), event(1)]), 2);
  assert.deepEqual([0, 1, 2].map((row) => pages.at(row).id), ["e-2", "e-1", "e0"]);
  assert.equal(pages.rowOf("e0"), 2);
  assert.equal(pages.add([event(-2)]), 0);
});

test("with the oldest first, new rows stand at the end", async () => {
  const pages = new Pages(async () => ({ events: [event(3), event(2)], after: null }), 200);
  pages.oldestFirst = true;
  await pages.more();
  pages.add([event(0), event(1)]);
  assert.deepEqual([0, 1, 2, 3].map((row) => pages.at(row).id), ["e3", "e2", "e1", "e0"]);
  assert.equal(pages.rowOf("e1"), 2);
});

test("a page that fails leaves the list as it was", async () => {
  let fails = true;
  const pages = new Pages(async () => {
    if (fails) throw new Error("away");
    return { events: [event(0)], after: null };
  });
  await assert.rejects(pages.more(), /away/);
  assert.equal(pages.count, 0);
  fails = false;
  assert.equal(await pages.more(), true);
});

test("of what comes live the newest stay, unless somebody reads", async () => {
  const pages = new Pages(store(10).ask, 200);
  await pages.more();
  const live = (from, count) => Array.from({ length: count }, (_, n) => ({ id: `l${from + n}`, index: "i", at: from + n, source: {} }));
  pages.add(live(0, 4000));
  pages.add(live(4000, 2000));
  assert.deepEqual([pages.fresh.length, pages.skipped, pages.at(0).id, pages.at(4999).id, pages.at(5000).id], [5000, 1000, "l5999", "l1000", "e0"]);
  pages.isRead = () => true;
  assert.equal(pages.add(live(6000, 500)), 0);
  assert.deepEqual([pages.fresh.length, pages.skipped, pages.at(0).id], [5000, 1500, "l5999"]);
});
