/**
 * One patient: the studies of every facility, each facility asked directly.
 * One that does not answer is named.
 */

import { fill, h, icon } from "../core/dom.js";
import { day, joinName, sexName } from "../core/format.js";
import { explain, HttpError, Unreachable } from "../core/http.js";
import { certificateHint } from "../shell/certificate_hint.js";
import { listBar } from "../shell/nav.js";
import { editPatient } from "./patient_form.js";
import { StudyTable } from "./study_table.js";

/** @typedef {import("../types.js").Patient} Patient */
/** @typedef {import("../types.js").StudyItem} StudyItem */
/** @typedef {import("../api/registry.js").Facility} Facility */
/** @typedef {import("./study_table.js").StudyRow} StudyRow */

const TIMEOUT_MS = 8000;

export class PatientPage {
  /** @type {import("../app.js").AppContext} */
  #context;

  #aborter = new AbortController();
  #head = h("header", { class: "patient-head" });
  #table = new StudyTable({ patient: false, facility: true });
  #foot = h("div", { class: "list-foot", role: "status" }, "Searching …");
  #silent = h("div", { class: "silent" });

  /** @type {StudyRow[]} */
  #rows = [];

  /** @type {HTMLElement} */
  element;

  /** @type {HTMLElement} */
  bar;

  /**
   * @param {import("../app.js").AppContext} context
   * @param {string} id
   */
  constructor(context, id) {
    this.#context = context;
    this.bar = listBar(context, "patients");
    this.element = h("div", { class: "list-page" }, this.#head, this.#silent,
      h("div", { class: "list-scroll" }, this.#table.element, this.#foot));
    void this.#load(id);
  }

  destroy() {
    this.#aborter.abort();
  }

  /** @param {string} id */
  #again(id) {
    this.#rows = [];
    fill(this.#silent);
    void this.#load(id);
  }

  /** @param {string} id */
  async #load(id) {
    const { signal } = this.#aborter;
    try {
      const read = await this.#context.toplevel.patient(id, signal);
      const { patient } = read;
      fill(this.#head,
        h("a", { class: "tool", href: "#/patients", title: "All patients",
          "aria-label": "All patients" }, icon("back")),
        h("h1", {}, joinName(patient.name)),
        h("p", {}, [day(patient.birth_date), sexName(patient.sex)]
          .filter(Boolean).join("  ·  ")),
        h("p", { class: "muted" }, patient.identifiers.map((one) =>
          `${one.value} (${one.issuer})`).join(", ")),
        h("div", { class: "bar-end" }, h("button", { type: "button",
          class: "button", onclick: () => void editPatient(this.#context,
            read, () => this.#again(id)) }, icon("pen"), "Change")));
      await Promise.all(this.#context.registry.facilities.map((facility) =>
        this.#ask(facility, patient)));
      if (!signal.aborted) {
        fill(this.#foot, this.#rows.length > 0 ? ""
          : this.#silent.childElementCount > 0 ? ""
            : "No facility has studies of this patient.");
      }
    } catch (error) {
      if (!signal.aborted) {
        fill(this.#foot, explain(error));
      }
    }
  }

  /**
   * @param {Facility} facility
   * @param {Patient} patient
   */
  async #ask(facility, patient) {
    const api = this.#context.facility(facility.id);
    const { signal } = this.#aborter;
    if (!api) {
      return;
    }
    try {
      const pages = await Promise.all(patient.identifiers.map((one) =>
        api.studies({
          patient_id: one.value, issuer: one.issuer, limit: "500",
        }, { signal, retries: 1, timeout: TIMEOUT_MS, quiet: true })));
      /** @type {Map<string, StudyItem>} */
      const studies = new Map();
      for (const { items } of pages) {
        for (const study of items) {
          studies.set(study.uid, study);
        }
      }
      this.#show([...studies.values()].map((study) => ({
        study, facility: facility.id, facilityName: facility.name,
      })));
    } catch (error) {
      if (!signal.aborted) {
        this.#name(facility, patient, error);
      }
    }
  }

  /** @param {StudyRow[]} rows */
  #show(rows) {
    this.#rows.push(...rows);
    const stamp = (/** @type {StudyRow} */ { study }) =>
      `${study.date ?? ""}${study.time ?? ""}`;
    this.#rows.sort((a, b) => stamp(b).localeCompare(stamp(a)));
    this.#table.clear();
    this.#table.append(this.#rows);
  }

  /**
   * Says which facility is missing from the list, and why.
   *
   * @param {Facility} facility
   * @param {Patient} patient
   * @param {unknown} error
   */
  #name(facility, patient, error) {
    const refused = error instanceof HttpError && error.status === 403;
    const text = refused
      ? `You have no access to the studies of ${facility.name}.`
      : error instanceof Unreachable
        ? `${facility.name} does not answer: its studies are not in this list.`
        : `${facility.name}: ${explain(error)}`;
    const note = h("p", { class: "silent-note", role: "alert" },
      icon("warning"), h("span", {}, text),
      error instanceof Unreachable ? certificateHint(error.origin) : null,
      refused ? null : h("button", { type: "button", class: "button",
        onclick: () => {
          note.remove();
          void this.#ask(facility, patient);
        } }, "Ask again"));
    this.#silent.append(note);
  }
}
