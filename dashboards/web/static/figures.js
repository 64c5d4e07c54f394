// Charts that need no drawing library: one number, bars beside their names, a table; and the legend of the others.

import { written } from "./format.js";
import { element, visible } from "./text.js";

export function drawNumber(host, { value, label, format }) {
  host.replaceChildren(
    element("p", { className: "figure" }, element("strong", { textContent: written(value, format) }), element("span", { className: "quiet", textContent: label })),
  );
}

// `rows` are { by, other, values: [{ label, value, format }] }; the first of the values has the bar.
export function drawBars(host, { title, rows }, onPick) {
  const most = Math.max(...rows.map(({ values }) => values[0].value ?? 0), Number.MIN_VALUE);
  const lines = rows.map((row) => {
    const [{ value, format }] = row.values;
    const bar = element("meter", { max: most, value: value ?? 0, "aria-hidden": "true" });
    return element("li", {}, name(row, onPick), bar, element("span", { className: "count", textContent: written(value, format) }));
  });
  host.replaceChildren(element("ul", { className: "bars", "aria-label": title }, ...lines));
}

export function drawTable(host, { title, head, rows }, onPick) {
  const labels = rows[0].values.map(({ label }) => label);
  const cell = ({ value, format }) => element("td", { className: "count", textContent: written(value, format) });
  host.replaceChildren(
    element(
      "table", { className: "figures", "aria-label": title },
      element("thead", {}, element("tr", {}, ...[head, ...labels].map((text) => element("th", { scope: "col", textContent: text })))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, element("td", {}, name(row, onPick)), ...row.values.map(cell)))),
    ),
  );
}

// `figures`, if given, stand side by side with the series.
export function drawLegend(host, series, onPick, figures = []) {
  host.replaceChildren(
    ...series.map(({ name: text, other, className }, place) =>
      element(
        "li", {},
        element("i", { className: `dot ${className}` }),
        name({ by: text, other }, onPick),
        figures[place] ? element("span", { className: "count", textContent: figures[place] }) : null,
      ),
    ),
  );
}

// A value that can be picked: a button. What stands for all other values cannot.
function name({ by, other }, onPick) {
  const text = visible(by);
  if (other || !onPick) return element("span", { className: "key", textContent: text, title: text });
  const button = element("button", { type: "button", className: "key", textContent: text, title: `Filter for ${text}` });
  button.addEventListener("click", () => onPick(by));
  return button;
}
