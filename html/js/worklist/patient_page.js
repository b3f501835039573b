/**
 * One patient: the studies of every facility, each facility asked directly.
 * One that does not answer is named; one that shows its studies to its own
 * people only is opened in an emergency.
 */

import { FacilityApi } from "../api/facility.js";
import { fill, h, icon, setText } from "../core/dom.js";
import { day, joinName, sexName } from "../core/format.js";
import { explain } from "../core/http.js";
import { openInEmergency } from "../emergency/emergency_dialog.js";
import { confirmed } from "../shell/confirm.js";
import { listBar } from "../shell/nav.js";
import { BESIDE, studyKey, studySource } from "./facility_studies.js";
import { MergedList } from "./merged_list.js";
import { OtherFacilities } from "./other_facilities.js";
import { editPatient } from "./patient_form.js";
import { mergePatient } from "./patient_merge.js";
import { MergedRecords, numbersOf } from "./merged_records.js";
import { SourceNotes } from "./source_notes.js";
import { keepFocus, StudyTable } from "./study_table.js";

/** @typedef {import("../types.js").Patient} Patient */
/** @typedef {import("../types.js").StudyItem} StudyItem */
/** @typedef {import("../api/registry.js").Facility} Facility */
/** @typedef {import("../emergency/emergencies.js").Grant} Grant */
/** @typedef {import("./merged_list.js").SourceState} SourceState */

const PAGE = "100";

/** Begins the id of a list that an emergency opened. */
const EMERGENCY = "emergency";

export class PatientPage {
  /** @type {import("../app.js").AppContext} */
  #context;

  /** @type {Patient | null} */
  #patient = null;

  #aborter = new AbortController();
  #head = h("header", { class: "patient-head" });

  /** @type {MergedRecords} */
  #records;

  #table = new StudyTable({ patient: false, facility: true });
  #notes = new SourceNotes("studies", (id) => this.#list.again(id));

  /** @type {MergedList<StudyItem>} */
  #list;

  /** @type {OtherFacilities} */
  #others;

