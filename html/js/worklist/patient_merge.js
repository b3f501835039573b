/**
 * Two records of one person become one: the other is searched, both stand
 * beside each other, and which lives on is chosen.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { day, joinName, sexName } from "../core/format.js";
import { explain, HttpError } from "../core/http.js";
import { debounce } from "../core/latest.js";

/** @typedef {import("../types.js").Patient} Patient */
/** @typedef {{patient: Patient, etag: string}} Read */

const SHORTEST = 10;
const LONGEST = 400;
const MOST_FOUND = 8;

/**
 * @param {import("../app.js").AppContext} context
 * @param {Read} first  whose page is open
 */
export function mergePatient(context, first) {
  return new PatientMerge(context, first).open();
}

class PatientMerge {
  /** @type {import("../app.js").AppContext} */
  #context;

  /** @type {Read} */
  #first;

  /** @type {Read | null} */
  #second = null;

  #aborter = new AbortController();

  #search = h("input", { type: "search", id: "merge-search",
    placeholder: "Name or patient number", autocomplete: "off",
    spellcheck: "false" });

  #found = h("ul", { class: "merge-found", "aria-label": "Found" });
  #pair = h("fieldset", { class: "merge-pair", hidden: true });
  #reason = h("textarea", { id: "merge-reason", rows: 2, required: true,
    minlength: SHORTEST, maxlength: LONGEST });

  #message = h("p", { class: "form-message", role: "alert" });
  #button = h("button", { class: "button button-danger", disabled: true },
    "Merge");

  /** @type {HTMLDialogElement} */
  #dialog;

  /**
   * @param {import("../app.js").AppContext} context
   * @param {Read} first
   */
  constructor(context, first) {
    this.#context = context;
    this.#first = first;
    this.#search.addEventListener("input",
      debounce(160, () => void this.#find()));
    this.#dialog = h("dialog", { class: "dialog merge-dialog",
      "aria-labelledby": "merge-title" },
    h("header", {}, h("h2", { id: "merge-title" },
      "Merge with a duplicate"),
    h("button", { type: "button", class: "tool", "aria-label": "Close",
      onclick: () => this.#dialog.close() }, icon("close"))),
    h("form", { class: "dialog-form",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        void this.#merge();
      } },
    h("div", { class: "field" }, h("label", { for: "merge-search" },
      `The other record of ${joinName(first.patient.name)}`), this.#search,
    this.#found),
    this.#pair,
    h("div", { class: "field" }, h("label", { for: "merge-reason" },
      "Why they are the same person"), this.#reason,
    h("p", { class: "field-hint" }, `At least ${SHORTEST} characters; `
      + "recorded with your name. The merge can be undone.")),
    this.#message,
    h("footer", {}, h("button", { type: "button", class: "button",
      onclick: () => this.#dialog.close() }, "Cancel"), this.#button)));
  }

  /** @returns {Promise<void>} */
  open() {
    return new Promise((resolve) => {
      this.#dialog.addEventListener("close", () => {
        this.#aborter.abort();
        this.#dialog.remove();
        resolve();
      });
      document.body.append(this.#dialog);
      this.#dialog.showModal();
      this.#search.focus();
    });
  }

  async #find() {
    this.#aborter.abort();
    this.#aborter = new AbortController();
    const { signal } = this.#aborter;
    const q = this.#search.value.trim();
    if (q === "") {
      fill(this.#found);
      return;
    }
    try {
      const { items } = await this.#context.toplevel.patients({ q }, signal);
      if (signal.aborted) {
        return;
      }
      const others = items.filter(({ id }) => id !== this.#first.patient.id);
      fill(this.#found, ...others.slice(0, MOST_FOUND).map((patient) =>
        h("li", {}, h("button", { type: "button", class: "merge-choice",
          onclick: () => void this.#choose(patient.id) },
        h("strong", {}, joinName(patient.name)),
        h("span", { class: "muted" }, factsOf(patient))))),
      others.length === 0 ? h("li", { class: "muted" },
        "No other record matches.") : null);
    } catch (error) {
      if (!signal.aborted) {
        setText(this.#message, explain(error));
      }
    }
  }

  /** @param {string} id */
  async #choose(id) {
    try {
      this.#second = await this.#context.toplevel.patient(id);
      fill(this.#found);
      this.#search.value = "";
      fill(this.#pair, h("legend", {}, "Which record lives on?"),
        this.#record(this.#first, true), this.#record(this.#second, false));
      this.#pair.hidden = false;
      this.#button.disabled = false;
      this.#reason.focus();
    } catch (error) {
      setText(this.#message, explain(error));
    }
  }

  /**
   * @param {Read} read
   * @param {boolean} chosen
   */
  #record({ patient }, chosen) {
    return h("label", { class: "merge-record" },
      h("input", { type: "radio", name: "survivor", value: patient.id,
        checked: chosen }),
      h("strong", {}, joinName(patient.name)),
      h("span", { class: "muted" }, factsOf(patient)));
  }

  async #merge() {
    const second = this.#second;
    if (!second) {
      return;
    }
    const kept = this.#dialog.querySelector("input[type=radio]:checked");
    const survivor = kept instanceof HTMLInputElement ? kept.value : "";
    const [lives, ends] = survivor === second.patient.id
      ? [second, this.#first] : [this.#first, second];
    this.#button.disabled = true;
    setText(this.#message, "");
    try {
      await this.#context.toplevel.mergePatient(ends.patient.id, ends.etag,
        lives.patient.id, this.#reason.value.trim());
      this.#dialog.close();
      const hash = `#/patients/${lives.patient.id}`;
      if (location.hash === hash) {
        dispatchEvent(new Event("hashchange"));
      } else {
        location.hash = hash;
      }
    } catch (error) {
      setText(this.#message, explain(error));
      if (error instanceof HttpError && error.status === 412) {
        await this.#stale();
      }
    } finally {
      this.#button.disabled = false;
    }
  }

  /** One was changed meanwhile: both are shown as they are now. */
  async #stale() {
    const { toplevel } = this.#context;
    this.#first = await toplevel.patient(this.#first.patient.id);
    await this.#choose(this.#second?.patient.id ?? "");
    setText(this.#message, "Somebody else changed one of them meanwhile. "
      + "Nothing was merged yet: look again whether they are the same.");
  }
}

/** @param {Patient} patient */
function factsOf(patient) {
  return [day(patient.birth_date), sexName(patient.sex),
    patient.identifiers.map(({ issuer, value }) =>
      `${value} (${issuer})`).join(", ")].filter(Boolean).join(" · ");
}
