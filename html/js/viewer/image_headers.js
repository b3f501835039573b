/**
 * What headers say and no list does: side and view of a mammogram, and what a
 * length in it is.  Asked for where that matters, over DICOMweb.
 *
 * Events: "change" (more is known).
 *
 * @typedef {import("../api/node.js").NodeApi} NodeApi
 * @typedef {import("../types.js").StudyDetail} StudyDetail
 *
 * @typedef {object} ImageFacts
 * @property {string} instance    UID
 * @property {string} laterality  "R", "L", "B" or ""
 * @property {string} view        "CC", "MLO" and so on, or ""
 * @property {boolean} special    the view is one of a detail, or not the usual
 * @property {boolean} raw        not for presentation
 * @property {import("./calibration.js").SpacingFacts} spacing
 *
 * @typedef {{vr: string, Value?: unknown[]}} Element
 * @typedef {Record<string, Element | undefined>} DataSet  as PS3.18 F has it
 */

import { sleep } from "../core/latest.js";

/** Of more images the headers take longer than hanging them by hand. */
const MOST_IMAGES = 48;

/** An image that is looked at for less is passed over. */
const LOOKED_AT_MS = 300;

/** Codes of PS3.16 CID 4014, as SNOMED CT and as it was before. */
const VIEWS = new Map([
  ["399162004", "CC"], ["R-10242", "CC"],
  ["399368009", "MLO"], ["R-10226", "MLO"],
  ["399260004", "ML"], ["R-10224", "ML"],
  ["399352003", "LM"], ["R-10228", "LM"],
  ["399099002", "LMO"], ["R-10230", "LMO"],
]);

export class ImageHeaders extends EventTarget {
  /** By instance. @type {Map<string, ImageFacts>} */
  #known = new Map();

  /** Instances, series and studies asked for, with when it is answered.
   * @type {Map<string, Promise<void>>} */
  #asked = new Map();

  /** What is looked at, by series. @type {Map<string, string>} */
  #looked = new Map();

  /** @param {AbortSignal} signal */
  constructor(signal) {
    super();
    this.signal = signal;
  }

  /** @param {string} instance */
  get(instance) {
    return this.#known.get(instance) ?? null;
  }

  /**
   * All images of a study, unless they are too many.
   *
   * @param {NodeApi} node
   * @param {StudyDetail} study
   */
  async load(node, study) {
    if (study.instance_count <= MOST_IMAGES) {
      await this.#ask(node, study.uid, "");
    }
  }

  /**
   * An image that is looked at, with its series where that is short: each
   * request is recorded, and a film passes by quickly.
   *
   * @param {NodeApi} node
   * @param {import("./stack.js").Stack} stack
   * @param {string} instance
   */
  want(node, { study, series, info }, instance) {
    const { signal } = this;
    const looked = this.#looked.get(series);
    if (looked === instance || this.#known.has(instance)
      || this.#asked.has(study) || this.#asked.has(series)) {
      return;
    }
    this.#looked.set(series, instance);
    sleep(LOOKED_AT_MS, signal).then(() => {
      if (this.#looked.get(series) !== instance) {
        return;
      }
      this.#looked.delete(series);
      const path = `${study}/series/${series}`;
      return info.layers <= MOST_IMAGES ? this.#ask(node, series, path)
        : this.#ask(node, instance, `${path}/instances/${instance}`);
    }).catch(() => {
      // The page is gone.
    });
  }

  /**
   * Whoever asks for what is asked for waits for the same answer.
   *
   * @param {NodeApi} node
   * @param {string} uid   asked for once
   * @param {string} path  of it below /studies; "": it is a study
   */
  #ask(node, uid, path) {
    const asked = this.#asked.get(uid) ?? this.#fetch(node, uid, path);
    this.#asked.set(uid, asked);
    return asked;
  }

  /** @param {NodeApi} node @param {string} uid @param {string} path */
  async #fetch(node, uid, path) {
    try {
      const sets = await node.metadata(path || uid, this.signal);
      for (const facts of sets.map(factsOf)) {
        this.#known.set(facts.instance, facts);
      }
      this.dispatchEvent(new Event("change"));
    } catch {
      // Asked again when it is needed again.
      this.#asked.delete(uid);
    }
  }
}

/**
 * @param {DataSet} set
 * @returns {ImageFacts}
 */
export function factsOf(set) {
  const [view] = items(set, "00540220");
  const [shared] = items(set, "52009229");
  const [anatomy] = shared ? items(shared, "00209071") : [];
  return {
    instance: text(set, "00080018"),
    laterality: text(set, "00200062") || text(set, "00200060")
      || (anatomy ? text(anatomy, "00209072") : ""),
    view: (view && VIEWS.get(text(view, "00080100")))
      ?? text(set, "00185101").toUpperCase(),
    special: Boolean(view && items(view, "00540222").length > 0),
    raw: text(set, "00080068") === "FOR PROCESSING",
    spacing: {
      pixel: pair(set, "00280030"), detector: pair(set, "00181164"),
      film: pair(set, "00182010"), calibrated: text(set, "00280A02") !== "",
    },
  };
}

/** @param {DataSet} set @param {string} tag */
function text(set, tag) {
  const value = set[tag]?.Value?.[0];
  return typeof value === "string" ? value.trim() : "";
}

/**
 * @param {DataSet} set
 * @param {string} tag  of a sequence
 */
function items(set, tag) {
  const element = set[tag];
  return /** @type {DataSet[]} */ (
    element?.vr === "SQ" ? element.Value ?? [] : []);
}

/**
 * @param {DataSet} set
 * @param {string} tag
 * @returns {[number, number] | null}
 */
function pair(set, tag) {
  const [rows, columns] = (set[tag]?.Value ?? []).map(Number);
  return rows > 0 && columns > 0 ? [rows, columns] : null;
}
