/**
 * The slider beside the viewport, top is the first image.
 */

import { h } from "../core/dom.js";

export class SliceSlider {
  /** @type {import("./viewport.js").Viewport} */
  #viewport;

  #input = h("input", {
    type: "range", class: "slice-slider", min: 1, max: 1, step: 1, value: 1,
    "aria-label": "Image", "aria-orientation": "vertical", tabindex: "0",
  });

  /** @type {HTMLElement} */
  element;

  /**
   * @param {import("./viewport.js").Viewport} viewport
   * @param {AbortSignal} signal
   */
  constructor(viewport, signal) {
    this.#viewport = viewport;
    this.element = h("div", { class: "slice-rail" }, this.#input);
    this.#input.addEventListener("input", () => {
      viewport.cine.stop();
      viewport.setLayer(Number(this.#input.value) - 1);
    });
    const update = () => this.#update();
    viewport.addEventListener("view", update, { signal });
    viewport.addEventListener("state", update, { signal });
    update();
  }

  #update() {
    const { layers, view } = this.#viewport;
    this.#input.max = String(Math.max(1, layers));
    this.#input.value = String(view.layer + 1);
    this.#input.disabled = layers < 2;
    this.#input.setAttribute("aria-valuetext",
      `Image ${view.layer + 1} of ${layers}`);
  }
}
