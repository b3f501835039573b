/**
 * Mouse, wheel, pen and fingers on the viewport, told as what they mean.
 *
 * Left button (or one finger): the active tool; middle: pan; right: zoom;
 * wheel: scroll, with Ctrl: zoom; two fingers: pan and zoom.
 *
 * @typedef {"window" | "scroll" | "pan" | "zoom" | "length" | "angle"
 *     | "ellipse"} Tool
 *
 * @typedef {object} Point
 * @property {number} x  CSS pixels from the left of the viewport
 * @property {number} y
 *
 * @typedef {object} GestureClient
 * @property {(at: Point) => boolean} grab  true: the left drag is of
 *     something under the point, told by grabbed() and dropped()
 * @property {(at: Point) => void} grabbed
 * @property {() => void} dropped
 * @property {() => void} begin
 * @property {(tool: Tool, dx: number, dy: number, from: Point,
 *     total: Point) => void} drag  total: since the start
 * @property {(middle: Point, dx: number, dy: number, factor: number) => void}
 *     pinch
 * @property {() => void} end
 * @property {(steps: number) => void} scroll
 * @property {(at: Point, factor: number) => void} zoom
 * @property {(at: Point | null) => void} hover
 * @property {() => void} reset
 */

const WHEEL_STEP = 60;          /* wheel pixels for one slice */
const WHEEL_LINE = 40;
const ZOOM_SPEED = 0.0025;

export class Gestures {
  /** @type {HTMLElement} */
  #element;

  /** @type {GestureClient} */
  #client;

  /** @type {Map<number, Point>} */
  #pointers = new Map();

  /** @type {{tool: Tool, from: Point} | null} */
  #drag = null;

  #wheel = 0;
  #grabs = false;

  /** @type {Tool} */
  tool = "window";

  /**
   * @param {HTMLElement} element
   * @param {GestureClient} client
   * @param {AbortSignal} signal
   */
  constructor(element, client, signal) {
    this.#element = element;
    this.#client = client;
    const on = (
      /** @type {string} */ type,
      /** @type {(event: any) => void} */ listener,
    ) => element.addEventListener(type, listener, { signal, passive: false });
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", (event) => this.#up(event));
    on("pointerleave", () => client.hover(null));
    on("wheel", (event) => this.#turn(event));
    on("contextmenu", (event) => event.preventDefault());
    on("auxclick", (event) => event.preventDefault());
    on("dblclick", () => client.reset());
  }

  /** @param {PointerEvent | WheelEvent} event */
  #point(event) {
    const box = this.#element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button > 2) {
      return;
    }
    // Middle: no autoscroll; and the viewport, not the page, has the focus.
    event.preventDefault();
    this.#element.focus({ preventScroll: true });
    this.#element.setPointerCapture(event.pointerId);
    const at = this.#point(event);
    this.#pointers.set(event.pointerId, at);
    if (this.#pointers.size === 1 && event.button === 0
      && this.#client.grab(at)) {
      this.#grabs = true;
    } else if (this.#pointers.size === 1) {
      /** @type {Tool} */
      const tool = event.button === 1 ? "pan"
        : event.button === 2 ? "zoom" : this.tool;
      this.#drag = { tool, from: at };
      this.#client.begin();
    } else {
      this.#drag = null;
    }
    this.#client.hover(null);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const at = this.#point(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") {
        this.#client.hover(at);
      }
      return;
    }
    if (this.#grabs) {
      this.#client.grabbed(at);
    } else if (this.#drag) {
      const { tool, from } = this.#drag;
      this.#client.drag(tool, at.x - before.x, at.y - before.y, from,
        { x: at.x - from.x, y: at.y - from.y });
    } else if (this.#pointers.size === 2) {
      this.#pinch(event.pointerId, before, at);
    }
    this.#pointers.set(event.pointerId, at);
  }

  /**
   * @param {number} id
   * @param {Point} before
   * @param {Point} at
   */
  #pinch(id, before, at) {
    const other = [...this.#pointers].find(([key]) => key !== id)?.[1];
    if (!other) {
      return;
    }
    const apart = Math.hypot(before.x - other.x, before.y - other.y);
    const now = Math.hypot(at.x - other.x, at.y - other.y);
    const middle = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 };
    this.#client.pinch(middle, (at.x - before.x) / 2, (at.y - before.y) / 2,
      apart > 8 ? now / apart : 1);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) {
      return;
    }
    if (this.#pointers.size === 0 && this.#grabs) {
      this.#grabs = false;
      this.#client.dropped();
    } else if (this.#pointers.size === 0) {
      this.#drag = null;
      this.#client.end();
    }
  }

  /** @param {WheelEvent} event */
  #turn(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 0 ? 1 : WHEEL_LINE);
    if (event.ctrlKey || event.metaKey) {
      this.#client.zoom(this.#point(event), Math.exp(-pixels * ZOOM_SPEED));
      return;
    }
    if (Math.sign(pixels) !== Math.sign(this.#wheel)) {
      this.#wheel = 0;
    }
    this.#wheel += pixels;
    // One notch of a wheel is one slice, however far the system says it goes.
    const notch = event.deltaMode !== 0 || Math.abs(pixels) >= WHEEL_STEP;
    const steps = notch
      ? Math.sign(pixels) : Math.trunc(this.#wheel / WHEEL_STEP);
    if (steps !== 0) {
      this.#wheel = 0;
      this.#client.scroll(steps);
    }
  }
}
