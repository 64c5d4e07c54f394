// "Save as chart": what the view of events shows, drawn as one of a dashboard's panels.

import * as ask from "./ask.js";
import { Chart, isOverTime } from "./board-charts.js";
import { begin, NEW } from "./board-draft.js";
import { askedText, contentOf, DRAWN, fieldsFor, titleOf, together } from "./chart-shape.js";
import { useAsk } from "./hooks.js";
import { visible } from "./text.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

/** @import { Shape, Choice } from "./chart-shape.js" */

/** @type {{ shape: Shape, name: string }[]} */
const SHAPES = [{ shape: "time", name: "Over time" }, { shape: "values", name: "Top values" }, { shape: "number", name: "Number" }, { shape: "percentiles", name: "Percentiles" }];
/** @type {Record<string, string>} */
const OF = { time: "Split by", values: "Values of", percentiles: "Percentiles of" };
const SIZES = [5, 10, 20, 50];

/** @param {any} props the view's, `count` of it, `readAs`: the language of its query, and `close` */
export function ChartDialog(props) {
  const { state, actions, zone, asked, objects, count, readAs, close, reload } = props;
  const dialog = useRef(/** @type {any} */ (null));
  const [choice, setChoice] = useState(/** @type {Choice} */ ({ shape: "time", field: state.split, drawn: "bars", size: 10 }));
  const [title, setTitle] = useState("");
  const [target, setTarget] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const found = useAsk("fields", (signal) => ask.fields(asked, signal));
  const search = useSavedSearch(state.saved, objects);
  useEffect(() => {
    dialog.current.showModal();
    return () => dialog.current?.close();
  }, []);

  const fields = fieldsFor([...(found.answer?.fields ?? []), ...spansOf(objects)], choice.shape);
  const question = together(search.answer, state, readAs);
  const ready = !search.busy && (choice.shape === "number" || choice.shape === "time" || choice.field !== "");
  const content = ready && question ? contentOf(choice, question) : null;
  const suggested = question && content ? visible(titleOf(choice, question)) : "";
  const boards = (objects?.dashboards ?? []).filter((/** @type {any} */ one) => one.own && !one.problem);
  const pick = (/** @type {Partial<Choice>} */ part) => setChoice((before) => ({ ...before, ...part }));
  const shape = (/** @type {Shape} */ next) => {
    const fit = fieldsFor([...(found.answer?.fields ?? []), ...spansOf(objects)], next);
    // What an hour is split by is seldom what one counts: of the errors all are errors.
    const usual = next === "values" ? "service.name" : next === "time" ? state.split : "";
    const field = next === "number" ? "" : next === "time" || fit.includes(usual) ? usual : fit.includes(choice.field) ? choice.field : (fit[0] ?? "");
    setChoice({ ...choice, shape: next, field, drawn: DRAWN[next][0].kind });
  };
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!content || busy) return;
    setBusy(true);
    setProblem("");
    try {
      const name = title.trim() || titleOf(choice, /** @type {any} */ (question));
      const made = await ask.save({ title: name, kind: "chart", content });
      const width = choice.shape === "number" ? "third" : "half";
      if (target && target !== NEW) await addTo(target, { show: made.id, width });
      await reload();
      if (target === NEW) begin("", [{ show: made.id, width }]);
      close(target ? null : `“${visible(name)}” is saved`);
      if (target) actions.openBoard(target);
    } catch (error) {
      setProblem(/** @type {Error} */ (error).message);
      setBusy(false);
    }
  };

  return html`<dialog class="chart-dialog" ref=${dialog} aria-labelledby="chart-dialog-title" onCancel=${(/** @type {Event} */ event) => {
    event.preventDefault();
    close(null);
  }} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.stopPropagation()}>
    <form onSubmit=${save}>
      <h2 id="chart-dialog-title">Save as chart</h2>
      <p class="quiet">${question && askedText(question) ? html`Of <code>${visible(askedText(question))}</code>. ` : "Of all events. "}The time is that of the dashboard.</p>
      <div class="shapes" role="radiogroup" aria-label="What is drawn">${SHAPES.map((one) => html`<label key=${one.shape}>
        <input type="radio" name="shape" value=${one.shape} checked=${choice.shape === one.shape} onChange=${() => shape(one.shape)} /><span>${one.name}</span></label>`)}</div>
      <div class="choices">
        ${choice.shape !== "number" && html`<label>${OF[choice.shape]}
          <select aria-label=${OF[choice.shape]} value=${choice.field} onChange=${(/** @type {any} */ event) => pick({ field: event.target.value })}>
            ${choice.shape === "time" && html`<option value="">nothing</option>`}
            ${[...new Set([choice.field, ...fields])].filter(Boolean).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>`}
        ${DRAWN[choice.shape].length > 1 && html`<label>Drawn as <select aria-label="Drawn as" value=${choice.drawn} onChange=${(/** @type {any} */ event) => pick({ drawn: event.target.value })}>
          ${DRAWN[choice.shape].map(({ kind, name }) => html`<option key=${kind} value=${kind}>${name}</option>`)}</select></label>`}
        ${choice.shape === "values" && html`<label>How many <select aria-label="How many" value=${choice.size} onChange=${(/** @type {any} */ event) => pick({ size: Number(event.target.value) })}>
          ${SIZES.map((size) => html`<option key=${size} value=${size}>${size}</option>`)}</select></label>`}
      </div>
      <section class="panel preview" aria-label="Preview">
        ${!question && !search.busy ? html`<p class="nothing bad">The saved search and a query in another language cannot be one chart. Leave one of them.</p>`
          : content ? html`<${Preview} content=${content} count=${count} zone=${zone} state=${state} title=${title || suggested} />`
          : html`<p class="nothing">${choice.shape === "percentiles" && found.answer ? "No field holds numbers." : "…"}</p>`}
      </section>
      <div class="choices">
        <label class="wide">Name <input type="text" maxlength="200" placeholder=${suggested} value=${title} onInput=${(/** @type {any} */ event) => setTitle(event.target.value)} /></label>
        <label>Put it on <select aria-label="Put it on" value=${target} onChange=${(/** @type {any} */ event) => setTarget(event.target.value)}>
          <option value="">no dashboard yet</option>
          ${boards.map((/** @type {any} */ one) => html`<option key=${one.id} value=${one.id}>${visible(one.title)}</option>`)}
          <option value=${NEW}>a new dashboard</option></select></label>
      </div>
      ${problem && html`<p class="bad" role="alert">${visible(problem)}</p>`}
      <p class="buttons"><button type="button" onClick=${() => close(null)}>Cancel</button><button type="submit" class="primary" disabled=${!content || busy}>Save chart</button></p>
    </form>
  </dialog>`;
}

