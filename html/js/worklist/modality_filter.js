/**
 * The choice of a modality: those that the studies listed so far have, then
 * the others that the top level knows.
 */

import { fill, h } from "../core/dom.js";

/** @typedef {import("../types.js").ModalityEntry} ModalityEntry */

/** As many as one request lists. */
const MOST = "500";

export class ModalityFilter {
  /** Codes of the studies listed so far. @type {Set<string>} */
  #seen = new Set();

  /** What the top level calls them, by code. @type {Map<string, string>} */
  #names = new Map();

  /** What the options are made of. */
  #drawn = "";

  element = h("select", { "aria-label": "Modality" });

  /** @param {string} value  chosen at first; "": all */
  constructor(value) {
    this.#fill(value);
  }

  get value() {
    return this.element.value;
  }

  /**
   * Asks for those that are registered.  Without them the ones that are listed
   * have to do.
   *
   * @param {import("../api/resource.js").Resource<ModalityEntry>} registered
   * @param {AbortSignal} signal
   */
  async load(registered, signal) {
    try {
      const { items } = await registered.list({ limit: MOST }, signal);
      for (const { code, name } of items) {
        this.#names.set(code, name);
      }
      this.#fill(this.value);
    } catch {
      // The list itself says when nobody answers.
    }
  }

  /** Other facilities' studies follow. */
  clear() {
    this.#seen.clear();
  }

  /** @param {readonly import("../types.js").StudyItem[]} studies  listed */
  note(studies) {
    for (const { modalities } of studies) {
      modalities.forEach((code) => this.#seen.add(code));
    }
    this.#fill(this.value);
  }

  /** @param {string} value */
  #fill(value) {
    const here = new Set(this.#seen);
    if (value) {
      here.add(value);
    }
    const others = [...this.#names.keys()].filter((code) => !here.has(code));
    const drawn = JSON.stringify([[...here].sort(), others.sort()]);
    // A list that is open is left as it is.
    if (drawn === this.#drawn) {
      return;
    }
    this.#drawn = drawn;
    const options = (/** @type {string[]} */ codes) => codes.map((code) =>
      h("option", { value: code, title: this.#names.get(code) ?? "" }, code));
    fill(this.element, h("option", { value: "" }, "All modalities"),
      ...options([...here].sort()),
      others.length > 0
        ? h("optgroup", { label: "Others" }, ...options(others)) : null);
    this.element.value = value;
  }
}
