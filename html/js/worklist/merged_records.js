/**
 * The records that a patient's record took in, and the way back.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { day, joinName, moment } from "../core/format.js";
import { explain } from "../core/http.js";
import { confirmed } from "../shell/confirm.js";

/** @typedef {import("../types.js").Patient} Patient */
/** @typedef {import("../types.js").MergedPatient} MergedPatient */
/** @typedef {import("../types.js").Identifier} Identifier */

/**
 * All numbers of a person: the record's own, and those of merged ones.
 *
 * @param {Patient} patient
 * @returns {Identifier[]}
 */
export function numbersOf(patient) {
  /** @type {Map<string, Identifier>} */
  const numbers = new Map();
  for (const { identifiers } of [patient, ...patient.merged ?? []]) {
    for (const one of identifiers) {
      numbers.set(`${one.issuer}|${one.value}`, one);
    }
  }
  return [...numbers.values()];
}

export class MergedRecords {
  /** @type {import("../app.js").AppContext} */
  #context;

  #changed;
  #message = h("p", { class: "form-message", role: "alert" });

  element = h("section", { class: "merged-records", hidden: true,
    "aria-label": "Merged records" });

  /**
   * @param {import("../app.js").AppContext} context
   * @param {() => void} changed
   */
  constructor(context, changed) {
    this.#context = context;
    this.#changed = changed;
  }

  /** @param {Patient} patient */
  show(patient) {
    const { merged_into: into, merged = [] } = patient;
    this.element.hidden = !into && merged.length === 0;
    setText(this.#message, "");
    fill(this.element,
      into ? h("div", { class: "silent-note" }, icon("warning"),
        h("p", {}, "This record was merged: the person’s record is ",
          h("a", { href: `#/patients/${into}` }, "another one"), "."),
        this.#undo(patient.id, joinName(patient.name))) : null,
      ...merged.map((one) => this.#row(one)), this.#message);
  }

  /** @param {MergedPatient} record */
  #row(record) {
    const numbers = record.identifiers.map(({ issuer, value }) =>
      `${value} (${issuer})`).join(", ");
    return h("div", { class: "silent-note quiet-note", "data-id": record.id },
      h("p", {}, "Also ", h("strong", {}, joinName(record.name)),
        ` ${[day(record.birth_date), numbers].filter(Boolean).join(" · ")}`,
        h("span", { class: "merged-why" },
          `Merged ${moment(record.at)} by ${record.by}: ${record.reason}`)),
      this.#undo(record.id, joinName(record.name)));
  }

  /**
   * @param {string} id    of what was merged
   * @param {string} name
   */
  #undo(id, name) {
    const { session, toplevel } = this.#context;
    if (!session.may("facility_admin")) {
      return null;
    }
    const undo = async () => {
      try {
        const { etag } = await toplevel.patient(id);
        if (await confirmed({ title: "Undo this merge?", yes: "Undo",
          body: [h("p", {}, h("strong", {}, name), " is a patient of its own "
            + "again, with the numbers it had, and with what had been merged "
            + "into it.")] })) {
          await toplevel.unmergePatient(id, etag);
          this.#changed();
        }
      } catch (error) {
        setText(this.#message, `Not undone: ${explain(error)}`);
      }
    };
    return h("button", { type: "button", class: "button",
      "aria-label": `Undo the merge of ${name}`, onclick: () => void undo() },
    "Undo …");
  }
}
