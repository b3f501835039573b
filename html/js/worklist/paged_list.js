/**
 * Fetches a list page by page as the reader scrolls; a new search overtakes
 * the one under way.
 *
 * @template T
 */

import { h, setText } from "../core/dom.js";
import { explain } from "../core/http.js";

/** @template T */
export class PagedList {
  /** @type {(cursor: string | null, signal: AbortSignal) =>
   *     Promise<import("../types.js").Page<T>>} */
  #fetch;

  /** @type {(items: T[], first: boolean) => void} */
  #show;

  #aborter = new AbortController();

  /** @type {string | null} */
  #next = null;

  #loading = false;

  /** @type {IntersectionObserver} */
  #observer;

  /** Stands below the list. */
  foot = h("div", { class: "list-foot", role: "status" });

  #empty;

  /**
   * @param {object} source
   * @param {(cursor: string | null, signal: AbortSignal) =>
   *     Promise<import("../types.js").Page<T>>} source.fetch
   * @param {(items: T[], first: boolean) => void} source.show
   * @param {string} source.empty  said when there is nothing
   */
  constructor({ fetch, show, empty }) {
    this.#fetch = fetch;
    this.#show = show;
    this.#empty = empty;
    this.#observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting) && this.#next) {
        void this.#more();
      }
    }, { rootMargin: "400px" });
    this.#observer.observe(this.foot);
  }

  /** Starts from the top. */
  async restart() {
    this.#aborter.abort();
    this.#aborter = new AbortController();
    this.#next = null;
    this.#loading = false;
    await this.#more(true);
  }

  close() {
    this.#aborter.abort();
    this.#observer.disconnect();
  }

  async #more(first = false) {
    if (this.#loading) {
      return;
    }
    this.#loading = true;
    const { signal } = this.#aborter;
    const slow = setTimeout(() => setText(this.foot, "Searching …"), 250);
    try {
      const page = await this.#fetch(this.#next, signal);
      if (signal.aborted) {
        return;
      }
      this.#next = page.next;
      this.#show(page.items, first);
      setText(this.foot, first && page.items.length === 0 ? this.#empty : "");
    } catch (error) {
      if (!signal.aborted) {
        this.#next = null;
        setText(this.foot, explain(error));
      }
    } finally {
      clearTimeout(slow);
      if (!signal.aborted) {
        this.#loading = false;
      }
    }
    if (!signal.aborted && this.#next && this.#inSight()) {
      void this.#more();
    }
  }

  #inSight() {
    return this.foot.isConnected
      && this.foot.getBoundingClientRect().top < innerHeight + 400;
  }
}
