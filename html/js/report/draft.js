/**
 * A draft that saves itself: one write at a time, always the newest text, and
 * never over somebody else's.
 *
 * Events: "change" (state).
 *
 * @typedef {import("../types.js").Report} Report
 * @typedef {"clean" | "dirty" | "saving" | "trouble" | "conflict" | "final"}
 *     DraftState
 */

import { explain, HttpError } from "../core/http.js";
import { debounce, Latest, sleep } from "../core/latest.js";
import { uuid } from "../core/uuid.js";

const PAUSE_MS = 1200;
const RETRY_MS = 4000;

export class Draft extends EventTarget {
  /** @type {import("../api/facility.js").FacilityApi} */
  #facility;

  /** @type {string} */
  #study;

  /** @type {string} */
  #id;

  /** @type {string | null} */
  #etag;

  /** Text that the server has. */
  #saved;

  #text;

  /** @type {DraftState} */
  #state = "clean";

  /** @type {Report | null} */
  #theirs = null;

  #problem = "";

  /** @type {Date | null} */
  #savedAt = null;

  /** @type {Latest<string>} */
  #queue = new Latest((text, signal) => this.#save(text, signal));

  #later = debounce(PAUSE_MS, () => this.#queue.push(this.#text));

  /**
   * @param {import("../api/facility.js").FacilityApi} facility
   * @param {string} study
   * @param {{report: Report, etag: string} | null} existing  null: new
   */
  constructor(facility, study, existing) {
    super();
    this.#facility = facility;
    this.#study = study;
    this.#id = existing?.report.id ?? uuid();
    this.#etag = existing?.etag ?? null;
    this.#saved = existing?.report.text ?? "";
    this.#text = this.#saved;
    this.#savedAt = existing ? new Date(existing.report.updated_at) : null;
  }

  get id() {
    return this.#id;
  }

  get text() {
    return this.#text;
  }

  get state() {
    return this.#state;
  }

  get savedAt() {
    return this.#savedAt;
  }

  get problem() {
    return this.#problem;
  }

  /** What the server has instead, in a conflict. */
  get theirs() {
    return this.#theirs;
  }

  get unsaved() {
    return this.#text !== this.#saved;
  }

  /** @param {string} text */
  edit(text) {
    this.#text = text;
    if (this.#state !== "conflict" && this.#state !== "final") {
      this.#set(this.unsaved ? "dirty" : "clean");
      this.#later();
    }
  }

  /** Writes at once what is not written yet; resolves when the queue is done. */
  async flush() {
    this.#later.cancel();
    if (this.unsaved && ["dirty", "trouble"].includes(this.#state)) {
      this.#queue.push(this.#text);
    }
    for (let n = 0; this.#queue.busy && n < 200; n++) {
      await sleep(50);
    }
    return this.#state === "clean" && !this.unsaved;
  }

  /** Conflict: this text goes over theirs. */
  async keepMine() {
    if (await this.#adopt()) {
      this.#queue.push(this.#text);
    }
  }

  /** Conflict: theirs replaces this text. */
  async takeTheirs() {
    if (await this.#adopt()) {
      this.#text = this.#saved;
      this.#set("clean");
    }
  }

  /** @returns {Promise<Report>} */
  async finalize() {
    if (!await this.flush() || !this.#etag) {
      throw new Error(this.#problem || "The text is not saved yet");
    }
    try {
      const { report } = await this.#facility.finalizeReport(
        this.#id, this.#etag);
      return report;
    } catch (error) {
      await this.#refused(error);
      throw error;
    }
  }

  close() {
    this.#later.cancel();
    if (this.unsaved && ["dirty", "trouble"].includes(this.#state)) {
      this.#queue.push(this.#text);
    }
  }

  /** @returns {Promise<boolean>} */
  async #adopt() {
    try {
      const { report, etag } = await this.#facility.report(this.#id);
      this.#theirs = null;
      this.#etag = etag;
      this.#saved = report.text;
      this.#savedAt = new Date(report.updated_at);
      if (report.status === "final") {
        this.#set("final");
        return false;
      }
      this.#set("dirty");
      return true;
    } catch (error) {
      this.#problem = explain(error);
      this.#set(this.#state);
      return false;
    }
  }

  /**
   * @param {string} text
   * @param {AbortSignal} signal
   */
  async #save(text, signal) {
    if (text === this.#saved || this.#state === "conflict"
      || this.#state === "final" || text.trim() === "") {
      return;
    }
    this.#set("saving");
    try {
      const { report, etag } = this.#etag
        ? await this.#facility.saveReport(this.#id, text, this.#etag)
        : await this.#facility.createReport(this.#study, this.#id, text);
      this.#etag = etag;
      this.#saved = report.text ?? text;
      if (this.#saved !== text && this.#text === text) {
        // The server keeps a tidied form of it.
        this.#saved = text;
      }
      this.#savedAt = new Date();
      this.#problem = "";
      this.#set(this.unsaved ? "dirty" : "clean");
      if (this.unsaved) {
        this.#later();
      }
    } catch (error) {
      if (!signal.aborted) {
        await this.#refused(error);
      }
    }
  }

  /** @param {unknown} error */
  async #refused(error) {
    this.#problem = explain(error);
    if (error instanceof HttpError && error.status === 412) {
      try {
        const { report, etag } = await this.#facility.report(this.#id);
        if (report.text === this.#text && report.status === "draft") {
          // A save whose answer was lost.
          this.#etag = etag;
          this.#saved = report.text;
          this.#set("clean");
          return;
        }
        this.#theirs = report;
        this.#set(report.status === "final" ? "final" : "conflict");
      } catch {
        this.#set("trouble");
      }
    } else if (error instanceof HttpError && error.status === 409
      && error.slug === "report-final") {
      this.#set("final");
    } else {
      this.#set("trouble");
      const passing = !(error instanceof HttpError) || error.status >= 500;
      if (passing) {
        setTimeout(() => {
          if (this.#state === "trouble" && this.unsaved) {
            this.#queue.push(this.#text);
          }
        }, RETRY_MS);
      }
    }
  }

  /** @param {DraftState} state */
  #set(state) {
    this.#state = state;
    this.dispatchEvent(new Event("change"));
  }
}
