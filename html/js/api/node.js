/**
 * A rendering node: stacks, pictures, values.
 */

/** @typedef {import("../types.js").StackInfo} StackInfo */
/** @typedef {import("../types.js").LayerInfo} LayerInfo */

/**
 * @typedef {object} StackRequest
 * @property {string} study
 * @property {string} series
 * @property {string} [instance]  only this one
 * @property {number} [part]      of the series, 0 is the main one
 * @property {number} [layer]     load this one first
 *
 * @typedef {object} PixelValue
 * @property {number} x
 * @property {number} y
 * @property {number | number[] | null} stored
 * @property {number | number[] | null} value
 * @property {string | null} unit
 *
 * @typedef {object} RoiValue
 * @property {number} count
 * @property {number | null} mean
 * @property {number | null} sd
 * @property {number | null} min
 * @property {number | null} max
 * @property {string | null} unit
 * @property {number | null} [area_mm2]
 */

export class NodeApi {
  /** @type {import("../core/http.js").Http} */
  #http;

  /** @type {string} */
  #base;

  /** @type {string} */
  #studies;

  /**
   * @param {import("../core/http.js").Http} http
   * @param {string} base
   */
  constructor(http, base) {
    this.#http = http;
    this.#studies = `${base}/dicom-web/studies`;
    this.#base = `${base}/api/v1`;
  }

  /**
   * @param {string} target  below /stacks
   * @param {import("../core/http.js").RequestOptions} [options]
   */
  #get(target, options) {
    return this.#http.get(`${this.#base}/stacks`, target,
      { lanes: true, ...options });
  }

  /**
   * Has the connection and the permission ready before they are needed.
   */
  async warm() {
    await this.#get("ready", { retries: 0, quiet: true }).catch(() => {
      // There is no such stack, or no line: both are found out later.
    });
  }

  /** No answer for long: whoever reads is told. */
  silent() {
    this.#http.silent(this.#base);
  }

  /**
   * @param {StackRequest} stack
   * @param {AbortSignal} [signal]
   * @returns {Promise<StackInfo>}
   */
  openStack(stack, signal) {
    return this.#http.json(`${this.#base}/stacks`, {
      method: "POST", json: stack, signal, retries: Infinity, lanes: true,
    });
  }

  /**
   * Opens a stack and draws a picture of it, in one answer of two parts:
   * "stack" and "picture".  Without a series the node chooses one.
   *
   * @param {{study: string, series?: string}} stack
   * @param {URLSearchParams} query  as of picture()
   * @param {AbortSignal} [signal]
   */
  show(stack, query, signal) {
    return this.#http.request(`${this.#base}/stacks`, {
      method: "POST", json: { ...stack, picture: String(query) }, signal,
      retries: 0, quiet: true, priority: "high", lanes: true,
    });
  }

  /**
   * @param {string} id
   * @param {AbortSignal} [signal]
   * @returns {Promise<StackInfo>}
   */
  stack(id, signal) {
    return this.#http.jsonOf(() => this.#get(id, { signal }), { signal });
  }

  /**
   * @param {string} id
   * @param {AbortSignal} [signal]
   * @returns {Promise<{items: LayerInfo[]}>}
   */
  layers(id, signal) {
    return this.#http.jsonOf(() => this.#get(`${id}/layers`, { signal }),
      { signal });
  }

  /**
   * @param {string} id
   * @param {string} uid  of a presentation state
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("../types.js").Presentation>}
   */
  presentation(id, uid, signal) {
    return this.#http.jsonOf(() =>
      this.#get(`${id}/presentations/${uid}`, { signal }), { signal });
  }

  /**
   * Headers, as PS3.18 F has them.
   *
   * @param {string} path  of a study, series or instance below /studies
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("../viewer/image_headers.js").DataSet[]>}
   */
  metadata(path, signal) {
    return this.#http.json(`${this.#studies}/${path}/metadata`, {
      signal, retries: 1, quiet: true,
      headers: { Accept: "application/dicom+json" },
    });
  }

  /** @param {string} id */
  async releaseStack(id) {
    await this.#http.request(`${this.#base}/stacks/${id}`,
      { method: "DELETE" });
  }

  /**
   * @param {string} id
   * @param {number} layer
   * @param {URLSearchParams} query
   * @param {AbortSignal} [signal]
   * @param {boolean} [ahead]  nobody waits for it
   */
  picture(id, layer, query, signal, ahead = false) {
    return this.#get(`${id}/layers/${layer}?${query}`,
      { signal, priority: ahead ? "low" : "high" });
  }

  /**
   * @param {string} id
   * @param {number} layer
   * @param {number} x
   * @param {number} y
   * @param {AbortSignal} [signal]
   * @returns {Promise<PixelValue>}
   */
  pixel(id, layer, x, y, signal) {
    return this.#http.jsonOf(() =>
      this.#get(`${id}/layers/${layer}/pixels?x=${x}&y=${y}`,
        { signal, retries: 0 }), { signal });
  }

  /**
   * @param {string} id
   * @param {number} layer
   * @param {string} shape  "ellipse:x1,y1,x2,y2" in image pixels
   * @returns {Promise<RoiValue>}
   */
  roi(id, layer, shape) {
    return this.#http.json(`${this.#base}/stacks/${id}/layers/${layer}/roi?`
      + new URLSearchParams({ shape }));
  }
}
