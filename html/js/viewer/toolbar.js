/**
 * The tools over the viewport.
 */

import { fill, h, icon } from "../core/dom.js";
import { findPreset } from "./presets.js";

/** @typedef {import("./gestures.js").Tool} Tool */

/** @type {{tool: Tool, icon: string, label: string}[]} */
const TOOLS = [
  { tool: "window", icon: "window", label: "Window: drag left button" },
  { tool: "scroll", icon: "scroll", label: "Scroll: drag left button" },
  { tool: "pan", icon: "pan", label: "Pan: drag left or middle button" },
  { tool: "zoom", icon: "zoom", label: "Zoom: drag left or right button" },
  { tool: "length", icon: "ruler", label: "Length (M): drag" },
  { tool: "angle", icon: "angle",
    label: "Angle (A): drag one arm, then click the end of the other" },
  { tool: "ellipse", icon: "ellipse",
    label: "Statistics of an ellipse (E): drag" },
];

/** The first tools act on the view, the others measure. */
const VIEW_TOOLS = 4;

export class Toolbar {
  /** @type {import("./panes.js").Panes} */
  #panes;

  /** @type {Map<Tool, HTMLButtonElement>} */
  #tools = new Map();

  #preset = h("select", {
    class: "preset", "aria-label": "Window preset",
    onchange: () => this.#choosePreset(),
  });

  /** @type {HTMLButtonElement} */
  #invert;

  /** @type {HTMLButtonElement} */
  #cine;

  /** @type {HTMLElement} */
  element;

  /**
   * @param {import("./panes.js").Panes} panes  the tools are the active one's
   * @param {AbortSignal} signal
   */
  constructor(panes, signal) {
    this.#panes = panes;
    for (const { tool, icon: name, label } of TOOLS) {
      this.#tools.set(tool, button(name, label, () => panes.setTool(tool)));
    }
    this.#invert = button("invert", "Invert (I)",
      () => panes.viewport.toggleInvert());
    this.#cine = button("play", "Cine (C)", () => panes.viewport.cine.toggle());
    this.element = h("div", {
      class: "toolbar", role: "toolbar", "aria-label": "Image tools",
    },
    group(...[...this.#tools.values()].slice(0, VIEW_TOOLS)),
    group(...[...this.#tools.values()].slice(VIEW_TOOLS)),
    group(this.#preset, this.#invert),
    group(
      button("rotate-left", "Rotate left (L)", () => panes.viewport.rotate(-1)),
      button("rotate-right", "Rotate right (R)",
        () => panes.viewport.rotate(1)),
      button("flip-h", "Flip left to right (H)",
        () => panes.viewport.flip("h")),
      button("flip-v", "Flip top to bottom (V)",
        () => panes.viewport.flip("v"))),
    group(
      button("fit", "Fit (=)", () => panes.viewport.fit()),
      button("reset", "Reset (Space)", () => panes.viewport.reset())),
    group(this.#cine));
    const update = () => this.#update();
    panes.addEventListener("view", update, { signal });
    panes.addEventListener("shown", update, { signal });
    panes.addEventListener("state", () => this.#changed(), { signal });
    this.#changed();
    this.element.addEventListener("click", (event) => {
      // After a click with the mouse the keys are the viewport's again.
      if (event.detail > 0 && event.target !== this.#preset) {
        panes.viewport.element.focus();
      }
    }, { signal });
  }

  /** Another stack, tool or cine state. */
  #changed() {
    const { presets, tool, cine, layers } = this.#panes.viewport;
    for (const [name, one] of this.#tools) {
      one.setAttribute("aria-pressed", String(name === tool));
    }
    fill(this.#preset, h("option", { value: "" }, "File’s window"),
      ...presets.map((preset) => h("option", { value: preset.key },
        `${preset.key}  ${preset.name
          || `${preset.center} / ${preset.width}`}`)),
      h("option", { value: "other", hidden: true }, "Own window"));
    this.#cine.setAttribute("aria-pressed", String(cine.running));
    this.#cine.disabled = layers < 2;
    fill(this.#cine, icon(cine.running ? "pause" : "play"));
    this.#update();
  }

  #update() {
    const { view, presets } = this.#panes.viewport;
    this.#preset.value = view.window === null ? ""
      : findPreset(presets, view.window)?.key ?? "other";
    this.#invert.setAttribute("aria-pressed", String(view.invert));
  }

  #choosePreset() {
    const { value } = this.#preset;
    const { viewport } = this.#panes;
    const preset = viewport.presets.find(({ key }) => key === value);
    viewport.setWindow(preset
      ? { center: preset.center, width: preset.width } : null);
    viewport.element.focus();
  }
}

/**
 * @param {string} name
 * @param {string} label
 * @param {() => void} run
 */
function button(name, label, run) {
  return h("button", {
    type: "button", class: "tool", title: label, "aria-label": label,
    onclick: run,
  }, icon(name));
}

/** @param {...HTMLElement} children */
function group(...children) {
  return h("div", { class: "tool-group", role: "group" }, ...children);
}
