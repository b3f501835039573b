/**
 * The top-level server: patients.
 */

/** @typedef {import("../types.js").Patient} Patient */

export class ToplevelApi {
  /** @type {import("../core/http.js").Http} */
  #http;

  /** @type {string} */
  #base;

  /**
   * @param {import("../core/http.js").Http} http
   * @param {string} base
   */
  constructor(http, base) {
    this.#http = http;
    this.#base = `${base}/api/v1`;
  }

  /**
   * @param {{q?: string, birthDate?: string, cursor?: string | null}} filter
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("../types.js").Page<Patient>>}
   */
  patients({ q, birthDate, cursor }, signal) {
    const query = new URLSearchParams({ limit: "50" });
    if (q) {
      query.set("q", q);
    }
    if (birthDate) {
      query.set("birth_date", birthDate);
    }
    if (cursor) {
      query.set("cursor", cursor);
    }
    return this.#http.json(`${this.#base}/patients?${query}`, { signal });
  }

  /**
   * @param {string} id
   * @param {AbortSignal} [signal]
   * @returns {Promise<{patient: Patient, etag: string}>}
   */
  async patient(id, signal) {
    const response = await this.#http.request(
      `${this.#base}/patients/${encodeURIComponent(id)}`, { signal });
    return {
      patient: await response.json(),
      etag: response.headers.get("ETag") ?? "",
    };
  }

  /**
   * Repeatable: the id is chosen by the caller.
   *
   * @param {Partial<Patient>} patient
   */
  async createPatient(patient) {
    await this.#http.request(`${this.#base}/patients`,
      { method: "POST", json: patient, retries: 2 });
  }

  /**
   * @param {string} id
   * @param {Record<string, unknown>} change
   * @param {string} etag
   */
  async changePatient(id, change, etag) {
    await this.#http.request(
      `${this.#base}/patients/${encodeURIComponent(id)}`, {
        method: "PATCH", json: change, headers: { "If-Match": etag },
      });
  }
}
