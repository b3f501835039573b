/**
 * Which series of a study stand where at first.  Pure.
 *
 * @typedef {import("../types.js").SeriesItem} SeriesItem
 */

/** A series of more images is not only there to plan the others. */
const SCOUT_IMAGES = 3;

/**
 * The first series with pictures that is more than a scout.
 *
 * @param {readonly SeriesItem[]} series
 */
export function firstToRead(series) {
  return series.find(({ frame_count: n }) => n > SCOUT_IMAGES)
    ?? series.find(({ frame_count: n }) => n > 0);
}

/**
 * To which edge of its viewport an image goes: a mammogram with the chest wall,
 * so that both breasts meet in the middle.
 *
 * @param {import("../types.js").StackInfo} info
 * @returns {-1 | 0 | 1}
 */
export function leanOf({ modality, orientation }) {
  return modality !== "MG" ? 0 : orientation?.left === "P" ? -1
    : orientation?.right === "P" ? 1 : 0;
}

/**
 * What to put into places that are still empty: the series that follow the
 * first one to read, then those before it, none twice.
 *
 * @param {readonly SeriesItem[]} series
 * @param {ReadonlySet<string>} shown  their UIDs
 * @param {number} places
 */
export function nextSeries(series, shown, places) {
  const first = firstToRead(series);
  const at = first ? series.indexOf(first) : 0;
  return [...series.slice(at), ...series.slice(0, at)]
    .filter(({ uid, frame_count: n }) => n > 0 && !shown.has(uid))
    .slice(0, places);
}
