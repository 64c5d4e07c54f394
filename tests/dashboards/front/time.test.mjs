import assert from "node:assert/strict";
import { test } from "node:test";
import { edgeFrom, edgeText, isZone, moved, offset, offsetText, rangeText, spanText, stamp, ticks, zoneName } from "../../../dashboards/web/static/time.js";

const at = Date.UTC(2017, 6, 4, 9, 11, 37, 921);

test("a moment is written on the clock of a zone", () => {
  assert.equal(stamp(at, "UTC"), "2017-07-04 09:11:37.921");
  assert.equal(stamp(at, "Europe/Berlin"), "2017-07-04 11:11:37.921");
  assert.equal(stamp(at, "Asia/Kathmandu"), "2017-07-04 14:56:37.921");
  assert.equal(stamp(Date.UTC(2017, 0, 1), "UTC"), "2017-01-01 00:00:00.000");
  assert.equal(offsetText(at, "America/Sao_Paulo"), "−03:00");
  assert.equal(offset(-1, "Europe/Berlin"), 3_600_000);
});

test("what is typed is read on that clock, and other text is left to the server", () => {
  assert.equal(edgeFrom("2017-07-04 11:11:37.921", "Europe/Berlin"), "2017-07-04T09:11:37.921Z");
  assert.equal(edgeFrom("2017-07-04", "Asia/Kathmandu"), "2017-07-03T18:15:00.000Z");
  assert.equal(edgeFrom("2026-03-29 03:30", "Europe/Berlin"), "2026-03-29T01:30:00.000Z"); // just after the clocks went forward
  for (const text of ["2h", "yesterday 14:00", "now-3h", "garbage"]) assert.equal(edgeFrom(text, "UTC"), text);
  assert.equal(edgeFrom("  ", "UTC"), null);
  for (const zone of ["UTC", "Europe/Berlin", "Australia/Lord_Howe"]) assert.equal(edgeFrom(edgeText("2017-07-04T09:11:37.921Z", zone), zone), "2017-07-04T09:11:37.921Z");
});

test("a range has a name", () => {
  assert.equal(rangeText("now-1h", null, "UTC"), "Last hour");
  assert.equal(rangeText("2h", null, "UTC"), "Last 2 hours");
  assert.equal(rangeText(null, null, "UTC"), "All time");
  assert.equal(rangeText("yesterday 14:00", null, "UTC"), "Since yesterday 14:00");
  assert.equal(rangeText("2017-07-04T09:00:00.000Z", "2017-07-04T10:30:00.000Z", "UTC"), "2017-07-04 09:00 – 10:30");
  assert.equal(spanText(at, at + 86_400_000, "UTC"), "2017-07-04 09:11:37.921 – 2017-07-05 09:11:37.921");
});

test("an axis has its marks on round times of the zone's clock, in summer and in winter", () => {
  const day = ticks(Date.UTC(2026, 2, 28, 23), Date.UTC(2026, 2, 29, 22), 8, "Europe/Berlin"); // the day has 23 hours
  assert.ok(day.length >= 4 && day.length <= 9, JSON.stringify(day));
  for (const { at: moment } of day) assert.match(stamp(moment, "Europe/Berlin"), / \d\d:00:00\.000$/);
  const minutes = ticks(at, at + 3_600_000, 10, "Asia/Kathmandu");
  assert.ok(minutes.every(({ text }) => /\d\d:\d[05]$/.test(text)), JSON.stringify(minutes));
  assert.ok(ticks(at, at + 3, 10, "UTC").length >= 3);
  assert.ok(ticks(0, at, 10, "UTC").length <= 11);
});

test("a range is moved by its own length, and made twice as wide", () => {
  assert.deepEqual(moved(100, 200, "back"), { from: 0, to: 100 });
  assert.deepEqual(moved(100, 200, "forth"), { from: 200, to: 300 });
  assert.deepEqual(moved(100, 200, "out"), { from: 50, to: 250 });
});

test("what is no zone is not taken", () => {
  assert.equal(isZone("Europe/Berlin"), true);
  assert.equal(isZone("Mars/Olympus"), false);
  assert.equal(zoneName("Mars/Olympus"), "UTC");
  assert.equal(zoneName("server", "Europe/Berlin"), "Europe/Berlin");
});

test("the first years and the last are years like others", () => {
  const [first, last] = [Date.parse("0001-01-01T00:00:00Z"), Date.parse("9999-12-31T23:59:59.999Z")];
  assert.equal(stamp(first, "UTC"), "0001-01-01 00:00:00.000");
  assert.equal(stamp(first + 5, "America/Sao_Paulo").slice(0, 10), "0000-12-31");
  assert.equal(offset(first, "Africa/Johannesburg"), 6_720_000); // its own noon, before there were zones
  assert.equal(edgeFrom(edgeText("0044-03-15T12:00:00Z", "UTC"), "UTC"), "0044-03-15T12:00:00.000Z");
  const axis = ticks(first, last, 12, "UTC");
  assert.ok(axis.length >= 2 && axis[axis.length - 1].at - axis[0].at > (last - first) / 2, JSON.stringify(axis));
  for (const how of /** @type {const} */ (["back", "forth", "out"])) {
    for (const [from, to] of [[first, last], [first, first + 10], [last - 10, last], [first - 5, first]]) {
      const there = moved(from, to, how);
      assert.ok(there.from <= there.to, `${how} ${JSON.stringify(there)}`);
      assert.ok(new Date(there.to).toISOString() <= new Date(last).toISOString() && there.to <= last && (there.from >= first || from < first), `${how} ${JSON.stringify(there)}`);
    }
  }
  assert.deepEqual(moved(first + 5, first + 15, "back"), { from: first, to: first + 10 });
});
