/**
 * Plays the layers.  A tick waits until the picture before it is shown, so a
 * thin line slows the film and never skips unseen.
 */

const DEFAULT_RATE = 12;
const RATES = [1, 2, 4, 6, 8, 10, 12, 15, 20, 24, 30, 40, 50, 60];

export class Cine {
  /** @type {() => boolean} */
  #step;

  /** @type {() => void} */
  #changed;

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  #rate = DEFAULT_RATE;
  #due = 0;

  /**
   * @param {() => boolean} step  goes one layer on; false: not ready yet
   * @param {() => void} changed
   */
  constructor(step, changed) {
    this.#step = step;
    this.#changed = changed;
  }

  get running() {
    return this.#timer !== undefined;
  }

  /** Pictures a second. */
  get rate() {
    return this.#rate;
  }

  /** @param {number | null | undefined} frameTime  ms, of the file */
  setFrameTime(frameTime) {
    this.#rate = frameTime && frameTime > 0
      ? Math.min(60, Math.max(1, Math.round(1000 / frameTime)))
      : DEFAULT_RATE;
  }

  /** @param {1 | -1} way */
  change(way) {
    const rates = way > 0 ? RATES : [...RATES].reverse();
    this.#rate = rates.find((rate) => (rate - this.#rate) * way > 0)
      ?? this.#rate;
    this.#changed();
  }

  toggle() {
    if (this.running) {
      this.stop();
    } else {
      this.#due = performance.now();
      this.#tick();
      this.#changed();
    }
  }

  stop() {
    if (this.running) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#changed();
    }
  }

  #tick() {
    const now = performance.now();
    const period = 1000 / this.#rate;
    if (now >= this.#due - 1 && this.#step()) {
      // No catching up after a pause: the film goes on from where it is.
      this.#due = Math.max(this.#due + period, now);
    }
    this.#timer = setTimeout(() => this.#tick(),
      Math.max(4, Math.min(this.#due - now, period)));
  }
}
