/**
 * What the other viewports do when the reader moves in the active one: they
 * show the layer at the same place in the patient, if they are of the same
 * frame of reference; and, where that is wanted, the same window, size and
 * place on the screen.
 *
 * @typedef {import("./viewport.js").Viewport} Viewport
 * @typedef {import("./view.js").View} View
 */

import { spacingOf } from "./calibration.js";
import { imageShape } from "./picture.js";
import { cut, nearest } from "./planes.js";
import { clampZoom, fitScale } from "./view.js";

export class Links {
  /** @type {import("./panes.js").Panes} */
  #panes;

  #scroll = true;
  #looks = false;

  /** What the others have adopted. @type {{of: Viewport, view: View} | null} */
  #seen = null;

  /** What each shows came to the others' place. */
  /** @type {WeakMap<import("./pane.js").Pane, object>} */
  #aligned = new WeakMap();

  /** @param {import("./panes.js").Panes} panes */
  constructor(panes) {
    this.#panes = panes;
    panes.addEventListener("view", () => this.#follow());
    panes.addEventListener("active", () => {
      this.#seen = null;
    });
  }

  /** Scrolling by the place in the patient, and lines where images cross. */
  get scroll() {
    return this.#scroll;
  }

  set scroll(on) {
    this.#scroll = on;
    this.#follow();
  }

  /** The same window, zoom and pan. */
  get looks() {
    return this.#looks;
  }

  set looks(on) {
    this.#looks = on;
    if (on) {
      this.#copyLook(null);
    }
  }

  /**
   * A stack that has just come goes to where the reader is.
   *
   * @param {import("./pane.js").Pane} pane
   */
  align(pane) {
    const { viewport } = pane;
    const { stack } = viewport;
    const active = this.#panes.viewport;
    if (stack?.planes && this.#scroll && this.#aligned.get(pane) !== stack) {
      this.#aligned.set(pane, stack);
      const leader = viewport === active
        ? this.#others().find((one) => isLinked(one, viewport)) : active;
      if (leader) {
        bring(viewport, leader);
      }
    }
    this.update();
  }

  /** Says how the others go with the active one. */
  update() {
    const { viewport } = this.#panes;
    viewport.setLink("", false);
    viewport.setReference(null);
    for (const other of this.#others()) {
      const linked = this.#scroll && isSameFrame(other, viewport);
      const { plane } = viewport;
      const distance = linked && plane && other.plane
        ? nearest(plane, [other.plane])?.distance ?? null : null;
      const apart = distance !== null && distance > tolerance(viewport, other);
      other.setLink(distance === null ? ""
        : apart ? `${distance.toFixed(0)} mm apart` : "linked", apart);
      other.setReference(linked && plane && other.plane
        ? cut(plane, other.plane) : null);
    }
  }

  /** Viewports on the screen that show something. */
  #others() {
    return this.#panes.visible.map(({ viewport }) => viewport)
      .filter((one) => one !== this.#panes.viewport && one.stack);
  }

  #follow() {
    const { viewport } = this.#panes;
    if (!viewport.stack) {
      return;
    }
    if (this.#scroll) {
      for (const other of this.#others()) {
        bring(other, viewport);
      }
    }
    if (this.#looks) {
      this.#copyLook(this.#seen?.of === viewport ? this.#seen.view : null);
    }
    this.#seen = { of: viewport, view: viewport.view };
    this.update();
  }

  /** @param {View | null} before  null: all of it is new */
  #copyLook(before) {
    const { viewport } = this.#panes;
    const { view } = viewport;
    const modality = viewport.stack?.info.modality;
    const windowed = !before || before.window !== view.window
      || before.invert !== view.invert;
    const placed = !before || before.placed !== view.placed
      || (view.placed && (before.zoom !== view.zoom
        || before.panX !== view.panX || before.panY !== view.panY));
    for (const other of this.#others()) {
      const change = {
        ...(windowed && other.stack?.info.modality === modality
          ? { window: view.window, invert: view.invert } : {}),
        ...(placed ? samePlace(viewport, other) : {}),
      };
      if (Object.keys(change).length > 0) {
        other.adopt(change);
      }
    }
  }
}

/**
 * @param {Viewport} one
 * @param {Viewport} other
 */
function isSameFrame(one, other) {
  const a = one.stack?.info;
  const b = other.stack?.info;
  // Mixed images may be of several frames.
  return Boolean(a?.frame_of_reference)
    && a?.frame_of_reference === b?.frame_of_reference
    && a?.kind !== "images" && b?.kind !== "images";
}

/** @param {Viewport} one @param {Viewport} other */
function isLinked(one, other) {
  const plane = one.stack?.planes?.[one.view.layer];
  return plane ? isSameFrame(one, other)
    && nearest(plane, other.stack?.planes ?? []) !== null : false;
}

/**
 * @param {Viewport} one
 * @param {Viewport} leader
 */
function bring(one, leader) {
  const plane = leader.stack?.planes?.[leader.view.layer];
  const planes = one.stack?.planes;
  if (plane && planes && isSameFrame(one, leader)) {
    const there = nearest(plane, planes, one.view.layer);
    if (there) {
      one.setLayer(there.layer);
    }
  }
}

/**
 * mm that two layers of the same place may lie apart.
 *
 * @param {...Viewport} viewports
 */
function tolerance(...viewports) {
  return Math.max(...viewports.map(({ stack }) =>
    stack?.info.slice_spacing ?? stack?.info.thickness ?? 1)) / 2 + 0.1;
}

/**
 * Zoom and pan that show the same millimetres as another viewport; where
 * those are not known, the same share of the image.  At rest each lies where
 * it does by itself.
 *
 * @param {Viewport} from
 * @param {Viewport} to
 * @returns {Partial<View>}
 */
function samePlace(from, to) {
  const { placed, zoom, panX, panY } = from.view;
  if (!placed) {
    return { placed, zoom: 1, panX: 0, panY: 0 };
  }
  const one = scaleOf(from);
  const other = scaleOf(to);
  if (!one || !other || (zoom === 1 && panX === 0 && panY === 0)) {
    return { placed: true, zoom, panX, panY };
  }
  const length = one.length / other.length;
  return { placed: true, zoom: clampZoom(zoom * one.fit / other.fit / length),
    panX: panX * length, panY: panY * length };
}

/**
 * Of a column: screen pixels at zoom 1, and mm.
 *
 * @param {Viewport} viewport
 */
function scaleOf({ stack, view, box }) {
  const length = stack && spacingOf(stack.info, view.layer,
    stack.layers?.[view.layer])?.[1];
  return stack && length ? { length, fit: fitScale(
    imageShape(stack.info, stack.layers?.[view.layer]), box, view.rotate) }
    : null;
}
