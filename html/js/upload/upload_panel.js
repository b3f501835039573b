/**
 * The panel of uploads, and the page as a place to drop files on.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { plural, size } from "../core/format.js";
import { droppedFiles } from "./file_walk.js";

/** Refused files listed one by one; the rest is counted. */
const MOST_LISTED = 200;

export class UploadPanel {
  /** @type {import("../app.js").AppContext} */
  #context;

  /** @type {import("./upload_queue.js").UploadQueue} */
  #queue;

  #title = h("h2", {}, "Upload");
  #total = h("progress", { class: "upload-total", max: 1, value: 0,
    "aria-label": "All files" });

  #summary = h("p", { class: "upload-summary", role: "status" });
  #files = h("ul", { class: "upload-files", "aria-label": "Under way" });
  #refused = h("ul", { class: "upload-refused", "aria-label": "Refused" });
  #actions = h("div", { class: "row" });
  #veil = h("div", { class: "drop-veil", hidden: true },
    h("div", {}, icon("upload"), h("p", {}, "Drop DICOM files or folders")));

  #queued = false;
  #reading = 0;
  #listed = -1;

  /** @type {HTMLElement} */
  #panel;

  /** @type {HTMLElement} */
  element;

  /** @param {import("../app.js").AppContext} context */
  constructor(context) {
    this.#context = context;
    this.#queue = context.uploads;
    this.#panel = h("section", { class: "upload-panel", hidden: true,
      "aria-label": "Upload" },
    h("header", {}, this.#title,
      h("button", { type: "button", class: "tool", "aria-label": "Close",
        onclick: () => this.#close() }, icon("close"))),
    this.#choosers(), this.#total, this.#summary, this.#files, this.#refused,
    this.#actions);
    this.element = h("div", { class: "upload" }, this.#panel, this.#veil);
    this.#queue.addEventListener("open", () => {
      this.#panel.hidden = false;
      this.#panel.querySelector("button")?.focus();
      this.#later();
    });
    this.#queue.addEventListener("change", () => this.#later());
    this.#dropping();
    addEventListener("beforeunload", (event) => {
      if (this.#queue.busy) {
        event.preventDefault();
      }
    });
  }

  #choosers() {
    const choose = (/** @type {boolean} */ folder) => {
      const input = h("input", { type: "file", multiple: true,
        webkitdirectory: folder });
      input.addEventListener("change", () => {
        for (const file of input.files ?? []) {
          this.#queue.add(file);
        }
      });
      input.click();
    };
    return h("div", { class: "upload-choose" },
      h("p", {}, "Drop files or folders anywhere, or"),
      h("button", { type: "button", class: "button",
        onclick: () => choose(false) }, "Choose files"),
      h("button", { type: "button", class: "button",
        onclick: () => choose(true) }, "Choose folder"));
  }

  #dropping() {
    const takes = (/** @type {DragEvent} */ event) =>
      event.dataTransfer?.types.includes("Files") ?? false;
    let depth = 0;
    const veil = () => {
      this.#veil.hidden = depth <= 0 || !this.#queue.node;
    };
    addEventListener("dragenter", (event) => {
      if (takes(event)) {
        depth++;
        veil();
      }
    });
    addEventListener("dragleave", (event) => {
      if (takes(event)) {
        depth--;
        veil();
      }
    });
    addEventListener("dragover", (event) => {
      if (takes(event)) {
        event.preventDefault();
      }
    });
    addEventListener("drop", (event) => {
      if (takes(event) && event.dataTransfer) {
        event.preventDefault();
        depth = 0;
        veil();
        this.#queue.open();
        void this.#read(droppedFiles(event.dataTransfer));
      }
    });
  }

  /** @param {AsyncGenerator<File>} files */
  async #read(files) {
    this.#reading++;
    try {
      for await (const file of files) {
        this.#queue.add(file);
      }
    } catch (error) {
      setText(this.#summary, `A folder could not be read: ${error}`);
    } finally {
      this.#reading--;
      this.#later();
    }
  }

  #close() {
    this.#panel.hidden = true;
    if (!this.#queue.busy) {
      this.#queue.clear();
    }
  }

  #later() {
    if (!this.#queued) {
      this.#queued = true;
      setTimeout(() => {
        this.#queued = false;
        this.#show();
      }, 80);
    }
  }

  #show() {
    const { counts, busy, progress } = this.#queue;
    const done = counts.stored + counts.present + counts.refused;
    const all = done + counts.waiting + counts.sending;
    setText(this.#title, busy || this.#reading > 0
      ? `Uploading ${done} of ${all}` : all > 0 ? "Upload finished" : "Upload");
    this.#total.hidden = !busy;
    this.#total.value = progress;
    setText(this.#summary, all === 0 ? "" : [
      `${counts.stored} stored`,
      counts.present > 0 ? `${counts.present} already there` : "",
      counts.refused > 0 ? `${counts.refused} refused` : "",
    ].filter(Boolean).join(" · "));
    fill(this.#files, ...this.#queue.sending.map(({ file, sent, reason }) =>
      h("li", {}, h("span", { class: "file-name" }, file.name),
        h("span", { class: "muted" }, reason || size(file.size)),
        h("progress", { max: file.size || 1, value: sent,
          "aria-label": file.name }))));
    this.#showRefused();
    this.#showActions(busy);
  }

  #showRefused() {
    const { refused } = this.#queue;
    if (refused.length === this.#listed) {
      return;
    }
    this.#listed = refused.length;
    fill(this.#refused, ...refused.slice(0, MOST_LISTED).map((one) =>
      h("li", {}, h("span", { class: "file-name" }, one.file.name),
        h("span", {}, one.reason))),
    refused.length > MOST_LISTED ? h("li", { class: "muted" },
      `and ${plural(refused.length - MOST_LISTED, "more file")}`) : null);
  }

  /** @param {boolean} busy */
  #showActions(busy) {
    const { studies, refused } = this.#queue;
    const { registry, session } = this.#context;
    const facility = session.user?.facility?.id
      ?? registry.facilities[0]?.id;
    fill(this.#actions,
      busy ? h("button", { type: "button", class: "button",
        onclick: () => this.#queue.cancel() }, "Cancel") : null,
      !busy && refused.length > 0 ? h("button", { type: "button",
        class: "button", onclick: () => this.#queue.retryRefused() },
      "Try refused again") : null,
      !busy && studies.length === 1 && facility ? h("a", {
        class: "button button-primary",
        href: `#/study/${facility}/${studies[0]}` }, "Open study") : null);
  }
}
