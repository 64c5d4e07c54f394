// The filters that were picked from values, each with a button that takes it away.

import { element, visible } from "./text.js";

export function draw(host, filters, onRemove) {
  host.hidden = filters.length === 0;
  host.replaceChildren(
    ...filters.map((filter) => {
      const text = `${filter.not ? "not " : ""}${visible(filter.field)}: ${visible(filter.value)}`;
      const remove = element("button", { type: "button", textContent: "×", "aria-label": `Remove the filter ${text}` });
      remove.addEventListener("click", () => onRemove(filter));
      return element("li", { className: filter.not ? "chip not" : "chip", title: text }, element("span", { textContent: text }), remove);
    }),
  );
}
