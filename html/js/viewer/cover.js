/**
 * All that lies over the picture of a viewport: the presentation state's
 * graphics, the line of another viewport, measurements, and what is said.
 *
 * @typedef {import("../types.js").StudyItem} StudyItem
 * @typedef {import("../types.js").SeriesItem} SeriesItem
 * @typedef {import("./view.js").View} View
 * @typedef {import("./marks.js").Mark} Mark
 *
 * @typedef {object} Shown
 * @property {import("./picture_loader.js").LoadedPicture} picture
 * @property {View} view  as it lies on the screen
 * @property {import("./surface.js").Surface} surface
 * @property {import("./stack.js").Stack} stack
 * @property {readonly import("./presets.js").Preset[]} presets
 * @property {boolean} preview
 * @property {import("../types.js").PresentationName | null} without
 */

import { explain } from "../core/http.js";
import { Marks } from "./marks.js";
import { roiText } from "./measure.js";
import { Overlay } from "./overlay.js";
import { PresentationGraphics } from "./presentation_graphics.js";
import { ReferenceLine } from "./reference_line.js";
import { viewMatrix } from "./view.js";

export class Cover {
  #graphics = new PresentationGraphics();

  /** @type {{node: import("../api/node.js").NodeApi,
   *     stack: import("./stack.js").Stack} | null} */
  #open = null;

  reference = new ReferenceLine();

  /** @type {Marks} */
  marks;

  /** @type {Overlay} */
  overlay;

  /**
   * @param {boolean} demo
   * @param {import("./marks.js").AllMarks} marks  shared by viewports
   */
  constructor(demo, marks) {
    this.overlay = new Overlay(demo);
    this.marks = new Marks((mark) => void this.#measure(mark), marks);
  }

  /** From below. */
  get elements() {
    return [this.#graphics.element, this.reference.element,
      this.marks.element, this.overlay.element];
  }

  /** The presentation state's graphics are shown. */
  get graphics() {
    return !this.#graphics.element.hasAttribute("hidden");
  }

  toggleGraphics() {
    this.#graphics.element.toggleAttribute("hidden");
  }

  /**
   * @param {import("../api/node.js").NodeApi} node
   * @param {import("./stack.js").Stack} stack
   */
  show(node, stack) {
    this.#open = { node, stack };
    this.marks.setSeries(`${stack.series}/${stack.info.part ?? 0}`);
  }

  /** @param {Shown} shown */
  draw({ picture, view, surface, stack, presets, preview, without }) {
    const { box, ratio } = surface;
    const { info } = stack;
    const { image } = picture.request;
    const { layer, state } = picture.request.view;
    this.overlay.update({ picture, presets, view, box, ratio, info, preview,
      without, layer: stack.layers?.[layer] ?? null });
    const matrix = viewMatrix(view, image,
      { width: box.width / ratio, height: box.height / ratio });
    this.marks.draw({ spacing: info.spacing, aspect: image.aspect, layer,
      matrix });
    this.reference.draw(matrix);
    this.#graphics.draw(state && { state, layer, image, matrix });
  }

  /** Nothing is said about a picture that is not there. */
  clear() {
    this.overlay.clear();
    this.overlay.setLink("", false);
    this.marks.draw(null);
    this.reference.line = null;
    this.reference.draw(null);
    this.#graphics.draw(null);
  }

  /** @param {Mark} mark  an ellipse */
  async #measure(mark) {
    if (!this.#open) {
      return;
    }
    const { node, stack } = this.#open;
    const [a, b] = mark.points;
    const shape = `ellipse:${[a.x, a.y, b.x, b.y]
      .map((one) => one.toFixed(2)).join(",")}`;
    try {
      const roi = await stack.with(mark.layer, (id) =>
        node.roi(id, mark.layer, shape));
      if (mark.points[0] === a && mark.points[1] === b) {
        this.marks.setLabel(mark, roiText(roi));
      }
    } catch (error) {
      this.marks.setLabel(mark, [explain(error)]);
    }
  }
}
