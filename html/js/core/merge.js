/**
 * Lists of several servers, each newest first and fetched page by page, as one
 * list.  Pure.
 *
 * A list that has not answered yet, or that has ended, holds nobody up.  One
 * that has more to come does: what stands below its last row is not known to
 * be next.
 *
 * @template T
 * @typedef {{item: T, source: string}} Merged
 */

/**
 * @template T
 * @typedef {object} Buffer
 * @property {T[]} items
 * @property {boolean} more  further pages are to come
 */

/** @template T */
export class Merge {
  /** @type {(item: T) => string} */
  #key;

  /** In the order in which they were asked. @type {Map<string, Buffer<T>>} */
  #buffers = new Map();

  /** @param {(item: T) => string} key  greater: stands before */
  constructor(key) {
    this.#key = key;
  }

  clear() {
    this.#buffers.clear();
  }

  /**
   * The next page of a list.
   *
   * @param {string} source
   * @param {T[]} items
   * @param {boolean} more
   */
  add(source, items, more) {
    const buffer = this.#buffers.get(source);
    if (buffer) {
      buffer.items.push(...items);
      buffer.more = more;
    } else {
      this.#buffers.set(source, { items: [...items], more });
    }
  }

  /**
   * No more will come of it; what is there stays.
   *
   * @param {string} source
   */
  stop(source) {
    const buffer = this.#buffers.get(source);
    if (buffer) {
      buffer.more = false;
    }
  }

  /** @param {string} source */
  remove(source) {
    this.#buffers.delete(source);
  }

  /** @param {string} source */
  count(source) {
    return this.#buffers.get(source)?.items.length ?? 0;
  }

  /**
   * The first rows of all, and which lists must be asked for their next page
   * before there can be more.
   *
   * @param {number} limit
   * @returns {{rows: Merged<T>[], wanting: string[]}}
   */
  take(limit) {
    const lists = [...this.#buffers].map(([source, { items, more }]) =>
      ({ source, items, more, at: 0 }));
    /** @type {Merged<T>[]} */
    const rows = [];
    while (rows.length < limit) {
      const wanting = lists.filter(({ items, more, at }) =>
        more && at === items.length).map(({ source }) => source);
      if (wanting.length > 0) {
        return { rows, wanting };
      }
      let first = null;
      for (const list of lists) {
        if (list.at < list.items.length && (!first
          || this.#key(list.items[list.at])
            > this.#key(first.items[first.at]))) {
          first = list;
        }
      }
      if (!first) {
        break;
      }
      rows.push({ item: first.items[first.at++], source: first.source });
    }
    return { rows, wanting: [] };
  }
}
