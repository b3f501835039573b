/**
 * A bar of a round length in millimetres.  Pure.
 */

const STEPS = [1, 2, 5];

/**
 * Millimetres across the screen for the width of a column: of a picture that
 * lies on its side those between the rows, drawn as wide as the aspect says.
 *
 * @param {[number, number]} spacing  between rows, columns
 * @param {number} aspect  height of a pixel over its width, as drawn
 * @param {number} rotate  degrees
 */
export function across([rows, columns], aspect, rotate) {
  return rotate % 180 === 0 ? columns : rows / aspect;
}

/**
 * The longest round length that is not longer than the room.
 *
 * @param {number} millimetresPerPixel  of the screen
 * @param {number} room  screen pixels
 * @returns {{length: number, label: string} | null}  length in screen pixels
 */
export function scaleBar(millimetresPerPixel, room) {
  const most = millimetresPerPixel * room;
  if (!Number.isFinite(most) || most <= 0) {
    return null;
  }
  const power = 10 ** Math.floor(Math.log10(most));
  const step = STEPS.findLast((one) => one * power <= most * 1.0001) ?? 1;
  const millimetres = step * power;
  const label = millimetres >= 10
    ? `${Number((millimetres / 10).toPrecision(3))} cm`
    : `${Number(millimetres.toPrecision(3))} mm`;
  return { length: millimetres / millimetresPerPixel, label };
}
