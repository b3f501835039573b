/**
 * Who looked at a patient: the records of several servers as one list.
 *
 * @typedef {import("../types.js").AuditEvent} AuditEvent
 * @typedef {import("../worklist/merged_list.js").Source<AuditEvent>} Trail
 */

import { h } from "../core/dom.js";
import { BESIDE } from "../worklist/facility_studies.js";
import { MergedList } from "../worklist/merged_list.js";
import { SourceNotes } from "../worklist/source_notes.js";
import { EventTable } from "./event_table.js";

export class Accesses {
  #names = new Map();
  #table = new EventTable({ trail: true, narrow: null });
  #notes = new SourceNotes("records", (id) => this.#list.again(id));

  /** @type {MergedList<AuditEvent>} */
  #list;

  /** @type {HTMLElement} */
  element;

  constructor() {
    this.#list = new MergedList({
      key: ({ at }) => at,
      show: (rows) => {
        this.#table.clear();
        this.#table.append(rows.map(({ item, source }) =>
          ({ event: item, trail: this.#names.get(source) })));
      },
      changed: (states) => this.#notes.show(states),
      empty: "Nobody has looked.",
    });
    this.element = h("div", { class: "list-scroll" }, this.#notes.element,
      this.#table.element, this.#list.foot);
  }

  /** @param {Trail[]} trails */
  show(trails) {
    this.#names = new Map(trails.map(({ id, name }) => [id, name]));
    this.#table.clear();
    this.#list.restart(trails);
  }

  close() {
    this.#list.close();
  }
}

/**
 * @param {import("../app.js").AppContext} context
 * @param {string} patient  id
 * @returns {Trail}
 */
export function topTrail({ toplevel }, patient) {
  return { id: "toplevel", name: "Top level", fetch: (cursor, signal) =>
    toplevel.accesses(patient, cursor, { signal, ...BESIDE }) };
}

/**
 * @param {import("../app.js").AppContext} context
 * @param {import("../api/registry.js").Facility} facility
 * @param {string} identifier  "issuer|value"
 * @returns {Trail}
 */
export function facilityTrail(context, facility, identifier) {
  return { id: `${facility.id} ${identifier}`, name: facility.name,
    fetch: async (cursor, signal) => {
      const api = context.facility(facility.id);
      if (!api) {
        throw new Error("It has no server any more");
      }
      return api.accesses(identifier, cursor, { signal, ...BESIDE });
    } };
}
