// What a reader sees, and when: a recorder inside the page, and the figures
// from what it kept.

/**
 * @typedef {object} Shown  another picture on the screen
 * @property {number} at      ms of the page's clock, the frame it was drawn in
 * @property {number} layer   from 0
 * @property {boolean} full   lossless, every pixel of the viewport
 *
 * @typedef {object} Input
 * @property {number} at
 * @property {number} layer   wanted after it
 */

/** Runs in the page before anything else. */
export function recorder() {
  /** @type {{shown: Shown[], inputs: Input[]}} */
  const kept = { shown: [], inputs: [] };
  Object.assign(globalThis, { kept });
  const wanted = () => Number(/** @type {HTMLInputElement | null} */ (
    document.querySelector(".slice-slider"))?.value) - 1;
  for (const type of ["keydown", "wheel", "pointerdown"]) {
    addEventListener(type, (event) => {
      const at = event.timeStamp;
      queueMicrotask(() => kept.inputs.push({ at, layer: wanted() }));
    }, { passive: true });
  }
  const observer = new MutationObserver((changes) => {
    for (const { target } of changes) {
      const { dataset } = /** @type {HTMLElement} */ (target);
      const [layer, query] = (dataset.shown ?? "").split("?");
      const asked = new URLSearchParams(query);
      const canvas = /** @type {HTMLElement} */ (target)
        .querySelector("canvas");
      const full = asked.get("format") === "png"
        && Number(asked.get("width")) === canvas?.width
        && Number(asked.get("height")) === canvas?.height;
      requestAnimationFrame((at) =>
        kept.shown.push({ at, layer: Number(layer), full }));
    }
  });
  observer.observe(document, { subtree: true, attributes: true,
    attributeFilter: ["data-shown"] });
}

/** @param {number[]} values @param {number} share */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1,
    Math.floor(sorted.length * share))] ?? NaN;
}

export class Clock {
  /** @param {import("playwright-core").Page} page */
  constructor(page) {
    this.page = page;
  }

  /** Forgets what was kept, and gives the page's time. */
  start() {
    return this.page.evaluate(() => {
      const { kept } = /** @type {any} */ (globalThis);
      kept.shown = [];
      kept.inputs = [];
      return performance.now();
    });
  }

  /** @returns {Promise<{shown: Shown[], inputs: Input[]}>} */
  kept() {
    return this.page.evaluate(() => /** @type {any} */ (globalThis).kept);
  }

  /**
   * Waits for a picture; gives the time when it was shown.
   *
   * @param {{full?: boolean, layer?: number}} [which]
   * @returns {Promise<number>}
   */
  async shown({ full, layer } = {}) {
    const handle = await this.page.waitForFunction(([full, layer]) =>
      /** @type {any} */ (globalThis).kept.shown.find(
        (/** @type {Shown} */ one) => (!full || one.full)
          && (layer === undefined || one.layer === layer))?.at,
    /** @type {[boolean | undefined, number | undefined]} */ ([full, layer]),
    { timeout: 40000, polling: 20 });
    return Number(await handle.jsonValue());
  }

  /**
   * Of inputs that all scroll the same way: how long each waited for its
   * image or a later one, and how many pictures a second came meanwhile.
   *
   * @param {1 | -1} way
   */
  async scrolling(way) {
    const { shown, inputs } = await this.kept();
    const waits = inputs.map((input) => (shown.find(({ at, layer }) =>
      at >= input.at && (layer - input.layer) * way >= 0)?.at ?? Infinity)
      - input.at);
    const first = inputs[0].at;
    const last = inputs[inputs.length - 1].at;
    const seen = shown.filter(({ at }) => at > first && at <= last).length;
    return { waits, p50: quantile(waits, 0.5), p95: quantile(waits, 0.95),
      rate: seen / (last - first) * 1000 };
  }
}
