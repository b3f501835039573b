/**
 * How a user likes to read, kept in this browser: the layout and what is
 * linked.  Nothing of any patient.
 *
 * @typedef {object} Habits
 * @property {import("./panes.js").Layout} layout
 * @property {boolean} scroll  linked scrolling
 * @property {boolean} looks   the same window and zoom
 */

import { LAYOUTS } from "./panes.js";

/**
 * @param {string | undefined} user  id
 * @returns {Habits}
 */
export function readHabits(user) {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem(keyOf(user)) ?? "null");
  } catch {
    // Not ours, or no storage: as at first.
  }
  return { layout: LAYOUTS.find((one) => one === kept?.layout) ?? 1,
    scroll: kept?.scroll !== false, looks: kept?.looks === true };
}

/**
 * @param {string | undefined} user  id
 * @param {Habits} habits
 */
export function keepHabits(user, { layout, scroll, looks }) {
  try {
    localStorage.setItem(keyOf(user),
      JSON.stringify({ layout, scroll, looks }));
  } catch {
    // Full or forbidden: asked for again next time.
  }
}

/** @param {string | undefined} user */
function keyOf(user) {
  return `dicom.reading.${user ?? ""}`;
}
