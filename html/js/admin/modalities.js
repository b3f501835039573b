/**
 * The modalities that the country knows.  One that was deactivated stays in
 * sight: its code is taken, and it may be wanted again.
 *
 * @typedef {import("../types.js").ModalityEntry} ModalityEntry
 */

import { fill, h, icon } from "../core/dom.js";
import { editModality } from "./server_forms.js";

/** More than there are: one page of the list. */
const MOST = "500";

export class Modalities {
  /** @type {import("../api/resource.js").Resource<ModalityEntry>} */
  #resource;

  /** @type {(work: () => Promise<unknown>) => void} */
  #run;

  #rows = h("ul");

  /** @type {HTMLElement} */
  element;

  /**
   * @param {import("../api/toplevel.js").ToplevelApi} toplevel
   * @param {(work: () => Promise<unknown>) => void} run  a change, after which
   *     the page loads again
   */
  constructor({ modalities }, run) {
    this.#resource = modalities;
    this.#run = run;
    this.element = h("section",
      { class: "server-group modalities", "aria-label": "Modalities" },
      h("header", {}, h("h2", {}, "Modalities"),
        h("div", { class: "bar-end" },
          h("button", { type: "button", class: "button button-quiet",
            onclick: () => run(() => editModality(modalities, null)) },
          icon("plus"), "New modality"))),
      this.#rows);
  }

  /** @param {AbortSignal} signal */
  async load(signal) {
    const { items } = await this.#resource.list(
      { active: "all", limit: MOST }, signal);
    fill(this.#rows, ...items.map((one) => this.#row(one)));
  }

  /** @param {ModalityEntry} modality */
  #row({ id, code, name, active }) {
    const resource = this.#resource;
    const action = active ? "Deactivate" : "Activate";
    return h("li", { class: "server", "data-modality": code,
      "data-inactive": !active },
    h("span", { class: "server-kind" }, code),
    h("div", { class: "server-name" }, h("strong", {}, name)),
    h("span", { class: "muted" }, active ? "" : "Not active"),
    h("div", { class: "row server-actions" },
      h("button", { type: "button", class: "button button-quiet",
        "aria-label": `Change ${code}`,
        onclick: () => this.#run(async () =>
          editModality(resource, await resource.read(id))) }, "Change"),
      h("button", { type: "button", class: "button button-quiet",
        "aria-label": `${action} ${code}`,
        onclick: () => this.#run(async () => {
          const { etag } = await resource.read(id);
          await (active ? resource.end(id, etag)
            : resource.change(id, { active: true }, etag));
        }) }, action)));
  }
}
