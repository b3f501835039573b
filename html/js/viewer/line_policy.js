/**
 * What to ask for on this line.  Pure.
 *
 * @typedef {import("./picture.js").Quality} Quality
 *
 * @typedef {object} Line
 * @property {number} rate  bytes a millisecond, 0: not known yet
 * @property {number} trip  ms from asking to the first byte
 */

import { FULL } from "./picture.js";

/**
 * From best to thinnest; cost: bytes of a viewport pixel, at first, of a
 * noisy picture.
 *
 * @type {readonly {quality: Quality, cost: number}[]}
 */
export const LADDER = [
  { quality: FULL, cost: 0.3 },
  { quality: { format: "jpeg", quality: 85, shrink: 1 }, cost: 0.14 },
  { quality: { format: "jpeg", quality: 70, shrink: 1 }, cost: 0.09 },
  { quality: { format: "jpeg", quality: 70, shrink: 1.5 }, cost: 0.045 },
  { quality: { format: "jpeg", quality: 60, shrink: 2 }, cost: 0.025 },
  { quality: { format: "jpeg", quality: 60, shrink: 2.5 }, cost: 0.017 },
  { quality: { format: "jpeg", quality: 50, shrink: 3 }, cost: 0.011 },
  { quality: { format: "jpeg", quality: 50, shrink: 4 }, cost: 0.0065 },
  { quality: { format: "jpeg", quality: 45, shrink: 6 }, cost: 0.003 },
  { quality: { format: "jpeg", quality: 40, shrink: 8 }, cost: 0.0017 },
];

/** Of a moving picture on the line: 30 a second. */
const MOVING_MS = 32;

/** The least that shows something, on however thin a line. */
const LEAST_BYTES = 4096;

/** The most on a line of which it is not sure that it carries twice that. */
const SURE_BYTES = 16384;

/** Before the line is known. */
const FIRST_BYTES = 8192;

/**
 * Room for a picture that is larger than its neighbours, and for the line to
 * catch up: thirty pictures a second that fill it never do.
 */
const MARGIN = 0.75;

const MOST_AT_ONCE = 8;

/** A full picture that takes longer gets one between. */
const LONG_MS = 1000;

/** And the one between costs at most this part of it. */
const BETWEEN = 0.06;

/**
 * How large the pictures of a series are, learned from those that came.
 */
export class Sizes {
  /** Bytes of a viewport pixel. @type {(number | null)[]} */
  #costs = LADDER.map(() => null);

  /** Of what was learned to what the ladder says. */
  #factor = 1;

  /**
   * @param {Quality} quality
   * @param {number} pixels  of the viewport
   */
  expect(quality, pixels) {
    const rung = rungOf(quality);
    return pixels * (this.#costs[rung] ?? LADDER[rung].cost * this.#factor);
  }

  /**
   * @param {Quality} quality
   * @param {number} pixels  of the viewport
   * @param {number} bytes
   */
  learn(quality, pixels, bytes) {
    const rung = rungOf(quality);
    const cost = bytes / pixels;
    const known = this.#costs[rung];
    // At once upward, slowly downward: neighbours must fit too.
    this.#costs[rung] = known === null || cost > known ? cost
      : known + 0.1 * (cost - known);
    if (quality !== FULL) {
      this.#factor = this.#costs[rung] / LADDER[rung].cost;
    }
  }
}

/** @param {Quality} quality */
function rungOf(quality) {
  return Math.max(0, LADDER.findIndex((one) => one.quality === quality));
}

/**
 * Bytes of a picture while the reader moves: what the line carries in a
 * thirtieth of a second, 16 KB at 4 Mbit/s.
 *
 * @param {Line} line
 */
export function movingBytes({ rate }) {
  const bytes = rate === 0 ? FIRST_BYTES : rate * MOVING_MS;
  return bytes >= 2 * SURE_BYTES ? bytes
    : Math.min(SURE_BYTES, Math.max(LEAST_BYTES, bytes));
}

/**
 * The best picture that the line carries while the reader moves.
 *
 * @param {Line} line
 * @param {Sizes} sizes
 * @param {number} pixels  of the viewport
 * @returns {Quality}
 */
export function movingQuality(line, sizes, pixels) {
  const most = movingBytes(line) * MARGIN;
  const best = LADDER.find(({ quality }) =>
    sizes.expect(quality, pixels) <= most);
  return (best ?? LADDER[LADDER.length - 1]).quality;
}

/**
 * How many pictures to have on their way: the line is full, and no more waits
 * on it than one.
 *
 * @param {Line} line
 * @param {number} bytes  of a picture
 */
export function atOnce({ rate, trip }, bytes) {
  if (rate === 0) {
    return 1;
  }
  const time = Math.max(1, bytes / rate);
  return Math.min(MOST_AT_ONCE, 1 + Math.ceil(trip / time));
}

/**
 * What comes next for a reader at rest who sees the picture shown (null:
 * nothing of this view): mostly the full one; where that takes long, a good
 * one before it.
 *
 * @param {Line} line
 * @param {Sizes} sizes
 * @param {number} pixels  of the viewport
 * @param {Quality | null} shown
 * @returns {Quality}
 */
export function restQuality(line, sizes, pixels, shown) {
  const full = sizes.expect(FULL, pixels);
  if (shown === null) {
    return movingQuality(line, sizes, pixels);
  }
  if (line.rate === 0 || full / line.rate <= LONG_MS) {
    return FULL;
  }
  const between = LADDER.find(({ quality }) => quality !== FULL
    && sizes.expect(quality, pixels) <= full * BETWEEN);
  return between && rungOf(between.quality) < rungOf(shown)
    ? between.quality : FULL;
}
