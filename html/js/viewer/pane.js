/**
 * One place for a series: the viewport, its slider, how far it is loaded.
 *
 * Events: "change" (another series, or its stack came).
 *
 * @typedef {import("../types.js").SeriesItem} SeriesItem
 * @typedef {import("../types.js").StudyItem} StudyItem
 * @typedef {import("./view.js").View} View
 *
 * @typedef {object} Source  where series come from
 * @property {import("../api/node.js").NodeApi} node
 * @property {StudyItem} study
 * @property {string} note  what sets it apart from the page's study
 *
 * @typedef {object} PaneShared  what the panes of a page share
 * @property {import("./open_stacks.js").OpenStacks} stacks
 * @property {Map<string, View>} views  as series were left, by series and part
 */

import { h, setText } from "../core/dom.js";
import { explain } from "../core/http.js";
import { stackKey } from "./open_stacks.js";
import { SliceSlider } from "./slice_slider.js";
import { Stack } from "./stack.js";
import { Viewport } from "./viewport.js";

export class Pane extends EventTarget {
  #aborter = new AbortController();

  /** @type {PaneShared} */
  #shared;

  #followed = new AbortController();

  /** Shown before the study was known. @type {Stack | null} */
  #glimpsed = null;

  #progress = h("progress", { class: "load-bar", max: 1, value: 0,
    "aria-label": "Loading of the series" });

  #progressText = h("span", { class: "load-text" });
  #loading = h("div", { class: "loading", hidden: true },
    this.#progress, this.#progressText);

  /** @type {Source | null} */
  source = null;

  /** @type {SeriesItem | null} */
  series = null;

  part = 0;

  /** The only one of the series that is shown; "": the part is. */
  instance = "";

  /** @type {Viewport} */
  viewport;

  /** @type {HTMLElement} */
  element;

  /**
   * @param {PaneShared} shared
   * @param {import("./viewport.js").Shared} viewports
   */
  constructor(shared, viewports) {
    super();
    this.#shared = shared;
    this.viewport = new Viewport(viewports);
    const slider = new SliceSlider(this.viewport, this.#aborter.signal);
    this.element = h("div", { class: "pane", role: "group" },
      this.viewport.element, slider.element, this.#loading);
    this.viewport.addEventListener("state", () => this.#showCine(),
      { signal: this.#aborter.signal });
  }

  /** @param {string} text  over the empty viewport */
  announce(text) {
    this.viewport.announce(text);
  }

  close() {
    this.#aborter.abort();
    this.#followed.abort();
    this.viewport.close();
  }

  /**
   * Shows what the node had to show of the study of its own accord.
   *
   * @param {Source} source
   * @param {import("./first_look.js").Seen} seen
   */
  glimpse(source, seen) {
    const { info } = seen;
    const { node, study } = source;
    this.source = source;
    this.#glimpsed = new Stack(node,
      { study: study.uid, series: info.series, part: info.part ?? 0 }, info);
    this.#shared.stacks.keep(this.#glimpsed);
    this.viewport.show(node, this.#glimpsed, study, null, null);
    this.#lean();
    this.viewport.begin(seen);
  }

  /** The slider is not between the right breast and the left one. */
  #lean() {
    this.element.toggleAttribute("data-lean-right",
      this.viewport.view.lean === 1);
  }

  /** Nothing was ever put here. */
  get empty() {
    return this.source === null;
  }

  /** UID of the series that was shown before the study was known. */
  get glimpsed() {
    return this.#glimpsed?.series ?? null;
  }

  /**
   * @param {Source} source
   * @param {SeriesItem} series
   * @param {number} [part]
   * @param {string} [instance]  only this one of the series
   */
  async choose(source, series, part = 0, instance = "") {
    if (this.series?.uid === series.uid && this.part === part
      && this.instance === instance) {
      return;
    }
    this.#keepView();
    this.source = source;
    this.series = series;
    this.part = part;
    this.instance = instance;
    const glimpsed = this.#glimpsed;
    this.#glimpsed = null;
    if (glimpsed?.series === series.uid && glimpsed.info.part === part
      && !instance) {
      this.viewport.identify(source.study, series);
      this.#follow(glimpsed);
      this.dispatchEvent(new Event("change"));
      return;
    }
    this.viewport.expect(source.study, series, source.note);
    this.#loading.hidden = true;
    this.announce("Opening …");
    this.dispatchEvent(new Event("change"));
    await this.#open(source, series, part, instance);
  }

  /**
   * Shows nothing.
   *
   * @param {Source} source  where it would have been from
   * @param {string} text
   */
  vacate(source, text) {
    this.#keepView();
    this.#followed.abort();
    this.source = source;
    this.series = null;
    this.#glimpsed = null;
    this.viewport.expect(source.study, null, source.note);
    this.#loading.hidden = true;
    this.announce(text);
    this.dispatchEvent(new Event("change"));
  }

  /** As the series is left; one that never came has no view of its own. */
  #keepView() {
    const { stack, view } = this.viewport;
    if (stack && this.#isChosen(stack)) {
      this.#shared.views.set(stackKey(stack), view);
    }
  }

  /** @param {Stack} stack */
  #isChosen({ series, part, instance }) {
    return series === this.series?.uid && part === this.part
      && instance === this.instance;
  }

  /**
   * @param {Source} source
   * @param {SeriesItem} series
   * @param {number} part
   * @param {string} instance
   */
  async #open(source, series, part, instance) {
    const { node, study, note } = source;
    const chosen = () => this.series === series && this.part === part
      && this.instance === instance && !this.#aborter.signal.aborted;
    try {
      const stack = await this.#shared.stacks.open(node, study.uid, series,
        part, instance);
      if (chosen()) {
        this.viewport.show(node, stack, study, series,
          this.#shared.views.get(stackKey(stack)) ?? null, note);
        this.#lean();
        this.#follow(stack);
        this.dispatchEvent(new Event("change"));
      }
    } catch (error) {
      if (chosen()) {
        this.series = null;
        this.announce(explain(error));
        this.dispatchEvent(new Event("change"));
      }
    }
  }

  /** @param {Stack} stack */
  #follow(stack) {
    const show = () => {
      if (!this.#isChosen(stack)) {
        return;
      }
      const { state, loaded, layers, error } = stack.info;
      this.#loading.hidden = state === "ready";
      this.#loading.toggleAttribute("data-failed", state === "failed");
      this.#progress.max = layers;
      this.#progress.value = loaded;
      setText(this.#progressText, state === "failed"
        ? error?.detail ?? "The series could not be loaded completely"
        : `Loading ${loaded} / ${layers}`);
    };
    this.#followed.abort();
    this.#followed = new AbortController();
    stack.addEventListener("change", show, { signal: this.#followed.signal });
    show();
  }

  #showCine() {
    const { cine } = this.viewport;
    this.viewport.element.setAttribute("data-cine",
      cine.running ? `Cine ${cine.rate}/s` : "");
  }
}
