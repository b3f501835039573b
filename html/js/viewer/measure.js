/**
 * Lengths and angles in image coordinates.  Pure.
 *
 * @typedef {object} Spot  image coordinates: column and row, the first pixel
 *     covers 0 to 1
 * @property {number} x
 * @property {number} y
 *
 * @typedef {[number, number] | null} Spacing  mm between rows, columns
 */

/**
 * Without a known spacing the answer is in pixels, never in a guessed length.
 *
 * @param {Spot} a
 * @param {Spot} b
 * @param {Spacing} spacing
 * @returns {{value: number, unit: "mm" | "px"}}
 */
export function distance(a, b, spacing) {
  const [rows, columns] = spacing ?? [1, 1];
  return {
    value: Math.hypot((b.x - a.x) * columns, (b.y - a.y) * rows),
    unit: spacing ? "mm" : "px",
  };
}

/**
 * Degrees between the arms of b, 0 to 180; aspect (height of a pixel over its
 * width) is used where the spacing is unknown.
 *
 * @param {Spot} a
 * @param {Spot} b
 * @param {Spot} c
 * @param {Spacing} spacing
 * @param {number} aspect
 */
export function angle(a, b, c, spacing, aspect) {
  const [rows, columns] = spacing ?? [aspect, 1];
  const u = { x: (a.x - b.x) * columns, y: (a.y - b.y) * rows };
  const v = { x: (c.x - b.x) * columns, y: (c.y - b.y) * rows };
  const cross = u.x * v.y - u.y * v.x;
  const dot = u.x * v.x + u.y * v.y;
  return Math.abs(Math.atan2(cross, dot)) * 180 / Math.PI;
}

/**
 * @param {{value: number, unit: string}} length
 */
export function lengthText({ value, unit }) {
  if (unit === "px") {
    return `${value.toFixed(1)} px`;
  }
  return value >= 100 ? `${value.toFixed(0)} mm` : `${value.toFixed(1)} mm`;
}

/** @param {number} degrees */
export function angleText(degrees) {
  return `${degrees.toFixed(1)}°`;
}

/**
 * The lines of an ellipse's label, from the node's statistics.
 *
 * @param {import("../api/node.js").RoiValue} roi
 * @param {string} [note]  what is to be said of a length
 */
export function roiText({ count, mean, sd, min, max, unit, area_mm2: area },
  note = "") {
  const number = (/** @type {number | null} */ value) =>
    value === null ? "–" : String(Number(value.toFixed(1)));
  const of = unit && unit !== "US" ? ` ${unit}` : "";
  return [
    `mean ${number(mean)}${of}  SD ${number(sd)}`,
    `${number(min)} to ${number(max)}${of}`,
    area === null || area === undefined ? `${count} px`
      : `${Number((area / 100).toPrecision(3))} cm² ${note}`.trim(),
  ];
}
