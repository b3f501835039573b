/**
 * Measurements over the picture: they are made, moved, removed, and follow
 * every zoom, turn and flip.  They belong to one layer of one series and last
 * as long as the study is open.
 *
 * @typedef {import("./measure.js").Spot} Spot
 * @typedef {import("./view.js").Matrix} Matrix
 *
 * @typedef {"length" | "angle" | "ellipse"} MarkKind
 *
 * @typedef {object} Mark
 * @property {MarkKind} kind
 * @property {number} layer
 * @property {Spot[]} points
 * @property {string[]} label
 * @property {import("../api/node.js").RoiValue} [roi]  of an ellipse, as known
 *
 * @typedef {object} MarksContext  what the marks lie on
 * @property {Matrix} matrix   from the image to CSS pixels
 * @property {number} layer    that is shown
 * @property {import("./measure.js").Spacing} spacing
 * @property {readonly import("../types.js").Region[]} regions
 * @property {string} note  what is to be said of a length
 * @property {number} aspect
 */

import { svg } from "../core/dom.js";
import { spacingAt } from "./calibration.js";
import { angle, angleText, distance, lengthText, roiText }
  from "./measure.js";
import { apply, invert } from "./view.js";

const REACH = 9;                /* CSS pixels around a handle */
const SMALLEST = 4;             /* a shorter drag was none */

/**
 * The marks of all series of a page.  Events: "change" (some are to be drawn
 * again, wherever they are shown).
 */
export class AllMarks extends EventTarget {
  /** By series and part. @type {Map<string, Mark[]>} */
  #all = new Map();

