/**
 * Reports searched by their words, newest first, at one facility or at all.
 */

import { fill, h, icon } from "../core/dom.js";
import { day, dicomName, moment } from "../core/format.js";
import { debounce } from "../core/latest.js";
import { listBar } from "../shell/nav.js";
import { facilitySource } from "./facility_studies.js";
import { downToList, keepSearch } from "./filters.js";
import { MergedList } from "./merged_list.js";
import { SourceNotes } from "./source_notes.js";
import { moveRow } from "./study_table.js";

/** @typedef {import("../types.js").ReportFound} ReportFound */

const ALL = "all";

export class ReportsPage {
  /** @type {import("../app.js").AppContext} */
  #context;

  /** @type {MergedList<ReportFound>} */
  #list;

  #notes = new SourceNotes("reports", (id) => this.#list.again(id));
  #body = h("tbody");
  #search = h("input", { type: "search", "aria-label": "Search reports",
    placeholder: "Words of the text or of addenda", autocomplete: "off",
    spellcheck: "false" });

  #status = h("select", { "aria-label": "State" },
    h("option", { value: "" }, "All reports"),
    h("option", { value: "final" }, "Final"),
    h("option", { value: "draft" }, "Drafts"));

  #author = h("select", { "aria-label": "Author" },
    h("option", { value: "" }, "By anybody"),
    h("option", { value: "me" }, "By me"));

  #from = h("input", { type: "date", "aria-label": "From" });
  #to = h("input", { type: "date", "aria-label": "To" });
  #facility = h("select", { "aria-label": "Facility" });

  /** @type {HTMLElement} */
  element;

  /** @type {HTMLElement} */
  bar;

  /**
   * @param {import("../app.js").AppContext} context
   * @param {URLSearchParams} query
   */
  constructor(context, query) {
    this.#context = context;
    this.bar = listBar(context, "reports");
    this.#fillForm(query);
    this.#list = new MergedList({
      key: ({ created_at: at }) => at,
      show: (rows) => fill(this.#body, ...rows.map(({ item, source }) =>
        this.#row(item, source))),
      changed: (states) => this.#notes.show(states),
      empty: "No reports match.",
    });
    const table = h("table", { class: "list report-table" },
      h("thead", {}, h("tr", {}, ...["Begun", "Patient", "Study", "Text",
        "Author", "State", "Facility"].map((title) => h("th", { scope: "col",
        class: `col-${title.toLowerCase()}` }, title)))), this.#body);
    table.addEventListener("keydown", moveRow);
    this.element = h("div", { class: "list-page" },
      h("h1", { class: "unseen" }, "Reports"), this.#form(),
      h("div", { class: "list-scroll" }, this.#notes.element, table,
        this.#list.foot));
    this.#restart();
    queueMicrotask(() => this.#search.focus());
  }

  destroy() {
    this.#list.close();
  }

  /** @param {URLSearchParams} query */
  #fillForm(query) {
    const { registry, session } = this.#context;
    const physician = session.may("physician");
    const own = registry.find(session.user?.facility?.id);
    this.#status.hidden = !physician;
    this.#author.hidden = !physician;
    this.#facility.append(h("option", { value: ALL }, "All facilities"),
      ...registry.facilities.map(({ id, name }) =>
        h("option", { value: id }, name)));
    this.#facility.hidden = registry.facilities.length < 2;
    this.#facility.value = query.get("facility") ?? own?.id ?? ALL;
    this.#search.value = query.get("q") ?? "";
    this.#status.value = query.get("status") ?? "";
    this.#author.value = query.get("author") ?? "";
    this.#from.value = query.get("from") ?? "";
    this.#to.value = query.get("to") ?? "";
  }

  #form() {
    const form = h("form", { class: "filters", role: "search",
      onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    h("div", { class: "search-box" }, icon("search"), this.#search),
    this.#status, this.#author,
    h("div", { class: "dates" }, this.#from, h("span", {}, "–"), this.#to),
    this.#facility);
    form.addEventListener("input", debounce(200, () => this.#changed()));
    downToList(this.#search, this.#body);
    return form;
  }

  #changed() {
    keepSearch(this.#context, "reports", { q: this.#search.value.trim(), from: this.#from.value,
      to: this.#to.value, status: this.#status.value,
      author: this.#author.value,
      facility: this.#facility.hidden ? "" : this.#facility.value });
    this.#restart();
  }

  #restart() {
    const { registry, session } = this.#context;
    const { value } = this.#facility;
    const asked = registry.facilities.filter(({ id }) =>
      value === ALL || value === id);
    const filter = {
      q: this.#search.value.trim(), status: this.#status.value,
      author: this.#author.value ? session.user?.id : "",
      date_from: this.#from.value, date_to: this.#to.value, limit: "50",
    };
    this.#list.restart(asked.map((facility) => facilitySource(this.#context,
      facility, asked.length === 1, (api, cursor, options) =>
        api.searchReports({ ...filter, cursor }, options))));
  }

  /**
   * @param {ReportFound} report
   * @param {string} facility  id
   */
  #row(report, facility) {
    const { patient } = report;
    const final = report.status === "final";
    const link = h("a", { class: "row-link",
      href: `#/study/${facility}/${report.study}` }, dicomName(patient.name));
    return h("tr", { onclick: (/** @type {MouseEvent} */ event) => {
      if (event.target !== link && !getSelection()?.toString()) {
        link.click();
      }
    } },
    h("td", { class: "col-begun" },
      moment(report.created_at)),
    h("td", { class: "col-patient" }, link,
      h("span", { class: "muted" }, ` ${patient.id ?? ""}`)),
    h("td", { class: "col-study" }, [report.description,
      day(report.study_date)].filter(Boolean).join(", ")),
    h("td", { class: "col-text", title: report.excerpt }, report.excerpt),
    h("td", { class: "col-author" }, report.author.name),
    h("td", { class: "col-state" }, h("span",
      { class: `chip chip-${report.status}` }, final ? "Final" : "Draft")),
    h("td", { class: "col-facility" },
      this.#context.registry.name(facility) ?? ""));
  }
}
