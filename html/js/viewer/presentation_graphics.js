/**
 * Graphics and texts of a presentation state over the picture (PS3.3 C.10.5):
 * they follow every zoom, turn and flip; texts stay upright.
 *
 * @typedef {import("../types.js").Presentation} Presentation
 * @typedef {import("../types.js").PresentationGraphic} Graphic
 * @typedef {import("../types.js").PresentationText} Text
 * @typedef {import("./view.js").Matrix} Matrix
 * @typedef {{x: number, y: number}} Point  CSS pixels
 *
 * @typedef {object} GraphicsContext  what they lie on
 * @property {Presentation} state
 * @property {number} layer
 * @property {import("./view.js").ImageShape} image
 * @property {Matrix} matrix  from the image to CSS pixels
 *
 * @typedef {(units: "pixel" | "display", x: number, y: number) => Point} Place
 */

import { svg } from "../core/dom.js";
import { displayMatrix, inRuns } from "./presentation.js";
import { apply, multiply } from "./view.js";

const COLOUR = "#9fe3a1";       /* where the state names none */
const LINE = 17;                /* CSS pixels from line to line */
const CROSS = 5;                /* half a point */

export class PresentationGraphics {
  element = svg("svg", { class: "graphics", "aria-hidden": "true" });

  /** @param {GraphicsContext | null} context */
  draw(context) {
    this.element.replaceChildren(...context ? groups(context) : []);
  }
}

/** @param {GraphicsContext} context */
function groups({ state, layer, image, matrix }) {
  const display = multiply(matrix, displayMatrix(state, layer, image));
  /** @type {Place} */
  const place = (units, x, y) =>
    apply(units === "display" ? display : matrix, x, y);
  const levels = new Map(state.graphic_layers.map((one) => [one.name, one]));
  const order = (/** @type {string} */ name) => levels.get(name)?.order ?? 0;
  return state.annotations
    .filter(({ layers }) => inRuns(layers, layer))
    .sort((a, b) => order(a.graphic_layer) - order(b.graphic_layer))
    .map(({ graphic_layer: level, graphics, texts }) => {
      const colour = levels.get(level)?.colour ?? COLOUR;
      return svg("g", { stroke: colour, color: colour },
        ...graphics.map((graphic) => shape(graphic, place)),
        ...texts.flatMap((text) => writing(text, place)));
    });
}

/**
 * @param {Graphic} graphic
 * @param {Place} place
 */
function shape({ shape: kind, units, filled, points: given }, place) {
  const points = given.map(([x, y]) => place(units, x, y));
  const fill = filled ? "currentColor" : "none";
  const [a, b, c, d] = points;
  if (kind === "circle" && b) {
    return svg("circle", { cx: a.x, cy: a.y, r: apart(a, b), fill });
  }
  if (kind === "ellipse" && d) {
    const cx = (a.x + b.x) / 2;
    const cy = (a.y + b.y) / 2;
    const turn = Math.atan2(b.y - a.y, b.x - a.x) * 180 / Math.PI;
    return svg("ellipse", { cx, cy, rx: apart(a, b) / 2, ry: apart(c, d) / 2,
      transform: `rotate(${turn} ${cx} ${cy})`, fill });
  }
  if (kind === "point") {
    return svg("path", { fill: "none", d: points.map(({ x, y }) =>
      `M${x - CROSS} ${y}h${2 * CROSS}M${x} ${y - CROSS}v${2 * CROSS}`)
      .join("") });
  }
  return svg("path", { fill,
    d: kind === "interpolated" ? curve(points) : lines(points) });
}

/** @param {Point[]} points */
function lines(points) {
  return points.map(({ x, y }, n) => `${n ? "L" : "M"}${x} ${y}`).join("");
}

/**
 * Through all the points, smoothly (Catmull-Rom).
 *
 * @param {Point[]} points
 */
function curve(points) {
  const last = points.length - 1;
  const closed = last > 1 && apart(points[0], points[last]) < 0.01;
  /** @param {number} n */
  const at = (n) => closed ? points[(n + last) % last]
    : points[Math.min(last, Math.max(0, n))];
  return points.slice(0, -1).reduce((path, p1, n) => {
    const [p0, p2, p3] = [at(n - 1), at(n + 1), at(n + 2)];
    return `${path}C${p1.x + (p2.x - p0.x) / 6} ${p1.y + (p2.y - p0.y) / 6} `
      + `${p2.x - (p3.x - p1.x) / 6} ${p2.y - (p3.y - p1.y) / 6} `
      + `${p2.x} ${p2.y}`;
  }, lines(points.slice(0, 1)));
}

/**
 * Within its box, or beside its anchor; a visible anchor is tied to the box.
 *
 * @param {Text} text
 * @param {Place} place
 * @returns {SVGElement[]}
 */
function writing({ text, box, anchor }, place) {
  const rows = text.split("\n");
  const tip = anchor && place(anchor.units, anchor.x, anchor.y);
  if (!box) {
    return tip ? rows.map((row, n) =>
      line(row, tip.x + CROSS, tip.y - CROSS + n * LINE, "start")) : [];
  }
  const one = place(box.units, box.left, box.top);
  const other = place(box.units, box.right, box.bottom);
  const [left, right] = [one.x, other.x].sort((a, b) => a - b);
  const [top, bottom] = [one.y, other.y].sort((a, b) => a - b);
  const [x, hold] = box.justify === "right" ? [right, "end"]
    : box.justify === "center" ? [(left + right) / 2, "middle"]
      : [left, "start"];
  /** @type {SVGElement[]} */
  const drawn = rows.map((row, n) =>
    line(row, x, top + (n + 0.8) * LINE, hold));
  if (tip && anchor?.visible) {
    drawn.push(svg("line", { x1: tip.x, y1: tip.y,
      x2: Math.min(right, Math.max(left, tip.x)),
      y2: Math.min(bottom, Math.max(top, tip.y)) }));
  }
  return drawn;
}

/**
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {string} hold
 */
function line(text, x, y, hold) {
  return svg("text", { x, y, "text-anchor": hold, fill: "currentColor" }, text);
}

/** @param {Point} a @param {Point} b */
function apart(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
