// The line at the foot of the page: what the running sawlog says of itself.

import { element, number, visible } from "./text.js";

const WORDS = {
  events: (value) => `${number(value)} events in`,
  events_per_second: (value) => `${number(Math.round(value))} events/s`,
  parse_failures: (value) => `${number(value)} parse failures`,
  dead_letters: (value) => `${number(value)} dead letters`,
  files: (value) => `${number(value)} ${value === 1 ? "file" : "files"}`,
  lag_seconds: (value) => `${number(Math.round(value * 10) / 10)} s behind`,
};
const WARNINGS = ["parse_failures", "dead_letters"];

export function draw(host, values) {
  const shown = Object.entries(values).filter(([, value]) => ["number", "string"].includes(typeof value));
  host.replaceChildren(
    ...shown.map(([key, value]) => {
      const text = typeof value === "number" && WORDS[key] ? WORDS[key](value) : `${visible(key).replaceAll("_", " ")}: ${visible(value)}`;
      const bad = WARNINGS.includes(key) && value > 0;
      return element("span", { className: bad ? "bad" : "", textContent: text, dataset: { key } });
    }),
  );
}

export function drawOffline(host, error) {
  host.replaceChildren(element("span", { className: "bad", textContent: error.message }));
}
