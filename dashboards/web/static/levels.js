// Log levels from worst to least, and their colours, which the style sheet owns (--level-error, …).

const ORDER = ["FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
/** @type {Record<string, string>} */
const ALIASES = { WARNING: "WARN", SEVERE: "ERROR", CRITICAL: "FATAL" };

/** "error" of "ERROR" and "SEVERE"; "other" of what is no level. @param {unknown} level */
export function kind(level) {
  const name = String(level ?? "").toUpperCase();
  const known = Object.hasOwn(ALIASES, name) ? ALIASES[name] : name;
  return ORDER.includes(known) ? known.toLowerCase() : "other";
}

/** The worst first. @param {string} one @param {string} other */
export function byGravity(one, other) {
  return rank(one) - rank(other) || (one < other ? -1 : 1);
}

/** @param {unknown} level */
export function colour(level) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--level-${kind(level)}`).trim();
}

/** @param {unknown} level */
function rank(level) {
  const position = ORDER.indexOf(kind(level).toUpperCase());
  return position < 0 ? ORDER.length : position;
}
