/**
 * The line where the active viewport's image cuts this one (IHE calls the
 * pictures with such lines scouts).
 *
 * @typedef {[import("./measure.js").Spot, import("./measure.js").Spot]} Line
 *     in image coordinates
 */

import { svg } from "../core/dom.js";
import { apply } from "./view.js";

export class ReferenceLine {
  #line = svg("line", {});

  /** @type {Line | null} */
  #at = null;

  /** @type {import("./view.js").Matrix | null} */
  #matrix = null;

  element = svg("svg", { class: "reference", "aria-hidden": "true" },
    this.#line);

  /** @param {Line | null} line */
  set line(line) {
    this.#at = line;
    this.draw(this.#matrix);
  }

  /** @param {import("./view.js").Matrix | null} matrix  to CSS pixels */
  draw(matrix) {
    this.#matrix = matrix;
    this.#line.toggleAttribute("hidden", !this.#at || !matrix);
    if (this.#at && matrix) {
      const [from, to] = this.#at.map(({ x, y }) => apply(matrix, x, y));
      for (const [name, value] of Object.entries(
        { x1: from.x, y1: from.y, x2: to.x, y2: to.y })) {
        this.#line.setAttribute(name, value.toFixed(1));
      }
    }
  }
}
