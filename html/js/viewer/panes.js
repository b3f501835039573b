/**
 * One, two or four panes, of which one is active: the keys, the tools and the
 * list of series are about that one.
 *
 * Events: "active" (another pane), "change" (another series in one), "layout",
 * "choose" (a series was dropped on the pane that is active now; its UID as
 * detail); and those of the active viewport: "view", "shown", "state".
 *
 * @typedef {import("./pane.js").PaneShared} PaneShared
 * @typedef {1 | 2 | 4} Layout
 */

import { h } from "../core/dom.js";
import { Links } from "./links.js";
import { AllMarks } from "./marks.js";
import { Pane } from "./pane.js";
import { DRAGGED } from "./series_list.js";
import { mayAsk } from "./wishes.js";

/** @type {readonly Layout[]} */
export const LAYOUTS = [1, 2, 4];

/** Pictures that a page keeps, bytes: shared by what is on the screen. */
const KEPT = 96 * 1024 * 1024;

/** Of these for a viewport that is covered for a while. */
const KEPT_COVERED = KEPT / 16;

export class Panes extends EventTarget {
  #aborter = new AbortController();

  /** @type {PaneShared} */
  #shared;

  /** @type {import("./viewport.js").Shared} */
  #viewports;

  /** @type {Pane[]} */
  #panes = [];

  /** @type {Pane[]} */
  #visible = [];

  /** @type {Pane} */
  #active;

  /** @type {Layout} */
  #layout = 1;

  /** Before a double click made one of them large. @type {Layout} */
  #former = 1;

  /** @type {Links} */
  links;

  element = h("div", { class: "panes" });

  /**
   * @param {PaneShared} shared
   * @param {Omit<import("./viewport.js").Shared, "marks" | "turns">} viewports
   */
  constructor(shared, viewports) {
    super();
    this.#shared = shared;
    this.#viewports = { ...viewports, marks: new AllMarks(), turns: {
      mayAsk: (one, preview) => mayAsk(one, this.viewport,
        this.#visible.map(({ viewport }) => viewport), preview),
      mayFetchAhead: (one) => one === this.viewport && (one.cine.running
        || !this.#visible.some(({ viewport }) => viewport.waits)),
      isFirst: (one) => one === this.viewport,
      done: (one) => this.#done(one),
    } };
    this.#active = this.#make();
    this.links = new Links(this);
    this.#arrange(1);
  }

  get active() {
    return this.#active;
  }

  /** The active one. */
  get viewport() {
    return this.#active.viewport;
  }

  /** In the order of the screen. @returns {readonly Pane[]} */
  get visible() {
    return this.#visible;
  }

  /** @returns {readonly Pane[]} */
  get all() {
    return this.#panes;
  }

  get layout() {
    return this.#layout;
  }

  set layout(layout) {
    this.#former = 1;
    this.#arrange(layout);
  }

  /** @param {import("./gestures.js").Tool} tool  of all viewports */
  setTool(tool) {
    for (const { viewport } of this.#panes) {
      viewport.tool = tool;
    }
  }

  /** @param {Pane} pane */
  activate(pane) {
    if (pane === this.#active) {
      return;
    }
    this.viewport.cine.stop();
    this.#active = pane;
    this.#frame();
    this.dispatchEvent(new Event("active"));
    this.dispatchEvent(new Event("state"));
    this.#refresh();
  }

  /**
   * To the next pane on the screen; false: there is only one.
   *
   * @param {1 | -1} way
   */
  step(way) {
    const count = this.#visible.length;
    const at = this.#visible.indexOf(this.#active);
    this.#visible[(at + way + count) % count].viewport.element.focus();
    return count > 1;
  }

  close() {
    this.#aborter.abort();
    for (const pane of this.#panes) {
      pane.close();
    }
  }

