/**
 * Brings pictures of one stack: newest wish first, from the cache where it
 * can, checked against what was asked, neighbours ahead when the line is idle.
 *
 * @typedef {import("./picture.js").PictureRequest} PictureRequest
 * @typedef {import("./picture.js").PictureFacts} PictureFacts
 *
 * @typedef {object} LoadedPicture
 * @property {PictureRequest} request
 * @property {PictureFacts} facts
 * @property {ImageBitmap} bitmap  owned by the receiver
 *
 * @typedef {object} LoaderClient
 * @property {(picture: LoadedPicture) => void} show
 * @property {(request: PictureRequest, error: unknown) => void} fail
 * @property {() => PictureRequest | null} nextAhead  what to fetch while idle
 */

import { Latest, sleep } from "../core/latest.js";
import { checkPicture, pictureKey, pictureQuery } from "./picture.js";
import { PictureCache } from "./picture_cache.js";

const CACHE_BYTES = 96 * 1024 * 1024;

/** Pictures are taken pixel by pixel, without any colour management. */
/** @type {ImageBitmapOptions} */
const EXACT = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

export class PictureLoader {
  /** @type {import("../api/node.js").NodeApi} */
  #node;

  /** @type {import("./stack.js").Stack} */
  #stack;

  /** @type {ReadonlySet<string>} */
  #instances;

  /** @type {import("./line_meter.js").LineMeter} */
  #meter;

  /** @type {LoaderClient} */
  #client;

  /** @type {Latest<PictureRequest>} */
  #queue;

  #cache = new PictureCache(CACHE_BYTES);

  /** @type {{key: string, controller: AbortController,
   *     done: Promise<unknown>} | null} */
  #ahead = null;

  #closed = false;

  /**
   * @param {import("../api/node.js").NodeApi} node
   * @param {import("./stack.js").Stack} stack
   * @param {ReadonlySet<string>} instances
   * @param {import("./line_meter.js").LineMeter} meter
   * @param {LoaderClient} client
   */
  constructor(node, stack, instances, meter, client) {
    this.#node = node;
    this.#stack = stack;
    this.#instances = instances;
    this.#meter = meter;
    this.#client = client;
    this.#queue = new Latest((request, signal) =>
      this.#work(request, signal));
  }

  get busy() {
    return this.#queue.busy;
  }

  /** @param {PictureRequest} request */
  has(request) {
    return this.#cache.has(pictureKey(request));
  }

  /** @param {PictureRequest} request */
  ask(request) {
    if (this.#closed) {
      return;
    }
    const key = pictureKey(request);
    if (this.#ahead && this.#ahead.key !== key) {
      this.#ahead.controller.abort();
    }
    const current = this.#queue.current;
    if (current && current.quality.format === "png"
      && request.quality.format === "jpeg" && pictureKey(current) !== key) {
      // The refinement of a view that the reader has already left.
      this.#queue.abortCurrent();
    }
    this.#queue.push(request);
  }

  close() {
    this.#closed = true;
    this.#queue.clear();
    this.#ahead?.controller.abort();
    this.#cache.clear();
  }

  /**
   * @param {PictureRequest} request
   * @param {AbortSignal} signal
   */
  async #work(request, signal) {
    const key = pictureKey(request);
    try {
      if (this.#ahead?.key === key) {
        await this.#ahead.done;
      }
      const { blob, facts } = this.#cache.get(key)
        ?? await this.#fetch(key, request, signal);
      const bitmap = await createImageBitmap(blob, EXACT);
      if (this.#closed) {
        bitmap.close();
        return;
      }
      this.#client.show({ request, facts, bitmap });
    } catch (error) {
      if (!signal.aborted && !this.#closed) {
        this.#client.fail(request, error);
      }
    }
    // After the queue has noticed that it is idle.
    setTimeout(() => void this.#fetchAhead());
  }

  /** Fetches what the client expects next, as long as nothing is asked for. */
  async #fetchAhead() {
    while (!this.#closed && !this.#queue.busy && !this.#ahead) {
      const request = this.#client.nextAhead();
      if (!request) {
        return;
      }
      const key = pictureKey(request);
      const controller = new AbortController();
      const done = this.#fetch(key, request, controller.signal)
        .then(() => true, () => false);
      this.#ahead = { key, controller, done };
      const good = await done;
      this.#ahead = null;
      if (!good) {
        return;
      }
    }
  }

  /**
   * @param {string} key
   * @param {PictureRequest} request
   * @param {AbortSignal} signal
   */
  async #fetch(key, request, signal) {
    const { layer } = request.view;
    const { response, blob } = await this.#stack.with(layer, (id) =>
      this.#download(id, request, signal));
    const expected = this.#stack.layers?.[layer] ?? null;
    const facts = checkPicture(
      request, response.headers, expected, this.#instances);
    const picture = { blob, facts };
    this.#cache.put(key, picture);
    return picture;
  }

  /**
   * @param {string} id
   * @param {PictureRequest} request
   * @param {AbortSignal} signal
   */
  async #download(id, request, signal) {
    const { layer } = request.view;
    const query = pictureQuery(request);
    for (let tries = 0; ; tries++) {
      const response = await this.#node.picture(id, layer, query, signal);
      const first = performance.now();
      try {
        const blob = await response.blob();
        this.#meter.note(request.quality,
          request.viewport.width * request.viewport.height,
          blob.size, performance.now() - first);
        return { response, blob };
      } catch (error) {
        // The line broke within the picture: ask once more.
        if (signal.aborted || tries >= 8) {
          throw error;
        }
        await sleep(200 * (tries + 1), signal);
      }
    }
  }
}
