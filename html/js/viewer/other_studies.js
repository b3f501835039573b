/**
 * The other studies of the patient at this facility, newest first: opened one
 * by one, their series go beside those of the page's study.
 *
 * Events: "choose" with the UID of a series as detail; "listed".
 *
 * @typedef {import("../types.js").StudyItem} StudyItem
 * @typedef {import("../types.js").StudyDetail} StudyDetail
 * @typedef {import("../types.js").SeriesItem} SeriesItem
 * @typedef {import("./pane.js").Source} Source
 *
 * @typedef {object} Opened
 * @property {StudyDetail} study
 * @property {Source} source
 * @property {SeriesList} list
 */

import { fill, h } from "../core/dom.js";
import { day, dicomName } from "../core/format.js";
import { explain } from "../core/http.js";
import { SeriesList } from "./series_list.js";

const MOST = "50";

export class OtherStudies extends EventTarget {
  /** @type {import("../api/facility.js").FacilityApi} */
  #facility;

  /** @type {StudyDetail} */
  #study;

  /** @type {(study: StudyItem) => import("../api/node.js").NodeApi | null} */
  #nodeOf;

  /** @type {AbortSignal} */
  #signal;

  #begun = false;

  /** @type {Opened[]} */
  #open = [];

  /** Newest first. @type {StudyItem[]} */
  #listed = [];

  /** By study. @type {Map<string, Promise<Opened>>} */
  #opening = new Map();

  element = h("section", { class: "other-studies", hidden: true,
    "aria-label": "Other studies of the patient" });

  /**
   * @param {import("../api/facility.js").FacilityApi} facility
   * @param {StudyDetail} study  the page's
   * @param {(study: StudyItem) => import("../api/node.js").NodeApi | null}
   *     nodeOf
   * @param {AbortSignal} signal
   */
  constructor(facility, study, nodeOf, signal) {
    super();
    this.#facility = facility;
    this.#study = study;
    this.#nodeOf = nodeOf;
    this.#signal = signal;
    signal.addEventListener("abort", () => {
      for (const { list } of this.#open) {
        list.close();
      }
    });
  }

  /** Looks for them, once. */
  start() {
    if (!this.#begun) {
      this.#begun = true;
      void this.#load();
    }
  }

  /**
   * @param {string} uid  of a series
   * @returns {{source: Source, series: SeriesItem} | null}
   */
  find(uid) {
    for (const { study, source } of this.#open) {
      const series = study.series.find((one) => one.uid === uid);
      if (series) {
        return { source, series };
      }
    }
    return null;
  }

  /**
   * The newest one from before the page's study that has such images.
   *
   * @param {string} modality
   */
  earlier(modality) {
    const { date } = this.#study;
    return this.#listed.find((one) => one.modalities.includes(modality)
      && one.date && date && one.date < date) ?? null;
  }

  /**
   * @param {string} uid  of a study
   * @returns {Promise<Opened>}
   */
  open(uid) {
    const opening = this.#opening.get(uid) ?? this.#fetch(uid);
    this.#opening.set(uid, opening);
    opening.catch(() => this.#opening.delete(uid));
    return opening;
  }

  /**
   * @param {string} active  UID of a series
   * @param {ReadonlySet<string>} shown
   */
  mark(active, shown) {
    for (const { list } of this.#open) {
      list.mark(active, shown);
    }
  }

  async #load() {
    const { patient, uid } = this.#study;
    if (!patient.id) {
      return;
    }
    try {
      const { items } = await this.#facility.studies({
        patient_id: patient.id, limit: MOST,
        ...(patient.issuer ? { issuer: patient.issuer } : {}),
      }, { signal: this.#signal, retries: 1, quiet: true });
      const others = items.filter((one) => one.uid !== uid
        && one.patient.id === patient.id
        && one.patient.issuer === patient.issuer)
        .sort((a, b) => (b.date ?? "").localeCompare(a.date ?? ""));
      this.#listed = others;
      this.element.hidden = others.length === 0;
      fill(this.element, h("h2", { class: "rail-title" }, "Other studies"),
        ...others.map((one) => this.#entry(one)));
      this.dispatchEvent(new Event("listed"));
    } catch {
      // The page is about its own study; the worklist has the others.
    }
  }

  /** @param {StudyItem} study */
  #entry(study) {
    const inside = h("div", {});
    const details = h("details", { class: "other-study" },
      h("summary", {}, h("span", { class: "other-date" },
        day(study.date) || "No date"),
      [study.modalities.join(" "), study.description].filter(Boolean)
        .join("  ")), inside);
    details.addEventListener("toggle", () => {
      if (details.open && !inside.firstChild) {
        void this.#expand(study.uid, inside);
      }
    });
    return details;
  }

  /**
   * @param {string} uid
   * @param {HTMLElement} inside
   */
  async #expand(uid, inside) {
    fill(inside, h("p", { class: "rail-title" }, "Opening …"));
    try {
      const { list } = await this.open(uid);
      fill(inside, list.element);
      list.start();
    } catch (error) {
      if (!this.#signal.aborted) {
        fill(inside, h("p", { class: "rail-title" }, explain(error)));
      }
    }
  }

  /** @param {string} uid @returns {Promise<Opened>} */
  async #fetch(uid) {
    const study = await this.#facility.study(uid, { signal: this.#signal });
    const node = this.#nodeOf(study);
    if (!node) {
      throw new Error("No rendering node has it");
    }
    const source = { node, study, note: noteOf(study, this.#study) };
    const list = new SeriesList(node, study);
    const opened = { study, source, list };
    this.#open.push(opened);
    list.addEventListener("choose", (event) => this.dispatchEvent(
      new CustomEvent("choose", { detail:
        /** @type {CustomEvent<string>} */ (event).detail })));
    return opened;
  }
}

/**
 * What sets a study apart from the one that is read.
 *
 * @param {StudyItem} study
 * @param {StudyItem} read
 */
export function noteOf(study, read) {
  const when = day(study.date);
  const order = !study.date || !read.date || study.date === read.date
    ? "Other study" : study.date < read.date ? "Earlier study" : "Later study";
  const others = otherData(study.patient, read.patient);
  return [order, when].filter(Boolean).join(" ")
    + (others.length > 0 ? `, other ${others.join(", ")}` : "");
}

/**
 * What two studies of one patient ID say differently: a name may change, and
 * an ID may have been given twice.
 *
 * @param {StudyItem["patient"]} one
 * @param {StudyItem["patient"]} other
 */
function otherData(one, other) {
  const differ = (/** @type {string | null} */ a,
    /** @type {string | null} */ b) => Boolean(a && b && a !== b);
  const plain = (/** @type {string | null} */ name) =>
    dicomName(name).toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
  return [
    one.name && other.name
      && differ(plain(one.name), plain(other.name)) ? "name" : "",
    differ(one.birth_date, other.birth_date) ? "birth date" : "",
    differ(one.sex, other.sex) ? "sex" : "",
  ].filter(Boolean);
}
