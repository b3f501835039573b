/**
 * Brings pictures of one stack: newest wish first, from the cache where it
 * can, checked against what was asked, as many on their way at once as the
 * line holds, neighbours ahead when it is idle.
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
 *
 * @typedef {object} Flight  a picture on its way
 * @property {PictureRequest} request
 * @property {AbortController} controller
 * @property {number} wish  which wish it answers; 0: none, it is fetched ahead
 */

import { HttpError, Moved } from "../core/http.js";
import { sleep } from "../core/latest.js";
import { serverTime } from "./line_meter.js";
import { atOnce, LADDER, Sizes } from "./line_policy.js";
import {
  checkPicture, EXACT, FULL, pictureKey, pictureQuery, WrongPicture,
} from "./picture.js";
import { PictureCache } from "./picture_cache.js";
import { sameLook } from "./view.js";

/** Pictures on their way that nobody waits for. */
const AHEAD_AT_ONCE = 2;

/** Layers that a moving reader may reach next. */
const NEAR = 8;

/** After so long without an answer the reader is told. */
const SILENT_MS = 1500;

export class PictureLoader {
  /** @type {import("../api/node.js").NodeApi} */
  #node;

  /** @type {import("./stack.js").Stack} */
  #stack;

  /** Those of the series, when they are known. */
  /** @type {ReadonlySet<string> | null} */
  #instances;

  /** @type {import("./line_meter.js").LineMeter} */
  #meter;

  /** @type {LoaderClient} */
  #client;

  /** @type {PictureCache} */
  #cache;

  /** @type {Map<string, Flight>} */
  #flights = new Map();

  /** Not to be fetched ahead once more. @type {Set<string>} */
  #refused = new Set();

  /** The wish that found the line full; a newer one takes its place. */
  /** @type {PictureRequest | null} */
  #waiting = null;

  /** What #queries are of. @type {PictureRequest | null} */
  #asked = null;

  /** @type {string[]} */
  #queries = [];

  #wishes = 0;
  #shown = 0;
  #closed = false;

  /** What pictures of this series weigh. */
  sizes = new Sizes();

  /**
   * @param {import("../api/node.js").NodeApi} node
   * @param {import("./stack.js").Stack} stack
   * @param {ReadonlySet<string> | null} instances
   * @param {import("./line_meter.js").LineMeter} meter
   * @param {LoaderClient} client
   * @param {number} room  bytes of pictures to keep
   */
  constructor(node, stack, instances, meter, client, room) {
    this.#node = node;
    this.#stack = stack;
    this.#instances = instances;
    this.#meter = meter;
    this.#client = client;
    this.#cache = new PictureCache(room);
  }

  /** @param {number} room  bytes of pictures to keep from now on */
  set room(room) {
    this.#cache.limit = room;
  }

  /**
   * The series is known now, after the first pictures: none may stay that is
   * not of it.
   *
   * @param {ReadonlySet<string>} instances
   */
  setInstances(instances) {
    this.#instances = instances;
    this.#cache.keep(({ facts }) => instances.has(facts.instance));
  }

