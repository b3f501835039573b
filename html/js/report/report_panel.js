/**
 * The reports of a study beside its images.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { dicomName, moment } from "../core/format.js";
import { explain } from "../core/http.js";
import { Draft } from "./draft.js";
import { ReportEditor } from "./report_editor.js";

/** @typedef {import("../types.js").Report} Report */

export class ReportPanel {
  /** @type {import("../api/facility.js").FacilityApi} */
  #facility;

  /** @type {import("../types.js").StudyDetail} */
  #study;

  /** @type {import("../types.js").Rights} */
  #session;

  /** @type {Draft | null} */
  #draft = null;

  #aborter = new AbortController();
  #cards = h("div", { class: "report-cards" });
  #notice = h("p", { class: "muted report-notice", role: "status" });

  /** @type {HTMLButtonElement} */
  #write;

  /** @type {HTMLElement} */
  element;

  /**
   * @param {import("../api/facility.js").FacilityApi} facility
   * @param {import("../types.js").StudyDetail} study
   * @param {import("../types.js").Rights} session
   */
  constructor(facility, study, session) {
    this.#facility = facility;
    this.#study = study;
    this.#session = session;
    this.#write = h("button", {
      type: "button", class: "button button-primary", hidden: true,
      onclick: () => this.#edit(null, true),
    }, icon("pen"), "Write report");
    this.element = h("div", { class: "report-panel" },
      h("header", { class: "report-head" },
        h("h2", {}, "Report"),
        h("p", { class: "muted" }, dicomName(study.patient.name))),
      this.#notice, this.#cards, this.#write);
    addEventListener("beforeunload", (event) => {
      if (this.#draft?.unsaved) {
        event.preventDefault();
      }
    }, { signal: this.#aborter.signal });
    void this.load();
  }

  close() {
    this.#aborter.abort();
    this.#draft?.close();
  }

  async load() {
    this.#say("Loading …");
    try {
      const { items } = await this.#facility.reports(this.#study.uid,
        { signal: this.#aborter.signal });
      // The one that may be changed here is read with its version.
      const full = await Promise.all(items.map((report) =>
        this.#isOwnDraft(report)
          ? this.#facility.report(report.id, { signal: this.#aborter.signal })
          : { report, etag: "" }));
      if (!this.#aborter.signal.aborted) {
        this.#show(full);
      }
    } catch (error) {
      if (!this.#aborter.signal.aborted) {
        this.#say(explain(error));
      }
    }
  }

  /** @param {Report} report */
  #isOwnDraft({ status, author }) {
    return this.#session.may("physician") && status === "draft"
      && author.id === this.#session.user?.id;
  }

  /** @param {{report: Report, etag: string}[]} reports */
  #show(reports) {
    const physician = this.#session.may("physician");
    this.#draft = null;
    fill(this.#cards);
    const own = reports.find(({ report }) => this.#isOwnDraft(report));
    if (own) {
      this.#edit(own, false);
    }
    for (const { report } of reports) {
      if (report !== own?.report) {
        this.#cards.append(this.#card(report, physician));
      }
    }
    this.#write.hidden = !physician || own !== undefined;
    this.#write.classList.toggle("button-primary", reports.length === 0);
    this.#say(reports.length === 0
      ? "No report has been written for this study." : "");
  }

  /**
   * @param {{report: Report, etag: string} | null} existing
   * @param {boolean} focus
   */
  #edit(existing, focus) {
    this.#draft = new Draft(this.#facility, this.#study.uid, existing);
    const editor = new ReportEditor(this.#draft, this.#study);
    editor.addEventListener("final", () => void this.load());
    this.#cards.prepend(editor.element);
    this.#write.hidden = true;
    this.#say("");
    if (focus) {
      editor.focus();
    }
  }

  /**
   * @param {Report} report
   * @param {boolean} physician
   */
  #card(report, physician) {
    const final = report.status === "final";
    const addenda = (report.addenda ?? []).map((addendum) =>
      h("section", { class: "addendum" },
        h("h3", {}, "Addendum"),
        h("p", { class: "report-body" }, addendum.text),
        h("p", { class: "signature" },
          `${addendum.author.name}, ${moment(addendum.created_at)}`)));
    return h("section", { class: "report-card" },
      h("header", {},
        h("span", { class: `chip chip-${report.status}` },
          final ? "Final" : "Draft"),
        h("span", { class: "muted" }, final
          ? moment(report.finalized_at) : `by ${report.author.name}`)),
      h("p", { class: "report-body" }, report.text),
      h("p", { class: "signature" }, `${report.author.name}, `
        + moment(report.finalized_at ?? report.updated_at)),
      ...addenda,
      final && physician ? this.#addendumForm(report) : null);
  }

  /** @param {Report} report */
  #addendumForm(report) {
    const text = h("textarea", { rows: 4, "aria-label": "Text of the addendum",
      class: "report-text", required: true });
    const state = h("span", { class: "save-state", role: "status" });
    const form = h("form", { class: "addendum-form",
      onsubmit: async (/** @type {Event} */ event) => {
        event.preventDefault();
        try {
          await this.#facility.addAddendum(report.id, text.value);
          await this.load();
        } catch (error) {
          setText(state, `Not saved: ${explain(error)}`);
          state.dataset.state = "trouble";
        }
      } }, text, h("footer", {}, state,
      h("button", { class: "button button-primary" }, "Add addendum")));
    return h("details", { class: "addendum-new" },
      h("summary", {}, "Addendum"), form);
  }

  /** @param {string} text */
  #say(text) {
    setText(this.#notice, text);
    this.#notice.hidden = text === "";
  }
}
