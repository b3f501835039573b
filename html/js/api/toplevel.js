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
   * @returns {Promise<Patient>}
   */
  patient(id, signal) {
    return this.#http.json(
      `${this.#base}/patients/${encodeURIComponent(id)}`, { signal });
  }
}
