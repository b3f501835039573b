/**
 * Which picture a viewport asks for next.  Pure.
 *
 * @typedef {import("./picture.js").Quality} Quality
 * @typedef {import("./line_policy.js").Line} Line
 * @typedef {import("./line_policy.js").Sizes} Sizes
 */

import { movingQuality, restQuality } from "./line_policy.js";
import { FULL } from "./picture.js";

/**
 * The quality to ask for; null: what is wanted is on the screen.
 *
 * @param {object} now
 * @param {Line} now.line
 * @param {Sizes} now.sizes
 * @param {number} now.pixels  of the viewport
 * @param {boolean} now.moving
 * @param {Quality | null} now.seen  of the picture of this view that is on the
 *     screen
 * @param {Quality | null} now.here  the best that is in the cache
 * @returns {Quality | null}
 */
export function nextQuality({ line, sizes, pixels, moving, seen, here }) {
  const quality = here === FULL ? FULL
    : moving ? seen ?? here ?? movingQuality(line, sizes, pixels)
      : seen === null && here ? here
        : restQuality(line, sizes, pixels, seen);
  return quality === seen ? null : quality;
}

/**
 * Whose turn on the line it is, where several viewports are on the screen: the
 * active one asks whenever it likes.  Of the others one at a time: each gets
 * something to see, and only when the active one has all it wants do they get
 * better pictures.
 *
 * @typedef {object} Asker  a viewport
 * @property {boolean} asking  waits for an answer
 * @property {boolean} waits   does not show yet what it should
 * @property {boolean} empty   shows no picture at all
 *
 * @param {Asker} one
 * @param {Asker} active
 * @param {readonly Asker[]} visible
 * @param {boolean} preview  it shows nothing of its view yet
 */
export function mayAsk(one, active, visible, preview) {
  if (one === active) {
    return true;
  }
  return visible.includes(one)
    && !visible.some((other) => other !== one && other !== active
      && other.asking)
    && !(active.waits && (active.empty || !preview));
}