  #message = h("p", { class: "list-foot", role: "alert", hidden: true });

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
    this.#list = new MergedList({
      key: studyKey,
      show: (rows) => this.#show(rows),
      changed: (states) => this.#changed(states),
      empty: "None of the facilities that show their studies to you has one "
        + "of this patient.",
    });
    this.#records = new MergedRecords(context, () => void this.#load(id));
    this.#others = new OtherFacilities(context, {
      open: (facility) => void this.#breakGlass(facility),
      end: (grant) => context.emergencies.end(grant),
    });
    this.element = h("div", { class: "list-page" }, this.#head,
      h("div", { class: "list-scroll" }, this.#records.element,
        this.#notes.element, this.#table.element, this.#list.foot,
        this.#message, this.#others.element));
    context.emergencies.addEventListener("change", () => this.#emergencies(),
      { signal: this.#aborter.signal });
    void this.#load(id);
  }

  destroy() {
    this.#aborter.abort();
    this.#list.close();
    this.#others.close();
  }

  /** @param {string} id */
  async #load(id) {
    const { signal } = this.#aborter;
    try {
      const read = await this.#context.toplevel.patient(id, signal);
      this.#patient = read.patient;
      this.#name(read);
      this.#records.show(read.patient);
      this.#table.show([], true);
      this.#list.restart(this.#context.registry.facilities.flatMap((one) =>
        this.#sources(one, read.patient)));
      this.#emergencies();
    } catch (error) {
      if (!signal.aborted) {
        setText(this.#message, explain(error));
        this.#message.hidden = false;
      }
    }
  }

  /** @param {{patient: Patient, etag: string}} read */
  #name(read) {
    const { patient } = read;
    const { session } = this.#context;
    fill(this.#head,
      h("a", { class: "tool", href: "#/patients", title: "All patients",
        "aria-label": "All patients" }, icon("back")),
      h("h1", {}, joinName(patient.name)),
      h("p", {}, [day(patient.birth_date), sexName(patient.sex)]
        .filter(Boolean).join("  ·  ")),
      h("p", { class: "muted" }, numbersOf(patient).map((one) =>
        `${one.value} (${one.issuer})`).join(", ")),
      h("div", { class: "bar-end" },
        session.may("facility_admin") ? h("a", { class: "button",
          href: `#/patients/${patient.id}/accesses` }, "Who looked") : null,
        session.may("facility_admin") && !patient.merged_into
          ? h("button", { type: "button", class: "button",
            onclick: () => void mergePatient(this.#context, read) },
          "Merge …") : null,
        patient.merged_into ? null : h("button", { type: "button",
          class: "button", onclick: () => void editPatient(this.#context,
            read, () => void this.#load(patient.id)) },
        icon("pen"), "Change")));
  }

  /**
   * One list for each number of the patient.  The others wait for the first:
   * a facility that is closed says so once.
   *
   * @param {Facility} facility
   * @param {Patient} patient
   */
  #sources(facility, patient) {
    /** @type {Promise<unknown> | null} */
    let first = null;
    return numbersOf(patient).map(({ issuer, value }, n) => {
      const source = studySource(this.#context, facility,
        { patient_id: value, issuer, limit: PAGE }, false);
      return {
        ...source, id: n === 0 ? facility.id : `${facility.id} ${n}`,
        fetch: async (/** @type {string | null} */ cursor,
          /** @type {AbortSignal} */ signal) => {
          if (n > 0) {
            await first;
          }
          const page = source.fetch(cursor, signal);
          if (n === 0) {
            first = page.catch(() => {});
          }
          return page;
        },
      };
    });
  }

  /** Their lists, each with its own token. */
  #emergencies() {
    const patient = this.#patient;
    if (!patient) {
      return;
    }
    const grants = this.#context.emergencies.lists(patient.id);
    const wanted = new Map(grants.map((grant) => [idOf(grant), grant]));
    for (const { id } of this.#list.states) {
      if (id.startsWith(EMERGENCY) && !wanted.delete(id)) {
        this.#list.remove(id);
      }
    }
    for (const [id, grant] of wanted) {
      this.#addEmergency(id, grant);
    }
    this.#others.show(patient, this.#list.states);
  }

  /**
   * @param {string} id
   * @param {Grant} grant
   */
  #addEmergency(id, grant) {
    const { registry, emergencies } = this.#context;
    const facility = registry.find(grant.facility);
    if (facility) {
      const api = new FacilityApi(emergencies.http(grant), facility);
      this.#list.add({ id, name: facility.name,
        fetch: (cursor, signal) => api.studies({ limit: PAGE, cursor,
          issuer: grant.issuer, patient_id: grant.number },
        { signal, ...BESIDE }) });
    }
  }

  /** @param {SourceState[]} states */
  #changed(states) {
    // A refusal of the facility's own is told below, with the way around it.
    this.#notes.show(states, false);
    if (this.#patient) {
      this.#others.show(this.#patient, states);
    }
  }

  /** @param {import("../core/merge.js").Merged<StudyItem>[]} rows */
  #show(rows) {
    /** @type {Map<string, import("./study_table.js").StudyRow>} */
    const shown = new Map();
    for (const { item, source } of rows) {
      const [kind, id] = source.startsWith(EMERGENCY)
        ? source.split(" ") : ["", source.split(" ")[0]];
      const key = `${id} ${item.uid}`;
      if (!shown.has(key)) {
        shown.set(key, { study: item, facility: id,
          facilityName: this.#context.registry.find(id)?.name,
          ...kind ? { mark: "Emergency",
            open: () => void this.#openStudy(id, item) } : {} });
      }
    }
    keepFocus(this.#table.element, this.element, () =>
      this.#table.show([...shown.values()], false));
  }

  /** @param {Facility} facility */
  async #breakGlass(facility) {
    const patient = this.#patient;
    if (patient) {
      await openInEmergency(this.#context, { facility, study: null,
        patient: { id: patient.id, name: joinName(patient.name),
          identifiers: numbersOf(patient) } });
    }
  }

  /**
   * A study of a list that an emergency opened: for the same reason.
   *
   * @param {string} facility  id
   * @param {StudyItem} study
   */
  async #openStudy(facility, study) {
    const { emergencies } = this.#context;
    const list = emergencies.lists(this.#patient?.id ?? "")
      .find((grant) => grant.facility === facility);
    try {
      if (!emergencies.ofStudy(facility, study.uid)) {
        if (!list || !await this.#sure(list, study)) {
          return;
        }
        await emergencies.open({ ...list, study: study.uid });
      }
      location.hash = `#/emergency/${facility}/${study.uid}`;
    } catch (error) {
      setText(this.#message, `Not opened: ${explain(error)}`);
      this.#message.hidden = false;
    }
  }

  /**
   * @param {Grant} list
   * @param {StudyItem} study
   */
  #sure({ name, reason }, study) {
    return confirmed({
      title: "Open this study in an emergency?",
      body: [
        h("p", {}, h("strong", {}, name), h("br"),
          [study.description || "Study", day(study.date),
            study.modalities.join(" ")].filter(Boolean).join(", ")),
        h("p", { class: "muted" }, `Recorded with your reason: “${reason}”`),
      ],
      yes: "Open the study", danger: true,
    });
  }
}

/** @param {Grant} grant */
function idOf({ facility, token }) {
  // Each access is a list of its own, also of the same facility.
  return `${EMERGENCY} ${facility} ${token.slice(-16)}`;
}
