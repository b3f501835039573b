/**
 * Two connections to one server, of which one is used at a time.
 *
 * What was sent while a line was gone TCP repeats at pauses that double (RFC
 * 6298), and what is asked for next on the same connection waits behind it,
 * for seconds after the line is back.  Browsers keep requests with and without
 * credentials on connections of their own (Fetch 2.6), so a page has two.
 * When nothing is heard any more the server is asked for next to nothing on the
 * one in use, and by WebSockets, which take a new connection each and are given
 * up and begun again until one opens.  If the first is answered the server only
 * takes its time; if a WebSocket opens before, the line is there and the
 * connection is not, and all that waits is asked for again on the other one.
 * Until then new requests wait: what is not sent is not repeated late.
 *
 * @typedef {"omit" | "include"} Lane  the credentials of its requests
 *
 * @typedef {object} Flight  a request under way
 * @property {Lane} lane
 * @property {AbortSignal} signal  the caller's, or it has to move
 * @property {boolean} moved       to be asked for again
 * @property {() => void} heard    head or part of its answer came
 * @property {() => void} end
 *
 * @typedef {object} Tools
 * @property {(lane: Lane, signal: AbortSignal) => Promise<unknown>} check
 *     asks for next to nothing
 * @property {(limit: number, signal: AbortSignal) => Promise<unknown>} probe
 *     opens a WebSocket, in limit ms at most
 * @property {() => number} now  ms
 * @property {typeof sleep} sleep
 */

import { sleep } from "./latest.js";

/** Silence lasts so long, and two trips: longer than TCP needs for a loss. */
const SILENCE_MS = 700;

/** A server that takes its time is asked again after so much of that. */
const MOST_PATIENCE = 8;

/** A trip before any was measured, ms. */
const FIRST_TRIP = 250;

/** Opening a WebSocket takes three trips and some reckoning. */
const PROBE_MS = 130;
const PROBE_TRIPS = 3.5;

/** Each is tried by so much of that longer than the one before. */
const PROBE_GROWTH = 0.05;

/**
 * Chromium has WebSockets wait longer and longer of which more failed than
 * succeeded in the last minutes, so that some must; ms.
 */
const PROOF_MS = 120000;
const PROOF_LIMIT = 1500;

export class Lanes {
  /** @type {Tools} */
  #tools;

  /** @type {Lane} */
  #lane = "omit";

  /** The other one has carried an answer, too. */
  #both = false;

  /** @type {Set<Flight & {aborter: AbortController}>} */
  #flights = new Set();

  /** Requests that wait for the line. */
  #held = 0;

  #trip = FIRST_TRIP;
  #heardAt = 0;
  #provedAt = 0;
  #patience = 1;
  #watching = false;

  /** Whether the line is there is being asked. @type {Promise<void> | null} */
  #asking = null;

  /** Something was heard, or nobody waits any more. */
  #answered = () => {};

  /** @param {Tools} tools */
  constructor(tools) {
    this.#tools = tools;
  }

  /** @type {Lane} */
  get other() {
    return this.#lane === "omit" ? "include" : "omit";
  }

  /** The other one works, too: if WebSockets do, it is used where it helps. */
  async open() {
    this.#both = await this.#prove();
    void this.#watch();
  }

  async #prove() {
    this.#provedAt = this.#tools.now();
    try {
      await this.#tools.probe(PROOF_LIMIT, new AbortController().signal);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Before a request is sent; waits while nobody knows whether the line is
   * there.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<Flight>}
   */
  async begin(signal) {
    this.#held++;
    try {
      while (this.#asking) {
        await unless(signal, this.#asking);
      }
    } finally {
      this.#held--;
      this.#gone();
    }
    const asked = this.#tools.now();
    const aborter = new AbortController();
    // Behind others an answer takes the time that the line needs for those.
    const alone = this.#flights.size === 0;
    let first = true;
    const flight = {
      lane: this.#lane, moved: false, aborter,
      signal: signal ? AbortSignal.any([signal, aborter.signal])
        : aborter.signal,
      heard: () => {
        if (this.#flights.has(flight)) {
          const now = this.#tools.now();
          if (first) {
            // Soon what is shorter, slowly what is longer.
            this.#trip = Math.min(now - asked,
              this.#trip * (alone ? 1.2 : 1));
            first = false;
          }
          this.#heardAt = now;
          this.#patience = 1;
          this.#answered();
        }
      },
      end: () => {
        this.#flights.delete(flight);
        this.#gone();
      },
    };
    if (this.#flights.size === 0) {
      this.#heardAt = asked;
    }
    this.#patience = 1;
    this.#flights.add(flight);
    if (this.#both && asked - this.#provedAt > PROOF_MS) {
      void this.#prove();
    }
    void this.#watch();
    return flight;
  }

  #gone() {
    if (this.#flights.size === 0 && this.#held === 0) {
      this.#answered();
    }
  }

