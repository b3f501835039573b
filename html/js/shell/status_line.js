/**
 * Says quietly which server does not answer, and what can be done.
 */

import { certificateHint } from "./certificate_hint.js";
import { fill, h, icon } from "../core/dom.js";

/** Troubles shorter than this stay unsaid. */
const PATIENCE_MS = 700;

export class StatusLine {
  /** @type {import("../core/connectivity.js").Connectivity} */
  #connectivity;

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  #shown = "";

  element = h("div", { class: "status-line", role: "status", hidden: true });

  /**
   * @param {import("../core/connectivity.js").Connectivity} connectivity
   */
  constructor(connectivity) {
    this.#connectivity = connectivity;
    connectivity.addEventListener("change", () => this.#changed());
    addEventListener("online", () => this.#changed());
    addEventListener("offline", () => this.#changed());
  }

  #changed() {
    clearTimeout(this.#timer);
    const troubles = this.#connectivity.troubles;
    if (troubles.length === 0) {
      this.element.hidden = true;
      this.#shown = "";
      return;
    }
    const oldest = Math.min(...troubles.map(({ since }) => since));
    this.#timer = setTimeout(() => this.#show(),
      Math.max(0, oldest + PATIENCE_MS - Date.now()));
  }

  #show() {
    const troubles = this.#connectivity.troubles;
    const key = JSON.stringify([navigator.onLine, troubles]);
    if (key === this.#shown) {
      return;
    }
    this.#shown = key;
    fill(this.element, icon("warning"), h("div", {},
      ...troubles.map((trouble) => h("p", {}, ...words(trouble)))));
    this.element.hidden = troubles.length === 0;
  }
}

/**
 * @param {import("../core/connectivity.js").Trouble} trouble
 * @returns {import("../core/dom.js").Child[]}
 */
function words({ origin, kind }) {
  if (!navigator.onLine) {
    return [`No network. ${origin} is asked again as soon as it is back.`];
  }
  if (kind === "busy") {
    return [`${origin} is busy or starting again; trying again …`];
  }
  if (kind === "lost") {
    return [`Connection to ${origin} lost; trying again …`];
  }
  return [
    `${origin} does not answer. `, certificateHint(origin),
    " This page then goes on by itself.",
  ];
}