  /**
   * The layers are known, or became others when the stack was opened again:
   * no picture may stay that is not of its layer.
   */
  checkLayers() {
    const { layers } = this.#stack;
    if (layers) {
      this.#cache.keep(({ layer, facts }) =>
        layers[layer]?.instance === facts.instance
        && layers[layer].frame === facts.frame);
    }
  }

  /** True while a wish is not answered. */
  get busy() {
    return this.#shown < this.#wishes;
  }

  /**
   * The best quality in which a picture is here already, whatever quality the
   * request names.
   *
   * @param {PictureRequest} request
   */
  best(request) {
    const queries = this.#queriesOf(request);
    const { layer } = request.view;
    return LADDER.find((_, rung) =>
      this.#cache.has(`${layer}?${queries[rung]}`))?.quality ?? null;
  }

  /**
   * One for each rung; layers of one look and shape have the same.
   *
   * @param {PictureRequest} request
   */
  #queriesOf(request) {
    const { view, viewport, image } = request;
    const last = this.#asked;
    if (!last || !sameLook(last.view, view)
      || last.viewport.width !== viewport.width
      || last.viewport.height !== viewport.height
      || last.image.columns !== image.columns
      || last.image.rows !== image.rows || last.image.aspect !== image.aspect) {
      this.#asked = request;
      this.#queries = LADDER.map(({ quality }) =>
        String(pictureQuery({ ...request, quality })));
    }
    return this.#queries;
  }

  /** @param {PictureRequest} request */
  ask(request) {
    if (this.#closed) {
      return;
    }
    const key = pictureKey(request);
    const wish = ++this.#wishes;
    this.#waiting = null;
    const here = this.#cache.get(key);
    if (here) {
      this.#drop((flight) => flight.request.quality === FULL
        && flight.wish > 0);
      void this.#show(request, here, wish);
      return;
    }
    const flight = this.#flights.get(key);
    if (flight) {
      flight.wish = wish;
      return;
    }
    // The full picture of a view that the reader has left only stands in the
    // way; what was fetched ahead and lies near may be the next wish.
    this.#drop((other) => !sameView(other.request, request)
      && (other.request.quality === FULL
        || (other.wish === 0 && !isNear(other.request, request))));
    if (this.#flights.size < this.#room(request)) {
      this.#fly(key, request, wish);
    } else {
      this.#waiting = request;
    }
  }

  /** What may be wanted next is looked for again. */
  wake() {
    setTimeout(() => this.#next());
  }

  close() {
    this.#closed = true;
    this.#waiting = null;
    this.#drop(() => true);
    this.#cache.clear();
  }

  /** @param {PictureRequest} request */
  #room({ quality, viewport }) {
    return quality === FULL && this.#meter.rate === 0 ? 1
      : atOnce(this.#meter, this.sizes.expect(quality,
        viewport.width * viewport.height));
  }

  /** @param {(flight: Flight) => boolean} which */
  #drop(which) {
    for (const [key, flight] of this.#flights) {
      if (which(flight)) {
        this.#flights.delete(key);
        flight.controller.abort();
      }
    }
  }

  /**
   * @param {string} key
   * @param {PictureRequest} request
   * @param {number} wish
   */
  async #fly(key, request, wish) {
    /** @type {Flight} */
    const flight = { request, controller: new AbortController(), wish };
    this.#flights.set(key, flight);
    const { signal } = flight.controller;
    try {
      const picture = await this.#fetch(key, request, signal,
        wish === 0 || request.behind === true);
      if (this.#flights.get(key) === flight) {
        this.#flights.delete(key);
      }
      if (flight.wish > this.#shown) {
        void this.#show(request, picture, flight.wish);
      }
    } catch (error) {
      if (this.#flights.get(key) === flight) {
        this.#flights.delete(key);
      }
      if (error instanceof WrongPicture
        || (error instanceof HttpError && error.status < 500)) {
        this.#refused.add(key);
      }
      if (!signal.aborted && !this.#closed && flight.wish === this.#wishes) {
        this.#shown = flight.wish;
        this.#client.fail(request, error);
      }
    }
    this.#next();
  }

  /**
   * Decodes and hands over, unless a newer wish was answered meanwhile.
   *
   * @param {PictureRequest} request
   * @param {import("./picture_cache.js").CachedPicture} picture
   * @param {number} wish
   */
  async #show(request, { blob, facts }, wish) {
    try {
      const bitmap = await createImageBitmap(blob, EXACT);
      if (this.#closed || wish <= this.#shown) {
        bitmap.close();
        return;
      }
      this.#shown = wish;
      this.#client.show({ request, facts, bitmap });
    } catch (error) {
      if (!this.#closed && wish === this.#wishes) {
        this.#shown = wish;
        this.#client.fail(request, error);
      }
    }
    // After the client has asked for what comes next.
    setTimeout(() => this.#next());
  }

  /** Room on the line: the wish that waits, or what may be wanted next. */
  #next() {
    if (this.#closed) {
      return;
    }
    const waiting = this.#waiting;
    if (waiting) {
      if (this.#flights.size < this.#room(waiting)) {
        this.#waiting = null;
        this.#fly(pictureKey(waiting), waiting, this.#wishes);
      }
      return;
    }
    if (this.busy) {
      return;
    }
    for (;;) {
      const request = this.#client.nextAhead();
      if (!request || this.#flights.size >= AHEAD_AT_ONCE) {
        return;
      }
      this.#fly(pictureKey(request), request, 0);
    }
  }

  /**
   * On its way, or refused: not to be fetched ahead.
   *
   * @param {PictureRequest} request
   */
  isComing(request) {
    const key = pictureKey(request);
    return this.#flights.has(key) || this.#refused.has(key);
  }

  /**
   * @param {string} key
   * @param {PictureRequest} request
   * @param {AbortSignal} signal
   * @param {boolean} ahead
   */
  async #fetch(key, request, signal, ahead) {
    const { layer } = request.view;
    const { response, blob } = await this.#stack.with(layer, (id) =>
      this.#download(id, request, signal, ahead));
    const expected = this.#stack.layers?.[layer] ?? null;
    const facts = checkPicture(
      request, response.headers, expected, this.#instances);
    const picture = { blob, facts, layer };
    this.#cache.put(key, picture);
    return picture;
  }

  /**
   * @param {string} id
   * @param {PictureRequest} request
   * @param {AbortSignal} signal
   * @param {boolean} ahead
   */
  async #download(id, request, signal, ahead) {
    const { layer } = request.view;
    const { width, height } = request.viewport;
    const query = pictureQuery(request, request.most);
    for (let tries = 0; ; tries++) {
      const transfer = this.#meter.ask();
      const silence = setTimeout(() => this.#node.silent(),
        SILENT_MS + 4 * this.#meter.trip);
      try {
        const response = await this.#node.picture(id, layer, query, signal,
          ahead);
        clearTimeout(silence);
        this.#meter.answer(transfer,
          serverTime(response.headers.get("Server-Timing")));
        const blob = await response.blob();
        this.#meter.end(transfer, blob.size);
        this.sizes.learn(request.quality, width * height, blob.size);
        return { response, blob };
      } catch (error) {
        this.#meter.end(transfer, 0);
        // An answer that began and broke off, with the line: once more.
        if (signal.aborted || transfer.answered === 0 || tries >= 8) {
          throw error;
        }
        if (!(error instanceof Moved)) {
          await sleep(200 * (tries + 1), signal);
        }
      } finally {
        clearTimeout(silence);
      }
    }
  }
}

/** @param {PictureRequest} one @param {PictureRequest} other */
function sameView(one, other) {
  return one.view.layer === other.view.layer && sameLook(one.view, other.view)
    && one.viewport.width === other.viewport.width
    && one.viewport.height === other.viewport.height;
}

/** @param {PictureRequest} one @param {PictureRequest} other */
function isNear(one, other) {
  return Math.abs(one.view.layer - other.view.layer) <= NEAR
    && sameLook(one.view, other.view);
}
