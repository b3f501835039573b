/**
 * Who looked at one patient, as the administrators of a facility may see it:
 * what the top level recorded, and their own facility.
 */

import { fill, h, icon } from "../core/dom.js";
import { joinName } from "../core/format.js";
import { explain } from "../core/http.js";
import { listBar } from "../shell/nav.js";
import { numbersOf } from "../worklist/merged_records.js";
import { Accesses, facilityTrail, topTrail } from "./accesses.js";

export class PatientAccessesPage {
  #aborter = new AbortController();
  #accesses = new Accesses();
  #head = h("header", { class: "patient-head" });

  /** @type {HTMLElement} */
  element;

  /** @type {HTMLElement} */
  bar;

  /**
   * @param {import("../app.js").AppContext} context
   * @param {string} id  of the patient
   */
  constructor(context, id) {
    this.bar = listBar(context, "patients");
    this.element = h("div", { class: "list-page" }, this.#head,
      this.#accesses.element);
    void this.#load(context, id);
  }

  destroy() {
    this.#aborter.abort();
    this.#accesses.close();
  }

  /**
   * @param {import("../app.js").AppContext} context
   * @param {string} id
   */
  async #load(context, id) {
    const { toplevel, registry, session } = context;
    const { signal } = this.#aborter;
    try {
      const { patient } = await toplevel.patient(id, signal);
      const own = registry.find(session.user?.facility?.id);
      fill(this.#head,
        h("a", { class: "tool", href: `#/patients/${id}`,
          title: "Back to the patient", "aria-label": "Back to the patient" },
        icon("back")),
        h("h1", {}, "Who looked at ", joinName(patient.name)),
        h("p", { class: "muted" }, "What other facilities recorded is read by "
          + "their own administrators, and by auditors."));
      this.#accesses.show([topTrail(context, id),
        ...own ? numbersOf(patient).map(({ issuer, value }) =>
          facilityTrail(context, own, `${issuer}|${value}`)) : []]);
    } catch (error) {
      if (!signal.aborted) {
        fill(this.#head, h("p", { role: "alert" }, explain(error)));
      }
    }
  }
}
