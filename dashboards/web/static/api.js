// The server's HTTP interface. Every failure is an ApiError whose message can be shown as it is.

export class ApiError extends Error {
  constructor(kind, reason) {
    super(reason);
    this.kind = kind;
  }
}

export const search = (body, signal) => post("/api/search", body, signal);

export const chart = (id, body, signal) => post(`/api/charts/${encodeURIComponent(id)}`, body, signal);

// The dashboards, charts and saved searches; they are the same as long as the page is open.
export function objects() {
  known ??= ask("/api/objects", {});
  known.catch(() => (known = null));
  return known;
}

let known = null;

export const status = () => ask("/api/status", {});

function post(path, body, signal) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("offline", "The sawlog server does not answer. Is it still running?");
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  throw new ApiError(body?.error ?? "http", explain(response.status, body));
}

function explain(code, body) {
  const reason = body?.reason ?? `The server answered with status ${code}.`;
  if (body?.error === "query") return `The query cannot be run: ${reason}`;
  if (body?.error === "unavailable") return `The store is not available: ${reason}`;
  return reason;
}
