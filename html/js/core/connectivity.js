/**
 * Which servers answer.  The status line listens to "change".
 */

/**
 * @typedef {object} Trouble
 * @property {string} origin
 * @property {"lost" | "never" | "busy"} kind  never: not one answer since the
 *     page was opened, as with a certificate that the browser does not know
 * @property {number} since  ms, Date.now()
 */

/** A trouble that nobody met again for so long is over or of no interest. */
const FORGET_MS = 25000;

export class Connectivity extends EventTarget {
  /** @type {Set<string>} */
  #known = new Set();

  /** @type {Map<string, Trouble>} */
  #troubles = new Map();

  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #forgetting = new Map();

  /** @type {Set<() => void>} */
  #waiting = new Set();

  constructor() {
    super();
    addEventListener("online", () => this.#wake());
  }

  /** @returns {Trouble[]} */
  get troubles() {
    return [...this.#troubles.values()];
  }

  /** @param {string} origin */
  reached(origin) {
    this.#known.add(origin);
    if (this.#troubles.delete(origin)) {
      this.#wake();
      this.#changed();
    }
  }

  /** @param {string} origin */
  lost(origin) {
    this.#set(origin, this.#known.has(origin) ? "lost" : "never");
  }

  /** @param {string} origin */
  busy(origin) {
    this.#known.add(origin);
    this.#set(origin, "busy");
  }

  /**
   * Waits; shorter when some server or the line comes back.
   *
   * @param {number} milliseconds
   * @param {AbortSignal} [signal]
   * @returns {Promise<void>}
   */
  pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const abort = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        reject(signal?.reason);
      };
      const timer = setTimeout(done, milliseconds);
      this.#waiting.add(done);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  #wake() {
    for (const done of [...this.#waiting]) {
      done();
    }
  }

  /**
   * @param {string} origin
   * @param {Trouble["kind"]} kind
   */
  #set(origin, kind) {
    const old = this.#troubles.get(origin);
    clearTimeout(this.#forgetting.get(origin));
    this.#forgetting.set(origin, setTimeout(() => {
      if (this.#troubles.delete(origin)) {
        this.#changed();
      }
    }, FORGET_MS));
    if (old?.kind !== kind) {
      this.#troubles.set(origin,
        { origin, kind, since: old?.since ?? Date.now() });
      this.#changed();
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
