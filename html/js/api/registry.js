/**
 * Who serves what: facilities, their servers and rendering nodes, as the top
 * level lists them.  The browser then talks to each directly.
 */

/** @typedef {import("../types.js").ServerEntry} ServerEntry */
/** @typedef {import("../types.js").FacilityEntry} FacilityEntry */

/**
 * @typedef {object} Facility
 * @property {string} id
 * @property {string} name
 * @property {string} issuer  of its patient ids
 * @property {string[]} servers  base URLs
 * @property {string[]} nodes    base URLs
 */

export class Registry {
  /** @type {import("../core/http.js").Http} */
  #http;

  /** @type {string} */
  #base;

  /** @type {Facility[]} */
  #facilities = [];

  /** @type {FacilityEntry[]} */
  #all = [];

  /** @type {ServerEntry[]} */
  #entries = [];

  /**
   * @param {import("../core/http.js").Http} http
   * @param {string} base  of the top-level server
   */
  constructor(http, base) {
    this.#http = http;
    this.#base = base;
  }

  async load() {
    const [facilities, servers] = await Promise.all([
      this.#list(/** @type {FacilityEntry[]} */ ([]), "facilities"),
      this.#list(/** @type {ServerEntry[]} */ ([]), "servers"),
    ]);
    this.#all = facilities;
    this.#entries = servers;
    this.#facilities = facilities.map((facility) => {
      const own = servers.filter((server) => server.active !== false
        && (server.facility === facility.id || server.facility === null));
      return {
        id: facility.id,
        name: facility.name,
        issuer: facility.patient_issuer ?? "",
        servers: urlsOf(own, "facility"),
        nodes: urlsOf(own, "node"),
      };
    });
  }

  /** In the top level's order; one without a server is there to be named. */
  get facilities() {
    return this.#facilities;
  }

  /** The same as they are registered. */
  get all() {
    return this.#all;
  }

  /** All servers as they are registered. */
  get entries() {
    return this.#entries;
  }

  /** @param {string | null | undefined} id */
  name(id) {
    return this.#all.find((facility) => facility.id === id)?.name ?? null;
  }

  /** @param {string | null | undefined} id */
  find(id) {
    return this.#facilities.find((facility) => facility.id === id) ?? null;
  }

  /**
   * @template T
   * @param {T[]} items  grows
   * @param {string} what
   */
  async #list(items, what) {
    /** @type {string | null} */
    let next = null;
    do {
      const query = new URLSearchParams({ limit: "500" });
      if (next) {
        query.set("cursor", next);
      }
      /** @type {import("../types.js").Page<T>} */
      const page = await this.#http.json(
        `${this.#base}/api/v1/${what}?${query}`);
      items.push(...page.items);
      next = page.next;
    } while (next);
    return items;
  }
}

/**
 * @param {ServerEntry[]} servers
 * @param {ServerEntry["type"]} type
 */
function urlsOf(servers, type) {
  return servers.filter((server) => server.type === type)
    .map((server) => trimUrl(server.url));
}

/** @param {string} url */
export function trimUrl(url) {
  return url.replace(/\/+$/, "");
}
