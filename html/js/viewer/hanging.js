/**
 * Which series of a study stand where at first.  Pure.
 *
 * @typedef {import("../types.js").SeriesItem} SeriesItem
 * @typedef {import("./panes.js").Layout} Layout
 *
 * @typedef {object} Hanging
 * @property {Layout} layout
 * @property {SeriesItem[]} series  as many as the layout has places, or fewer
 */

/** A series of more images is not only there to plan the others. */
const SCOUT_IMAGES = 3;

/** The order of the screen: right breast on the left, chest walls inside. */
const MAMMOGRAMS = ["R CC", "L CC", "R MLO", "L MLO"];

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
 * Mammograms of both breasts hang side by side, whatever the layout was; null:
 * the study is none of these.
 *
 * @param {readonly SeriesItem[]} series
 * @returns {Hanging | null}
 */
export function hangMammograms(series) {
  const shown = series.filter(({ frame_count: n }) => n > 0);
  if (shown.length === 0 || shown.some(({ modality }) => modality !== "MG")) {
    return null;
  }
  /** @type {Map<string, SeriesItem>} */
  const views = new Map();
  for (const one of shown) {
    const view = mammogramView(one.description);
    if (view && !views.has(view)) {
      views.set(view, one);
    }
  }
  const found = MAMMOGRAMS.flatMap((view) => views.get(view) ?? []);
  if (found.length === 4) {
    return { layout: 4, series: found };
  }
  const pair = [["R CC", "L CC"], ["R MLO", "L MLO"]].find((sides) =>
    sides.every((view) => views.has(view)));
  return found.length === 2 && pair ? { layout: 2, series: found } : null;
}

/**
 * Side and projection of a mammogram, "R CC", as the description of its series
 * says ("RCC", "L-MLO", "Right CC C-View", "MLO left"); null where it does not
 * say both, or contradicts itself.
 *
 * @param {string | null} description
 */
export function mammogramView(description) {
  const text = ` ${(description ?? "").toUpperCase()
    .replace(/[^A-Z0-9]+/g, " ")} `;
  const sides = new Set([...text.matchAll(
    / (R|L|RT|LT|RIGHT|LEFT)(?= )| (R|L)(?=(?:CC|MLO) )/g)]
    .map(([, word, letter]) => (word ?? letter)[0]));
  const projections = new Set([...text.matchAll(/ [RL]?(CC|MLO)(?= )/g)]
    .map(([, projection]) => projection));
  return sides.size === 1 && projections.size === 1
    ? `${[...sides][0]} ${[...projections][0]}` : null;
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
