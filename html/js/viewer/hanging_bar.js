/**
 * How the mammograms hang: the four views, or one projection of both breasts
 * over that of an earlier study.  Hidden where there is nothing to choose.
 *
 * Events: "choose" with the Step as detail.
 *
 * @typedef {"four" | import("./mammograms.js").Projection} Step
 */

import { fill, h } from "../core/dom.js";

/** @type {readonly Step[]} */
const STEPS = ["four", "CC", "MLO"];

export class HangingBar extends EventTarget {
  /** @type {Map<Step, HTMLButtonElement>} */
  #buttons = new Map();

  /** @type {Step} */
  #step = "four";

  element = h("div", { class: "hanging-bar", role: "group", hidden: true,
    "aria-label": "Mammograms" });

  get step() {
    return this.#step;
  }

  /** @param {string} earlier  date of the earlier study, shown */
  offer(earlier) {
    this.#buttons = new Map(STEPS.map((step) => [step, h("button", {
      type: "button", class: "button button-quiet", title: step === "four"
        ? "The four views of this study (P: next)"
        : `${step}, above those of ${earlier} (P: next)`,
      onclick: () => this.choose(step),
    }, step === "four" ? "4 views" : `${step} / ${earlier}`)]));
    fill(this.element, ...this.#buttons.values());
    this.element.hidden = false;
    this.#show();
  }

  /** To the next one, where there are several. */
  next() {
    if (!this.element.hidden) {
      this.choose(STEPS[(STEPS.indexOf(this.#step) + 1) % STEPS.length]);
    }
  }

  /** @param {Step} step */
  choose(step) {
    this.#step = step;
    this.#show();
    this.dispatchEvent(new CustomEvent("choose", { detail: step }));
  }

  #show() {
    for (const [step, button] of this.#buttons) {
      button.setAttribute("aria-pressed", String(step === this.#step));
    }
  }
}
