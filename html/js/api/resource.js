/**
 * One kind of thing that the top level keeps: listed, read, made, changed,
 * ended.  A change names the version that it is made to.
 *
 * @template T
 * @typedef {{item: T, etag: string}} Tagged
 */

/** @template T */
export class Resource {
  /** @type {import("../core/http.js").Http} */
  #http;

  /** @type {string} */
  #url;

  /**
   * @param {import("../core/http.js").Http} http
   * @param {string} url  of the list
   */
  constructor(http, url) {
    this.#http = http;
    this.#url = url;
  }

  /**
   * @param {Record<string, string | null | undefined>} filter
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("../types.js").Page<T>>}
   */
  list(filter, signal) {
    return this.#http.json(`${this.#url}?${queryOf(filter)}`, { signal });
  }

  /**
   * @param {string} id
   * @param {AbortSignal} [signal]
   * @returns {Promise<Tagged<T>>}
   */
  async read(id, signal) {
    return tagged(await this.#http.request(this.#of(id), { signal }));
  }

  /**
   * Repeatable: the id is chosen by the caller.
   *
   * @param {Record<string, unknown>} json
   * @returns {Promise<Tagged<T>>}
   */
  async create(json) {
    return tagged(await this.#http.request(this.#url,
      { method: "POST", json, retries: 2 }));
  }

  /**
   * @param {string} id
   * @param {Record<string, unknown>} change
   * @param {string} etag
   * @returns {Promise<Tagged<T>>}
   */
  async change(id, change, etag) {
    return tagged(await this.#http.request(this.#of(id), {
      method: "PATCH", json: change, headers: { "If-Match": etag },
    }));
  }

  /**
   * @param {string} id
   * @param {string} etag
   */
  async end(id, etag) {
    await this.#http.request(this.#of(id),
      { method: "DELETE", headers: { "If-Match": etag } });
  }

  /** @param {string} id */
  #of(id) {
    return `${this.#url}/${encodeURIComponent(id)}`;
  }
}

/**
 * @template T
 * @param {Response} response
 * @returns {Promise<Tagged<T>>}
 */
async function tagged(response) {
  return { item: await response.json(),
    etag: response.headers.get("ETag") ?? "" };
}

/**
 * What is given of a filter.
 *
 * @param {Record<string, string | null | undefined>} filter
 */
export function queryOf(filter) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    if (value) {
      query.set(name, value);
    }
  }
  return query;
}
