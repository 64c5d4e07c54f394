// Log text is hostile: it reaches the page only through textContent, with control characters made visible.

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

// ESC becomes "\x1b", a bidirectional override "\u202e".
export function visible(text) {
  return String(text).replace(/\r\n/g, "\n").replace(CONTROL, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });
}

// Make an element: properties are assigned, children appended; a string child becomes text, never markup.
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(node.dataset, value);
    else if (name.startsWith("aria-") || name === "role" || name === "scope") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const number = (value) => Number(value).toLocaleString();

export function get(source, path) {
  return path.split(".").reduce((node, key) => node?.[key], source);
}

// [["log.level", "INFO"], …] of a document, sorted by name; lists of objects stay one value.
export function flatten(source, prefix = "") {
  return Object.entries(source)
    .flatMap(([key, value]) =>
      value !== null && typeof value === "object" && !Array.isArray(value)
        ? flatten(value, `${prefix}${key}.`)
        : [[prefix + key, value]],
    )
    .sort(([one], [other]) => (one < other ? -1 : 1));
}
