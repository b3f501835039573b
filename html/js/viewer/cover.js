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
import { isProjection, lengthNote, onlySpacing, regionsOf, spacingOf }
  from "./calibration.js";
import { Marks } from "./marks.js";
import { stackKey } from "./open_stacks.js";
import { Overlay } from "./overlay.js";
import { PresentationGraphics } from "./presentation_graphics.js";
import { ReferenceLine } from "./reference_line.js";
import { viewMatrix } from "./view.js";

export class Cover {
  #graphics = new PresentationGraphics();

  /** @type {{node: import("../api/node.js").NodeApi,
   *     stack: import("./stack.js").Stack} | null} */
  #open = null;

  /** What draw() was told last. @type {Shown | null} */
  #shown = null;

  /** @type {import("./image_headers.js").ImageHeaders} */
  #headers;

  reference = new ReferenceLine();

  /** @type {Marks} */
  marks;

  /** @type {Overlay} */
  overlay;

  /**
   * @param {boolean} demo
   * @param {import("./marks.js").AllMarks} marks  shared by viewports
   * @param {import("./image_headers.js").ImageHeaders} headers  likewise
   */
  constructor(demo, marks, headers) {
    this.#headers = headers;
    headers.addEventListener("change", () => {
      if (this.#shown) {
        this.draw(this.#shown);
      }
    });
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
    this.marks.setSeries(stackKey(stack));
  }

  /** @param {Shown} shown */
  draw(shown) {
    this.#shown = shown;
    const { picture, view, surface, stack, presets, preview, without } = shown;
    const { box, ratio } = surface;
    const { info } = stack;
    const { image } = picture.request;
    const { layer, state } = picture.request.view;
    const own = stack.layers?.[layer] ?? null;
    const spacing = spacingOf(info, layer, own);
    const regions = regionsOf(info, layer, own);
    const facts = this.#factsOf(picture, stack, preview);
    const note = lengthNote(info.modality, facts?.spacing);
    this.overlay.update({ picture, presets, view, box, ratio, info, preview,
      without, layer: own, facts, note,
      spacing: onlySpacing(spacing, regions) });
    const matrix = viewMatrix(view, image,
      { width: box.width / ratio, height: box.height / ratio });
    this.marks.draw({ spacing, regions, note, aspect: image.aspect, layer,
      matrix });
    this.reference.draw(matrix);
    this.#graphics.draw(state && { state, layer, image, matrix });
  }

  /** Ends a measurement under way, or closes the warnings; false: neither. */
  cancel() {
    return this.marks.cancel() || this.overlay.closeWarnings();
  }

  /**
   * What the header says; asked for where a length may be one of a shadow, and
   * when the line is free.
   *
   * @param {import("./picture_loader.js").LoadedPicture} picture
   * @param {import("./stack.js").Stack} stack
   * @param {boolean} preview
   */
  #factsOf({ facts: { instance } }, stack, preview) {
    if (this.#open && !preview && isProjection(stack.info.modality)) {
      this.#headers.want(this.#open.node, stack, instance);
    }
    return this.#headers.get(instance);
  }

  /** Nothing is said about a picture that is not there. */
  clear() {
    this.#shown = null;
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
    const unmoved = () => mark.points[0] === a && mark.points[1] === b;
    const shape = `ellipse:${[a.x, a.y, b.x, b.y]
      .map((one) => one.toFixed(2)).join(",")}`;
    try {
      const roi = await stack.with(mark.layer, (id) =>
        node.roi(id, mark.layer, shape));
      if (unmoved()) {
        this.marks.setRoi(mark, roi);
      }
    } catch (error) {
      if (unmoved()) {
        this.marks.setRoi(mark, null, explain(error));
      }
    }
  }
}
