/**
 * The choice among the parts of a series: planes, echoes, clips, scouts.
 * Hidden while there is only one.
 *
 * Events: "choose" with the number of the part as detail.
 */

import { fill, h } from "../core/dom.js";
import { plural } from "../core/format.js";

/** @typedef {import("../types.js").PartInfo} PartInfo */

export class PartMenu extends EventTarget {
  /** @type {PartInfo[]} */
  #parts = [];

  #select = h("select", { class: "part-menu", hidden: true,
    "aria-label": "Part of the series", title: "Part of the series" });

  constructor() {
    super();
    this.#select.addEventListener("change", () => {
      this.dispatchEvent(
        new CustomEvent("choose", { detail: Number(this.#select.value) }));
    });
  }

  get element() {
    return this.#select;
  }

  /** How many parts there are. */
  get count() {
    return this.#parts.length;
  }

  /** @param {import("../types.js").StackInfo} info  of the stack shown */
  show({ parts = [], part = 0 }) {
    this.#parts = parts;
    this.#select.hidden = parts.length < 2;
    fill(this.#select, ...parts.map((one) =>
      h("option", { value: String(one.part) }, partText(one))));
    this.#select.value = String(part);
  }

  /** No series is shown. */
  clear() {
    this.#parts = [];
    this.#select.hidden = true;
  }
}

/** @param {PartInfo} part */
export function partText({ description, layers }) {
  return `${description} (${plural(layers, "image")})`;
}
