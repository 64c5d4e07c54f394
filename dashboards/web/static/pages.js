// The hits of a search, asked for in pages and kept only around what is looked at: a list of a million rows holds a few
// thousand events, and remembers of the others where their page begins.

/** @import { LogEvent } from "./types.js" */

const KEPT = 24; // pages with their events
const NEW_KEPT = 5000; // events that came in live

/** @typedef {{ after: unknown, count: number, start: number, events: LogEvent[] | null, asking: boolean }} Part */

export class Pages {
  /** @param {(after: unknown, size: number) => Promise<{ events: LogEvent[], after: unknown }>} ask @param {number} [size] */
  constructor(ask, size = 200) {
    this.ask = ask;
    this.size = size;
    /** @type {Part[]} */
    this.parts = [];
    /** @type {LogEvent[]} */
    this.fresh = []; // came in live, in the order of the list; they stand at the end where new events belong
    /** @type {Set<string>} */
    this.ids = new Set(); // of what came in live and of the page that it joins
    /** @type {unknown} */
    this.next = null;
    this.ended = false;
    this.asking = false;
    this.oldestFirst = false;
    /** @type {() => boolean} */
    this.isRead = () => false; // whether somebody reads rows, so that none may go away
    this.skipped = 0; // events that came live and are not in the list
  }

  /** How many rows the list has so far. */
  get count() {
    return this.fresh.length + this.asked;
  }

  get asked() {
    const last = this.parts[this.parts.length - 1];
    return last ? last.start + last.count : 0;
  }

  /** The event of a row; undefined while its page is away. @param {number} row @returns {LogEvent | undefined} */
  at(row) {
    const place = this.oldestFirst ? row : row - this.fresh.length;
    if (place < 0) return this.fresh[row];
    if (place >= this.asked) return this.fresh[place - this.asked];
    const part = this.partOf(place);
    return part?.events?.[place - part.start];
  }

  /** @param {number} place */
  partOf(place) {
    let [low, high] = [0, this.parts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.parts[middle].start <= place) low = middle;
      else high = middle - 1;
    }
    return this.parts[low];
  }

  /** The row of an event among those that are here; -1 if it is not. @param {string} id */
  rowOf(id) {
    const fresh = this.fresh.findIndex((one) => one.id === id);
    if (fresh >= 0) return this.oldestFirst ? this.asked + fresh : fresh;
    for (const { events, start } of this.parts) {
      const place = events?.findIndex((one) => one.id === id) ?? -1;
      if (place >= 0) return start + place + (this.oldestFirst ? 0 : this.fresh.length);
    }
    return -1;
  }

  /** Ask for the page after the last; nothing if one is under way, or there is none. @returns {Promise<boolean>} whether rows came */
  async more() {
    if (this.asking || this.ended) return false;
    this.asking = true;
    try {
      const first = this.parts.length === 0;
      const { events, after } = await this.ask(this.next, this.size);
      if (first) {
        // What came live while the first page was under way may be in it, too.
        const there = new Set(events.map(({ id }) => id));
        this.fresh = this.fresh.filter(({ id }) => !there.has(id));
        for (const id of there) this.ids.add(id);
      }
      this.parts.push({ after: this.next, count: events.length, start: this.asked, events, asking: false });
      this.next = after;
      this.ended = after === null || after === undefined || events.length === 0;
      return events.length > 0;
    } finally {
      this.asking = false;
    }
  }

  /** Have the events of these rows, and let go of those far away. @param {number} from @param {number} to @returns {Promise<boolean>} whether any came */
  async keep(from, to) {
    if (!this.parts.length) return false;
    const shift = this.oldestFirst ? 0 : this.fresh.length;
    const [first, last] = [from - shift, to - shift].map((row) => this.parts.indexOf(this.partOf(Math.max(0, row))));
    const held = this.parts.filter(({ events }) => events !== null);
    if (held.length > KEPT) {
      for (const part of held) {
        const place = this.parts.indexOf(part);
        // The first page is what new rows are compared with.
        if (place > 0 && Math.min(Math.abs(place - first), Math.abs(place - last)) > KEPT / 2) part.events = null;
      }
    }
    const missing = this.parts.slice(first, last + 1).filter(({ events, asking }) => events === null && !asking);
    await Promise.all(missing.map(async (part) => {
      part.asking = true;
      try {
        part.events = (await this.ask(part.after, this.size)).events.slice(0, part.count);
      } finally {
        part.asking = false;
      }
    }));
    return missing.length > 0;
  }

  /** Take in rows that came live, in any order; gives how many of them are new. @param {LogEvent[]} events */
  add(events) {
    const fresh = events.filter(({ id }) => !this.ids.has(id));
    if (this.isRead() && this.fresh.length + fresh.length > NEW_KEPT) {
      this.skipped += fresh.length;
      return 0;
    }
    for (const { id } of fresh) this.ids.add(id);
    const sorted = fresh.sort((one, other) => (this.oldestFirst ? one.at - other.at : other.at - one.at));
    this.fresh = this.oldestFirst ? [...this.fresh, ...sorted] : [...sorted, ...this.fresh];
    const gone = this.fresh.splice(this.oldestFirst ? 0 : NEW_KEPT, Math.max(0, this.fresh.length - NEW_KEPT));
    for (const { id } of gone) this.ids.delete(id);
    this.skipped += gone.length;
    return fresh.length;
  }
}
