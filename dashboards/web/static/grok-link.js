// What stands in the workbench as a part of the address, and beside it a draft of this tab for what an address cannot hold.

/** @typedef {{ lines: string[], expression: string, more: boolean }} GrokWork `more`: there are samples that the address has no room for */

// What servers and chats take as an address begins to vary beyond this.
const MOST_CHARACTERS = 4000;
const DRAFT = "sawlog-grok-draft";

/** @type {GrokWork} */
export const NOTHING = { lines: [], expression: "", more: false };

/** @param {URLSearchParams} given @returns {GrokWork} */
export function readWork(given) {
  return { lines: given.getAll("line"), expression: given.get("grok") ?? "", more: given.get("more") === "1" };
}

/** What of the samples fits into an address. @param {string[]} lines @param {string} expression @returns {GrokWork} */
export function workFor(lines, expression) {
  let room = MOST_CHARACTERS - encodeURIComponent(expression).length;
  if (room < 0) return { lines: [], expression: "", more: true };
  const taken = [];
  for (const line of lines.filter((one) => one.trim())) {
    room -= length(line) + "&line=".length;
    if (room < 0) return { lines: taken, expression, more: true };
    taken.push(line);
  }
  return { lines: taken, expression, more: false };
}

/** @param {GrokWork} work @param {(name: string, value: string | false) => void} put */
export function writeWork({ lines, expression, more }, put) {
  put("grok", expression);
  for (const line of lines) put("line", line);
  put("more", more && "1");
}

/** All of it, for this tab: going back and loading anew bring it again. @param {string[]} lines @param {string} expression */
export function keepDraft(lines, expression) {
  try {
    sessionStorage.setItem(DRAFT, JSON.stringify({ lines, expression }));
  } catch {
    // There is no room, or no such thing; the address has what it has.
  }
}

/** What the address says, and what it has no room for, if this tab knows it. @param {GrokWork} work @returns {{ lines: string[], expression: string }} */
export function wholeOf(work) {
  if (!work.more) return work;
  try {
    const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
    const made = draft && workFor(draft.lines, draft.expression);
    if (made && made.more && same(made, work)) return draft;
  } catch {
    // None that can be read.
  }
  return work;
}

/** @param {GrokWork} one @param {GrokWork} other */
export const same = (one, other) => JSON.stringify([one.lines, one.expression, one.more]) === JSON.stringify([other.lines, other.expression, other.more]);

/** @param {string} line */
function length(line) {
  try {
    return encodeURIComponent(line).length;
  } catch {
    return 9 * line.length; // half a character; it becomes another one
  }
}
