// Reads stack traces as Java writes them (`Throwable.printStackTrace`), and as Logback, Log4j and their encoders do: packaging data
// behind frames, "common frames omitted", root causes first ("Wrapped by:"), circles, suppressed exceptions.

import { libraryOf } from "./libraries.js";

/**
 * One line "at …". `from` is where the class was loaded from, such as "spring-web-6.2.12.jar"; `library` is null for own code.
 * @typedef {{ text: string, type: string, method: string, file: string | null, line: number | null, from: string | null, library: string | null }} Frame
 */
/**
 * What was thrown. `omitted` frames are not written since they are the last ones of the exception around it.
 * @typedef {object} Thrown
 * @property {string} type
 * @property {string} message
 * @property {Frame[]} frames
 * @property {number} omitted
 * @property {number} cut how many frames were left out for good
 * @property {boolean} circular
 * @property {Thrown | null} cause
 * @property {Thrown[]} suppressed
 */
/** @typedef {{ before: string[], thrown: Thrown }} StackTrace `before`: the lines in front of the trace */

const FRAME = /^\s*at\s+([^\s[(].*?)\(([^()]*(?:\([^()]*\))?[^()]*)\)\s*(?:~?\[(.*?)\])?(?:\s*\[(\d+) skipped\])?\s*$/;
const OMITTED = /^\s*\.\.\. (\d+) (more|common frames? omitted)\s*$/;
const CUT = /^\s*(?:\.\.\. |- )(\d+) (?:frames? |lines? )?(?:truncated|excluded|filtered|skipped|omitted).*$/i;
const HEAD = /^([ \t]*)(Caused by: |Suppressed: |Wrapped by: )(.*)$/;
const NAMED = /^(?:Exception in thread ".*?" )?((?:[\p{L}_$][\p{L}\p{N}_$-]*\.)*[\p{L}_$][\p{L}\p{N}_$]*)(?::\s?(.*))?$/su;
const CIRCLE = /^\[?CIRCULAR REFERENCE: ?(.*?)\]?$/s;

/**
 * Read a trace; null if the text holds none.
 * @param {string} text
 * @param {import("./libraries.js").Rules | null} [rules] whose code is whose
 * @returns {StackTrace | null}
 */
export function parse(text, rules = null) {
  const lines = text.replace(/\r\n/g, "\n").replace(/\n+$/, "").split("\n");
  const first = firstLine(lines);
  if (first < 0) return null;
  const top = thrownOf(lines[first]);
  /** @type {{ thrown: Thrown, depth: number }[]} */
  const open = [{ thrown: top, depth: 0 }]; // the innermost last
  let rootFirst = false;
  let inMessage = true;
  for (const line of lines.slice(first + 1)) {
    const current = open[open.length - 1].thrown;
    if (frameInto(current, line, rules)) {
      inMessage = false;
      continue;
    }
    const head = HEAD.exec(line);
    if (head) {
      const made = thrownOf(head[3]);
      const depth = indent(head[1]);
      rootFirst ||= head[2] === "Wrapped by: ";
      // A cause stands as deep as what it caused; what was suppressed, one deeper than what suppressed it.
      const belongs = (/** @type {number} */ one) => (head[2] === "Suppressed: " ? one < depth : one <= depth);
      while (open.length > 1 && !belongs(open[open.length - 1].depth)) open.pop();
      const around = open[open.length - 1];
      if (head[2] === "Suppressed: ") {
        around.thrown.suppressed.push(made);
        open.push({ thrown: made, depth });
      } else {
        around.thrown.cause = made;
        open[open.length - 1] = { thrown: made, depth: around.depth };
      }
      inMessage = true;
    } else if (inMessage) current.message += `\n${line}`;
  }
  trim(top);
  return { before: lines.slice(0, first), thrown: rootFirst ? reversed(top) : top };
}

/** The chain from the root cause to what was reported. @param {Thrown} thrown @returns {Thrown[]} */
export function chain(thrown) {
  const made = [];
  for (let one = /** @type {Thrown | null} */ (thrown); one; one = one.cause) made.unshift(one);
  return made;
}

/**
 * The frames of each of a chain, with those that were omitted since the exception around it has them, too.
 * @param {Thrown[]} chained the root cause first, as `chain` gives it
 * @returns {{ frames: Frame[], shared: Frame[] }[]} `shared` are those of the exception around it
 */
export function completed(chained) {
  /** @type {{ frames: Frame[], shared: Frame[] }[]} */
  const made = [];
  /** @type {Frame[]} */
  let around = [];
  for (const { frames, omitted } of [...chained].reverse()) {
    const shared = omitted ? around.slice(-omitted) : [];
    made.unshift({ frames, shared });
    around = [...frames, ...shared];
  }
  return made;
}

/** Neighbours of the same kind together: own code, or a library's. @param {Frame[]} frames @returns {{ own: boolean, frames: Frame[] }[]} */
export function grouped(frames) {
  /** @type {{ own: boolean, frames: Frame[] }[]} */
  const made = [];
  for (const frame of frames) {
    const own = frame.library === null;
    const last = made[made.length - 1];
    if (last && last.own === own) last.frames.push(frame);
    else made.push({ own, frames: [frame] });
  }
  return made;
}

/** The first frame of own code, from the root cause outwards. @param {Thrown} thrown @returns {Frame | null} */
export function place(thrown) {
  const chained = chain(thrown);
  for (const { frames, shared } of completed(chained)) {
    const own = [...frames, ...shared].find(({ library }) => library === null);
    if (own) return own;
  }
  return null;
}

/** Where the first exception is named: the line above the first frame, or before what else belongs to a trace. @param {string[]} lines */
function firstLine(lines) {
  const frame = lines.findIndex((line) => FRAME.test(line) || OMITTED.test(line) || CUT.test(line) || HEAD.test(line));
  // Named and nothing else: Log4j and the structured formats write exceptions without frames, too.
  const end = frame < 0 ? 1 : frame;
  for (let place = end - 1; place >= 0; place--) if (isName(lines[place])) return place;
  return frame > 0 ? frame - 1 : -1;
}

/** Whether a line begins with the name of a throwable: with a package, or as those are called. @param {string} line */
function isName(line) {
  const name = NAMED.exec(line)?.[1];
  if (!name) return false;
  const last = name.slice(name.lastIndexOf(".") + 1);
  return /^\p{Lu}/u.test(last) && (name.includes(".") || /(?:Exception|Error|Throwable|Failure|Problem)$/.test(last));
}

/** @param {string} text @returns {Thrown} */
function thrownOf(text) {
  const circle = CIRCLE.exec(text);
  const told = circle ? circle[1] : text;
  const named = NAMED.exec(told);
  const [type, message] = named ? [named[1], named[2] ?? ""] : ["", told];
  return { type, message: message === "null" ? "" : message, frames: [], omitted: 0, cut: 0, circular: circle !== null, cause: null, suppressed: [] };
}

/** @param {Thrown} thrown @param {string} line @param {import("./libraries.js").Rules | null} rules */
function frameInto(thrown, line, rules) {
  const frame = FRAME.exec(line);
  if (frame) {
    thrown.frames.push(frameOf(frame[1], frame[2], frame[3] ?? null, rules));
    if (frame[4]) thrown.cut += Number(frame[4]);
    return true;
  }
  const omitted = OMITTED.exec(line);
  if (omitted) thrown.omitted += Number(omitted[1]);
  const cut = omitted ? null : CUT.exec(line);
  if (cut) thrown.cut += Number(cut[1]);
  return omitted !== null || cut !== null;
}

/** @param {string} called @param {string} where @param {string | null} packaging @param {import("./libraries.js").Rules | null} rules @returns {Frame} */
function frameOf(called, where, packaging, rules) {
  // "loader/module@version/class.method"; the name of a lambda's class holds a slash of its own.
  const name = called.replace(/^(?:[^/]*\/(?!0x[\da-f]+\.))+/i, (/** @type {string} */ prefix) => (/\$\$Lambda[^/]*\/$/.test(prefix) ? prefix : ""));
  const dot = name.lastIndexOf(".");
  const [type, method] = dot < 0 ? ["", name] : [name.slice(0, dot), name.slice(dot + 1)];
  const colon = where.lastIndexOf(":");
  const line = colon > 0 ? Number(where.slice(colon + 1)) : NaN;
  const file = colon > 0 && Number.isInteger(line) ? where.slice(0, colon) : /\.\w+$/.test(where) ? where : null;
  const from = packaging ? packaging.split(":")[0].replace(/[!/]+$/, "") || null : null;
  const generated = where === "<generated>" ? "generated code" : null;
  return { text: `${called}(${where})`, type, method, file, line: Number.isInteger(line) ? line : null, from, library: libraryOf(type, rules) ?? generated };
}

/** How deep a line stands; four blanks count as a tab. @param {string} blanks */
const indent = (blanks) => blanks.replaceAll("    ", "\t").replaceAll(" ", "").length;

/** Empty lines behind a message are none of it. @param {Thrown} thrown */
function trim(thrown) {
  thrown.message = thrown.message.trimEnd();
  for (const one of thrown.suppressed) trim(one);
  if (thrown.cause) trim(thrown.cause);
}

/** A chain that was written from its root outwards, the other way round. @param {Thrown} root @returns {Thrown} */
function reversed(root) {
  let [made, rest] = [/** @type {Thrown | null} */ (null), /** @type {Thrown | null} */ (root)];
  while (rest) {
    const next = rest.cause;
    rest.cause = made;
    made = rest;
    rest = next;
  }
  return /** @type {Thrown} */ (made);
}
