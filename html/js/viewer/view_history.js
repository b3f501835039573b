/**
 * Undo and redo of views.  Pure.
 *
 * @typedef {import("./view.js").View} View
 */

import { sameLook } from "./view.js";

const MOST = 100;

export class ViewHistory {
  /** @type {View[]} */
  #past = [];

  /** @type {View[]} */
  #future = [];

  /** @param {View} view  before a change */
  push(view) {
    const last = this.#past[this.#past.length - 1];
    if (last && sameLook(last, view)) {
      return;
    }
    this.#past.push(view);
    if (this.#past.length > MOST) {
      this.#past.shift();
    }
    this.#future = [];
  }

  /** @param {View} now @returns {View | null} */
  back(now) {
    return this.#move(this.#past, this.#future, now);
  }

  /** @param {View} now @returns {View | null} */
  forward(now) {
    return this.#move(this.#future, this.#past, now);
  }

  clear() {
    this.#past = [];
    this.#future = [];
  }

  /**
   * @param {View[]} from
   * @param {View[]} to
   * @param {View} now
   */
  #move(from, to, now) {
    for (let view = from.pop(); view; view = from.pop()) {
      if (!sameLook(view, now)) {
        to.push(now);
        return view;
      }
    }
    return null;
  }
}