/** The chart as it will be, over the time that is looked at. @param {any} props */
function Preview({ content, count, zone, state, title }) {
  const drawn = { ...content, title };
  const overTime = isOverTime(drawn);
  const span = { from: count?.from ?? 0, to: count?.to ?? 1, step: count?.interval_ms || 1 };
  const time = overTime ? { from: span.from, to: span.to, interval: `${span.step}ms` } : { from: count?.from ?? null, to: count?.to ?? null };
  const body = { ...time, ...(state.index && { index: state.index }), chart: content };
  const found = useAsk(count && count.total > 0 ? JSON.stringify(body) : null, (signal) => ask.newChart(body, signal));
  // The rows of an earlier choice are none of this one.
  const answer = found.busy ? null : found.answer;
  if (found.error && !found.busy) return html`<p class="nothing bad">${visible(found.error.message)}</p>`;
  if (count && count.total === 0) return html`<p class="nothing">No events match in this time range.</p>`;
  if (!answer) return html`<p class="nothing" aria-busy="true">…</p>`;
  if (!answer.rows.some((/** @type {any} */ { value }) => value !== null)) return html`<p class="nothing">No event has a value.</p>`;
  return html`<div class="panel-body"><${Chart} chart=${{ by: null, split: null, ...drawn, values: answer.values }} rows=${answer.rows} span=${span} zone=${zone} pick=${null} onRange=${() => {}} /></div>`;
}

/** The question of the saved search that holds besides, if there is one. @param {string | null} id @param {any} objects */
function useSavedSearch(id, objects) {
  return useAsk(id ? `${id}` : null, async () => {
    const known = objects?.searches?.[/** @type {string} */ (id)];
    if (known && !known.own) return { query: known.query, language: /** @type {const} */ ("kql"), filters: [] };
    const content = (await ask.saved()).find((one) => one.id === id)?.content;
    return content ? { query: content.query ?? "", language: content.language ?? "auto", filters: content.filters ?? [] } : null;
  });
}

/** Fields that no store holds, as numbers: the time from one to another. @param {any} objects */
const spansOf = (objects) => Object.keys(objects?.spans ?? {}).map((name) => ({ name, type: "long", aggregatable: true, share: 1 }));

/** Put a panel at the end of a dashboard as it is now. @param {string} id @param {{ show: string, width: string }} panel */
async function addTo(id, panel) {
  const board = (await ask.saved()).find((one) => one.id === id);
  if (!board) throw new Error("The chart is saved; the dashboard is gone meanwhile.");
  await ask.save({ ...board, content: { ...board.content, panels: [...(board.content.panels ?? []), panel] } });
}
