/**
 * What a length in an image is: how many millimetres a pixel has, and where
 * in front of the detector they were measured.  Pure.
 *
 * @typedef {import("../types.js").StackInfo} StackInfo
 * @typedef {import("../types.js").LayerInfo} LayerInfo
 * @typedef {import("../types.js").Region} Region
 * @typedef {import("./measure.js").Spot} Spot
 * @typedef {import("./measure.js").Spacing} Spacing
 *
 * @typedef {object} SpacingFacts  of a header, mm between rows, columns
 * @property {Spacing} pixel     Pixel Spacing
 * @property {Spacing} detector  Imager Pixel Spacing
 * @property {Spacing} film      Nominal Scanned Pixel Spacing
 * @property {boolean} calibrated  it is said how Pixel Spacing was corrected
 */

/** Their images are shadows: larger than what they are of. */
const PROJECTIONS = new Set(
  ["CR", "DX", "MG", "RF", "XA", "PX", "IO", "RG", "XC"]);

/** Alike to within this share. */
const ALIKE = 1e-4;

/** Stacks whose layers may be of different scales. */
const MIXED = new Set(["images", "localizer"]);

/** @param {string | null | undefined} modality */
export function isProjection(modality) {
  return PROJECTIONS.has(modality ?? "");
}

/**
 * Of a layer; before the list of layers is there only what goes for all.
 *
 * @param {StackInfo} info
 * @param {number} layer
 * @param {LayerInfo | null | undefined} own
 * @returns {Spacing}
 */
export function spacingOf(info, layer, own) {
  if (own?.spacing !== undefined) {
    return own.spacing;
  }
  return own || layer === 0 || !MIXED.has(info.kind ?? "")
    ? info.spacing : null;
}

/**
 * The calibrated parts of a layer.
 *
 * @param {StackInfo} info
 * @param {number} layer
 * @param {LayerInfo | null | undefined} own
 * @returns {readonly Region[]}
 */
export function regionsOf(info, layer, own) {
  return own?.regions ?? (own || layer === 0 || !MIXED.has(info.kind ?? "")
    ? info.regions ?? [] : []);
}

/**
 * The image's spacing, or that of the region that holds all the points.
 *
 * @param {readonly Spot[]} points
 * @param {Spacing} spacing
 * @param {readonly Region[]} regions
 * @returns {Spacing}
 */
export function spacingAt(points, spacing, regions) {
  return spacing ?? regions.find(({ left, top, right, bottom }) =>
    points.every(({ x, y }) => x >= left && x <= right + 1
      && y >= top && y <= bottom + 1))?.spacing ?? null;
}

/**
 * The one that goes for the whole picture, if there is such a one.
 *
 * @param {Spacing} spacing
 * @param {readonly Region[]} regions
 * @returns {Spacing}
 */
export function onlySpacing(spacing, regions) {
  const [first, ...others] = regions;
  return spacing ?? (first && others.every(({ spacing: other }) =>
    alike(other, first.spacing)) ? first.spacing : null);
}

/**
 * What is to be said of lengths in a projection: those at the detector are
 * longer than what lies before it.
 *
 * @param {string | null | undefined} modality
 * @param {SpacingFacts | null | undefined} facts
 */
export function lengthNote(modality, facts) {
  if (!facts || !isProjection(modality)) {
    return "";
  }
  const { pixel, detector, film, calibrated } = facts;
  if (pixel) {
    // The same number twice is no calibration.
    return !calibrated && detector && alike(pixel, detector)
      ? "at detector" : "";
  }
  return detector ? "at detector" : film ? "on film" : "";
}

/** @param {[number, number]} one @param {[number, number]} other */
function alike(one, other) {
  return one.every((value, n) =>
    Math.abs(value - other[n]) <= ALIKE * Math.max(value, other[n]));
}
