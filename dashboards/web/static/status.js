// The line at the foot of the page: what the running sawlog says of itself.

import { element, number, visible } from "./text.js";

const WORDS = {
  events: (value) => `${number(value)} events in`,
  events_per_second: (value) => `${number(Math.round(value))} events/s`,
  files: (value) => `${number(value)} ${value === 1 ? "file" : "files"}`,
  lag_seconds: (value) => `${number(Math.round(value * 10) / 10)} s behind`,
  lag_bytes: (value) => (value > 0 ? `${bytes(value)} behind` : "up to date"),
  parse_failures: (value) => `${number(value)} ${value === 1 ? "parse failure" : "parse failures"}`,
  dead_letters: (value) => `${number(value)} ${value === 1 ? "dead letter" : "dead letters"}`,
};
const WARNINGS = ["parse_failures", "dead_letters"];

let before = null; // what was in at the last time, for the rate

export function draw(host, values) {
  const shown = { ...values, events_per_second: values.events_per_second ?? rate(values.events) };
  host.replaceChildren(
    ...Object.keys(WORDS)
      .filter((key) => typeof shown[key] === "number")
      .map((key) => {
        const bad = WARNINGS.includes(key) && shown[key] > 0;
        return element("span", { className: bad ? "bad" : "", textContent: WORDS[key](shown[key]), dataset: { key } });
      }),
    ...Object.entries(values.problems ?? {}).map(([path, reason]) =>
      element("span", { className: "bad", textContent: `${visible(path)}: ${visible(reason)}`, dataset: { key: "problem" } }),
    ),
  );
}

export function drawOffline(host, error) {
  host.replaceChildren(element("span", { className: "bad", textContent: error.message }));
}

function rate(events) {
  const now = { events, at: performance.now() };
  const last = before;
  before = now;
  return last === null ? null : Math.max(0, ((events - last.events) * 1000) / (now.at - last.at));
}

function bytes(value) {
  const power = Math.min(3, Math.floor(Math.log(value) / Math.log(1024)));
  return `${number(Math.round((value / 1024 ** power) * 10) / 10)} ${["B", "KiB", "MiB", "GiB"][power]}`;
}
