/**
 * The top-level server: patients, people, servers, its audit trail.
 */

import { queryOf, Resource } from "./resource.js";

/** @typedef {import("../types.js").Patient} Patient */
/** @typedef {import("../types.js").Account} Account */
/** @typedef {import("../types.js").ServerEntry} ServerEntry */
/** @typedef {import("../types.js").FacilityEntry} FacilityEntry */
/** @typedef {import("../types.js").ModalityEntry} ModalityEntry */
/** @typedef {import("../types.js").AuditEvent} AuditEvent */

/**
 * @typedef {object} GlassRequest
 * @property {string} facility  id
 * @property {string} issuer
 * @property {string} patient_id
 * @property {string} [study]   UID; without one the studies are only listed
 * @property {string} reason
 */

export class ToplevelApi {
  /** @type {import("../core/http.js").Http} */
  #http;

  /** @type {string} */
  #base;

  /** @type {Resource<Account>} */
  users;

  /** @type {Resource<FacilityEntry>} */
  facilities;

  /** @type {Resource<ServerEntry>} */
  servers;

  /** @type {Resource<ModalityEntry>} */
  modalities;

  /** @type {Resource<Patient>} */
  #patients;

  /**
   * @param {import("../core/http.js").Http} http
   * @param {string} base
   */
  constructor(http, base) {
    this.#http = http;
    this.#base = `${base}/api/v1`;
    this.users = new Resource(http, `${this.#base}/users`);
    this.facilities = new Resource(http, `${this.#base}/facilities`);
    this.servers = new Resource(http, `${this.#base}/servers`);
    this.modalities = new Resource(http, `${this.#base}/modalities`);
    this.#patients = new Resource(http, `${this.#base}/patients`);
  }

  /**
   * @param {{q?: string, birthDate?: string, cursor?: string | null}} filter
   * @param {AbortSignal} [signal]
   */
  patients({ q, birthDate, cursor }, signal) {
    return this.#patients.list(
      { limit: "50", q, birth_date: birthDate, cursor }, signal);
  }

  /**
   * @param {string} id
   * @param {AbortSignal} [signal]
   * @returns {Promise<{patient: Patient, etag: string}>}
   */
  async patient(id, signal) {
    const { item, etag } = await this.#patients.read(id, signal);
    return { patient: item, etag };
  }

  /** @param {Partial<Patient>} patient  with an id of the caller's */
  async createPatient(patient) {
    await this.#patients.create(patient);
  }

  /**
   * @param {string} id
   * @param {Record<string, unknown>} change
   * @param {string} etag
   */
  async changePatient(id, change, etag) {
    await this.#patients.change(id, change, etag);
  }

  /**
   * A duplicate lives on in another record.
   *
   * @param {string} id    of the duplicate
   * @param {string} etag  of it
   * @param {string} into  id
   * @param {string} reason
   */
  async mergePatient(id, etag, into, reason) {
    await this.#http.request(this.#merge(id), { method: "POST",
      json: { into, reason }, headers: { "If-Match": etag } });
  }

  /**
   * @param {string} id    of what was merged
   * @param {string} etag  of it
   */
  async unmergePatient(id, etag) {
    await this.#http.request(this.#merge(id),
      { method: "DELETE", headers: { "If-Match": etag } });
  }

  /** @param {string} id */
  #merge(id) {
    return `${this.#base}/patients/${encodeURIComponent(id)}/merge`;
  }

  /**
   * Who looked at a patient, as far as the top level saw it.
   *
   * @param {string} id
   * @param {string | null} cursor
   * @param {import("../core/http.js").RequestOptions} [options]
   * @returns {Promise<import("../types.js").Page<AuditEvent>>}
   */
  accesses(id, cursor, options) {
    return this.#http.json(
      `${this.#base}/patients/${encodeURIComponent(id)}/accesses?`
      + queryOf({ limit: "100", cursor }), options);
  }

  /**
   * @param {Record<string, string | null | undefined>} filter
   * @param {import("../core/http.js").RequestOptions} [options]
   * @returns {Promise<import("../types.js").Page<AuditEvent>>}
   */
  audit(filter, options) {
    return this.#http.json(`${this.#base}/audit?${queryOf(filter)}`, options);
  }

  /**
   * A token for a study of another facility, recorded with its reason.
   *
   * @param {GlassRequest} request
   * @returns {Promise<{token: string, expires_in: number}>}  seconds
   */
  breakGlass(request) {
    return this.#http.json(`${this.#base}/break-glass`,
      { method: "POST", json: request });
  }

  /**
   * A password for one day.
   *
   * @param {string} user  id
   * @returns {Promise<{password: string, expires_in: number}>}  seconds
   */
  resetPassword(user) {
    return this.#http.json(
      `${this.#base}/users/${encodeURIComponent(user)}/reset`,
      { method: "POST" });
  }

  /**
   * @param {string} current
   * @param {string} wanted
   */
  async changePassword(current, wanted) {
    await this.#http.request(`${this.#base}/me/password`, {
      method: "PUT", json: { current, new: wanted },
    });
  }
}
