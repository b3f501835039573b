/**
 * Small pictures of series, two at a time: a stack of one instance is opened,
 * drawn and released.  What was drawn once is kept for the study.
 */

import { checkPicture, pictureQuery } from "./picture.js";
import { restView } from "./view.js";
import { Stack } from "./stack.js";

/** @typedef {import("../types.js").SeriesItem} SeriesItem */

const PARALLEL = 2;

/** @type {import("./picture.js").Quality} */
const SMALL = { format: "jpeg", quality: 80, shrink: 1 };

export class Thumbnails {
  /** @type {import("../api/node.js").NodeApi} */
  #node;

  /** @type {string} */
  #study;

  /** @type {{series: SeriesItem, canvas: HTMLCanvasElement}[]} */
  #waiting = [];

  #running = 0;
  #closed = new AbortController();

  /**
   * @param {import("../api/node.js").NodeApi} node
   * @param {string} study
   */
  constructor(node, study) {
    this.#node = node;
    this.#study = study;
  }

  /**
   * @param {SeriesItem} series
   * @param {HTMLCanvasElement} canvas
   */
  add(series, canvas) {
    this.#waiting.push({ series, canvas });
  }

  start() {
    while (this.#running < PARALLEL && this.#waiting.length > 0
      && !this.#closed.signal.aborted) {
      const next = this.#waiting.shift();
      if (next) {
        this.#running++;
        this.#draw(next.series, next.canvas).catch(() => {
          next.canvas.dataset.failed = "";
        }).finally(() => {
          this.#running--;
          this.start();
        });
      }
    }
  }

  close() {
    this.#closed.abort();
    this.#waiting = [];
  }

  /**
   * @param {SeriesItem} series
   * @param {HTMLCanvasElement} canvas
   */
  async #draw(series, canvas) {
    const pictures = series.instances.filter(({ frames }) => frames > 0);
    const instance = pictures[Math.floor((pictures.length - 1) / 2)];
    if (!instance) {
      return;
    }
    const layer = Math.floor((instance.frames - 1) / 2);
    const stack = new Stack(this.#node,
      { study: this.#study, series: series.uid, instance: instance.uid });
    try {
      await stack.open(layer);
      const { info } = stack;
      const at = Math.min(layer, info.layers - 1);
      const request = {
        view: restView(at), quality: SMALL,
        viewport: { width: canvas.width, height: canvas.height },
        image: {
          columns: info.columns, rows: info.rows, aspect: info.aspect ?? 1,
        },
      };
      const response = await this.#node.picture(info.id, at,
        pictureQuery(request), this.#closed.signal, true);
      checkPicture(request, response.headers, null, new Set([instance.uid]));
      const bitmap = await createImageBitmap(await response.blob());
      canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
      canvas.dataset.drawn = "";
      bitmap.close();
    } finally {
      stack.close();
    }
  }
}
