/**
 * A facility server: studies and reports.  Where a facility has several
 * servers, the next one is asked when one does not answer.
 */

import { Unreachable } from "../core/http.js";
import { queryOf } from "./resource.js";

/** @typedef {import("../types.js").Report} Report */
/** @typedef {import("../types.js").StudyItem} StudyItem */
/** @typedef {import("../types.js").StudyDetail} StudyDetail */
/** @typedef {import("../types.js").AuditEvent} AuditEvent */
/** @typedef {import("../types.js").ReportFound} ReportFound */
/** @typedef {import("../types.js").Heartbeat} Heartbeat */
/** @typedef {import("../core/http.js").RequestOptions} RequestOptions */

/**
 * @typedef {object} StudyFilter
 * @property {string} [q]
 * @property {string} [patient_id]
 * @property {string} [issuer]
 * @property {string} [date_from]
 * @property {string} [date_to]
 * @property {string} [modality]
 * @property {string | null} [cursor]
 * @property {string} [limit]
 *
 * @typedef {{report: Report, etag: string}} TaggedReport
 */

export class FacilityApi {
  /** @type {import("../core/http.js").Http} */
  #http;

  /** @type {import("./registry.js").Facility} */
  #facility;

  #turn = 0;

  /**
   * @param {import("../core/http.js").Http} http
   * @param {import("./registry.js").Facility} facility
   */
  constructor(http, facility) {
    this.#http = http;
    this.#facility = facility;
  }

  get facility() {
    return this.#facility;
  }

  /**
   * @param {string} target  below /studies
   * @param {RequestOptions} [options]
   */
  #studies(target, options) {
    return this.#request("/studies", { retries: Infinity, ...options,
      method: "POST", headers: { "Dicom-Target": target } });
  }

  /**
   * @param {StudyFilter} filter
   * @param {RequestOptions} [options]
   * @returns {Promise<import("../types.js").Page<StudyItem>>}
   */
  async studies(filter, options) {
    return (await this.#studies(`?${queryOf({ ...filter })}`, options))
      .json();
  }

  /**
   * @param {string} uid
   * @param {RequestOptions} [options]
   * @returns {Promise<StudyDetail>}
   */
  async study(uid, options) {
    return (await this.#studies(uid, options)).json();
  }

  /**
   * @param {string} study
   * @param {RequestOptions} [options]
   * @returns {Promise<import("../types.js").Page<Report>>}
   */
  async reports(study, options) {
    return (await this.#studies(`${study}/reports`, options)).json();
  }

  /**
   * @param {string} id
   * @param {RequestOptions} [options]
   * @returns {Promise<TaggedReport>}
   */
  async report(id, options) {
    return tagged(await this.#request(`/reports/${id}`, options));
  }

  /**
   * @param {Record<string, string | null | undefined>} filter
   * @param {RequestOptions} [options]
   * @returns {Promise<import("../types.js").Page<ReportFound>>}
   */
  async searchReports(filter, options) {
    return (await this.#request(`/reports?${queryOf(filter)}`, options))
      .json();
  }

  /**
   * Repeatable: the id is chosen here.
   *
   * @param {string} study
   * @param {string} id
   * @param {string} text
   * @returns {Promise<TaggedReport>}
   */
  async createReport(study, id, text) {
    return tagged(await this.#request(`/studies/${study}/reports`, {
      method: "POST", json: { id, text }, retries: 3,
    }));
  }

  /**
   * @param {string} id
   * @param {string} text
   * @param {string} etag
   * @returns {Promise<TaggedReport>}
   */
  async saveReport(id, text, etag) {
    return tagged(await this.#request(`/reports/${id}`, {
      method: "PUT", json: { text }, headers: { "If-Match": etag },
    }));
  }

  /**
   * @param {string} id
   * @param {string} etag
   * @returns {Promise<TaggedReport>}
   */
  async finalizeReport(id, etag) {
    return tagged(await this.#request(`/reports/${id}/finalize`, {
      method: "POST", headers: { "If-Match": etag },
    }));
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  async addAddendum(id, text) {
    await this.#request(`/reports/${id}/addenda`,
      { method: "POST", json: { text } });
  }

  /**
   * Which of its servers live, as each wrote itself.
   *
   * @param {RequestOptions} [options]
   * @returns {Promise<import("../types.js").Page<Heartbeat>>}
   */
  async heartbeats(options) {
    return (await this.#request("/heartbeats?limit=500", options)).json();
  }

  /**
   * The facility's own audit trail.
   *
   * @param {Record<string, string | null | undefined>} filter
   * @param {RequestOptions} [options]
   * @returns {Promise<import("../types.js").Page<AuditEvent>>}
   */
  async audit(filter, options) {
    return (await this.#request(`/audit?${queryOf(filter)}`, options)).json();
  }

  /**
   * Who looked at a patient's studies here.
   *
   * @param {string} identifier  "issuer|value"
   * @param {string | null} cursor
   * @param {RequestOptions} [options]
   * @returns {Promise<import("../types.js").Page<AuditEvent>>}
   */
  async accesses(identifier, cursor, options) {
    return (await this.#request("/accesses?"
      + queryOf({ identifier, limit: "100", cursor }), options)).json();
  }

  /**
   * @param {string} path
   * @param {RequestOptions} [options]
   */
  async #request(path, options = {}) {
    const { servers } = this.#facility;
    if (servers.length === 0) {
      throw new Error("No server of it is registered");
    }
    for (let left = servers.length; ; left--) {
      const base = servers[this.#turn % servers.length];
      const last = left <= 1;
      try {
        return await this.#http.request(`${base}/api/v1${path}`,
          last ? options : { ...options, retries: 0 });
      } catch (error) {
        if (last || !(error instanceof Unreachable)) {
          throw error;
        }
        this.#turn++;
      }
    }
  }
}

/**
 * @param {Response} response
 * @returns {Promise<TaggedReport>}
 */
async function tagged(response) {
  /** @type {Report} */
  const report = await response.json();
  return {
    report,
    etag: response.headers.get("ETag") ?? `"${report.version}"`,
  };
}
