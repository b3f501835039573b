/**
 * Asks several servers side by side and shows their lists as one, page by page
 * as the reader scrolls.  What has come is shown while others are still asked;
 * who refuses, fails or keeps silent has a state of its own and may be asked
 * again.
 *
 * @template T
 * @typedef {object} Source
 * @property {string} id
 * @property {string} name  shown to people
 * @property {(cursor: string | null, signal: AbortSignal) =>
 *     Promise<import("../types.js").Page<T>>} fetch
 */

/**
 * @typedef {object} SourceState
 * @property {string} id
 * @property {string} name
 * @property {"asking" | "answered" | "refused" | "failed"} state
 * @property {unknown} error
 * @property {number} count    rows that came
 * @property {boolean} partly  failed, but its first rows are there
 */

import { h, setText } from "../core/dom.js";
import { HttpError } from "../core/http.js";
import { debounce } from "../core/latest.js";
import { Merge } from "../core/merge.js";

/** Rows that a step of scrolling adds. */
const STEP = 100;

/** Answers that come together are drawn together. */
const GATHER_MS = 30;

/** Who is silent for longer is named as waited for. */
const PATIENCE_MS = 400;

/** @template T */
export class MergedList {
  /** @type {Merge<T>} */
  #merge;

  /** @type {(rows: import("../core/merge.js").Merged<T>[]) => void} */
  #show;

  /** @type {(states: SourceState[]) => void} */
  #changed;

  #empty;
  #limit = STEP;
  #aborter = new AbortController();

  /** @type {Map<string, {source: Source<T>, state: SourceState,
   *     next: string | null, busy: boolean}>} */
  #asked = new Map();

  #draw = debounce(GATHER_MS, () => this.#render());

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #slow;

  #waited = false;

  /** @type {IntersectionObserver} */
  #observer;

  /** Stands below the list. */
  foot = h("div", { class: "list-foot", role: "status" });

  /**
   * @param {object} list
   * @param {(item: T) => string} list.key  greater: stands before
   * @param {(rows: import("../core/merge.js").Merged<T>[]) => void} list.show
   *     all rows from the first on, each time
   * @param {(states: SourceState[]) => void} list.changed
   * @param {string} list.empty  said when there is nothing
   */
  constructor({ key, show, changed, empty }) {
    this.#merge = new Merge(key);
    this.#show = show;
    this.#changed = changed;
    this.#empty = empty;
    this.#observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        this.#further();
      }
    }, { rootMargin: "400px" });
    this.#observer.observe(this.foot);
  }

  /** @returns {SourceState[]} */
  get states() {
    return [...this.#asked.values()].map(({ state }) => state);
  }

  /** @param {Source<T>[]} sources  asked from the top, instead of all others */
  restart(sources) {
    this.#aborter.abort();
    this.#aborter = new AbortController();
    this.#merge.clear();
    this.#asked.clear();
    this.#limit = STEP;
    this.#wait();
    for (const source of sources) {
      this.add(source);
    }
    this.#changed(this.states);
    if (sources.length === 0) {
      this.#draw();
    }
  }

  /** @param {Source<T>} source  one more, or one to be asked again */
  add(source) {
    const { id, name } = source;
    this.#merge.remove(id);
    this.#asked.set(id, { source, next: null, busy: false,
      state: { id, name, state: "asking", error: null, count: 0,
        partly: false } });
    void this.#ask(id);
  }

  /** @param {string} id */
  remove(id) {
    this.#asked.delete(id);
    this.#merge.remove(id);
    this.#changed(this.states);
    this.#draw();
  }

  /** @param {string} id  one that failed goes on where it stood */
  again(id) {
    const asked = this.#asked.get(id);
    if (asked && !asked.busy) {
      asked.state = { ...asked.state, state: "asking", error: null };
      this.#changed(this.states);
      this.#wait();
      void this.#ask(id);
    }
  }

  close() {
    this.#aborter.abort();
    this.#observer.disconnect();
    this.#draw.cancel();
    clearTimeout(this.#slow);
  }

  /** @param {string} id */
  async #ask(id) {
    const asked = this.#asked.get(id);
    if (!asked || asked.busy) {
      return;
    }
    asked.busy = true;
    const { signal } = this.#aborter;
    const current = () => !signal.aborted && this.#asked.get(id) === asked;
    try {
      const page = await asked.source.fetch(asked.next, signal);
      if (!current()) {
        return;
      }
      asked.next = page.next;
      this.#merge.add(id, page.items, page.next !== null);
      asked.state = { ...asked.state, state: "answered", partly: false,
        count: this.#merge.count(id) };
    } catch (error) {
      if (!current()) {
        return;
      }
      this.#merge.stop(id);
      asked.state = { ...asked.state, error, partly: asked.next !== null,
        state: error instanceof HttpError && error.status === 403
          ? "refused" : "failed" };
    } finally {
      asked.busy = false;
    }
    this.#changed(this.states);
    this.#draw();
  }

  #render() {
    const { rows, wanting } = this.#merge.take(this.#limit);
    const states = this.states;
    const asking = states.filter(({ state }) => state === "asking");
    if (rows.length > 0 || asking.length === 0) {
      this.#show(rows);
    }
    for (const id of wanting) {
      void this.#ask(id);
    }
    this.#say(rows.length, asking);
    if (rows.length === this.#limit && this.#inSight()) {
      this.#further();
    }
  }

  #further() {
    if (this.#merge.take(this.#limit).rows.length === this.#limit) {
      this.#limit += STEP;
      this.#draw();
    }
  }

  #wait() {
    this.#waited = false;
    clearTimeout(this.#slow);
    this.#slow = setTimeout(() => {
      this.#waited = true;
      this.#draw();
    }, PATIENCE_MS);
  }

  /**
   * @param {number} rows
   * @param {SourceState[]} asking
   */
  #say(rows, asking) {
    if (asking.length > 0) {
      setText(this.foot, !this.#waited ? ""
        : this.#asked.size === 1 ? "Searching …"
          : `Waiting for ${asking.map(({ name }) => name).join(", ")} …`);
    } else {
      const answered = this.states.some(({ state }) => state === "answered");
      setText(this.foot, rows === 0 && (answered || this.#asked.size === 0)
        ? this.#empty : "");
    }
  }

  #inSight() {
    return this.foot.isConnected
      && this.foot.getBoundingClientRect().top < innerHeight + 400;
  }
}
