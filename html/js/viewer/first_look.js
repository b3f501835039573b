/**
 * The first picture of a study, asked of the node as soon as the reader
 * reaches for the study: before its page is there, and before anything is
 * known of its series.  Opening the stack and drawing its middle layer are one
 * request, one way to the node and back.
 *
 * @typedef {import("../types.js").StackInfo} StackInfo
 * @typedef {import("../types.js").StudyItem} StudyItem
 * @typedef {import("./picture_loader.js").LoadedPicture} LoadedPicture
 * @typedef {import("./view.js").Box} Box
 *
 * @typedef {object} Seen
 * @property {StackInfo} info
 * @property {LoadedPicture} picture
 * @property {number} bytes
 */

import { serverTime } from "./line_meter.js";
import { movingBytes, movingQuality, Sizes } from "./line_policy.js";
import {
  checkPicture, EXACT, imageShape, pictureQuery, WrongPicture,
} from "./picture.js";
import { restView } from "./view.js";

/** After so long the ordinary way is gone, which has more patience. */
const PATIENCE_MS = 8000;

/** Unused for so long, it was not meant. */
const FORGOTTEN_MS = 4000;

/** A viewport that nobody has laid out. @type {Box} */
const UNSEEN = { width: 800, height: 800 };

export class FirstLook {
  /** @type {import("../api/node.js").NodeApi} */
  #node;

  /** @type {import("./line_meter.js").LineMeter} */
  #meter;

  /** @type {ReturnType<typeof setTimeout>} */
  #forgetting;

  #kept = false;

  closed = false;

  /** UID of the study. @type {string} */
  study;

  /** What the list says of it, if it was chosen from one. */
  item;

  /**
   * What came; null: nothing that could be shown, and the ordinary way says
   * why.
   *
   * @type {Promise<Seen | null>}
   */
  seen;

  /**
   * @param {import("../api/node.js").NodeApi} node
   * @param {string} study
   * @param {StudyItem | null} item
   * @param {import("./line_meter.js").LineMeter} meter
   * @param {Box} box  of the viewport
   */
  constructor(node, study, item, meter, box) {
    this.#node = node;
    this.#meter = meter;
    this.study = study;
    this.item = item;
    this.seen = this.#ask(box).catch(() => null);
    this.#forgetting = setTimeout(() => this.close(), FORGOTTEN_MS);
  }

  /** Who takes it keeps or closes it. */
  take() {
    clearTimeout(this.#forgetting);
  }

  /** What was seen is shown: who shows it has the stack, and closes it. */
  keep() {
    this.#kept = true;
  }

  /**
   * Nobody wants it, unless it was kept.  A request under way goes on: broken
   * off, nobody would know which stack the node opened for it.
   */
  close() {
    clearTimeout(this.#forgetting);
    if (this.closed) {
      return;
    }
    this.closed = true;
    void this.seen.then((seen) => {
      if (seen && !this.#kept) {
        seen.picture.bitmap.close();
        this.#node.releaseStack(seen.info.id).catch(() => {
          // It expires by itself.
        });
      }
    });
  }

  /**
   * @param {Box} viewport
   * @returns {Promise<Seen | null>}
   */
  async #ask(viewport) {
    const request = {
      view: restView(), viewport,
      image: { columns: 1, rows: 1, aspect: 1 },
      quality: movingQuality(this.#meter, new Sizes(),
        viewport.width * viewport.height),
      most: movingBytes(this.#meter),
    };
    const transfer = this.#meter.ask();
    let bytes = 0;
    try {
      const response = await this.#node.show({ study: this.study },
        pictureQuery(request, request.most),
        AbortSignal.timeout(PATIENCE_MS));
      this.#meter.answer(transfer,
        serverTime(response.headers.get("Server-Timing")));
      const { info, blob } = await takeApart(response);
      bytes = blob.size;
      const seen = await this.#check(request, response.headers, info, blob);
      return { ...seen, bytes };
    } finally {
      this.#meter.end(transfer, bytes);
    }
  }

  /**
   * The picture is the middle layer of a stack of this study, as it was asked
   * for.  That its instance is one of the series is found out when the series
   * is known: by PictureLoader.setInstances().
   *
   * @param {import("./picture.js").PictureRequest} request
   * @param {Headers} headers
   * @param {StackInfo} info
   * @param {Blob} blob
   */
  async #check(request, headers, info, blob) {
    const layer = Math.floor((info.layers - 1) / 2);
    if (info.study !== this.study) {
      throw new WrongPicture(`study ${info.study}`);
    }
    if (headers.get("Dicom-Layer") !== String(layer)) {
      throw new WrongPicture(`layer ${headers.get("Dicom-Layer")}`);
    }
    const of = { ...request, view: restView(layer), image: imageShape(info) };
    const facts = checkPicture(of, headers, null, null);
    const bitmap = await createImageBitmap(blob, EXACT);
    return { info, picture: { request: of, facts, bitmap } };
  }
}

/**
 * @param {Response} response  of two parts
 * @returns {Promise<{info: StackInfo, blob: Blob}>}
 */
async function takeApart(response) {
  const parts = await response.formData();
  const stack = parts.get("stack");
  const blob = parts.get("picture");
  if (typeof stack !== "string" || !(blob instanceof Blob)) {
    throw new WrongPicture("no stack or no picture");
  }
  return { info: JSON.parse(stack), blob };
}

/** The one look at a time, and how large its viewport will be. */
export class Looks {
  /** @type {FirstLook | null} */
  #look = null;

  /** @type {import("./line_meter.js").LineMeter} */
  #meter;

  /** Device pixels, as far as that is known. @type {Box | null} */
  #box = null;

  /** @param {import("./line_meter.js").LineMeter} meter */
  constructor(meter) {
    this.#meter = meter;
  }

  /** @param {Box} box */
  set box(box) {
    this.#box = { ...box };
  }

  /**
   * The reader reaches for a study; once more, and nothing new is asked for.
   *
   * @param {import("../api/node.js").NodeApi | null} node
   * @param {string} study
   * @param {StudyItem | null} item
   */
  begin(node, study, item) {
    if (this.#look?.study === study && !this.#look.closed) {
      return;
    }
    this.#look?.close();
    this.#look = node && new FirstLook(node, study, item, this.#meter,
      this.#box ?? UNSEEN);
  }

  /**
   * The look at this study that was begun, now the caller's; null: there is
   * none.
   *
   * @param {string} study
   */
  take(study) {
    const look = this.#look;
    this.#look = null;
    if (look?.study === study && !look.closed) {
      look.take();
      return look;
    }
    look?.close();
    return null;
  }
}
