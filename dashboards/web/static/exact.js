// JSON whose whole numbers stay as they were written: an id or a count of nanoseconds may have more digits than JavaScript's
// numbers hold. Such a one is a BigInt, which prints, compares and goes back into JSON as it came.

const JSON_ = /** @type {any} */ (JSON);
const CAN = typeof JSON_.rawJSON === "function"; // browsers since 2023 to 2025; others show what they always showed
const LONG = /(?:^|[[:,\s])-?\d{16}/;

if (CAN) {
  /** @type {any} */ (BigInt.prototype).toJSON = function () {
    return JSON_.rawJSON(String(this));
  };
}

/** @param {string} text @returns {any} */
export function parse(text) {
  return CAN && LONG.test(text) ? JSON.parse(text, /** @type {any} */ (exact)) : JSON.parse(text);
}

/** @param {string} _ @param {unknown} value @param {{ source?: string }} context */
function exact(_, value, { source }) {
  return typeof value === "number" && !Number.isSafeInteger(value) && source && /^-?\d+$/.test(source) ? BigInt(source) : value;
}
