/**
 * The series of the study, with thumbnails.
 *
 * Events: "choose" with the series' UID as detail.
 */

import { h, icon } from "../core/dom.js";
import { plural } from "../core/format.js";
import { Thumbnails } from "./thumbnails.js";

/** @typedef {import("../types.js").SeriesItem} SeriesItem */

const SIDE = 144;

/** What a series is when it is dragged: its UID. */
export const DRAGGED = "application/x-dicom-series";

export class SeriesList extends EventTarget {
  /** @type {Map<string, HTMLButtonElement>} */
  #buttons = new Map();

  /** @type {Thumbnails} */
  #thumbnails;

  /** @type {HTMLElement} */
  element;

  /**
   * @param {import("../api/node.js").NodeApi} node
   * @param {import("../types.js").StudyDetail} study
   */
  constructor(node, study) {
    super();
    this.#thumbnails = new Thumbnails(node, study.uid);
    this.element = h("nav", { class: "series-list", "aria-label": "Series" },
      h("h2", { class: "rail-title" }, plural(study.series.length,
        "series", "series")),
      h("ul", {}, ...study.series.map((series) =>
        h("li", {}, this.#button(series)))));
  }

  /** Draws the thumbnails; called once the main picture is there. */
  start() {
    this.#thumbnails.start();
  }

  close() {
    this.#thumbnails.close();
  }

  /**
   * @param {string} active  UID of the series in the active viewport
   * @param {ReadonlySet<string>} shown  of those in any
   */
  mark(active, shown) {
    for (const [uid, button] of this.#buttons) {
      button.toggleAttribute("data-shown", shown.has(uid));
      if (uid !== active) {
        button.removeAttribute("aria-current");
      } else if (!button.hasAttribute("aria-current")) {
        button.setAttribute("aria-current", "true");
        button.scrollIntoView({ block: "nearest" });
      }
    }
  }

  /** @param {SeriesItem} series */
  #button(series) {
    const scale = Math.min(2, Math.max(1, devicePixelRatio || 1));
    const canvas = h("canvas", {
      class: "thumb", "aria-hidden": "true",
      width: Math.round(SIDE * scale), height: Math.round(SIDE * scale),
    });
    const empty = series.frame_count === 0;
    const title = series.description || series.body_part || "Series";
    const count = empty ? "no pictures" : plural(series.frame_count, "image");
    const button = h("button", {
      type: "button", class: "series", disabled: empty, title,
      draggable: empty ? null : "true",
      ondragstart: (/** @type {DragEvent} */ event) => {
        event.dataTransfer?.setData(DRAGGED, series.uid);
      },
      "aria-label": `Series ${series.number ?? ""} ${series.modality ?? ""} `
        + `${title}, ${count}`,
      onclick: () => this.dispatchEvent(
        new CustomEvent("choose", { detail: series.uid })),
    },
    h("span", { class: "thumb-frame" }, icon("image"), canvas,
      series.modality
        ? h("span", { class: "modality" }, series.modality) : null,
      h("span", { class: "count" }, String(series.frame_count))),
    h("span", { class: "series-name" },
      series.number === null
        ? null : h("span", { class: "series-number" }, String(series.number)),
      title));
    if (!empty) {
      this.#thumbnails.add(series, canvas);
    }
    this.#buttons.set(series.uid, button);
    return button;
  }
}
