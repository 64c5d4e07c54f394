// Times as people read them, in the zone that they chose; and time ranges as text that the server understands.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
const EARLIEST = Date.parse("0001-01-01T00:00:00Z"); // as the server's clock has them
const LATEST = Date.parse("9999-12-31T23:59:59.999Z");

/** What is offered, as text for `from`. @type {[string | null, string][]} */
export const PRESETS = [
  ["now-5m", "Last 5 minutes"], ["now-15m", "Last 15 minutes"], ["now-1h", "Last hour"], ["now-4h", "Last 4 hours"],
  ["now-24h", "Last 24 hours"], ["today", "Today"], ["yesterday", "Since yesterday"], ["now-7d", "Last 7 days"],
  ["now-30d", "Last 30 days"], [null, "All time"],
];

const UNITS = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };

/** The name of the browser's own zone. */
export const browserZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The name behind a choice. @param {string} choice @param {string | null} [server] the server's zone */
export function zoneName(choice, server = null) {
  const name = choice === "browser" ? browserZone() : choice === "server" ? (server ?? "UTC") : choice;
  return isZone(name) ? name : "UTC";
}

/** @param {string} name */
export function isZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** All zones that the browser knows. @returns {string[]} */
export const zones = () => Intl.supportedValuesOf("timeZone");

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string} zone */
function format(zone) {
  let made = formats.get(zone);
  if (!made) {
    made = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, hourCycle: "h23", era: "short", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
      second: "2-digit", fractionalSecondDigits: 3,
    });
    formats.set(zone, made);
  }
  return made;
}

/** The parts of a moment on a zone's clock. @param {number} at @param {string} zone */
function clock(at, zone) {
  /** @type {Record<string, string>} */
  const parts = {};
  for (const { type, value } of format(zone).formatToParts(at)) parts[type] = value;
  // Four digits, as the logs have them; West of Greenwich the first year begins in the one before it.
  parts.year = /^B/.test(parts.era) ? "0000" : parts.year.padStart(4, "0");
  return parts;
}

/** "2017-07-04 11:11:37.921", the form of the logs themselves. @param {number | null} at milliseconds since 1970 @param {string} zone */
export function stamp(at, zone) {
  if (at === null || !Number.isFinite(at)) return "";
  const { year, month, day, hour, minute, second, fractionalSecond } = clock(at, zone);
  return `${year}-${month}-${day} ${hour}:${minute}:${second}.${fractionalSecond}`;
}

/** "11:11:37.921" @param {number} at @param {string} zone */
export const clockTime = (at, zone) => stamp(at, zone).split(" ")[1] ?? "";

/** The milliseconds that a zone's clock is ahead of UTC. @param {number} at @param {string} zone */
export function offset(at, zone) {
  if (zone === "UTC") return 0;
  const { year, month, day, hour, minute, second } = clock(at, zone);
  return utc(+year, +month, +day, +hour, +minute, +second) - Math.floor(at / SECOND) * SECOND;
}

/** `Date.UTC` takes the years before 100 for those of the last century. @param {number} year @param {number} month @param {number} day @param {number} hour @param {number} minute @param {number} second @param {number} [millisecond] */
function utc(year, month, day, hour, minute, second, millisecond = 0) {
  const moment = new Date(Date.UTC(2000, month - 1, day, hour, minute, second, millisecond)); // a leap year
  const days = moment.getUTCFullYear() - 2000;
  return moment.setUTCFullYear(year + days);
}

/** "+02:00" @param {number} at @param {string} zone */
export function offsetText(at, zone) {
  const minutes = Math.round(offset(at, zone) / MINUTE);
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? "−" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
}

/** A span without what both ends have in common: "4 Jul 2017 11:00 – 12:30". @param {number} from @param {number} to @param {string} zone */
export function spanText(from, to, zone) {
  const [start, end] = [stamp(from, zone), stamp(to, zone)];
  const short = (/** @type {string} */ text) => text.replace(/\.000$/, "").replace(/(:\d\d):00$/, "$1");
  const sameDay = start.slice(0, 10) === end.slice(0, 10);
  return `${short(start)} – ${short(sameDay ? end.slice(11) : end)}`;
}

