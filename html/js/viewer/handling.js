/**
 * What the reader's hand does to a viewport: mouse and fingers on the picture
 * become changes of its view.
 *
 * @typedef {import("./view.js").View} View
 * @typedef {{x: number, y: number}} Point  CSS pixels
 *
 * @typedef {object} Handled  the viewport, as far as a hand reaches
 * @property {HTMLElement} element
 * @property {import("./surface.js").Surface} surface
 * @property {import("./marks.js").Marks} marks
 * @property {() => View} view  as it is asked for and drawn
 * @property {() => import("./view.js").ImageShape} image
 * @property {() => number} layers
 * @property {() => void} begin
 * @property {() => void} end
 * @property {(change: Partial<View>) => void} change
 * @property {(layer: number) => void} setLayer
 * @property {(steps: number) => void} scroll
 * @property {() => void} doubled  a double click
 * @property {(spot: {layer: number, x: number, y: number} | null) => void}
 *     point  at a pixel of the picture
 */

import { Gestures } from "./gestures.js";
import { markKind } from "./marks.js";
import { dragWindow } from "./presets.js";
import { apply, fitScale, invert, viewMatrix, zoomAt } from "./view.js";

/** Of the viewport's height: all layers. */
const DRAG_SCROLL = 0.8;

export class Handling {
  /** @type {Handled} */
  #on;

  /** @type {Gestures} */
  #gestures;

  #dragged = 0;

  /** The window at the start of a drag. */
  #windowFrom = /** @type {View["window"]} */ (null);

  /**
   * @param {Handled} on
   * @param {AbortSignal} signal
   */
  constructor(on, signal) {
    this.#on = on;
    this.#gestures = new Gestures(on.element, {
      grab: (at) => on.marks.grab(at, markKind(this.tool)),
      grabbed: (at) => on.marks.move(at),
      dropped: () => on.marks.release(),
      begin: () => this.#begin(),
      drag: (...drag) => this.#drag(...drag),
      pinch: (middle, dx, dy, factor) => this.#pinch(middle, dx, dy, factor),
      end: () => on.end(),
      scroll: (steps) => on.scroll(steps),
      zoom: (at, factor) => this.#zoomTo(on.view().zoom * factor, at),
      hover: (at) => this.#hover(at),
      reset: () => on.doubled(),
    }, signal);
  }

  /** The tool of the left button. */
  get tool() {
    return this.#gestures.tool;
  }

  set tool(tool) {
    this.#gestures.tool = tool;
    this.#on.element.dataset.tool = tool;
  }

  #begin() {
    this.#on.begin();
    const { layer, window } = this.#on.view();
    this.#dragged = layer;
    this.#windowFrom = window ?? this.#on.surface.picture?.facts.window ?? null;
  }

  /**
   * @param {import("./gestures.js").Tool} tool
   * @param {number} dx  CSS pixels
   * @param {number} dy
   * @param {Point} from
   * @param {Point} total  since the start
   */
  #drag(tool, dx, dy, from, total) {
    const on = this.#on;
    if (tool === "window") {
      if (this.#windowFrom) {
        on.change({ window: dragWindow(this.#windowFrom, total.x, total.y) });
      }
    } else if (tool === "scroll") {
      const height = on.element.clientHeight * DRAG_SCROLL;
      const layers = on.layers();
      this.#dragged = Math.min(layers - 1, Math.max(0, this.#dragged
        + dy * Math.max(layers / height, 1 / 24)));
      on.setLayer(this.#dragged);
    } else if (tool === "pan") {
      this.#pan(dx, dy);
    } else if (tool === "zoom") {
      this.#zoomTo(on.view().zoom * Math.exp(-dy / 150), from);
    }
  }

  /**
   * @param {Point} middle
   * @param {number} dx
   * @param {number} dy
   * @param {number} factor
   */
  #pinch(middle, dx, dy, factor) {
    this.#pan(dx, dy);
    this.#zoomTo(this.#on.view().zoom * factor, middle);
  }

  /** @param {number} dx @param {number} dy */
  #pan(dx, dy) {
    const { ratio, box } = this.#on.surface;
    const { rotate, zoom, panX, panY } = this.#on.view();
    const scale = fitScale(this.#on.image(), box, rotate) * zoom / ratio;
    this.#on.change({ placed: true,
      panX: panX + dx / scale, panY: panY + dy / scale });
  }

  /** @param {number} zoom @param {Point} at */
  #zoomTo(zoom, at) {
    const { ratio, box } = this.#on.surface;
    this.#on.change({ ...zoomAt(this.#on.view(), zoom, this.#on.image(), box,
      { x: at.x * ratio, y: at.y * ratio }), placed: true });
  }

  /** @param {Point | null} at */
  #hover(at) {
    const on = this.#on;
    if (at && on.marks.move(at)) {
      return;
    }
    const { ratio, box, picture } = on.surface;
    if (!picture || !at) {
      on.point(null);
      return;
    }
    const { image, view } = picture.request;
    const spot = apply(invert(viewMatrix(on.view(), image, box)),
      at.x * ratio, at.y * ratio);
    const x = Math.floor(spot.x);
    const y = Math.floor(spot.y);
    on.point(x < 0 || y < 0 || x >= image.columns || y >= image.rows ? null
      : { layer: view.layer, x, y });
  }
}
