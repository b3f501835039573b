/**
 * The patients of the top level, searched as one types.
 */

import { fill, h, icon } from "../core/dom.js";
import { day, joinName, sexName } from "../core/format.js";
import { debounce } from "../core/latest.js";
import { listBar } from "../shell/nav.js";
import { downToList, keepSearch } from "./filters.js";
import { PagedList } from "./paged_list.js";
import { editPatient } from "./patient_form.js";
import { keepFocus, moveRow } from "./study_table.js";

/** @typedef {import("../types.js").Patient} Patient */

export class PatientsPage {
  /** @type {import("../app.js").AppContext} */
  #context;

  /** @type {PagedList<Patient>} */
  #list;

  #body = h("tbody");
  #search = h("input", {
    type: "search", class: "search", "aria-label": "Search patients",
    placeholder: "Name or patient number", autocomplete: "off",
    spellcheck: "false",
  });

  #born = h("input", { type: "date", id: "born" });

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
    this.bar = listBar(context, "patients");
    this.#search.value = query.get("q") ?? "";
    this.#born.value = query.get("born") ?? "";
    this.#list = new PagedList({
      fetch: (cursor, signal) => context.toplevel.patients({
        q: this.#search.value.trim(), birthDate: this.#born.value, cursor,
      }, signal),
      show: (items, first) => this.#show(items, first),
      empty: "No patients match.",
    });
    const table = h("table", { class: "list patient-table" },
      h("thead", {}, h("tr", {},
        ...["Patient", "Born", "Sex", "Numbers"].map((title) =>
          h("th", { scope: "col", class: `col-${title.toLowerCase()}` },
            title)))),
      this.#body);
    table.addEventListener("keydown", moveRow);
    this.element = h("div", { class: "list-page" },
      h("h1", { class: "unseen" }, "Patients"), this.#form(),
      h("div", { class: "list-scroll" }, table, this.#list.foot));
    void this.#list.restart();
    queueMicrotask(() => this.#search.focus());
  }

  destroy() {
    this.#list.close();
  }

  #form() {
    const soon = debounce(160, () => this.#changed());
    const form = h("form", { class: "filters", role: "search",
      onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    h("div", { class: "search-box" }, icon("search"), this.#search),
    h("label", { for: "born" }, "Born"), this.#born,
    h("div", { class: "bar-end" }, h("button", { type: "button",
      class: "button", onclick: () => void editPatient(this.#context, null,
        (id) => {
          location.hash = `#/patients/${id}`;
        }) }, icon("plus"), "New patient")));
    form.addEventListener("input", soon);
    downToList(this.#search, this.#body);
    return form;
  }

  #changed() {
    keepSearch(this.#context, "patients",
      { q: this.#search.value.trim(), born: this.#born.value });
    void this.#list.restart();
  }

  /**
   * @param {Patient[]} items
   * @param {boolean} first
   */
  #show(items, first) {
    keepFocus(this.#body, this.#search, () => {
      if (first) {
        fill(this.#body);
      }
      this.#body.append(...items.map((patient) => this.#row(patient)));
    });
  }

  /** @param {Patient} patient */
  #row(patient) {
    const link = h("a", { class: "row-link",
      href: `#/patients/${patient.id}` }, joinName(patient.name));
    return h("tr", { onclick: (/** @type {MouseEvent} */ event) => {
      if (event.target !== link && !getSelection()?.toString()) {
        link.click();
      }
    } },
    h("td", { class: "col-patient" }, link),
    h("td", { class: "col-born" }, day(patient.birth_date)),
    h("td", { class: "col-sex" }, sexName(patient.sex)),
    h("td", { class: "col-numbers" }, ...patient.identifiers.map((one) =>
      h("span", { class: "identifier" }, one.value,
        h("span", { class: "muted" }, ` ${one.issuer}`)))));
  }
}
