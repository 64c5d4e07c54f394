// A view that most visits do not need: its modules come with its first showing.

import { html, useEffect, useState } from "./vendor/preact.js";

/** @param {any} props `load` gives the component, which gets all the others */
export function Later({ load, ...props }) {
  const [View, show] = useState(/** @type {any} */ (null));
  useEffect(() => {
    load().then((/** @type {any} */ view) => show(() => view));
  }, []);
  return View && html`<${View} ...${props} />`;
}
