/**
 * How many viewports there are, and what they do together.
 *
 * Events: "change" (the reader chose; the layout as detail, null: something
 * else).
 */

import { h, icon } from "../core/dom.js";
import { LAYOUTS } from "./panes.js";

const NAMES = { 1: "One viewport", 2: "Two viewports", 4: "Four viewports" };

export class LayoutBar extends EventTarget {
  /** @type {import("./panes.js").Panes} */
  #panes;

  /** @type {Map<import("./panes.js").Layout, HTMLButtonElement>} */
  #layouts = new Map();

  #scroll = this.#button("link",
    "Link scrolling: the same place in the patient (K)",
    () => this.toggleScroll());

  #looks = this.#button("same", "The same window, zoom and pan (S)",
    () => this.toggleLooks());

  /** @type {HTMLElement} */
  element;

  /**
   * @param {import("./panes.js").Panes} panes
   * @param {AbortSignal} signal
   */
  constructor(panes, signal) {
    super();
    this.#panes = panes;
    for (const layout of LAYOUTS) {
      this.#layouts.set(layout, this.#button(`layout-${layout}`,
        `${NAMES[layout]} (D: next layout)`, () => this.choose(layout)));
    }
    this.element = h("div", { class: "layout-bar", role: "toolbar",
      "aria-label": "Viewports" }, ...this.#layouts.values(),
    h("span", { class: "gap" }), this.#scroll, this.#looks);
    panes.addEventListener("layout", () => this.#update(), { signal });
    this.#update();
  }

  /** @param {import("./panes.js").Layout} layout */
  choose(layout) {
    this.#panes.layout = layout;
    this.#chosen(layout);
  }

  nextLayout() {
    const at = LAYOUTS.indexOf(this.#panes.layout);
    this.choose(LAYOUTS[(at + 1) % LAYOUTS.length]);
  }

  toggleScroll() {
    this.#panes.links.scroll = !this.#panes.links.scroll;
    this.#chosen();
  }

  toggleLooks() {
    this.#panes.links.looks = !this.#panes.links.looks;
    this.#chosen();
  }

  /** @param {import("./panes.js").Layout | null} [layout] */
  #chosen(layout = null) {
    this.#update();
    this.dispatchEvent(new CustomEvent("change", { detail: layout }));
  }

  #update() {
    const { layout, links } = this.#panes;
    for (const [one, button] of this.#layouts) {
      button.setAttribute("aria-pressed", String(one === layout));
    }
    for (const [button, on] of /** @type {const} */ ([
      [this.#scroll, links.scroll], [this.#looks, links.looks]])) {
      button.setAttribute("aria-pressed", String(on));
      button.disabled = layout === 1;
    }
  }

  /**
   * @param {string} name
   * @param {string} label
   * @param {() => void} run
   */
  #button(name, label, run) {
    return h("button", { type: "button", class: "tool", title: label,
      "aria-label": label, onclick: (/** @type {MouseEvent} */ event) => {
        run();
        // After a click with the mouse the keys are the viewport's again.
        if (event.detail > 0) {
          this.#panes.viewport.element.focus();
        }
      } }, icon(name));
  }
}
