// Reads a file of Kibana's saved objects, such as an export of this page, and saves what is in it.

import * as ask from "./ask.js";
import { visible } from "./text.js";
import { html, useState } from "./vendor/preact.js";

/** @param {{ done: () => void }} props */
export function ImportFile({ done }) {
  const [said, say] = useState(/** @type {{ text: string, bad?: boolean, again?: string } | null} */ (null));
  const send = async (/** @type {string} */ text, replace = false) => {
    try {
      const { saved, known } = await ask.importSaved(text, replace);
      say({ text: `${saved.length} ${saved.length === 1 ? "object is" : "objects are"} saved${known.length ? `; ${known.length} come with sawlog` : ""}` });
      done();
    } catch (error) {
      const { message, kind } = /** @type {import("./ask.js").AskError} */ (error);
      say({ text: message, bad: true, ...(kind === "conflict" && { again: text }) });
    }
  };
  const read = async (/** @type {any} */ event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) await send(await file.text());
  };
  return html`<div class="import">
    <label class="link">Import… <input type="file" class="visually-hidden" accept=".ndjson,.json" onChange=${read} /></label>
    ${said && html`<p class=${said.bad ? "bad" : "quiet"} role=${said.bad ? "alert" : "status"}>${visible(said.text)}
      ${said.again && html` <button type="button" onClick=${() => send(said.again ?? "", true)}>Replace</button>`}</p>`}
  </div>`;
}
