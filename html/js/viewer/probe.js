/**
 * The value under the cursor, from the stored data of the layer shown.
 */

import { Latest, sleep } from "../core/latest.js";
import { number } from "../core/format.js";

const PAUSE_MS = 50;

export class Probe {
  /** @type {Latest<{layer: number, x: number, y: number}>} */
  #queue;

  /** @type {{layer: number, x: number, y: number} | null} */
  #wanted = null;

  /**
   * @param {import("../api/node.js").NodeApi} node
   * @param {import("./stack.js").Stack} stack
   * @param {(text: string) => void} show
   */
  constructor(node, stack, show) {
    this.#queue = new Latest(async (spot, signal) => {
      try {
        const value = await stack.with(spot.layer, (id) =>
          node.pixel(id, spot.layer, spot.x, spot.y, signal));
        if (this.#wanted === spot) {
          show(`${spot.x}, ${spot.y}   ${valueText(value)}`);
        }
        await sleep(PAUSE_MS, signal);
      } catch {
        // No value is better than a wrong one.
        if (this.#wanted === spot) {
          show("");
        }
      }
    });
    this.show = show;
  }

  /**
   * @param {number} layer
   * @param {number} x  column
   * @param {number} y  row
   */
  at(layer, x, y) {
    const last = this.#wanted;
    if (last?.layer === layer && last.x === x && last.y === y) {
      return;
    }
    this.#wanted = { layer, x, y };
    this.#queue.push(this.#wanted);
  }

  clear() {
    if (this.#wanted) {
      this.#wanted = null;
      this.#queue.dropWaiting();
      this.show("");
    }
  }

  close() {
    this.#wanted = null;
    this.#queue.clear();
  }
}

/** @param {import("../api/node.js").PixelValue} answer */
function valueText({ value, stored, unit }) {
  const shown = value ?? stored;
  if (Array.isArray(shown)) {
    return shown.map((one) => number(one)).join(" / ");
  }
  if (shown === null || shown === undefined) {
    return "";
  }
  return [number(shown, 5), unit && unit !== "US" ? unit : ""]
    .filter(Boolean).join(" ");
}
