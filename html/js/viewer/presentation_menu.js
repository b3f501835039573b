/**
 * The choice among the presentation states of a stack, and whether their
 * graphics are shown.  Hidden while there are none.
 */

import { fill, h } from "../core/dom.js";
import { stateText } from "./presentation.js";

/** @typedef {import("../types.js").PresentationName} PresentationName */

export class PresentationMenu {
  /** @type {import("./panes.js").Panes} */
  #panes;

  /** What the options are of. @type {readonly PresentationName[]} */
  #states = [];

  #select = h("select", { "aria-label": "Presentation state",
    title: "Presentation state",
    onchange: () => this.#choose() });

  #graphics = h("input", { type: "checkbox",
    onchange: () => this.#panes.viewport.toggleGraphics() });

  element = h("div", { class: "presentation-menu", hidden: true },
    this.#select,
    h("label", { title: "Graphics of the presentation state (G)" },
      this.#graphics, "Graphics"));

  /**
   * @param {import("./panes.js").Panes} panes
   * @param {AbortSignal} signal
   */
  constructor(panes, signal) {
    this.#panes = panes;
    const update = () => this.#update();
    panes.addEventListener("view", update, { signal });
    panes.addEventListener("state", update, { signal });
  }

  #choose() {
    void this.#panes.viewport.choosePresentation(this.#select.value || null);
    this.#panes.viewport.element.focus();
  }

  #update() {
    const { presentations, view, graphics } = this.#panes.viewport;
    if (presentations !== this.#states) {
      this.#states = presentations;
      fill(this.#select,
        h("option", { value: "" }, "Presentation state: none"),
        ...presentations.map((state) => h("option", {
          value: state.uid, disabled: state.problem !== null,
          title: state.problem ?? [state.creator, state.date]
            .filter(Boolean).join(", "),
        }, stateText(state))));
    }
    this.element.hidden = presentations.length === 0;
    this.#select.value = view.state?.uid ?? "";
    this.#graphics.checked = graphics;
    this.#graphics.disabled = view.state === null;
  }
}
