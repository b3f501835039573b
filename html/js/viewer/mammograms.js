/**
 * Which images of mammograms hang where: the right breast on the left, chest
 * walls in the middle, by what the headers say and else by the names of the
 * series.  Pure.
 *
 * @typedef {import("../types.js").SeriesItem} SeriesItem
 * @typedef {import("./image_headers.js").ImageFacts} ImageFacts
 *
 * @typedef {object} Place
 * @property {SeriesItem} series
 * @property {string} instance  of several of the series; "": all of it
 *
 * @typedef {Map<string, Place>} Views  "R CC" and so on, as far as they exist
 *
 * @typedef {object} Hanging
 * @property {import("./panes.js").Layout} layout
 * @property {{view: string, place: Place | null}[]} places  null: there is
 *     no image of this view
 */

/** The order of the screen. */
const FOUR = ["R CC", "L CC", "R MLO", "L MLO"];

/** @typedef {"CC" | "MLO"} Projection */

/** @param {readonly SeriesItem[]} series */
export function areMammograms(series) {
  const shown = series.filter(({ frame_count: n }) => n > 0);
  return shown.length > 0
    && shown.every(({ modality }) => modality === "MG");
}

/**
 * The best image of each of the four views.
 *
 * @param {readonly SeriesItem[]} series
 * @param {(instance: string) => ImageFacts | null} factsOf
 * @returns {Views}
 */
export function mammogramViews(series, factsOf) {
  /** @type {Map<string, {place: Place, rank: number}>} */
  const best = new Map();
  for (const one of series.filter(({ frame_count: n }) => n > 0)) {
    for (const { uid, frames } of one.instances) {
      const facts = factsOf(uid);
      const view = facts?.laterality && facts.view ? viewOf(facts)
        : agreed(mammogramView(one.description), facts);
      const rank = (facts?.special ? 4 : 0) + (facts?.raw ? 2 : 0)
        + (frames > 1 ? 1 : 0);
      const former = view && best.get(view);
      if (view && frames > 0 && (!former || rank < former.rank)) {
        best.set(view, { rank, place: { series: one,
          instance: one.instances.length > 1 ? uid : "" } });
      }
    }
  }
  return new Map([...best].map(([view, { place }]) => [view, place]));
}

/**
 * Null: there is nothing to hang beside each other.
 *
 * @param {Views} views
 * @returns {Hanging | null}
 */
export function hangMammograms(views) {
  const found = FOUR.filter((view) => views.has(view));
  if (found.length < 2) {
    return null;
  }
  const [one, other] = found.map((view) => view.split(" "));
  const pair = found.length === 2
    && (one[0] === other[0] || one[1] === other[1]);
  return { layout: pair ? 2 : 4, places: (pair ? found : FOUR).map((view) =>
    ({ view, place: views.get(view) ?? null })) };
}

/**
 * One projection of both breasts, and below it that of an earlier study.
 *
 * @param {Projection} projection
 * @param {Views} now
 * @param {Views} before
 * @returns {{now: Hanging["places"], before: Hanging["places"]}}
 */
export function besideEarlier(projection, now, before) {
  const row = (/** @type {Views} */ views) => FOUR
    .filter((view) => view.endsWith(` ${projection}`))
    .map((view) => ({ view, place: views.get(view) ?? null }));
  return { now: row(now), before: row(before) };
}

/**
 * What a header says: "R CC"; null where it is neither of the four.
 *
 * @param {ImageFacts} facts
 */
function viewOf({ laterality, view }) {
  const text = `${laterality} ${view}`;
  return FOUR.includes(text) ? text : null;
}

/**
 * What a name says, unless the header, which says half of it, says otherwise.
 *
 * @param {string | null} named
 * @param {ImageFacts | null} facts
 */
function agreed(named, facts) {
  const [side, projection] = named?.split(" ") ?? [];
  return (facts?.laterality || side) === side
    && (facts?.view || projection) === projection ? named : null;
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
