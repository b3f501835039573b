/**
 * Which neighbours to fetch while the line is idle: in the reader's direction
 * more than behind, previews before full pictures where the line is thin.
 * Pure.
 */

import { FULL } from "./picture.js";

/** @typedef {import("./picture.js").Quality} Quality */

const FULLS = [1, 2, 3, -1, 4, 5, 6, -2];
const PREVIEWS = [...Array(24).keys()].flatMap((n) =>
  n % 3 === 2 ? [n + 1, -(n + 1) / 3] : [n + 1]);

/**
 * In the order in which they are wanted.
 *
 * @param {object} reader
 * @param {number} reader.layer
 * @param {number} reader.layers
 * @param {number} reader.direction  1 or -1
 * @param {Quality} reader.moving  of what is shown while the reader moves
 * @param {boolean} reader.cine
 * @returns {Generator<{layer: number, quality: Quality}>}
 */
export function* neighbours({ layer, layers, direction, moving, cine }) {
  const wishes = [
    ...(moving === FULL ? [] : PREVIEWS.map((step) => ({ step,
      quality: moving }))),
    ...(cine && moving !== FULL ? [] : FULLS.map((step) => ({ step,
      quality: FULL }))),
  ];
  for (const { step, quality } of wishes) {
    const next = layer + step * direction;
    if (next >= 0 && next < layers) {
      yield { layer: next, quality };
    }
  }
}
