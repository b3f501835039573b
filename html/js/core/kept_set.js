/**
 * A set of strings that a reload of the page does not lose; it ends with the
 * session.
 */

export class KeptSet {
  #key;

  /** @type {Set<string>} */
  #items;

  /** @param {string} key  in the tab's storage */
  constructor(key) {
    this.#key = key;
    this.#items = new Set(read(key));
  }

  /** @param {string} item */
  has(item) {
    return this.#items.has(item);
  }

  /** @param {string} item */
  add(item) {
    this.#items.add(item);
    sessionStorage.setItem(this.#key, JSON.stringify([...this.#items]));
  }
}

/**
 * @param {string} key
 * @returns {string[]}
 */
function read(key) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) =>
      typeof one === "string") : [];
  } catch {
    return [];
  }
}
