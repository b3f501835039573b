/**
 * Windows that readers call by a key: the usual ones for CT, the file's own
 * for everything.  Pure.
 *
 * @typedef {object} Preset
 * @property {string} key    "1" to "9"
 * @property {string} name   "" where the file does not say
 * @property {number} center
 * @property {number} width
 */

/** @type {readonly Preset[]} */
const CT = [
  { key: "1", name: "Brain", center: 40, width: 80 },
  { key: "2", name: "Subdural", center: 75, width: 215 },
  { key: "3", name: "Stroke", center: 35, width: 40 },
  { key: "4", name: "Bone", center: 480, width: 2500 },
  { key: "5", name: "Soft tissue", center: 40, width: 400 },
  { key: "6", name: "Lung", center: -600, width: 1500 },
  { key: "7", name: "Mediastinum", center: 50, width: 350 },
  { key: "8", name: "Liver", center: 90, width: 150 },
  { key: "9", name: "Angio", center: 300, width: 600 },
];

/**
 * @param {string | null | undefined} modality
 * @param {readonly import("../types.js").WindowSetting[]} fileWindows
 * @returns {readonly Preset[]}
 */
export function presetsFor(modality, fileWindows) {
  if (modality === "CT") {
    return CT;
  }
  return fileWindows.slice(0, 9).map(({ center, width, explanation }, n) => ({
    key: String(n + 1), name: explanation || "", center, width,
  }));
}

/**
 * The preset that a window is, if any.
 *
 * @param {readonly Preset[]} presets
 * @param {{center: number, width: number} | null} window
 */
export function findPreset(presets, window) {
  return presets.find((preset) => preset.center === window?.center
    && preset.width === window?.width) ?? null;
}

/**
 * A window after the mouse moved: right widens, down raises the centre (the
 * picture darkens).  One viewport width of movement is about three windows.
 *
 * @param {{center: number, width: number}} window
 * @param {number} dx  CSS pixels
 * @param {number} dy
 * @returns {{center: number, width: number}}
 */
export function dragWindow(window, dx, dy) {
  const step = Math.max(window.width, 1e-6) / 250;
  return roundWindow({
    center: window.center + dy * step,
    width: window.width * Math.exp(dx / 250),
  });
}

/**
 * As many digits as the width makes sense of; a width that shrank to nothing
 * stays a window.
 *
 * @param {{center: number, width: number}} window
 */
function roundWindow({ center, width }) {
  const digits = width >= 20 ? 0 : 2 - Math.floor(Math.log10(width));
  const power = 10 ** Math.min(Math.max(digits, 0), 12);
  return {
    center: Math.round(center * power) / power,
    width: Math.max(Math.round(width * power) / power, 1 / power),
  };
}
