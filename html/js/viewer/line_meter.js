/**
 * Measures the line with the pictures that come anyway: how many bytes a
 * millisecond it carries, and how long it takes to answer.  Pure but for what
 * it is told and when.
 *
 * Pictures overlap, so that the time of a single one says little.  What counts
 * are the bytes of a whole stretch in which some picture was on its way, less
 * the trip of the first: rather too slow than too fast, as a page that is busy
 * notices answers late.
 */

/** Weight of a new measurement. */
const WEIGHT = 0.3;

/** Weight of the first ones. */
const FIRST_WEIGHT = 0.7;
const FIRST_SAMPLES = 3;

/** Fewer bytes say nothing of the rate. */
const LEAST_BYTES = 4096;

/** A stretch is cut after this long, ms. */
const LONGEST = 400;

/** The shortest answer of so many counts. */
const ANSWERS = 12;

/**
 * One download, from asking to the last byte.
 *
 * @typedef {object} Transfer
 * @property {number} asked
 * @property {number} answered  0: not yet
 * @property {boolean} alone  nothing else was on its way
 */

export class LineMeter {
  /** Bytes a millisecond. */
  #rate = 0;

  #samples = 0;

  /** @type {number[]} newest last, ms */
  #answers = [];

  /** Pictures on their way. @type {Set<Transfer>} */
  #flying = new Set();

  #since = 0;
  #bytes = 0;

  /** When something came. */
  #came = 0;

  #now;

  /** @param {() => number} [now]  ms */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** Bytes a millisecond, 0 before anything was measured. */
  get rate() {
    return this.#rate;
  }

  /** From asking to the answer's first byte without the server's work, ms. */
  get trip() {
    return this.#answers.length > 0 ? Math.min(...this.#answers) : 0;
  }

  /** @returns {Transfer} */
  ask() {
    const now = this.#now();
    const transfer = { asked: now, answered: 0, alone: false };
    if (this.#flying.size === 0) {
      transfer.alone = true;
      this.#came = now;
      this.#begin(now + this.trip);
    }
    this.#flying.add(transfer);
    return transfer;
  }

  /**
   * The head of the answer is there.
   *
   * @param {Transfer} transfer
   * @param {number} work  ms that the server says it needed
   */
  answer(transfer, work) {
    const now = this.#now();
    transfer.answered = now;
    if (transfer.alone) {
      this.#answers.push(Math.max(0, now - transfer.asked - work));
      if (this.#answers.length > ANSWERS) {
        this.#answers.shift();
      }
      if (this.#answers.length === 1) {
        this.#begin(now);
      } else {
        this.#since = Math.min(now, this.#since + work);
      }
    }
    if (now - work - this.#came > LONGEST + 2 * this.trip) {
      // The line was gone: this says nothing of what it carries.
      this.#begin(now);
    }
    this.#came = now;
  }

  /**
   * The last byte is there, or the transfer was given up.
   *
   * @param {Transfer} transfer
   * @param {number} bytes  0: given up, which spoils the stretch
   */
  end(transfer, bytes) {
    if (!this.#flying.delete(transfer)) {
      return;
    }
    const now = this.#now();
    this.#came = now;
    if (bytes === 0 || transfer.answered === 0) {
      this.#begin(now);
      return;
    }
    this.#bytes += bytes;
    if (this.#flying.size === 0 || now - this.#since > LONGEST) {
      this.#note(this.#bytes, now - this.#since);
      this.#begin(now);
    }
  }

  /** @param {number} now */
  #begin(now) {
    this.#since = now;
    this.#bytes = 0;
  }

  /** @param {number} bytes @param {number} time */
  #note(bytes, time) {
    if (bytes < LEAST_BYTES) {
      return;
    }
    // What arrives within a timer tick came at least that fast.
    const rate = bytes / Math.max(time, 0.5);
    const weight = this.#samples++ < FIRST_SAMPLES ? FIRST_WEIGHT : WEIGHT;
    this.#rate = this.#rate === 0 ? rate
      : Math.exp(Math.log(this.#rate)
        + weight * Math.log(rate / this.#rate));
  }
}

/**
 * What the server needed, from its Server-Timing (W3C), ms.
 *
 * @param {string | null} header  "queue;dur=0.1, draw;dur=2.5, ..."
 */
export function serverTime(header) {
  let sum = 0;
  for (const [, time] of (header ?? "").matchAll(/;\s*dur=([\d.]+)/g)) {
    sum += Number(time);
  }
  return Number.isFinite(sum) ? sum : 0;
}
