// Makes dashboards/web/static/vendor/preact.js of the packages in package-lock.json: Preact, its hooks and htm as one module.

import { build } from "esbuild";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = here("../../../dashboards/web/static/vendor/");
const version = (name) => JSON.parse(readFileSync(here(`node_modules/${name}/package.json`), "utf8")).version;

const made = await build({
  stdin: {
    contents: `
      import { h } from "preact";
      import htm from "htm";
      export const html = htm.bind(h);
      export { h, render, Component, Fragment, createRef } from "preact";
      export { useState, useEffect, useLayoutEffect, useMemo, useRef, useCallback } from "preact/hooks";`,
    resolveDir: here("."),
  },
  bundle: true,
  format: "esm",
  minify: true,
  write: false,
  target: "es2022",
});
const head = `// Preact ${version("preact")} with its hooks (MIT) and htm ${version("htm")} (Apache-2.0); LICENSE beside. Made by: npm run vendor\n`;
writeFileSync(`${target}preact.js`, head + made.outputFiles[0].text);
const licence = (name) => `${name} ${version(name)}\n\n${readFileSync(here(`node_modules/${name}/LICENSE`), "utf8")}`;
writeFileSync(`${target}LICENSE`, ["preact", "htm"].map(licence).join("\n\n----\n\n"));
