/**
 * One picture: how it is asked for, and whether an answer is what was asked.
 * Pure.
 *
 * @typedef {import("./view.js").View} View
 * @typedef {import("./view.js").Box} Box
 * @typedef {import("./view.js").ImageShape} ImageShape
 *
 * @typedef {object} Quality
 * @property {"png" | "jpeg"} format
 * @property {number} quality  of JPEG; 0 for PNG
 * @property {number} shrink   1: every pixel of the viewport, 2: every second
 *
 * @typedef {object} PictureRequest
 * @property {View} view
 * @property {Box} viewport   device pixels
 * @property {ImageShape} image
 * @property {Quality} quality
 * @property {number} [most]  bytes; no part of what the picture is called
 * @property {boolean} [behind]  others are more urgent; no part of it either
 *
 * What a picture says of itself, from the headers of the answer.
 * @typedef {object} PictureFacts
 * @property {string} instance
 * @property {number} frame  from 0
 * @property {boolean} lossy
 * @property {{center: number, width: number} | null} window
 * @property {string} voi
 */

import { itemOf } from "./presentation.js";
import { fitScale } from "./view.js";

/** @type {Quality} */
export const FULL = { format: "png", quality: 0, shrink: 1 };

/** Pictures are taken pixel by pixel, without any colour management. */
/** @type {ImageBitmapOptions} */
export const EXACT = { colorSpaceConversion: "none",
  premultiplyAlpha: "none" };

/** An answer that does not show what was asked for. */
export class WrongPicture extends Error {
  /** @param {string} what */
  constructor(what) {
    super(`The answer does not show what was asked for: ${what}`);
    this.name = "WrongPicture";
  }
}

/** @param {number} value @param {number} digits */
function rounded(value, digits) {
  const power = 10 ** digits;
  return Math.round(value * power) / power + 0;
}

/**
 * The numbers as they travel.
 *
 * @param {PictureRequest} request
 */
export function effective({ view, viewport, image, quality }) {
  const width = Math.max(1, Math.round(viewport.width / quality.shrink));
  const height = Math.max(1, Math.round(viewport.height / quality.shrink));
  const scale = fitScale(image, { width, height }, view.rotate) * view.zoom;
  const flip = (view.flipH ? "h" : "") + (view.flipV ? "v" : "");
  const zoom = view.zoom;
  const panX = view.panX * scale;
  const panY = view.panY * scale;
  return placesItself({ view, quality })
    ? { width, height, flip, zoom, panX, panY }
    : { width, height, flip, zoom: rounded(zoom, 4), panX: rounded(panX, 2),
      panY: rounded(panY, 2) };
}

/**
 * The presentation state says where the picture lies, and is not contradicted.
 * A magnification is meant for the whole viewport: a shrunken picture is told
 * its place.
 *
 * @param {{view: View, quality: Quality}} request
 */
function placesItself({ view, quality }) {
  return view.state !== null && !view.placed && quality.shrink === 1;
}

/**
 * @param {PictureRequest} request
 * @param {number} [most]  bytes of a lossy picture
 * @returns {URLSearchParams}
 */
export function pictureQuery(request, most) {
  const { view, quality } = request;
  const { width, height, flip, zoom, panX, panY } = effective(request);
  const query = new URLSearchParams(
    { width: String(width), height: String(height) });
  if (view.window) {
    query.set("center", String(view.window.center));
    query.set("window", String(view.window.width));
  }
  if (view.invert) {
    query.set("invert", "1");
  }
  const { state } = view;
  const places = state ? !placesItself(request) : false;
  const turns = state ? view.turned : false;
  if (places || (!state && zoom !== 1)) {
    query.set("zoom", String(zoom));
  }
  if (places || (!state && (panX !== 0 || panY !== 0))) {
    query.set("pan", `${panX},${panY}`);
  }
  if (turns || (!state && view.rotate !== 0)) {
    query.set("rotate", String(view.rotate));
  }
  if (turns || (!state && flip)) {
    query.set("flip", flip || "none");
  }
  if (state) {
    query.set("presentation", state.uid);
  }
  query.set("format", quality.format);
  if (quality.format === "jpeg") {
    query.set("quality", String(quality.quality));
    if (most) {
      query.set("max_bytes", String(Math.round(most)));
    }
  }
  return query;
}

/**
 * The name of a picture within one stack, for caches.
 *
 * @param {PictureRequest} request
 */
export function pictureKey(request) {
  return `${request.view.layer}?${pictureQuery(request)}`;
}

/**
 * @param {import("../types.js").StackInfo} info
 * @param {import("../types.js").LayerInfo | null} [layer]
 * @param {number | null} [aspect]  another than the image's own
 * @returns {ImageShape}
 */
