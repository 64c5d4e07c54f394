// The filters at the side: levels and services with their counts, and what did not parse.

import { byGravity, kind } from "./levels.js";
import { chosen } from "./board-state.js";
import { element, number, visible } from "./text.js";

// `onChoose` gets the field and the value.
export function draw(host, aggregations, state, onChoose) {
  const focused = document.activeElement?.closest?.("#facets [data-key]")?.dataset.key;
  const levels = buckets(aggregations?.levels, state.levels).sort((a, b) => byGravity(a.key, b.key));
  const services = buckets(aggregations?.services, state.services);
  const failures = buckets(aggregations?.tags, []).filter(({ key }) => key.startsWith("_"));
  host.replaceChildren(
    group("Level", levels, state.levels, (level) => onChoose("log.level", level), kind),
    group("Service", services, state.services, (service) => onChoose("service.name", service)),
  );
  if (failures.length) {
    host.append(group("Did not parse", failures, chosen(state, "tags"), (tag) => onChoose("tags", tag)));
  }
  if (focused) host.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

// The aggregation's buckets; chosen values stay in the list when nothing has them any more.
export function buckets(aggregation, chosen) {
  const found = (aggregation?.values?.buckets ?? []).map(({ key, doc_count }) => ({ key: String(key), count: doc_count }));
  const missing = chosen.filter((key) => !found.some((bucket) => bucket.key === key));
  return [...found, ...missing.map((key) => ({ key, count: 0 }))];
}

export function group(title, values, chosen, onToggle, dot = null) {
  const most = Math.max(1, ...values.map(({ count }) => count));
  const rows = values.map(({ key, count }) => {
    const box = element("input", { type: "checkbox", checked: chosen.includes(key), dataset: { key: `${title} ${key}` } });
    box.addEventListener("change", () => onToggle(key));
    const meter = element("meter", { max: most, value: count, "aria-hidden": "true" });
    return element(
      "li", {},
      element(
        "label", { title: visible(key) }, box,
        dot ? element("i", { className: `dot level-${dot(key)}` }) : null,
        element("span", { className: "key", textContent: visible(key) }),
        element("span", { className: "count", textContent: number(count) }),
      ),
      meter,
    );
  });
  const body = rows.length ? element("ul", {}, ...rows) : element("p", { className: "quiet", textContent: "none" });
  return element("section", { className: "facet" }, element("h2", { textContent: title }), body);
}
