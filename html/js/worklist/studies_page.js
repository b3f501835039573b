/**
 * The worklist: the studies of one facility, or of all, newest first.
 */

import { h, icon, setText } from "../core/dom.js";
import { debounce } from "../core/latest.js";
import { listBar } from "../shell/nav.js";
import { studyKey, studySource } from "./facility_studies.js";
import { downToList, keepSearch } from "./filters.js";
import { MergedList } from "./merged_list.js";
import { ModalityFilter } from "./modality_filter.js";
import { SourceNotes } from "./source_notes.js";
import { keepFocus, StudyTable } from "./study_table.js";

/** @typedef {import("../types.js").StudyItem} StudyItem */

const ALL = "all";
const SPANS = [
  { days: 0, title: "Today" }, { days: 6, title: "7 days" },
  { days: 29, title: "30 days" },
];

export class StudiesPage {
  /** @type {import("../app.js").AppContext} */
  #context;

  /** The search that is shown. */
  #shown = "";

  /** @type {MergedList<StudyItem>} */
  #list;

  #table = new StudyTable({ patient: true, facility: true });
  #notes = new SourceNotes("studies", (id) => this.#list.again(id));
  #fresh = true;
  #aborter = new AbortController();

  #search = h("input", {
    type: "search", class: "search", "aria-label": "Search studies",
    placeholder: "Patient, ID, accession or description",
    autocomplete: "off", spellcheck: "false",
  });

  #from = h("input", { type: "date", "aria-label": "From" });
  #to = h("input", { type: "date", "aria-label": "To" });

  /** @type {ModalityFilter} */
  #modality;

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
    this.bar = listBar(context, "studies");
    this.#modality = new ModalityFilter(query.get("modality") ?? "");
    this.#fillForm(query);
    this.#list = new MergedList({
      key: studyKey,
      show: (rows) => this.#show(rows),
      changed: (states) => this.#notes.show(states),
      empty: "No studies match.",
    });
    this.element = h("div", { class: "list-page" },
      h("h1", { class: "unseen" }, "Studies"), this.#form(),
      h("div", { class: "list-scroll" }, this.#notes.element,
        this.#table.element, this.#list.foot));
    context.uploads.addEventListener("stored",
      debounce(800, () => this.#restart()),
      { signal: this.#aborter.signal });
    this.#restart();
    void this.#modality.load(context.toplevel.modalities,
      this.#aborter.signal);
    queueMicrotask(() => this.#search.focus());
  }

  destroy() {
    this.#aborter.abort();
    this.#list.close();
  }

  /** @param {URLSearchParams} query */
  #fillForm(query) {
    const { registry, session } = this.#context;
    this.#facility.append(h("option", { value: ALL }, "All facilities"),
      ...registry.facilities.map(({ id, name }) =>
        h("option", { value: id }, name)));
    this.#facility.hidden = registry.facilities.length < 2;
    const own = registry.find(session.user?.facility?.id);
    this.#facility.value = query.get("facility")
      ?? own?.id ?? registry.facilities[0]?.id ?? "";
    this.#search.value = query.get("q") ?? "";
    this.#from.value = query.get("from") ?? "";
    this.#to.value = query.get("to") ?? "";
  }

  #form() {
    const soon = debounce(160, () => this.#changed());
    const form = h("form", { class: "filters", role: "search",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        this.#changed();
      } },
    h("div", { class: "search-box" }, icon("search"), this.#search),
    this.#modality.element,
    h("div", { class: "dates" }, this.#from, h("span", {}, "–"), this.#to),
    h("div", { class: "spans" }, ...SPANS.map(({ days, title }) =>
      h("button", { type: "button", class: "button button-quiet",
        onclick: () => this.#span(days) }, title)),
    h("button", { type: "button", class: "button button-quiet",
      onclick: () => this.#span(null) }, "All dates")),
    this.#facility);
    form.addEventListener("input", (event) => {
      if (event.target === this.#search) {
        soon();
      } else {
        if (event.target === this.#facility) {
          this.#modality.clear();
        }
        this.#changed();
      }
    });
    downToList(this.#search, this.#table.element);
    return form;
  }

  /** @param {number | null} days */
  #span(days) {
    this.#from.value = days === null ? "" : isoDay(-days);
    this.#to.value = days === null ? "" : isoDay(0);
    this.#changed();
  }

  #changed() {
    const values = {
      q: this.#search.value.trim(), from: this.#from.value,
      to: this.#to.value, modality: this.#modality.value,
      facility: this.#facility.hidden ? "" : this.#facility.value,
    };
    const search = JSON.stringify(values);
    if (search !== this.#shown) {
      this.#shown = search;
      keepSearch(this.#context, "studies", values);
      this.#restart();
    }
  }

  #restart() {
    const { registry } = this.#context;
    const { value } = this.#facility;
    const asked = registry.facilities.filter(({ id }) =>
      value === ALL || value === id);
    const filter = {
      q: this.#search.value.trim(), date_from: this.#from.value,
      date_to: this.#to.value, modality: this.#modality.value,
    };
    this.#fresh = true;
    this.#table.facilities = value === ALL;
    this.#list.restart(asked.map((facility) =>
      studySource(this.#context, facility, filter, asked.length === 1)));
    if (asked.length === 0) {
      setText(this.#list.foot, "No facility server is registered yet.");
    }
  }

  /** @param {import("../core/merge.js").Merged<StudyItem>[]} rows */
  #show(rows) {
    const { registry } = this.#context;
    this.#modality.note(rows.map(({ item }) => item));
    keepFocus(this.#table.element, this.#search, () => {
      this.#table.show(rows.map(({ item, source }) => ({ study: item,
        facility: source, facilityName: registry.find(source)?.name })),
      this.#fresh);
      this.#fresh = false;
    });
  }
}

/** @param {number} days  from today */
function isoDay(days) {
  const date = new Date();
  date.setDate(date.getDate() + days);
  const pad = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-`
    + pad(date.getDate());
}
