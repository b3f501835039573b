/**
 * Where layers lie in the patient (PS3.3 C.7.6.2).  Pure; millimetres of one
 * frame of reference.
 *
 * @typedef {[number, number, number]} Vector
 *
 * @typedef {object} Plane  of one layer
 * @property {Vector} corner   middle of the first pixel
 * @property {Vector} across   one column further
 * @property {Vector} down     one row further
 * @property {Vector} normal   of length 1
 * @property {number} columns
 * @property {number} rows
 *
 * @typedef {import("../types.js").LayerInfo} LayerInfo
 * @typedef {import("./measure.js").Spot} Spot
 */

/** Cosine of 15 degrees: up to there planes count as parallel. */
const PARALLEL = 0.966;

/** mm; positions nearer than this are the same. */
const SAME = 0.01;

/**
 * @param {LayerInfo | null | undefined} layer
 * @param {[number, number] | null} spacing
 * @returns {Plane | null}  null: the file does not say where it lies
 */
export function planeOf(layer, spacing) {
  const { position: p, orientation: o } = layer ?? {};
  if (!layer || !spacing || p?.length !== 3 || o?.length !== 6) {
    return null;
  }
  /** @type {Vector} */
  const row = [o[0], o[1], o[2]];
  /** @type {Vector} */
  const column = [o[3], o[4], o[5]];
  return {
    corner: [p[0], p[1], p[2]],
    across: scaled(row, spacing[1]), down: scaled(column, spacing[0]),
    normal: cross(row, column),
    columns: layer.columns, rows: layer.rows,
  };
}

/**
 * The plane nearest to another's middle; null when none is parallel to it.
 *
 * @param {Plane} plane
 * @param {readonly (Plane | null)[]} others
 * @param {number} [before]  of equally near ones the nearest to this one
 * @returns {{layer: number, distance: number} | null}  mm, never negative
 */
export function nearest(plane, others, before = 0) {
  const middle = middleOf(plane);
  /** @type {{layer: number, distance: number} | null} */
  let best = null;
  for (const [layer, other] of others.entries()) {
    if (!other || Math.abs(dot(plane.normal, other.normal)) < PARALLEL) {
      continue;
    }
    const distance = Math.abs(
      dot(other.normal, minus(middle, other.corner)));
    if (!best || distance < best.distance - SAME
      || (distance < best.distance + SAME
        && Math.abs(layer - before) < Math.abs(best.layer - before))) {
      best = { layer, distance };
    }
  }
  return best;
}

/**
 * Where a plane cuts another's image, in its image coordinates; null when they
 * are parallel or do not meet within both images.
 *
 * @param {Plane} plane
 * @param {Plane} image
 * @returns {[Spot, Spot] | null}
 */
export function cut(plane, image) {
  if (Math.abs(dot(plane.normal, image.normal)) > PARALLEL) {
    return null;
  }
  // Points of the image at u columns, v rows fulfil a u + b v = d.
  const a = dot(plane.normal, image.across);
  const b = dot(plane.normal, image.down);
  const d = dot(plane.normal, minus(plane.corner, image.corner));
  const square = a * a + b * b;
  const from = { u: a * d / square, v: b * d / square };
  let first = -Infinity;
  let last = Infinity;
  /** Keeps what has at + t step between low and high. */
  const clip = (/** @type {number} */ at, /** @type {number} */ step,
    /** @type {number} */ low, /** @type {number} */ high) => {
    if (Math.abs(step) < 1e-9) {
      if (at < low || at > high) {
        last = -Infinity;
      }
      return;
    }
    const ends = [(low - at) / step, (high - at) / step];
    first = Math.max(first, Math.min(...ends));
    last = Math.min(last, Math.max(...ends));
  };
  clip(from.u, -b, -0.5, image.columns - 0.5);
  clip(from.v, a, -0.5, image.rows - 0.5);
  const origin = plus(image.corner,
    plus(scaled(image.across, from.u), scaled(image.down, from.v)));
  const step = plus(scaled(image.across, -b), scaled(image.down, a));
  for (const [side, count] of /** @type {[Vector, number][]} */ ([
    [plane.across, plane.columns], [plane.down, plane.rows]])) {
    const length = dot(side, side);
    clip(dot(side, minus(origin, plane.corner)) / length,
      dot(side, step) / length, -0.5, count - 0.5);
  }
  // The first pixel covers 0 to 1.
  const at = (/** @type {number} */ t) =>
    ({ x: from.u - b * t + 0.5, y: from.v + a * t + 0.5 });
  return first < last ? [at(first), at(last)] : null;
}

/** @param {Plane} plane */
function middleOf({ corner, across, down, columns, rows }) {
  return plus(corner, plus(scaled(across, (columns - 1) / 2),
    scaled(down, (rows - 1) / 2)));
}

/** @param {Vector} a @param {Vector} b */
function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** @param {Vector} a @param {Vector} b @returns {Vector} */
function plus(a, b) {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

/** @param {Vector} a @param {Vector} b @returns {Vector} */
function minus(a, b) {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

/** @param {Vector} a @param {number} by @returns {Vector} */
function scaled(a, by) {
  return [a[0] * by, a[1] * by, a[2] * by];
}

/** @param {Vector} a @param {Vector} b @returns {Vector} */
function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
    a[0] * b[1] - a[1] * b[0]];
}
