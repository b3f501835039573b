/**
 * What the reader wants to see of one image.  Pure.
 *
 * Order as on the server: flip, then rotation clockwise, then zoom about the
 * middle, then pan.  zoom 1 fits the whole image into the viewport.  pan is
 * kept in image pixels as they lie on the screen, so that it means the same
 * after zooming and after the window changed its size.
 *
 * @typedef {object} View
 * @property {number} layer
 * @property {{center: number, width: number} | null} window  null: the file's
 * @property {boolean} invert
 * @property {number} zoom
 * @property {number} panX  to the right
 * @property {number} panY  down
 * @property {number} rotate  degrees clockwise, 0, 90, 180 or 270
 * @property {boolean} flipH
 * @property {boolean} flipV
 * @property {import("../types.js").Presentation | null} state  what it says
 *     stands for what the reader has not changed; a null window is its own
 * @property {boolean} placed  zoom and pan are the reader's, not the state's
 * @property {boolean} turned  so are rotation and flip
 * @property {-1 | 0 | 1} lean  the edge (left, none, right) where an image
 *     lies that was neither placed nor turned
 *
 * @typedef {object} Box  of an image or a viewport
 * @property {number} width
 * @property {number} height
 *
 * @typedef {object} ImageShape
 * @property {number} columns
 * @property {number} rows
 * @property {number} aspect  height of a pixel over its width
 *
 * A matrix [a, b, c, d, e, f]: x' = a x + c y + e, y' = b x + d y + f, the
 * order of CanvasRenderingContext2D.setTransform().
 * @typedef {[number, number, number, number, number, number]} Matrix
 */

export const MIN_ZOOM = 0.1;
export const MAX_ZOOM = 40;

/** @returns {View} */
export function restView(layer = 0) {
  return {
    layer, window: null, invert: false, zoom: 1, panX: 0, panY: 0,
    rotate: 0, flipH: false, flipV: false,
    state: null, placed: false, turned: false, lean: 0,
  };
}

/** @param {number} zoom */
export function clampZoom(zoom) {
  return Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, zoom));
}

/**
 * Screen pixels for one column of the image at zoom 1.
 *
 * @param {ImageShape} image
 * @param {Box} viewport
 * @param {number} rotate
 */
export function fitScale(image, viewport, rotate) {
  const width = image.columns;
  const height = image.rows * image.aspect;
  return rotate % 180 === 0
    ? Math.min(viewport.width / width, viewport.height / height)
    : Math.min(viewport.width / height, viewport.height / width);
}

/**
 * From image coordinates (the first pixel covers 0 to 1) to the screen.
 *
 * @param {View} view
 * @param {ImageShape} image
 * @param {Box} viewport
 * @returns {Matrix}
 */
export function viewMatrix(view, image, viewport) {
  const scale = fitScale(image, viewport, view.rotate) * view.zoom;
  const angle = view.rotate * Math.PI / 180;
  const cos = Math.round(Math.cos(angle));
  const sin = Math.round(Math.sin(angle));
  const sx = view.flipH ? -scale : scale;
  const sy = (view.flipV ? -scale : scale) * image.aspect;
  const a = cos * sx;
  const b = sin * sx;
  const c = -sin * sy;
  const d = cos * sy;
  const mx = image.columns / 2;
  const my = image.rows / 2;
  return [
    a, b, c, d,
    viewport.width / 2 + view.panX * scale - a * mx - c * my,
    viewport.height / 2 + view.panY * scale - b * mx - d * my,
  ];
}

/**
 * @param {Matrix} matrix
 * @returns {Matrix}
 */
export function invert([a, b, c, d, e, f]) {
  const det = a * d - b * c;
  return [
    d / det, -b / det, -c / det, a / det,
    (c * f - d * e) / det, (b * e - a * f) / det,
  ];
}

/**
 * First q, then p.
 *
 * @param {Matrix} p
 * @param {Matrix} q
 * @returns {Matrix}
 */
