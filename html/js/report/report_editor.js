/**
 * The form of a draft.
 *
 * Events: "final" (the report was finalised, here or elsewhere).
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { dicomName, day, moment } from "../core/format.js";
import { explain } from "../core/http.js";
import { confirmed } from "../shell/confirm.js";

/** @typedef {import("./draft.js").Draft} Draft */

export class ReportEditor extends EventTarget {
  /** @type {Draft} */
  #draft;

  /** @type {import("../types.js").StudyDetail} */
  #study;

  #text = h("textarea", {
    class: "report-text", rows: 12, spellcheck: "true",
    "aria-label": "Report text", placeholder: "Findings and impression",
    oninput: () => this.#edited(),
  });

  #state = h("span", { class: "save-state", role: "status" });
  #conflict = h("div", { class: "conflict", role: "alert", hidden: true });
  #finalize = h("button", {
    type: "button", class: "button button-primary", disabled: true,
    onclick: () => void this.#finalise(),
  }, icon("check"), "Finalise");

  /** @type {HTMLElement} */
  element;

  /**
   * @param {Draft} draft
   * @param {import("../types.js").StudyDetail} study
   */
  constructor(draft, study) {
    super();
    this.#draft = draft;
    this.#study = study;
    this.#text.value = draft.text;
    this.element = h("section", { class: "report-card editor",
      "aria-label": "Draft report" },
    h("header", {}, h("span", { class: "chip chip-draft" }, "Draft"),
      this.#state),
    this.#conflict, this.#text,
    h("footer", {}, this.#finalize));
    draft.addEventListener("change", () => this.#show());
    this.#show();
  }

  focus() {
    this.#text.focus();
  }

  #edited() {
    this.#draft.edit(this.#text.value);
  }

  #show() {
    const { state, savedAt, problem } = this.#draft;
    const words = {
      clean: savedAt ? `Saved ${moment(savedAt.toISOString()).slice(11)}` : "",
      dirty: this.#text.value.trim() === "" && this.#draft.savedAt
        ? "An empty text is not saved" : "Not saved yet",
      saving: "Saving …",
      trouble: `Not saved: ${problem}`,
      conflict: "Changed elsewhere",
      final: "Finalised elsewhere",
    };
    setText(this.#state, words[state]);
    this.#state.dataset.state = state;
    this.#finalize.disabled = this.#text.value.trim() === ""
      || state === "conflict" || state === "final";
    this.#showConflict();
  }

  #showConflict() {
    const { state, theirs } = this.#draft;
    const wanted = state === "conflict" || state === "final";
    if (!wanted) {
      this.#conflict.hidden = true;
      return;
    }
    if (state === "final") {
      fill(this.#conflict,
        h("p", {}, "This report has been finalised elsewhere. The text below "
          + "was not saved; copy what you need into an addendum."),
        h("button", { type: "button", class: "button",
          onclick: () => this.dispatchEvent(new Event("final")) },
        "Show the final report"));
    } else {
      fill(this.#conflict,
        h("p", {}, `This draft was changed elsewhere`
          + `${theirs ? ` (${moment(theirs.updated_at)})` : ""}. `
          + "Its text there:"),
        h("blockquote", {}, theirs?.text ?? ""),
        h("div", { class: "row" },
          h("button", { type: "button", class: "button button-primary",
            onclick: () => void this.#draft.keepMine() }, "Keep my text"),
          h("button", { type: "button", class: "button",
            onclick: () => void this.#takeTheirs() }, "Take the other text")));
    }
    this.#conflict.hidden = false;
  }

  async #takeTheirs() {
    await this.#draft.takeTheirs();
    this.#text.value = this.#draft.text;
  }

  async #finalise() {
    const { patient, description, date } = this.#study;
    const sure = await confirmed({
      title: "Finalise this report?",
      body: [
        h("p", {}, h("strong", {}, dicomName(patient.name)), ` ${patient.id
          ?? ""}`, h("br"), [description, day(date)].filter(Boolean)
          .join(", ")),
        h("p", { class: "muted" }, "Its text cannot be changed afterwards. "
          + "Additions are made as addenda."),
      ],
      yes: "Finalise",
    });
    if (!sure) {
      return;
    }
    this.#finalize.disabled = true;
    try {
      await this.#draft.finalize();
      this.dispatchEvent(new Event("final"));
    } catch (error) {
      this.#show();
      setText(this.#state, `Not finalised: ${explain(error)}`);
      this.#state.dataset.state = "trouble";
    }
  }
}
