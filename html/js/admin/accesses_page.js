/**
 * Who looked at a patient, as auditors see it: every facility is asked by the
 * patient's number there, the top level by its id of the patient.
 */

import { h, icon } from "../core/dom.js";
import { listBar } from "../shell/nav.js";
import { Accesses, facilityTrail, topTrail } from "./accesses.js";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export class AccessesPage {
  /** @type {import("../app.js").AppContext} */
  #context;

  #accesses = new Accesses();
  #patient = h("input", { type: "search", "aria-label": "Patient",
    placeholder: "issuer|number, or the patient’s id at the top level",
    autocomplete: "off", spellcheck: "false", maxlength: 130,
    oninput: () => this.#patient.setCustomValidity("") });

  #hint = h("p", { class: "list-foot" }, "Every facility is asked who looked "
    + "at the studies of this number there. The question is recorded, too.");

  /** @type {HTMLElement} */
  element;

  /** @type {HTMLElement} */
  bar;

  /**
   * @param {import("../app.js").AppContext} context
   * @param {URLSearchParams} query
   */
  constructor(context, query) {
    this.#context = context;
    this.bar = listBar(context, "accesses");
    this.#patient.value = query.get("patient") ?? "";
    this.#accesses.element.prepend(this.#hint);
    this.element = h("div", { class: "list-page" },
      h("h1", { class: "unseen" }, "Who looked at a patient"),
      h("form", { class: "filters", role: "search",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.#ask();
        } },
      h("div", { class: "search-box" }, icon("search"), this.#patient),
      h("button", { class: "button button-primary" }, "Ask")),
      this.#accesses.element);
    if (this.#patient.value) {
      this.#ask();
    }
    queueMicrotask(() => this.#patient.focus());
  }

  destroy() {
    this.#accesses.close();
  }

  #ask() {
    const { registry, session } = this.#context;
    const patient = this.#patient.value.trim();
    const own = session.user?.facility?.id;
    this.#patient.setCustomValidity(UUID.test(patient)
      || /^[^|]+\|[^|]+$/.test(patient) ? ""
      : "Write issuer|number, such as ZGH|4711, or the id of a patient");
    if (!this.#patient.reportValidity()) {
      return;
    }
    history.replaceState(null, "",
      `#/accesses?${new URLSearchParams({ patient })}`);
    this.#context.noteList();
    this.#hint.hidden = true;
    this.#accesses.show(UUID.test(patient)
      ? [topTrail(this.#context, patient)]
      : registry.facilities.filter(({ id }) => !own || id === own)
        .map((facility) => facilityTrail(this.#context, facility, patient)));
  }
}
