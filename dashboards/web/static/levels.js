// Log levels from worst to least, and their colours, which the style sheet owns (--level-error, …).

const ORDER = ["FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
const ALIASES = { WARNING: "WARN", SEVERE: "ERROR", CRITICAL: "FATAL" };

export function kind(level) {
  const name = String(level ?? "").toUpperCase();
  const known = ALIASES[name] ?? name;
  return ORDER.includes(known) ? known.toLowerCase() : "other";
}

export function byGravity(one, other) {
  return rank(one) - rank(other) || (one < other ? -1 : 1);
}

export function colour(level) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--level-${kind(level)}`).trim();
}

function rank(level) {
  const position = ORDER.indexOf(kind(level).toUpperCase());
  return position < 0 ? ORDER.length : position;
}