  /** @param {string} series  and part */
  of(series) {
    const marks = this.#all.get(series) ?? [];
    this.#all.set(series, marks);
    return marks;
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

export class Marks {
  /** @type {AllMarks} */
  #all;

  /** @type {Mark[]} */
  #marks = [];

  /** @type {{mark: Mark, point: number} | null} */
  #held = null;

  /** An angle that waits for its third point. @type {Mark | null} */
  #open = null;

  /** @type {Mark | null} */
  #chosen = null;

  /** @type {MarksContext | null} */
  #context = null;

  /** @type {(mark: Mark) => void} */
  #measure;

  element = svg("svg", { class: "marks", "aria-hidden": "true" });

  /**
   * @param {(mark: Mark) => void} measure  asks for an ellipse's statistics
   * @param {AllMarks} all  shared by viewports, which last as long
   */
  constructor(measure, all) {
    this.#measure = measure;
    this.#all = all;
    all.addEventListener("change", () => this.draw(this.#context));
  }

  /** @param {string} series */
  setSeries(series) {
    this.#finish();
    this.#held = null;
    this.#chosen = null;
    this.#context = null;
    this.#marks = this.#all.of(series);
    this.element.replaceChildren();
  }

  /** @param {MarksContext | null} context */
  draw(context) {
    this.#context = context;
    const shown = context ? this.#marks.filter(({ layer }) =>
      layer === context.layer) : [];
    for (const mark of shown) {
      // The scale, or what it is of, may have become known since.
      if (mark.kind !== "ellipse") {
        this.#label(mark);
      } else if (mark.roi && context) {
        mark.label = roiText(mark.roi, context.note);
      }
    }
    this.element.replaceChildren(...shown.map((mark) =>
      this.#shape(mark, /** @type {MarksContext} */ (context))));
  }

  /**
   * Takes a handle under the point, or starts a mark; true when it did.
   *
   * @param {{x: number, y: number}} at  CSS pixels
   * @param {MarkKind | null} kind
   */
  grab(at, kind) {
    const context = this.#context;
    if (!context) {
      return false;
    }
    if (this.#open) {
      this.#finish();
      return true;
    }
    const held = this.#handleAt(at, context);
    if (held) {
      this.#held = held;
      this.#chosen = held.mark;
      return true;
    }
    this.#chosen = null;
    if (!kind) {
      return false;
    }
    const spot = this.#spot(at, context);
    /** @type {Mark} */
    const mark = { kind, layer: context.layer, points: [spot, { ...spot }],
      label: [] };
    this.#marks.push(mark);
    this.#held = { mark, point: 1 };
    this.#chosen = mark;
    return true;
  }

  /** @param {{x: number, y: number}} at */
  move(at) {
    const held = this.#held
      ?? (this.#open ? { mark: this.#open, point: 2 } : null);
    if (!held || !this.#context) {
      return false;
    }
    held.mark.points[held.point] = this.#spot(at, this.#context);
    this.#label(held.mark);
    this.#all.changed();
    return true;
  }

  release() {
    const held = this.#held;
    this.#held = null;
    if (!held || !this.#context) {
      return;
    }
    const { mark } = held;
    const [a, b] = mark.points.map((spot) => this.#onScreen(spot));
    if (Math.hypot(a.x - b.x, a.y - b.y) < SMALLEST) {
      this.#remove(mark);
    } else if (mark.kind === "angle" && mark.points.length === 2) {
      mark.points = [mark.points[0], mark.points[1], { ...mark.points[1] }];
      this.#open = mark;
    } else {
      this.#label(mark);
    }
    this.#all.changed();
  }

  /**
   * Removes the chosen mark of the layer, or its last one; false: none.  None
   * goes that is not seen.
   */
  removeOne() {
    const here = this.#marks.filter(({ layer }) =>
      layer === this.#context?.layer);
    const mark = here.find((one) => one === this.#chosen) ?? here.at(-1);
    if (!mark) {
      return false;
    }
    this.#remove(mark);
    this.#all.changed();
    return true;
  }

  /** Ends an angle under way; false: there was none. */
  cancel() {
    if (!this.#open) {
      return false;
    }
    this.#remove(this.#open);
    this.#all.changed();
    return true;
  }

  /**
   * @param {Mark} mark  an ellipse
   * @param {import("../api/node.js").RoiValue | null} roi
   * @param {string} [why]  there is none
   */
  setRoi(mark, roi, why = "") {
    mark.roi = roi ?? undefined;
    mark.label = why ? [why] : [];
    if (this.#marks.includes(mark)) {
      this.#all.changed();
    }
  }

  /** @param {Mark} mark */
  #remove(mark) {
    const at = this.#marks.indexOf(mark);
    if (at >= 0) {
      this.#marks.splice(at, 1);
    }
    this.#chosen = null;
    this.#open = null;
    this.#held = null;
  }

  #finish() {
    const mark = this.#open;
    this.#open = null;
    if (mark && this.#context) {
      this.#label(mark);
    }
  }

  /** @param {Mark} mark */
  #label(mark) {
    const context = this.#context;
    if (!context) {
      return;
    }
    const [a, b, c] = mark.points;
    const { aspect, note } = context;
    const spacing = spacingAt(mark.points, context.spacing, context.regions);
    if (mark.kind === "length") {
      mark.label = [lengthText(distance(a, b, spacing)),
        ...(spacing && note ? [note] : [])];
    } else if (mark.kind === "angle") {
      mark.label = c ? [angleText(angle(a, b, c, spacing, aspect))] : [];
    } else {
      mark.label = [];
      mark.roi = undefined;
      if (!this.#held) {
        this.#measure(mark);
      }
    }
  }

  /**
   * @param {{x: number, y: number}} at
   * @param {MarksContext} context
   */
  #spot(at, context) {
    return apply(invert(context.matrix), at.x, at.y);
  }

  /** @param {Spot} spot */
  #onScreen(spot) {
    const { matrix } = /** @type {MarksContext} */ (this.#context);
    return apply(matrix, spot.x, spot.y);
  }

  /**
   * @param {{x: number, y: number}} at
   * @param {MarksContext} context
   */
  #handleAt(at, context) {
    for (const mark of [...this.#marks].reverse()) {
      if (mark.layer === context.layer) {
        const point = mark.points.findIndex((spot) => {
          const { x, y } = this.#onScreen(spot);
          return Math.hypot(x - at.x, y - at.y) <= REACH;
        });
        if (point >= 0) {
          return { mark, point };
        }
      }
    }
    return null;
  }

  /**
   * @param {Mark} mark
   * @param {MarksContext} context
   */
  #shape(mark, { matrix }) {
    const points = mark.points.map(({ x, y }) => apply(matrix, x, y));
    const group = svg("g", { class: mark === this.#chosen
      ? "mark mark-chosen" : "mark" });
    const [a, b] = points;
    if (mark.kind === "ellipse") {
      group.append(svg("ellipse", {
        cx: (a.x + b.x) / 2, cy: (a.y + b.y) / 2,
        rx: Math.abs(a.x - b.x) / 2, ry: Math.abs(a.y - b.y) / 2,
      }));
    } else {
      group.append(svg("polyline", {
        points: points.map(({ x, y }) => `${x},${y}`).join(" "),
      }));
    }
    group.append(...points.map(({ x, y }) =>
      svg("circle", { cx: x, cy: y, r: 3.5 })));
    const right = points.reduce((far, one) => one.x > far.x ? one : far);
    group.append(...mark.label.map((line, n) =>
      svg("text", { x: right.x + 9, y: right.y + 4 + 16 * n }, line)));
    return group;
  }
}

/** @param {import("./gestures.js").Tool} tool */
export function markKind(tool) {
  return tool === "length" || tool === "angle" || tool === "ellipse"
    ? tool : null;
}
