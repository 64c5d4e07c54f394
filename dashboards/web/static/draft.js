// A field whose text counts when one leaves it or presses Enter: until then it is the writer's, however often the page
// is drawn meanwhile.

import { html, useEffect, useState } from "./vendor/preact.js";

/** @param {{ value: string, onChange: (event: any) => void } & Record<string, unknown>} props */
export function Draft({ value, ...others }) {
  const [text, setText] = useState(/** @type {string | null} */ (null));
  useEffect(() => setText(null), [value]);
  return html`<input ...${others} value=${text ?? value} onInput=${(/** @type {any} */ event) => setText(event.target.value)} onBlur=${() => setText(null)} />`;
}