  async #watch() {
    if (this.#watching || !this.#both) {
      return;
    }
    this.#watching = true;
    while (this.#flights.size > 0) {
      const left = this.#heardAt - this.#tools.now()
        + this.#patience * (SILENCE_MS + 2 * this.#trip);
      if (left > 0) {
        await this.#tools.sleep(left);
      } else {
        this.#asking = this.#ask();
        await this.#asking;
      }
    }
    this.#watching = false;
  }

  async #ask() {
    const over = new AbortController();
    const { check } = this.#tools;
    const lost = await Promise.race([
      new Promise((/** @type {(lost: boolean) => void} */ resolve) => {
        this.#answered = () => resolve(false);
      }),
      // A connection that breaks is told by the requests themselves.
      check(this.#lane, over.signal).then(() => false, () => false),
      this.#probe(over.signal).then(() => true),
    ]);
    over.abort();
    this.#asking = null;
    this.#answered = () => {};
    this.#heardAt = this.#tools.now();
    this.#patience = Math.min(2 * this.#patience, MOST_PATIENCE);
    if (lost) {
      this.#move();
    }
  }

  /**
   * Resolves when a new connection was made.
   *
   * @param {AbortSignal} signal
   */
  async #probe(signal) {
    // Mostly the check is answered before.
    await this.#tools.sleep(1.5 * this.#trip, signal);
    let limit = PROBE_MS + PROBE_TRIPS * this.#trip;
    for (;; limit *= 1 + PROBE_GROWTH) {
      const begun = this.#tools.now();
      try {
        await this.#tools.probe(limit, signal);
        return;
      } catch {
        await this.#tools.sleep(
          Math.max(0, begun + limit - this.#tools.now()), signal);
      }
    }
  }

  #move() {
    this.#lane = this.other;
    const stuck = [...this.#flights];
    this.#flights.clear();
    for (const flight of stuck) {
      flight.moved = true;
      flight.aborter.abort();
    }
  }
}

/**
 * @param {AbortSignal | undefined} signal
 * @param {Promise<void>} promise
 * @returns {Promise<void>}
 */
function unless(signal, promise) {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason);
    if (signal?.aborted) {
      abort();
      return;
    }
    signal?.addEventListener("abort", abort, { once: true });
    promise.then(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, reject);
  });
}

/**
 * Those of a page.
 *
 * @param {string} origin
 * @returns {Tools}
 */
export function browserTools(origin) {
  const url = `${origin}/api/v1/line`;
  return {
    // Of no-cors any answer will do.
    check: (lane, signal) => fetch(url, { mode: "no-cors", cache: "no-store",
      credentials: lane, referrerPolicy: "no-referrer", signal }),
    probe: (limit, signal) => openSocket(url.replace(/^http/, "ws"), limit,
      signal),
    now: () => performance.now(),
    sleep,
  };
}

/**
 * @param {string} url
 * @param {number} limit  ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function openSocket(url, limit, signal) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    /** @param {() => void} settle */
    const end = (settle) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", fail);
      socket.onopen = null;
      socket.onclose = null;
      socket.close();
      settle();
    };
    const fail = () => end(() => reject(new Error("no WebSocket")));
    const timer = setTimeout(fail, limit);
    socket.onopen = () => end(resolve);
    socket.onclose = fail;
    signal.addEventListener("abort", fail, { once: true });
  });
}
