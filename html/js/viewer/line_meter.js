/**
 * Measures the line with the pictures that come anyway, and says what it can
 * carry while the reader moves.  Pure but for what it is told.
 *
 * @typedef {import("./picture.js").Quality} Quality
 */

import { FULL } from "./picture.js";

/** From best to thinnest; each with what a viewport pixel costs at first. */
/** @type {{quality: Quality, cost: number}[]} */
const STEPS = [
  { quality: FULL, cost: 0.25 },
  { quality: { format: "jpeg", quality: 80, shrink: 1 }, cost: 0.08 },
  { quality: { format: "jpeg", quality: 60, shrink: 2 }, cost: 0.018 },
  { quality: { format: "jpeg", quality: 40, shrink: 3 }, cost: 0.006 },
];

/** A moving picture should cross the line within this. */
const MOVING_MS = 60;

/** Weight of a new measurement. */
const WEIGHT = 0.3;

/** Smaller answers say nothing of the rate. */
const SMALLEST_SAMPLE = 4096;

export class LineMeter {
  /** bytes a millisecond; starts as if the line were good */
  #rate = 12500;

  /** @type {number[]} */
  #costs = STEPS.map(({ cost }) => cost);

  #measured = false;

  /** Bits a second, 0 before anything was measured. */
  get rate() {
    return this.#measured ? this.#rate * 8000 : 0;
  }

  /** @param {number} pixels  of the viewport */
  slow(pixels) {
    return this.moving(pixels) !== FULL;
  }

  /**
   * The best picture that the line carries while the reader moves.
   *
   * @param {number} pixels  of the viewport
   * @returns {Quality}
   */
  moving(pixels) {
    for (const [step, { quality }] of STEPS.entries()) {
      if (this.#costs[step] * pixels / this.#rate <= MOVING_MS) {
        return quality;
      }
    }
    return STEPS[STEPS.length - 1].quality;
  }

  /**
   * @param {Quality} quality
   * @param {number} pixels  of the viewport
   * @param {number} bytes
   * @param {number} transfer  ms from the first to the last byte
   */
  note(quality, pixels, bytes, transfer) {
    const step = STEPS.findIndex((one) =>
      one.quality.format === quality.format
      && one.quality.shrink === quality.shrink);
    if (step >= 0 && pixels > 0) {
      this.#costs[step] += WEIGHT * (bytes / pixels - this.#costs[step]);
    }
    if (bytes >= SMALLEST_SAMPLE) {
      // What arrives within a timer tick came at least that fast.
      const rate = bytes / Math.max(transfer, 0.5);
      this.#rate = Math.exp(Math.log(this.#rate)
        + (this.#measured ? WEIGHT : 0.7) * Math.log(rate / this.#rate));
      this.#measured = true;
    }
  }
}
