/**
 * The canvas: one picture, laid so that it fits the view wanted now.
 *
 * A picture of exactly this view is copied pixel by pixel.  While the true one
 * is on its way the one that is there is moved, so that pan and zoom answer at
 * once.
 *
 * @typedef {import("./view.js").View} View
 * @typedef {import("./view.js").Box} Box
 * @typedef {import("./picture_loader.js").LoadedPicture} LoadedPicture
 */

import { invert, multiply, sameLook, viewMatrix } from "./view.js";

/** The server refuses more. */
const LARGEST = 16384;

export class Surface {
  /** @type {HTMLCanvasElement} */
  #canvas;

  /** @type {CanvasRenderingContext2D} */
  #context;

  /** @type {LoadedPicture | null} */
  #picture = null;

  #ratio = 1;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => void} resized
   * @param {AbortSignal} signal
   */
  constructor(canvas, resized, signal) {
    this.#canvas = canvas;
    const context = canvas.getContext("2d", { alpha: false });
    if (!context) {
      throw new Error("No 2d canvas");
    }
    this.#context = context;
    const observer = new ResizeObserver((entries) => {
      if (this.#fit(entries[entries.length - 1])) {
        resized();
      }
    });
    try {
      observer.observe(canvas, { box: "device-pixel-content-box" });
    } catch {
      observer.observe(canvas);
    }
    signal.addEventListener("abort", () => {
      observer.disconnect();
      this.clear();
    });
  }

  /** Device pixels. @returns {Box} */
  get box() {
    return { width: this.#canvas.width, height: this.#canvas.height };
  }

  /** Device pixels for one CSS pixel. */
  get ratio() {
    return this.#ratio;
  }

  get picture() {
    return this.#picture;
  }

  /** @param {LoadedPicture} picture */
  take(picture) {
    this.#picture?.bitmap.close();
    this.#picture = picture;
  }

  clear() {
    this.#picture?.bitmap.close();
    this.#picture = null;
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.fillStyle = "#000";
    this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /**
   * True when the picture is of this look and size.
   *
   * @param {View} view
   */
  matches(view) {
    const request = this.#picture?.request;
    return request !== undefined && sameLook(request.view, view)
      && request.viewport.width === this.#canvas.width
      && request.viewport.height === this.#canvas.height;
  }

  /** @param {View} view */
  draw(view) {
    const context = this.#context;
    const { width, height } = this.#canvas;
    context.setTransform(1, 0, 0, 1, 0, 0);
    if (!this.#picture) {
      context.fillStyle = "#000";
      context.fillRect(0, 0, width, height);
      return;
    }
    const { bitmap, request } = this.#picture;
    if (this.matches(view)) {
      const exact = bitmap.width === width && bitmap.height === height;
      context.imageSmoothingEnabled = !exact;
      context.drawImage(bitmap, 0, 0, width, height);
      return;
    }
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    const was = viewMatrix(request.view, request.image, request.viewport);
    const now = viewMatrix(view, request.image, { width, height });
    context.setTransform(...multiply(now, invert(was)));
    context.imageSmoothingEnabled = true;
    context.drawImage(bitmap, 0, 0,
      request.viewport.width, request.viewport.height);
  }

  /** @param {ResizeObserverEntry} entry */
  #fit(entry) {
    const exact = entry.devicePixelContentBoxSize?.[0];
    const scale = devicePixelRatio || 1;
    const width = exact?.inlineSize
      ?? Math.round(entry.contentRect.width * scale);
    const height = exact?.blockSize
      ?? Math.round(entry.contentRect.height * scale);
    if (width === 0 || height === 0) {
      return false;
    }
    this.#ratio = width / Math.max(1, entry.contentRect.width);
    const fitted = {
      width: Math.min(LARGEST, width), height: Math.min(LARGEST, height),
    };
    if (fitted.width === this.#canvas.width
      && fitted.height === this.#canvas.height) {
      return false;
    }
    this.#canvas.width = fitted.width;
    this.#canvas.height = fitted.height;
    return true;
  }
}