/** How a time range is called. @param {string | null} from @param {string | null} to @param {string} zone */
export function rangeText(from, to, zone) {
  if (to === null) {
    const preset = PRESETS.find(([text]) => text === from);
    if (preset) return preset[1];
    const running = /^(?:now-)?(\d+)([smhdw])$/.exec(from ?? "");
    if (running) return `Last ${running[1]} ${UNITS[/** @type {keyof typeof UNITS} */ (running[2])]}${running[1] === "1" ? "" : "s"}`;
    return `Since ${edgeText(from ?? "", zone)}`;
  }
  if (from === null) return `Until ${edgeText(to, zone)}`;
  const [start, end] = [instant(from), instant(to)];
  return start !== null && end !== null ? spanText(start, end, zone) : `${edgeText(from, zone)} – ${edgeText(to, zone)}`;
}

/** An edge as it is edited: an instant on the zone's clock, other text as it is. @param {string} text @param {string} zone */
export function edgeText(text, zone) {
  const at = instant(text);
  return at === null ? text : stamp(at, zone).replace(/\.000$/, "");
}

/** Milliseconds of a text that names a moment with its zone; null for others, which the server reads. @param {string | null} text */
export function instant(text) {
  if (!text || !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

/** What someone typed into a field of time, for the state: a moment on the zone's clock gets its zone. @param {string} text @param {string} zone */
export function edgeFrom(text, zone) {
  const words = text.trim();
  const local = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,3})\d*)?)?)?$/.exec(words);
  if (!local) return words || null;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "0"] = local;
  return new Date(within(onClock(utc(+year, +month, +day, +hour, +minute, +second, +fraction.padEnd(3, "0")), zone))).toISOString();
}

/** The moment at which a zone's clock shows what UTC shows at `shown`. @param {number} shown @param {string} zone */
function onClock(shown, zone) {
  const guess = shown - offset(shown, zone);
  return shown - offset(guess, zone);
}

const TICKS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE,
  5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY,
  30 * DAY, 90 * DAY, 180 * DAY, YEAR, 5 * YEAR, 10 * YEAR, 50 * YEAR, 100 * YEAR, 500 * YEAR, 1000 * YEAR, 5000 * YEAR,
];

/** Where an axis has its marks, at most `most`, and what stands at each. @param {number} from @param {number} to @param {number} most @param {string} zone */
export function ticks(from, to, most, zone) {
  const step = TICKS.find((size) => (to - from) / size <= most) ?? TICKS[TICKS.length - 1];
  const made = [];
  let shown = Math.ceil((from + offset(from, zone)) / step) * step;
  let day = "";
  for (; made.length <= most; shown += step) {
    const at = onClock(shown, zone);
    if (at > to) break;
    const text = stamp(at, zone);
    const date = text.slice(0, 10);
    const time = step < SECOND ? text.slice(14) : step < MINUTE ? text.slice(11, 19) : text.slice(11, 16);
    made.push({ at, text: step >= DAY ? date : date === day ? time : made.length || shown % DAY === 0 ? `${date.slice(5)} ${time}` : time });
    day = date;
  }
  return made;
}

/** "5 min", "30 s": the width of a bar. @param {number} milliseconds */
export function lengthText(milliseconds) {
  /** @type {[number, string][]} */
  const units = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [SECOND, "s"]];
  const [size, unit] = units.find(([one]) => milliseconds >= one) ?? [1, "ms"];
  return `${Math.round((milliseconds / size) * 10) / 10} ${unit}`;
}

/**
 * A range moved by its own length, or made twice as wide around its middle.
 * @param {number} from @param {number} to @param {"back" | "forth" | "out"} how
 */
export function moved(from, to, how) {
  const length = Math.max(to - from, 1);
  if (how === "out") return { from: within(Math.round(from - length / 2)), to: within(Math.round(to + length / 2)) };
  const by = how === "back" ? Math.max(-length, EARLIEST - from) : Math.min(length, LATEST - to);
  return { from: from + by, to: to + by };
}

/** The calendar has an end on either side. @param {number} at */
const within = (at) => Math.min(LATEST, Math.max(EARLIEST, at));
