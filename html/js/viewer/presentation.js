/**
 * What a presentation state (PS3.3 C.10, C.11) means for a view.  Pure.
 *
 * The node applies the state by itself; this says the same of it, so that
 * matrix, letters and measurements are known and the answer can be checked.
 *
 * @typedef {import("../types.js").Presentation} Presentation
 * @typedef {import("../types.js").PresentationArea} PresentationArea
 * @typedef {import("./view.js").View} View
 * @typedef {import("./view.js").Box} Box
 * @typedef {import("./view.js").ImageShape} ImageShape
 * @typedef {import("./view.js").Matrix} Matrix
 */

import { fitScale, multiply } from "./view.js";

/**
 * @param {[number, number][]} runs  of layers, first and last
 * @param {number} layer
 */
export function inRuns(runs, layer) {
  return runs.some(([first, last]) => first <= layer && layer <= last);
}

/**
 * The first of the items that is for the layer.
 *
 * @template {{layers: [number, number][]}} T
 * @param {readonly T[]} items
 * @param {number} layer
 * @returns {T | null}
 */
export function itemOf(items, layer) {
  return items.find(({ layers }) => inRuns(layers, layer)) ?? null;
}

/**
 * Zoom and pan with which a displayed area is shown.  As geometry_area() of
 * the render worker; TRUE SIZE fits, too.
 *
 * @param {View} view  its turn counts
 * @param {PresentationArea} area
 * @param {ImageShape} image
 * @param {Box} viewport
 */
function areaPlace(view, area, image, viewport) {
  const shape = { columns: area.right - area.left,
    rows: area.bottom - area.top, aspect: image.aspect };
  const scale = area.size === "magnify" && area.magnification
    ? area.magnification : fitScale(shape, viewport, view.rotate);
  const x = ((area.left + area.right) / 2 - image.columns / 2)
    * (view.flipH ? -1 : 1);
  const y = ((area.top + area.bottom) / 2 - image.rows / 2) * image.aspect
    * (view.flipV ? -1 : 1);
  const { cos, sin } = quarter(view.rotate);
  return {
    zoom: scale / fitScale(image, viewport, view.rotate),
    panX: sin * y - cos * x + 0, panY: -sin * x - cos * y + 0,
  };
}

/**
 * The view of one layer as it is asked for and drawn: what the reader did not
 * change himself is the state's; without a state where it does not apply.
 *
 * @param {View} view
 * @param {boolean} applies  the state is for this layer
 * @param {ImageShape} image
 * @param {Box} viewport
 * @returns {View}
 */
export function settle(view, applies, image, viewport) {
  const { state, placed, turned, lean } = view;
  if (!state) {
    return placed || turned || lean === 0 ? view
      : { ...view, panX: lean * (viewport.width
        / fitScale(image, viewport, view.rotate) - image.columns) / 2 };
  }
  const settled = { ...view, state: applies ? state : null };
  if (!turned) {
    settled.rotate = applies ? state.rotate : 0;
    settled.flipH = applies && state.flip === "h";
    settled.flipV = false;
  }
  if (!placed) {
    const area = applies ? itemOf(state.areas, view.layer) : null;
    Object.assign(settled, area ? areaPlace(settled, area, image, viewport)
      : { zoom: 1, panX: 0, panY: 0 });
  }
  return settled;
}

/**
 * From display units, 0 to 1 over the displayed area as the state turns it,
 * to image coordinates.
 *
 * @param {Presentation} state
 * @param {number} layer
 * @param {ImageShape} image
 * @returns {Matrix}
 */
export function displayMatrix(state, layer, image) {
  const { left, top, right, bottom } = itemOf(state.areas, layer)
    ?? { left: 0, top: 0, right: image.columns, bottom: image.rows };
  const { cos, sin } = quarter(state.rotate);
  const flip = state.flip === "h" ? -1 : 1;
  /** @type {Matrix} */
  const centred = [1, 0, 0, 1, -0.5, -0.5];
  /** @type {Matrix} */
  const unturned = [flip * cos, -sin, flip * sin, cos, 0, 0];
  /** @type {Matrix} */
  const onArea = [right - left, 0, 0, bottom - top,
    (left + right) / 2, (top + bottom) / 2];
  return multiply(onArea, multiply(unturned, centred));
}

/** @param {number} rotate  degrees, a multiple of 90 */
function quarter(rotate) {
  const angle = rotate * Math.PI / 180;
  return { cos: Math.round(Math.cos(angle)), sin: Math.round(Math.sin(angle)) };
}

/** @param {{label: string, description: string}} state */
export function stateText({ label, description }) {
  return [label, description].filter(Boolean).join(" – ") || "Unnamed";
}
