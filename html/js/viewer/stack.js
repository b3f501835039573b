/**
 * A series as a stack on the node: opened, followed while it loads, opened
 * again when the node has let it go.
 *
 * Events: "change" (state, loaded), "layers" (the list of layers is there),
 * "reopened".
 */

import { HttpError } from "../core/http.js";
import { sleep } from "../core/latest.js";
import { spacingOf } from "./calibration.js";
import { planeOf } from "./planes.js";

/** @typedef {import("../types.js").StackInfo} StackInfo */
/** @typedef {import("../types.js").LayerInfo} LayerInfo */

/** The rest may wait so long for the first picture. */
const FIRST_PICTURE_MS = 2000;

const POLL_FIRST = 150;
const POLL_MOST = 1000;

/** The node no longer has the stack; reopen it. */
const GONE = ["stack-expired", "stack-not-found"];

export class Stack extends EventTarget {
  /** @type {import("../api/node.js").NodeApi} */
  #node;

  /** @type {import("../api/node.js").StackRequest} */
  #request;

  /** @type {StackInfo | null} */
  #info = null;

  /** @type {LayerInfo[] | null} */
  #layers = null;

  /** @type {(import("./planes.js").Plane | null)[] | null} */
  #planes = null;

  /** @type {Promise<void> | null} */
  #opening = null;

  #closed = new AbortController();

  #followed = "";

  /**
   * @param {import("../api/node.js").NodeApi} node
   * @param {import("../api/node.js").StackRequest} request
   * @param {StackInfo | null} [info]  when it is open already
   */
  constructor(node, request, info = null) {
    super();
    this.#node = node;
    this.#request = request;
    if (info) {
      this.#opened(info);
    }
  }

  /** The answer of the node; open() comes first. */
  get info() {
    if (!this.#info) {
      throw new Error("The stack is not open");
    }
    return this.#info;
  }

  get isOpen() {
    return this.#info !== null;
  }

  get layers() {
    return this.#layers;
  }

  /** Where the layers lie; null: not known yet. */
  get planes() {
    this.#planes ??= this.#layers?.map((layer) =>
      planeOf(layer, spacingOf(this.info, layer.layer, layer))) ?? null;
    return this.#planes;
  }

  get study() {
    return this.#request.study;
  }

  get series() {
    return this.#request.series;
  }

  get part() {
    return this.#request.part ?? 0;
  }

  /** The only one of the series that it has; "": it has the part's. */
  get instance() {
    return this.#request.instance ?? "";
  }

  /** @param {number} [layer]  the one to load first */
  async open(layer) {
    const info = await this.#node.openStack(
      { ...this.#request, ...(layer === undefined ? {} : { layer }) },
      this.#closed.signal);
    if (this.#closed.signal.aborted) {
      this.#release(info.id);
      throw this.#closed.signal.reason;
    }
    this.#opened(info);
  }

  /** @param {StackInfo} info */
  #opened(info) {
    this.#info = info;
    this.dispatchEvent(new Event("change"));
    if (this.#followed) {
      this.follow();
    } else {
      sleep(FIRST_PICTURE_MS, this.#closed.signal).then(() => this.follow(),
        () => {});
    }
  }

  /**
   * Asks for the layers and for how far the loading is.  The first picture
   * comes before them: a thin line carries one thing at a time.
   */
  follow() {
    const { id } = this.info;
    if (this.#followed !== id) {
      this.#followed = id;
      void this.#follow(id);
      void this.#fetchLayers(id);
    }
  }

  close() {
    if (this.#closed.signal.aborted) {
      return;
    }
    this.#closed.abort();
    if (this.#info) {
      this.#release(this.#info.id);
    }
  }

  /**
   * Runs work with the id of the stack; when the node has let it go, opens it
   * again and repeats.
   *
   * @template T
   * @param {number} layer
   * @param {(id: string) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async with(layer, work) {
    for (let tries = 0; ; tries++) {
      const { id } = this.info;
      try {
        return await work(id);
      } catch (error) {
        if (!(error instanceof HttpError) || !isGone(error) || tries >= 5
          || this.#closed.signal.aborted) {
          throw error;
        }
        await this.#reopen(id, layer);
        if (tries > 0) {
          await sleep(200 * 2 ** tries, this.#closed.signal);
        }
      }
    }
  }

  /**
   * Once for all who find the stack gone.
   *
   * @param {string} gone
   * @param {number} layer
   */
  async #reopen(gone, layer) {
    if (this.info.id !== gone) {
      return;
    }
    this.#opening ??= this.open(layer).then(() => {
      this.dispatchEvent(new Event("reopened"));
    }).finally(() => {
      this.#opening = null;
    });
    await this.#opening;
  }

  /** @param {string} id */
  async #follow(id) {
    let pause = POLL_FIRST;
    while (this.#info?.id === id && this.#info.state === "loading") {
      try {
        await sleep(pause, this.#closed.signal);
        const info = await this.#node.stack(id, this.#closed.signal);
        if (this.#info?.id !== id) {
          return;
        }
        pause = info.loaded > this.#info.loaded
          ? POLL_FIRST : Math.min(pause * 1.5, POLL_MOST);
        this.#info = info;
        this.dispatchEvent(new Event("change"));
      } catch {
        // Gone or closed: the next picture asked for finds out.
        return;
      }
    }
  }

  /** @param {string} id */
  async #fetchLayers(id) {
    try {
      const { items } = await this.#node.layers(id, this.#closed.signal);
      if (this.#info?.id === id) {
        this.#layers = items;
        this.#planes = null;
        this.dispatchEvent(new Event("layers"));
      }
    } catch {
      // As above.
    }
  }

  /** @param {string} id */
  #release(id) {
    this.#node.releaseStack(id).catch(() => {
      // It expires by itself.
    });
  }
}

/** @param {HttpError} error */
function isGone(error) {
  return error.status === 410
    || (error.status === 404 && GONE.includes(error.slug));
}