export function imageShape(info, layer, aspect) {
  const own = aspect ?? info.aspect
    ?? (info.spacing ? info.spacing[0] / info.spacing[1] : 1);
  return {
    columns: layer?.columns ?? info.columns, rows: layer?.rows ?? info.rows,
    aspect: Number.isFinite(own) && own > 0 ? own : 1,
  };
}

/** @param {string | null} header  "center=40;window=400;..." */
export function parseView(header) {
  /** @type {Map<string, string>} */
  const view = new Map();
  for (const part of (header ?? "").split(";")) {
    const at = part.indexOf("=");
    if (at > 0) {
      view.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
    }
  }
  return view;
}

/**
 * The size of a picture, halved as often as the node had to so that it keeps
 * to its bytes; the viewport's own when nothing fits.
 *
 * @param {{width: number, height: number, panX: number, panY: number}} wanted
 * @param {string | undefined} size  "320x240"
 */
function halved(wanted, size) {
  let { width, height, panX, panY } = wanted;
  while (size !== `${width}x${height}` && (width > 1 || height > 1)) {
    width = Math.ceil(width / 2);
    height = Math.ceil(height / 2);
    panX /= 2;
    panY /= 2;
  }
  return size === `${width}x${height}` ? { width, height, panX, panY }
    : wanted;
}

/** @param {string | undefined} text @param {number} wanted */
function near(text, wanted) {
  const value = Number(text);
  return text !== undefined && text !== "" && Number.isFinite(value)
    && Math.abs(value - wanted) <= 1e-4 * Math.max(1, Math.abs(wanted));
}

/**
 * Checks the headers against the request and returns what they say; throws
 * WrongPicture.  expected is the layer's place in the study when it is known;
 * instances are those of the series.
 *
 * @param {PictureRequest} request
 * @param {Headers} headers
 * @param {{instance: string, frame: number} | null} expected
 * @param {ReadonlySet<string> | null} instances
 * @returns {PictureFacts}
 */
export function checkPicture(request, headers, expected, instances) {
  const { view, quality, most } = request;
  const shown = parseView(headers.get("Dicom-View"));
  const asked = effective(request);
  const wanted = most
    ? { ...asked, ...halved(asked, shown.get("size")) } : asked;
  const instance = headers.get("Dicom-Instance") ?? "";
  const frame = Number(headers.get("Dicom-Frame") ?? NaN);

  /** @param {boolean} good @param {string} what */
  const need = (good, what) => {
    if (!good) {
      throw new WrongPicture(what);
    }
  };
  need(instance !== "", "no instance named");
  need(Number.isInteger(frame) && frame >= 0, "no frame named");
  if (expected) {
    need(instance === expected.instance, `instance ${instance}`);
    need(frame === expected.frame, `frame ${frame}`);
  } else if (instances) {
    need(instances.has(instance), `instance ${instance}`);
  }
  need(shown.get("size") === `${wanted.width}x${wanted.height}`,
    `size ${shown.get("size")}`);
  need(near(shown.get("zoom"), wanted.zoom), `zoom ${shown.get("zoom")}`);
  const pan = (shown.get("pan") ?? "").split(",");
  need(near(pan[0], wanted.panX) && near(pan[1], wanted.panY), `pan ${pan}`);
  need(near(shown.get("rotate"), view.rotate),
    `rotation ${shown.get("rotate")}`);
  need(shown.get("flip") === (wanted.flip || "none"),
    `flip ${shown.get("flip")}`);
  need(shown.get("invert") === (view.invert ? "1" : "0"),
    `invert ${shown.get("invert")}`);
  need(shown.get("format") === quality.format,
    `format ${shown.get("format")}`);
  for (const uid of [shown.get("presentation"),
    headers.get("Dicom-Presentation")]) {
    need((uid ?? "") === (view.state?.uid ?? ""), `presentation state ${uid}`);
  }
  need(!view.state || (shown.get("shutter") === "1") === view.state.shutter,
    "shutter");

  const center = Number(shown.get("center") || NaN);
  const width = Number(shown.get("window") || NaN);
  const window = Number.isFinite(center) && Number.isFinite(width)
    ? { center, width } : null;
  const meant = view.window
    ?? (view.state ? itemOf(view.state.windows, view.layer) : null);
  if (meant && window && meant.center !== null && meant.width !== null) {
    need(near(shown.get("center"), meant.center)
      && near(shown.get("window"), meant.width), `window ${center}/${width}`);
  }
  return {
    instance, frame, window,
    lossy: headers.get("Dicom-Lossy") === "01",
    voi: shown.get("voi") ?? "",
  };
}
