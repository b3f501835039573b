/**
 * Emergency access to studies of other facilities: one token for each patient
 * or study, good for a quarter of an hour, never renewed.
 *
 * Events: "change" (one was opened, or is over).
 *
 * @typedef {object} Grant
 * @property {string} facility    id
 * @property {string} patient     id at the top level
 * @property {string} name        of the patient
 * @property {string} issuer      of the number
 * @property {string} number      the patient's at that facility
 * @property {string} reason
 * @property {string | null} study  UID; null: the list of studies only
 * @property {string} user        id of who opened it
 * @property {string} token
 * @property {number} until       ms, Date.now()
 */

import { Http } from "../core/http.js";

const KEY = "dicom.emergencies";

export class EmergencyOver extends Error {
  constructor() {
    super("The emergency access has ended");
    this.name = "EmergencyOver";
  }
}

export class Emergencies extends EventTarget {
  /** @type {import("../core/connectivity.js").Connectivity} */
  #connectivity;

  /** @type {import("../api/toplevel.js").ToplevelApi} */
  #toplevel;

  /** @type {Grant[]} */
  #grants;

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  #user;

  /**
   * @param {import("../core/connectivity.js").Connectivity} connectivity
   * @param {import("../api/toplevel.js").ToplevelApi} toplevel
   * @param {string} user  id
   */
  constructor(connectivity, toplevel, user) {
    super();
    this.#connectivity = connectivity;
    this.#toplevel = toplevel;
    this.#user = user;
    this.#grants = readKept().filter((grant) => grant.user === user);
    this.#sweep();
  }

  /**
   * Asks for access; the reason is recorded by that.
   *
   * @param {Omit<Grant, "token" | "until" | "user">} wish
   * @returns {Promise<Grant>}
   */
  async open(wish) {
    const { facility, issuer, number, reason, study } = wish;
    const { token, expires_in: life } = await this.#toplevel.breakGlass({
      facility, issuer, patient_id: number, reason,
      ...study ? { study } : {},
    });
    const grant = { ...wish, token, user: this.#user,
      until: Date.now() + life * 1000 };
    this.#grants = this.#grants.filter((one) => one.facility !== facility
      || one.patient !== wish.patient || one.study !== study);
    this.#grants.push(grant);
    this.#changed();
    return grant;
  }

  /**
   * @param {string} facility
   * @param {string} study
   */
  ofStudy(facility, study) {
    return this.#grants.find((one) =>
      one.facility === facility && one.study === study) ?? null;
  }

  /**
   * Those that list a patient's studies.
   *
   * @param {string} patient  id
   */
  lists(patient) {
    return this.#grants.filter((one) =>
      one.patient === patient && one.study === null);
  }

  /**
   * Requests with this token only.
   *
   * @param {Grant} grant
   */
  http(grant) {
    const http = new Http(this.#connectivity);
    http.authority = {
      token: grant.token,
      refresh: () => Promise.reject(new EmergencyOver()),
    };
    return http;
  }

  /** @param {Grant} grant */
  end(grant) {
    this.#grants = this.#grants.filter((one) => one !== grant);
    this.#changed();
  }

  #changed() {
    this.#sweep();
    this.dispatchEvent(new Event("change"));
  }

  /** Forgets what is over, now and when the next one is. */
  #sweep() {
    const now = Date.now();
    this.#grants = this.#grants.filter(({ until }) => until > now);
    sessionStorage.setItem(KEY, JSON.stringify(this.#grants));
    clearTimeout(this.#timer);
    if (this.#grants.length > 0) {
      const next = Math.min(...this.#grants.map(({ until }) => until));
      this.#timer = setTimeout(() => this.#changed(), next - now + 5);
    }
  }
}

/**
 * What a page that was reloaded had open.
 *
 * @returns {Grant[]}
 */
function readKept() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) =>
      typeof one?.token === "string" && typeof one.until === "number") : [];
  } catch {
    return [];
  }
}

/**
 * Minutes and seconds left.
 *
 * @param {Grant} grant
 */
export function timeLeft({ until }) {
  const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  return `${Math.floor(seconds / 60)}:`
    + String(seconds % 60).padStart(2, "0");
}
