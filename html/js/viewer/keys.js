/**
 * The keys of the viewer, in one table: what they do and what the overlay of
 * shortcuts says of them.
 *
 * @typedef {object} Shortcut
 * @property {string[]} keys   as KeyboardEvent.key, letters in lower case
 * @property {string} shown    on the overlay
 * @property {string} text
 * @property {"Images" | "Viewports" | "Picture" | "Window" | "Measuring"} group
 * @property {(viewer: ViewerCommands) => void} run
 * @property {boolean} [control]  with Ctrl or Cmd
 *
 * @typedef {object} ViewerCommands
 * @property {import("./viewport.js").Viewport} viewport
 * @property {(tool: import("./gestures.js").Tool) => void} setTool
 * @property {(way: 1 | -1) => void} changeSeries
 * @property {(way: 1 | -1) => void} changeViewport  or the series, where there
 *     is one viewport only
 * @property {() => void} nextLayout
 * @property {() => void} nextHanging  of mammograms
 * @property {() => void} toggleScroll
 * @property {() => void} toggleLooks
 * @property {() => void} toggleReport
 * @property {() => void} toggleScreen  all of it, or a window
 * @property {() => void} back
 * @property {(n: number) => void} preset
 */

import { isTyping } from "../core/dom.js";

/** @type {readonly Shortcut[]} */
export const SHORTCUTS = [
  { keys: ["arrowdown"], shown: "↓", group: "Images", text: "Next image",
    run: ({ viewport }) => viewport.scroll(1) },
  { keys: ["arrowup"], shown: "↑", group: "Images", text: "Previous image",
    run: ({ viewport }) => viewport.scroll(-1) },
  { keys: ["home"], shown: "Home", group: "Images", text: "First image",
    run: ({ viewport }) => viewport.setLayer(0) },
  { keys: ["end"], shown: "End", group: "Images", text: "Last image",
    run: ({ viewport }) => viewport.setLayer(viewport.layers - 1) },
  { keys: ["pagedown"], shown: "Page ↓", group: "Images",
    text: "Next series", run: ({ changeSeries }) => changeSeries(1) },
  { keys: ["pageup"], shown: "Page ↑", group: "Images",
    text: "Previous series", run: ({ changeSeries }) => changeSeries(-1) },
  { keys: ["d"], shown: "D", group: "Viewports",
    text: "One, two or four", run: ({ nextLayout }) => nextLayout() },
  { keys: ["arrowright"], shown: "→", group: "Viewports",
    text: "Next, or next series",
    run: ({ changeViewport }) => changeViewport(1) },
  { keys: ["arrowleft"], shown: "←", group: "Viewports",
    text: "Previous", run: ({ changeViewport }) => changeViewport(-1) },
  { keys: ["p"], shown: "P", group: "Viewports",
    text: "Mammograms: four views, or beside earlier ones",
    run: ({ nextHanging }) => nextHanging() },
  { keys: ["k"], shown: "K", group: "Viewports",
    text: "Link scrolling",
    run: ({ toggleScroll }) => toggleScroll() },
  { keys: ["s"], shown: "S", group: "Viewports",
    text: "The same window, zoom and pan",
    run: ({ toggleLooks }) => toggleLooks() },
  { keys: ["c"], shown: "C", group: "Images", text: "Cine",
    run: ({ viewport }) => viewport.cine.toggle() },
  { keys: [","], shown: ",", group: "Images", text: "Cine slower",
    run: ({ viewport }) => viewport.cine.change(-1) },
  { keys: ["."], shown: ".", group: "Images", text: "Cine faster",
    run: ({ viewport }) => viewport.cine.change(1) },
  { keys: ["+"], shown: "+", group: "Picture", text: "Zoom in",
    run: ({ viewport }) => viewport.zoomBy(1.25) },
  { keys: ["-"], shown: "−", group: "Picture", text: "Zoom out",
    run: ({ viewport }) => viewport.zoomBy(0.8) },
  { keys: ["="], shown: "=", group: "Picture", text: "Fit",
    run: ({ viewport }) => viewport.fit() },
  { keys: ["o"], shown: "O", group: "Picture", text: "Original size (1:1)",
    run: ({ viewport }) => viewport.actualSize() },
  { keys: ["r"], shown: "R", group: "Picture", text: "Rotate right",
    run: ({ viewport }) => viewport.rotate(1) },
  { keys: ["l"], shown: "L", group: "Picture", text: "Rotate left",
    run: ({ viewport }) => viewport.rotate(-1) },
  { keys: ["h"], shown: "H", group: "Picture", text: "Flip left to right",
    run: ({ viewport }) => viewport.flip("h") },
  { keys: ["v"], shown: "V", group: "Picture", text: "Flip top to bottom",
    run: ({ viewport }) => viewport.flip("v") },
  { keys: [" "], shown: "Space", group: "Picture", text: "Reset",
    run: ({ viewport }) => viewport.reset() },
  { keys: ["z"], shown: "Ctrl Z", group: "Picture", text: "Undo",
    control: true, run: ({ viewport }) => viewport.undo() },
  { keys: ["y"], shown: "Ctrl Y", group: "Picture", text: "Redo",
    control: true, run: ({ viewport }) => viewport.redo() },
  { keys: ["g"], shown: "G", group: "Picture",
    text: "Graphics of the presentation state",
    run: ({ viewport }) => viewport.toggleGraphics() },
  { keys: ["f"], shown: "F", group: "Picture", text: "Full screen",
    run: ({ toggleScreen }) => toggleScreen() },
  ...tools([["w", "window", "Window by dragging"], ["m", "length", "Length"],
    ["a", "angle", "Angle"], ["e", "ellipse", "Statistics of an ellipse"]]),
  { keys: ["delete", "backspace"], shown: "Delete", group: "Measuring",
    text: "Remove a measurement", run: ({ viewport }) => viewport.removeMark(),
  },
  { keys: ["i"], shown: "I", group: "Window", text: "Invert",
    run: ({ viewport }) => viewport.toggleInvert() },
  ...Array.from({ length: 9 }, (_, n) => ({
    keys: [String(n + 1)], shown: String(n + 1),
    group: /** @type {"Window"} */ ("Window"), text: "",
    run: (/** @type {ViewerCommands} */ { preset }) => preset(n),
  })),
  { keys: ["0"], shown: "0", group: "Window", text: "Window of the file",
    run: ({ viewport }) => viewport.setWindow(null) },
  { keys: ["n"], shown: "N", group: "Images", text: "Report",
    run: ({ toggleReport }) => toggleReport() },
  { keys: ["escape"], shown: "Esc", group: "Images",
    text: "Close what is open, or back to the list",
    run: ({ viewport, back }) => {
      if (!viewport.cancel()) {
        back();
      }
    } },
];

/**
 * @param {[string, import("./gestures.js").Tool, string][]} rows
 * @returns {Shortcut[]}
 */
function tools(rows) {
  return rows.map(([key, tool, text]) => ({
    keys: [key], shown: key.toUpperCase(), text,
    group: tool === "window" ? "Window" : "Measuring",
    run: ({ setTool }) => setTool(tool),
  }));
}

/**
 * Listens until the signal aborts.  Typing and open dialogs are left alone.
 *
 * @param {ViewerCommands} commands
 * @param {AbortSignal} signal
 */
export function listenKeys(commands, signal) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || isTyping(event.target)
      || document.querySelector("dialog[open]")) {
      return;
    }
    const pressesButton = event.target instanceof Element
      && event.target.closest("button, a, summary")
      && (event.key === " " || event.key === "Enter");
    if (pressesButton) {
      return;
    }
    const control = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    const shortcut = SHORTCUTS.find((one) =>
      one.keys.includes(key) && (one.control ?? false) === control);
    if (shortcut) {
      event.preventDefault();
      shortcut.run(commands);
    }
  }, { signal });
}
