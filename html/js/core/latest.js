/**
 * While one piece of work is under way only the newest next one is kept.
 */

/**
 * @template T
 */
export class Latest {
  /** @type {(item: T, signal: AbortSignal) => Promise<void>} */
  #work;

  /** @type {{item: T} | null} */
  #next = null;

  /** @type {{item: T, controller: AbortController} | null} */
  #current = null;

  /** @param {(item: T, signal: AbortSignal) => Promise<void>} work */
  constructor(work) {
    this.#work = work;
  }

  /** The item under way, if any. */
  get current() {
    return this.#current ? this.#current.item : null;
  }

  get busy() {
    return this.#current !== null;
  }

  /** @param {T} item */
  push(item) {
    this.#next = { item };
    if (!this.#current) {
      this.#run();
    }
  }

  /** Forgets what waits; the item under way goes on. */
  dropWaiting() {
    this.#next = null;
  }

  /** Ends the item under way, so that the waiting one starts at once. */
  abortCurrent() {
    this.#current?.controller.abort();
  }

  clear() {
    this.#next = null;
    this.abortCurrent();
  }

  async #run() {
    while (this.#next) {
      const current = {
        item: this.#next.item, controller: new AbortController(),
      };
      this.#next = null;
      this.#current = current;
      try {
        await this.#work(current.item, current.controller.signal);
      } catch (error) {
        // The work reports its own failures; an abort is not one.
        if (!current.controller.signal.aborted) {
          console.error(error);
        }
      }
    }
    this.#current = null;
  }
}

/**
 * Calls back at most once in so many milliseconds, always with the newest
 * arguments.
 *
 * @template {unknown[]} A
 * @param {number} milliseconds
 * @param {(...args: A) => void} callback
 */
export function debounce(milliseconds, callback) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const call = (/** @type {A} */ ...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => callback(...args), milliseconds);
  };
  call.cancel = () => clearTimeout(timer);
  return call;
}

/**
 * Resolves after the time, rejects when the signal aborts.
 *
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
