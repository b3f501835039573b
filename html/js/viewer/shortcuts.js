/**
 * The overlay that shows keys and mouse.
 */

import { h, icon } from "../core/dom.js";

const MOUSE = [
  ["Left drag", "Window (or the chosen tool)"],
  ["Middle drag", "Pan"],
  ["Right drag", "Zoom"],
  ["Wheel", "Images"],
  ["Ctrl wheel", "Zoom at the cursor"],
  ["Double click", "One viewport large, or reset"],
  ["Drag a series", "Into a viewport"],
  ["Two fingers", "Pan and zoom"],
];

/**
 * @param {readonly import("./keys.js").Shortcut[]} shortcuts
 * @param {readonly import("./presets.js").Preset[]} presets
 */
export function showShortcuts(shortcuts, presets) {
  const columns = /** @type {const} */ (
    ["Images", "Viewports", "Picture", "Window", "Measuring"])
    .map((group) => column(group, shortcuts
      .filter((one) => one.group === group)
      .map((one) => [one.shown, one.text
        || presetText(presets.find(({ key }) => key === one.shown))])
      .filter(([, text]) => text !== "")));
  const dialog = h("dialog", { class: "dialog shortcuts",
    "aria-labelledby": "shortcuts-title", closedby: "any" },
  h("header", {}, h("h2", { id: "shortcuts-title" }, "Keys and mouse"),
    h("button", { type: "button", class: "tool", "aria-label": "Close",
      onclick: () => dialog.close() }, icon("close"))),
  h("div", { class: "columns" }, ...columns, column("Mouse and touch", MOUSE)));
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "?") {
      dialog.close();
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {import("./presets.js").Preset | undefined} preset */
function presetText(preset) {
  return preset ? preset.name || `${preset.center} / ${preset.width}` : "";
}

/**
 * @param {string} title
 * @param {string[][]} rows
 */
function column(title, rows) {
  return h("section", {}, h("h3", {}, title),
    h("dl", {}, ...rows.flatMap(([keys, text]) => [
      h("dt", {}, ...keys.split("  ").map((key) => h("kbd", {}, key))),
      h("dd", {}, text),
    ])));
}
