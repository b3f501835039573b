/**
 * What stands over the picture: who, what, how, and how far to trust it.
 * Everything about the picture is taken from the picture that is shown, never
 * from the one that was asked for.
 */

import { h, setText } from "../core/dom.js";
import {
  age, clock, day, dicomName, number, plural,
} from "../core/format.js";
import { stateText } from "./presentation.js";
import { findPreset } from "./presets.js";
import { across, scaleBar } from "./scale_bar.js";
import { fitScale, turnLetters } from "./view.js";

/** @typedef {import("../types.js").StudyDetail} StudyDetail */
/** @typedef {import("../types.js").SeriesItem} SeriesItem */
/** @typedef {import("../types.js").StackInfo} StackInfo */
/** @typedef {import("../types.js").LayerInfo} LayerInfo */

const EDGES = ["top", "right", "bottom", "left"];

/** CSS pixels; the scale bar then has less room between the corners. */
const NARROW = 560;

export class Overlay {
  /** @type {Record<string, HTMLElement>} */
  #corners = {};

  /** @type {HTMLElement[]} */
  #letters;

  #lossy = h("span", { class: "badge badge-warn", hidden: true,
    title: "Lossy compression has been applied to this image" }, "LOSSY");

  #preview = h("span", { class: "badge badge-info", hidden: true,
    title: "The full picture is on its way" }, "preview");

  #state = h("span", { class: "badge", hidden: true });

  #note = h("span", { class: "badge badge-note", hidden: true });
  #link = h("span", { class: "badge badge-link", hidden: true });

  #demo = h("span", { class: "badge badge-demo", hidden: true },
    "Not for diagnosis – demo");

  /** Stand where there is room; else behind a button. */
  #warnings = h("div", { class: "warnings-lines" });
  #warningsButton = h("button", { type: "button", "aria-expanded": "false",
    class: "badge badge-warn warnings-button",
    onclick: () => {
      if (!this.closeWarnings()) {
        this.#warningsButton.setAttribute("aria-expanded", "true");
      }
    },
    // Not the beginning of a drag over the picture.
    onpointerdown: (/** @type {Event} */ event) => event.stopPropagation(),
    ondblclick: (/** @type {Event} */ event) => event.stopPropagation(),
  });

  #warningsBox = h("div", { class: "warnings", hidden: true },
    this.#warningsButton, this.#warnings);
  #probe = h("div", { class: "probe" });
  #bar = h("div", { class: "scale-bar", hidden: true });
  #barLabel = h("span", { class: "scale-label" });

  /** @type {HTMLElement} */
  element;

  /** @param {boolean} demo */
  constructor(demo) {
    for (const name of ["tl", "tr", "bl", "br"]) {
      this.#corners[name] = h("div", { class: "lines" });
    }
    this.#letters = EDGES.map((edge) =>
      h("div", { class: `letter letter-${edge}` }));
    this.#demo.hidden = !demo;
    this.#bar.append(h("div", { class: "scale-line" }), this.#barLabel);
    this.element = h("div", { class: "overlay" },
      ...Object.entries(this.#corners).map(([name, lines]) =>
        h("div", { class: `corner corner-${name}` },
          name === "bl" ? this.#warningsBox : null, lines)),
      ...this.#letters,
      h("div", { class: "badges" }, this.#note, this.#demo, this.#lossy,
        this.#preview, this.#state, this.#link),
      this.#bar, this.#probe);
  }

  /**
   * @param {import("../types.js").StudyItem} study
   * @param {SeriesItem | null} series  null: not known yet
   * @param {string} [note]  what sets the study apart from the page's
   */
  setStudy(study, series, note = "") {
    setText(this.#note, note);
    this.#note.hidden = note === "";
    const { patient } = study;
    const years = age(patient.birth_date, study.date);
    lines(this.#corners.tl, [
      dicomName(patient.name),
      patient.id ?? "",
      [day(patient.birth_date), patient.sex, years && `(${years})`]
        .filter(Boolean).join("  "),
    ]);
    lines(this.#corners.tr, [
      study.description ?? "",
      [day(study.date), clock(study.time)].filter(Boolean).join("  "),
      study.accession ? `Acc ${study.accession}` : "",
    ]);
    this.#seriesLine = [
      series?.number ? `Series ${series.number}` : "",
      series?.modality ?? "", series?.description ?? "",
    ].filter(Boolean).join("  ");
  }

  #seriesLine = "";

  /**
   * @param {object} shown
   * @param {import("./picture_loader.js").LoadedPicture} shown.picture
   * @param {import("./view.js").View} shown.view  as it lies on the screen
   * @param {import("./view.js").Box} shown.box
   * @param {number} shown.ratio
   * @param {StackInfo} shown.info
   * @param {LayerInfo | null} shown.layer
   * @param {import("./image_headers.js").ImageFacts | null} shown.facts
   * @param {import("./measure.js").Spacing} shown.spacing  of all of it
   * @param {string} shown.note  what is to be said of a length
   * @param {readonly import("./presets.js").Preset[]} shown.presets
   * @param {boolean} shown.preview
   * @param {import("../types.js").PresentationName | null} shown.without  a
   *     presentation state that was chosen and is not for this image
   */
  update({ picture, view, box, ratio, info, layer, presets, preview, without,
    facts: header, spacing, note }) {
    const { facts, request } = picture;
    const { image } = request;
    const scale = fitScale(image, box, view.rotate) * view.zoom;
    const name = findPreset(presets, facts.window)?.name;
    lines(this.#corners.bl, [
      this.#seriesLine,
      header ? [header.laterality, header.view].filter(Boolean).join(" ") : "",
      `${request.view.layer + 1} / ${info.layers}`,
      placeOf(layer, info),
    ]);
    this.#warn(info.warnings ?? []);
    lines(this.#corners.br, [
      facts.window ? `C ${number(facts.window.center)}  `
        + `W ${number(facts.window.width)}${name ? `  ${name}` : ""}` : "",
      `Zoom ${Math.round(scale * 100)} %${stateOf(request.view)}`,
      `${image.columns} × ${image.rows}`,
    ]);
    const rest = layer?.letters ?? lettersOf(info, request.view.layer);
    const letters = turnLetters(rest, view);
    for (const [edge, element] of this.#letters.entries()) {
      setText(element, letters[edge]);
    }
    this.#lossy.hidden = !(facts.lossy || info.lossy);
    this.#preview.hidden = !preview;
    this.#showState(request.view.state, without);
    this.#showBar(spacing && across(spacing, image.aspect, view.rotate), note,
      scale / ratio, box.width / ratio);
  }

  clear() {
    for (const name of ["bl", "br"]) {
      lines(this.#corners[name], name === "bl" ? [this.#seriesLine] : []);
    }
    this.#warn([]);
    for (const element of this.#letters) {
      setText(element, "");
    }
    this.#lossy.hidden = true;
    this.#preview.hidden = true;
    this.#state.hidden = true;
    this.#bar.hidden = true;
    this.setProbe("");
    // The next series' picture is seen whole.
    this.closeWarnings();
  }

  /** False: they were not opened. */
  closeWarnings() {
    const open = this.#warningsButton.getAttribute("aria-expanded") === "true";
    this.#warningsButton.setAttribute("aria-expanded", "false");
    return open;
  }

  /** @param {string[]} texts */
  #warn(texts) {
    lines(this.#warnings, texts);
    this.#warningsBox.hidden = texts.length === 0;
    setText(this.#warningsButton, plural(texts.length, "warning"));
  }

  /**
   * @param {string} text
   * @param {boolean} apart
   */
  setLink(text, apart) {
    setText(this.#link, text);
    this.#link.hidden = text === "";
    this.#link.classList.toggle("badge-warn", apart);
  }

  /** @param {string} text */
  setProbe(text) {
    setText(this.#probe, text);
  }

  /**
   * @param {import("../types.js").PresentationName | null} shown
   * @param {import("../types.js").PresentationName | null} without
   */
  #showState(shown, without) {
    const told = shown ?? without;
    this.#state.hidden = told === null;
    this.#state.className = `badge badge-state${shown ? "" : " badge-warn"}`;
    setText(this.#state, told === null ? "" : shown ? stateText(shown)
      : `Not in presentation state ${stateText(told)}`);
  }

  /**
   * @param {number | null} column  mm
   * @param {string} note
   * @param {number} scale  CSS pixels for one column
   * @param {number} width  of the viewport, CSS pixels
   */
  #showBar(column, note, scale, width) {
    const bar = column
      ? scaleBar(column / scale,
        width < NARROW ? width / 7 : Math.min(width / 4, 240)) : null;
    this.#bar.hidden = bar === null;
    if (bar) {
      this.#bar.style.setProperty("--length", `${bar.length}px`);
      setText(this.#barLabel, `${bar.label} ${note}`.trim());
    }
  }
}

/**
 * @param {HTMLElement} element
 * @param {string[]} texts
 */
function lines(element, texts) {
  const wanted = texts.filter(Boolean);
  while (element.childElementCount > wanted.length) {
    element.lastElementChild?.remove();
  }
  for (const [n, text] of wanted.entries()) {
    const line = element.children[n]
      ?? element.appendChild(document.createElement("div"));
    setText(line, text);
  }
}

/** @param {import("./view.js").View} view */
function stateOf(view) {
  return [
    view.rotate ? `  ${view.rotate}°` : "",
    view.flipH || view.flipV ? "  flipped" : "",
    view.invert ? "  inverted" : "",
  ].join("");
}

/**
 * Where the slice lies along the axis that it is most square to.
 *
 * @param {LayerInfo | null} layer
 * @param {StackInfo} info
 */
function placeOf(layer, info) {
  const thickness = info.thickness ? `T ${number(info.thickness, 3)} mm` : "";
  const o = layer?.orientation;
  const p = layer?.position;
  if (!o || !p || o.length !== 6 || p.length !== 3) {
    return thickness;
  }
  const normal = [
    o[1] * o[5] - o[2] * o[4], o[2] * o[3] - o[0] * o[5],
    o[0] * o[4] - o[1] * o[3],
  ];
  const along = normal.reduce((sum, n, i) => sum + n * p[i], 0);
  return [`L ${along.toFixed(1)} mm`, thickness].filter(Boolean).join("  ");
}

/**
 * Before the list of layers is there only the first layer's are known.
 *
 * @param {StackInfo} info
 * @param {number} layer
 */
function lettersOf(info, layer) {
  const o = info.orientation;
  return o && layer === 0 ? [o.top, o.right, o.bottom, o.left] : [];
}
