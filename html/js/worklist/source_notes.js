/**
 * Says over a merged list whose rows are missing from it, and why.
 */

import { fill, h, icon } from "../core/dom.js";
import { explain, HttpError, Unreachable } from "../core/http.js";
import { certificateHint } from "../shell/certificate_hint.js";

/** @typedef {import("./merged_list.js").SourceState} SourceState */

/** So many that refuse are named one by one. */
const MOST_NAMED = 3;

export class SourceNotes {
  #again;
  #what;
  #shown = "";

  element = h("div", { class: "silent" });

  /**
   * @param {string} what  is missing: "studies"
   * @param {(id: string) => void} again
   */
  constructor(what, again) {
    this.#what = what;
    this.#again = again;
  }

  /**
   * @param {SourceState[]} states
   * @param {boolean} [refusals]  those that refuse are named here, too
   */
  show(states, refusals = true) {
    const failed = byName(states.filter(({ state }) => state === "failed"));
    const refused = refusals
      ? states.filter(({ state }) => state === "refused") : [];
    const key = JSON.stringify([failed.flat(), refused].map((list) =>
      list.map(({ id, error }) => [id, explain(error)])));
    if (key !== this.#shown) {
      // A note that stays keeps the focus of its button.
      this.#shown = key;
      fill(this.element, ...failed.map((one) => this.#failed(one)),
        refused.length > 0 ? this.#refused(refused) : null);
    }
  }

  /** @param {SourceState[]} states  the lists of one server */
  #failed(states) {
    const { name, error, partly } = states[0];
    const silent = error instanceof Unreachable
      || (error instanceof HttpError && error.status >= 500);
    const missing = `its ${partly ? "older " : ""}${this.#what} are not in `
      + "this list.";
    return h("div", { class: "silent-note", role: "alert" },
      icon("warning"),
      h("p", {}, silent ? `${name} does not answer: ${missing} `
        : `${name}: ${explain(error)}; ${missing} `,
      error instanceof Unreachable ? certificateHint(error.origin) : null),
      h("button", { type: "button", class: "button",
        "aria-label": `Ask ${name} again`,
        onclick: () => states.forEach(({ id }) => this.#again(id)) },
      "Ask again"));
  }

  /** @param {SourceState[]} refused */
  #refused(refused) {
    const names = refused.length <= MOST_NAMED
      ? refused.map(({ name }) => name).join(", ")
      : `${refused.length} facilities`;
    const [verb, its] = refused.length === 1
      ? ["shows", "its"] : ["show", "their"];
    return h("div", { class: "silent-note quiet-note", role: "status" },
      h("p", { title: refused.map(({ name }) => name).join(", ") },
        `${names} ${verb} ${its} ${this.#what} to ${its} own people only.`));
  }
}

/**
 * The lists of each server together.
 *
 * @param {SourceState[]} states
 */
function byName(states) {
  /** @type {Map<string, SourceState[]>} */
  const names = new Map();
  for (const state of states) {
    names.set(state.name, [...names.get(state.name) ?? [], state]);
  }
  return [...names.values()];
}