  #make() {
    const pane = new Pane(this.#shared, this.#viewports);
    const { viewport } = pane;
    const { signal } = this.#aborter;
    for (const type of ["pointerdown", "wheel", "focusin"]) {
      pane.element.addEventListener(type, () => this.activate(pane),
        { signal, capture: true, passive: true });
    }
    for (const type of ["view", "shown", "state"]) {
      viewport.addEventListener(type, () => {
        if (pane === this.#active) {
          this.dispatchEvent(new Event(type));
        }
      }, { signal });
    }
    viewport.addEventListener("shown", () => this.links.update(), { signal });
    viewport.addEventListener("layers", () => this.links.align(pane),
      { signal });
    viewport.addEventListener("enlarge", (event) => {
      if (this.#layout > 1 || this.#former > 1) {
        event.preventDefault();
        this.#enlarge();
      }
    }, { signal });
    pane.addEventListener("change", () => {
      this.links.align(pane);
      this.dispatchEvent(new Event("change"));
    }, { signal });
    this.#takeDrops(pane);
    viewport.tool = this.#panes[0]?.viewport.tool ?? "window";
    this.#panes.push(pane);
    return pane;
  }

  /** @param {Pane} pane */
  #takeDrops(pane) {
    const { element } = pane;
    const { signal } = this.#aborter;
    const isSeries = (/** @type {DragEvent} */ event) =>
      event.dataTransfer?.types.includes(DRAGGED) ?? false;
    element.addEventListener("dragover", (event) => {
      if (isSeries(event)) {
        event.preventDefault();
        element.toggleAttribute("data-over", true);
      }
    }, { signal });
    element.addEventListener("dragleave", (event) => {
      if (!(event.relatedTarget instanceof Node
        && element.contains(event.relatedTarget))) {
        element.removeAttribute("data-over");
      }
    }, { signal });
    element.addEventListener("drop", (event) => {
      element.removeAttribute("data-over");
      if (isSeries(event)) {
        event.preventDefault();
        this.activate(pane);
        this.dispatchEvent(new CustomEvent("choose",
          { detail: event.dataTransfer?.getData(DRAGGED) }));
      }
    }, { signal });
  }

  #enlarge() {
    const former = this.#layout;
    this.#arrange(former > 1 ? 1 : this.#former);
    this.#former = former;
  }

  /** @param {Layout} layout */
  #arrange(layout) {
    while (this.#panes.length < layout) {
      this.#make();
    }
    const shown = this.#panes.slice(0, layout);
    if (!shown.includes(this.#active)) {
      shown[layout - 1] = this.#active;
    }
    this.#layout = layout;
    this.#visible = shown;
    for (const [n, pane] of this.#panes.entries()) {
      pane.element.hidden = !shown.includes(pane);
      pane.viewport.room = pane.element.hidden ? KEPT_COVERED : KEPT / layout;
      pane.element.setAttribute("aria-label", `Viewport ${n + 1}`);
      if (!pane.element.isConnected) {
        this.element.append(pane.element);
      }
    }
    this.element.dataset.layout = String(layout);
    this.#frame();
    this.dispatchEvent(new Event("layout"));
    this.#refresh();
  }

  #frame() {
    for (const pane of this.#panes) {
      const active = pane === this.#active;
      pane.element.toggleAttribute("data-active", active);
      pane.element.setAttribute("aria-current", String(active));
    }
  }

  /** Others wait for what happened. */
  #refresh() {
    for (const { viewport } of this.#visible) {
      viewport.refresh();
    }
    this.links.update();
  }

  /** @param {import("./viewport.js").Viewport} one */
  #done(one) {
    const at = this.#visible.findIndex(({ viewport }) => viewport === one);
    // Whoever was asked for last is the last to be asked for again.
    const next = [...this.#visible.slice(at + 1),
      ...this.#visible.slice(0, at + 1)]
      .filter(({ viewport }) => viewport !== one && viewport.waits);
    for (const { viewport } of next) {
      viewport.refresh();
    }
    if (one !== this.viewport && next.length === 0) {
      this.viewport.fetchAhead();
    }
  }
}
