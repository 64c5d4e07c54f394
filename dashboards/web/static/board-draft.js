// A dashboard while somebody changes it: its panels in their order, until they are saved.

/** @typedef {"third" | "half" | "full"} Width */
/** @typedef {{ key: number, show: string, title: string, width: Width }} DraftPanel */
/** @typedef {{ id: string | null, version: string, title: string, description: string, panels: DraftPanel[], changed: boolean }} Draft */

export const NEW = "new";
const FULL = 48; // columns of the dashboards that come with sawlog
/** @type {Map<string, Draft>} what is not saved yet stays while one looks elsewhere */
const drafts = new Map();
let made = 0;

/** @param {{ show: string, title?: string, width?: Width }} panel @returns {DraftPanel} */
export const panelOf = ({ show, title = "", width = "half" }) => ({ key: ++made, show, title, width });

/** A draft of a dashboard, as it is kept or as it was left. @param {any} board null for a new one @returns {Draft} */
export function draftOf(board) {
  const kept = drafts.get(board?.id ?? NEW);
  // Of another version than the one that it is drawn beside: whoever saves it is told.
  if (kept) return kept;
  return { id: board?.id ?? null, version: board?.version ?? "", title: board?.title ?? "", description: board?.description ?? "", panels: (board?.panels ?? []).map(panelOf), changed: false };
}

/** @param {Draft} draft */
export const keep = (draft) => drafts.set(draft.id ?? NEW, draft);
/** @param {string | null} id */
export const drop = (id) => drafts.delete(id ?? NEW);

/** Begin a new one of these panels, in place of any that was begun. @param {string} title @param {{ show: string, title?: string, width?: Width }[]} panels */
export function begin(title, panels) {
  keep({ id: null, version: "", title, description: "", panels: panels.map(panelOf), changed: true });
}

/** The panels of a dashboard that comes with sawlog. @param {{ panels: { show: string, title: string, width: number }[] }[]} rows */
export const panelsOf = (rows) => rows.flatMap(({ panels }) => panels).map(({ show, title, width }) => ({ show, title: title ?? "", width: /** @type {Width} */ (width > FULL * 0.6 ? "full" : width > FULL * 0.4 ? "half" : "third") }));

/** Put a panel before or after its neighbour; the same list where it is at the end. @param {DraftPanel[]} panels @param {number} key @param {-1 | 1} by */
export function moved(panels, key, by) {
  const place = panels.findIndex((one) => one.key === key);
  const to = place + by;
  if (place < 0 || to < 0 || to >= panels.length) return panels;
  const next = [...panels];
  [next[place], next[to]] = [next[to], next[place]];
  return next;
}

/** What is sent to be saved. @param {Draft} draft */
export const savedOf = ({ id, version, title, description, panels }) => ({
  ...(id && { id, version }),
  title: title.trim(),
  kind: /** @type {const} */ ("dashboard"),
  content: { ...(description && { description }), panels: panels.map(({ show, title: name, width }) => ({ show, width, ...(name.trim() && { title: name.trim() }) })) },
});
