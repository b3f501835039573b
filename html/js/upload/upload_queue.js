/**
 * Uploads files to the node of the user's facility, a few at a time.
 *
 * Events: "change", "stored" (some file was stored), "open" (show the panel).
 *
 * @typedef {object} Upload
 * @property {File} file
 * @property {"waiting" | "sending" | "stored" | "present" | "refused"} state
 * @property {number} sent    bytes
 * @property {string} reason  why it was refused, or is tried again
 *
 * @typedef {{waiting: number, sending: number, stored: number,
 *     present: number, refused: number}} UploadCounts
 */

import { sleep } from "../core/latest.js";
import { trimUrl } from "../api/registry.js";

const PARALLEL = 3;
const TRIES = 6;

/** Answers that may be other ones a little later. */
const PASSING = [0, 429, 502, 503, 504];

export class UploadQueue extends EventTarget {
  /** @type {import("../core/session.js").Session} */
  #session;

  /** Base URL. @type {string | null} */
  node = null;

  /** @type {Upload[]} */
  #waiting = [];

  /** @type {Set<Upload>} */
  #sending = new Set();

  /** @type {Upload[]} */
  #refused = [];

  /** @type {Set<string>} */
  #studies = new Set();

  #stored = 0;
  #present = 0;
  #bytes = 0;
  #doneBytes = 0;
  #aborter = new AbortController();

  /** @param {import("../core/session.js").Session} session */
  constructor(session) {
    super();
    this.#session = session;
  }

  /** @returns {UploadCounts} */
  get counts() {
    return {
      waiting: this.#waiting.length, sending: this.#sending.size,
      stored: this.#stored, present: this.#present,
      refused: this.#refused.length,
    };
  }

  get busy() {
    return this.#waiting.length + this.#sending.size > 0;
  }

  get sending() {
    return [...this.#sending];
  }

  /** @returns {readonly Upload[]} */
  get refused() {
    return this.#refused;
  }

  /** UIDs of the studies that files were stored in. */
  get studies() {
    return [...this.#studies];
  }

  /** Of all bytes, 0 to 1. */
  get progress() {
    const under = this.sending.reduce((sum, { sent }) => sum + sent, 0);
    return this.#bytes > 0 ? (this.#doneBytes + under) / this.#bytes : 0;
  }

  open() {
    this.dispatchEvent(new Event("open"));
  }

  /** @param {File} file */
  add(file) {
    if (!this.busy) {
      this.#doneBytes = 0;
      this.#bytes = 0;
    }
    this.#bytes += file.size;
    this.#waiting.push({ file, state: "waiting", sent: 0, reason: "" });
    this.#start();
    this.#changed();
  }

  /** Files under way are broken off; those stored stay stored. */
  cancel() {
    this.#waiting = [];
    this.#aborter.abort();
    this.#aborter = new AbortController();
    this.#changed();
  }

  /** Forgets what is done. */
  clear() {
    this.#refused = [];
    this.#studies.clear();
    this.#stored = 0;
    this.#present = 0;
    this.#changed();
  }

  retryRefused() {
    const again = this.#refused;
    this.#refused = [];
    for (const { file } of again) {
      this.add(file);
    }
    this.#changed();
  }

  #start() {
    while (this.#sending.size < PARALLEL && this.#waiting.length > 0) {
      const upload = this.#waiting.shift();
      if (upload) {
        this.#sending.add(upload);
        upload.state = "sending";
        void this.#send(upload, this.#aborter.signal).finally(() => {
          this.#sending.delete(upload);
          this.#doneBytes += upload.file.size;
          this.#start();
          this.#changed();
        });
      }
    }
  }

  /**
   * @param {Upload} upload
   * @param {AbortSignal} signal
   */
  async #send(upload, signal) {
    for (let tries = 1; !signal.aborted; tries++) {
      const token = this.#session.token;
      const { status, body } = await this.#put(upload, token, signal);
      if (signal.aborted) {
        return;
      }
      if (status === 401 && tries <= TRIES) {
        await this.#session.refresh(token);
      } else if (PASSING.includes(status) && tries < TRIES) {
        upload.reason = status === 0
          ? "no answer, trying again" : "busy, trying again";
        upload.sent = 0;
        this.#changed();
        await sleep(Math.min(400 * 2 ** tries, 8000));
      } else {
        this.#finish(upload, status, body);
        return;
      }
    }
  }

  /**
   * @param {Upload} upload
   * @param {number} status
   * @param {Record<string, unknown>} body
   */
  #finish(upload, status, body) {
    if (status === 201 || status === 200) {
      upload.state = status === 201 ? "stored" : "present";
      if (status === 201) {
        this.#stored++;
      } else {
        this.#present++;
      }
      if (typeof body.study === "string") {
        this.#studies.add(body.study);
      }
      this.dispatchEvent(new Event("stored"));
      return;
    }
    upload.state = "refused";
    upload.reason = status === 0 ? "The node does not answer"
      : String(body.detail || body.title || `The node answered ${status}`);
    this.#refused.push(upload);
  }

  /**
   * XMLHttpRequest, because fetch does not tell how much was sent.
   *
   * @param {Upload} upload
   * @param {string | null} token
   * @param {AbortSignal} signal
   * @returns {Promise<{status: number, body: Record<string, unknown>}>}
   */
  #put(upload, token, signal) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("PUT", `${trimUrl(this.node ?? "")}/api/v1/instances`);
      request.setRequestHeader("Authorization", `Bearer ${token}`);
      request.setRequestHeader("Content-Type", "application/dicom");
      request.upload.addEventListener("progress", ({ loaded }) => {
        upload.sent = Math.min(loaded, upload.file.size);
        this.#changed();
      });
      request.addEventListener("loadend", () => {
        signal.removeEventListener("abort", abort);
        resolve({ status: request.status, body: parse(request.responseText) });
      });
      const abort = () => request.abort();
      signal.addEventListener("abort", abort, { once: true });
      request.send(upload.file);
    });
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * @param {string} text
 * @returns {Record<string, unknown>}
 */
function parse(text) {
  try {
    const json = JSON.parse(text);
    return json && typeof json === "object" ? json : {};
  } catch {
    return {};
  }
}