export function multiply(p, q) {
  return [
    p[0] * q[0] + p[2] * q[1], p[1] * q[0] + p[3] * q[1],
    p[0] * q[2] + p[2] * q[3], p[1] * q[2] + p[3] * q[3],
    p[0] * q[4] + p[2] * q[5] + p[4], p[1] * q[4] + p[3] * q[5] + p[5],
  ];
}

/**
 * @param {Matrix} m
 * @param {number} x
 * @param {number} y
 */
export function apply(m, x, y) {
  return { x: m[0] * x + m[2] * y + m[4], y: m[1] * x + m[3] * y + m[5] };
}

/**
 * The same view zoomed so that the point of the screen stays where it is.
 *
 * @param {View} view
 * @param {number} zoom
 * @param {ImageShape} image
 * @param {Box} viewport
 * @param {{x: number, y: number}} at  screen
 * @returns {View}
 */
export function zoomAt(view, zoom, image, viewport, at) {
  const fit = fitScale(image, viewport, view.rotate);
  const next = clampZoom(zoom);
  const dx = at.x - viewport.width / 2;
  const dy = at.y - viewport.height / 2;
  const change = 1 / (fit * next) - 1 / (fit * view.zoom);
  return {
    ...view, zoom: next,
    panX: view.panX + dx * change,
    panY: view.panY + dy * change,
  };
}

/**
 * A quarter turn clockwise (or back).  The pan turns too, so that the same
 * spot stays in the middle.
 *
 * @param {View} view
 * @param {1 | -1} turns
 * @returns {View}
 */
export function turn(view, turns) {
  return {
    ...view,
    rotate: (view.rotate + 360 + 90 * turns) % 360,
    panX: -turns * view.panY + 0,
    panY: turns * view.panX + 0,
  };
}

/**
 * Mirrors what is on the screen left to right, or top to bottom, whatever the
 * rotation: on a quarter turn the image itself is flipped the other way.
 *
 * @param {View} view
 * @param {"h" | "v"} way
 * @returns {View}
 */
export function mirror(view, way) {
  const quarter = view.rotate % 180 !== 0;
  const flipsH = (way === "h") !== quarter;
  return {
    ...view,
    flipH: flipsH ? !view.flipH : view.flipH,
    flipV: flipsH ? view.flipV : !view.flipV,
    panX: way === "h" ? -view.panX + 0 : view.panX,
    panY: way === "v" ? -view.panY + 0 : view.panY,
  };
}

/**
 * Letters of the edges (top, right, bottom, left) of the picture, from those
 * of the image at rest: flipped and turned with it, never guessed.
 *
 * @param {readonly string[]} rest
 * @param {{rotate: number, flipH: boolean, flipV: boolean}} view
 * @returns {[string, string, string, string]}
 */
export function turnLetters(rest, view) {
  let [top = "", right = "", bottom = "", left = ""] = rest;
  if (view.flipH) {
    [left, right] = [right, left];
  }
  if (view.flipV) {
    [top, bottom] = [bottom, top];
  }
  const edges = [top, right, bottom, left];
  const steps = Math.round(view.rotate / 90) % 4;
  const at = (/** @type {number} */ edge) => edges[(edge - steps + 4) % 4];
  return [at(0), at(1), at(2), at(3)];
}

/**
 * Two views that differ in nothing, or only in the layer.
 *
 * @param {View} one
 * @param {View} other
 */
export function sameLook(one, other) {
  return one.invert === other.invert && one.zoom === other.zoom
    && one.panX === other.panX && one.panY === other.panY
    && one.rotate === other.rotate && one.flipH === other.flipH
    && one.flipV === other.flipV
    && one.window?.center === other.window?.center
    && one.window?.width === other.window?.width
    && one.state?.uid === other.state?.uid
    && (one.state === null
      || (one.placed === other.placed && one.turned === other.turned));
}
