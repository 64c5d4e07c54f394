// Time ranges: the offered ones, what they mean now, and how fine the histogram is.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const RANGES = [
  ["15m", "Last 15 minutes", 15 * MINUTE],
  ["1h", "Last hour", HOUR],
  ["24h", "Last 24 hours", DAY],
  ["7d", "Last 7 days", 7 * DAY],
  ["30d", "Last 30 days", 30 * DAY],
  ["all", "All time", null],
  ["custom", "Custom…", null],
];

const STEPS = [
  [1, "ms"], [10, "ms"], [100, "ms"], [SECOND, "s"], [2 * SECOND, "s"], [5 * SECOND, "s"], [10 * SECOND, "s"],
  [15 * SECOND, "s"], [30 * SECOND, "s"], [MINUTE, "m"], [2 * MINUTE, "m"], [5 * MINUTE, "m"], [10 * MINUTE, "m"],
  [15 * MINUTE, "m"], [30 * MINUTE, "m"], [HOUR, "h"], [2 * HOUR, "h"], [3 * HOUR, "h"], [6 * HOUR, "h"],
  [12 * HOUR, "h"], [DAY, "d"], [2 * DAY, "d"], [7 * DAY, "d"], [30 * DAY, "d"], [90 * DAY, "d"], [365 * DAY, "d"],
];
const UNITS = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY };

// The state's range as milliseconds; null means open on that side. A running range reaches a minute ahead, since
// clocks of other machines may be; `now` is where its axis ends.
export function bounds({ range, from, to }, now = Date.now()) {
  if (range === "custom") return { from: instant(from), to: instant(to) };
  const span = RANGES.find(([name]) => name === range)?.[2] ?? null;
  return span === null ? { from: null, to: null } : { from: now - span, to: now + MINUTE, now };
}

// The finest step that makes no more bars than `bars` of [from, to).
export function interval(from, to, bars = 80) {
  const step = STEPS.find(([size]) => (to - from) / size <= bars) ?? [Math.ceil((to - from) / bars / DAY) * DAY, "d"];
  const [size, unit] = step;
  return { size, text: `${size / UNITS[unit]}${unit}` };
}

// What an axis covers: the range, with open ends where the events end, which `extent` asks for; null without events.
export async function span(bounds, extent) {
  if (bounds.now) return { from: bounds.from, to: bounds.now };
  if (bounds.from !== null && bounds.to !== null) return bounds.from < bounds.to ? bounds : { ...bounds, to: bounds.from + 1000 };
  const { oldest, newest } = (await extent()).aggregations;
  if (oldest.value === null || oldest.value === undefined) return null;
  const from = bounds.from ?? oldest.value;
  return { from, to: Math.max(bounds.to ?? newest.value + 1, from + 1000) };
}

export function isoOf(milliseconds) {
  return new Date(milliseconds).toISOString();
}

// What <input type="datetime-local"> shows: local time without a zone.
export function localInput(iso) {
  const when = instant(iso);
  if (when === null) return "";
  return new Date(when - new Date(when).getTimezoneOffset() * MINUTE).toISOString().slice(0, -1);
}

export function fromLocalInput(text) {
  const when = text ? new Date(text) : null;
  return when && !Number.isNaN(when.getTime()) ? when.toISOString() : null;
}

const LONG = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  hourCycle: "h23",
});
export const long = (milliseconds) => LONG.format(milliseconds);

// "2017-07-04 11:11:37.921" in the reader's zone; sorts, lines up, and is the form of the logs themselves.
export function stamp(iso) {
  return localInput(iso).replace("T", " ") || String(iso ?? "");
}

function instant(iso) {
  const when = iso ? Date.parse(iso) : NaN;
  return Number.isNaN(when) ? null : when;
}
