/**
 * A table of studies; a row opens its study.  Arrow keys move, Enter opens.
 */

import { fill, h } from "../core/dom.js";
import { age, clock, day, dicomName, plural } from "../core/format.js";

/** @typedef {import("../types.js").StudyItem} StudyItem */

/**
 * @typedef {object} StudyRow
 * @property {StudyItem} study
 * @property {string} facility       id
 * @property {string} [facilityName] shown when given
 * @property {string} [mark]         said before the facility's name
 * @property {() => void} [open]     instead of following the row's link
 *
 * @typedef {CustomEvent<StudyRow>} LookEvent  "look": a row is reached for
 */

export class StudyTable {
  #body = h("tbody");

  /** Rows drawn since the last clear(). @type {Map<string, HTMLElement>} */
  #drawn = new Map();

  /** @type {HTMLTableElement} */
  element;

  #withPatient;
  #withFacility;

  /**
   * @param {{patient: boolean, facility: boolean}} columns
   */
  constructor({ patient, facility }) {
    this.#withPatient = patient;
    this.#withFacility = facility;
    const head = [
      patient && "Patient", patient && "ID", patient && "Born",
      "Date", "Modality", "Description", "Accession", "Images", "Report",
      facility && "Facility",
    ].filter(Boolean);
    this.element = h("table", {
      class: `list study-table${patient ? " with-patient" : ""}`,
    }, h("thead", {}, h("tr", {},
      ...head.map((title) => h("th", { scope: "col",
        class: `col-${String(title).toLowerCase()}` }, String(title))))),
    this.#body);
    this.element.addEventListener("keydown", (event) => moveRow(event));
  }

  /** @param {boolean} shown  the column of facilities */
  set facilities(shown) {
    this.element.toggleAttribute("data-one-facility", !shown);
  }

  /**
   * These rows and no others; those that are there already stay.
   *
   * @param {StudyRow[]} rows
   * @param {boolean} fresh  draw all anew
   */
  show(rows, fresh) {
    if (fresh) {
      this.#drawn.clear();
    }
    const elements = rows.map((row) => {
      const key = `${row.mark ?? ""} ${row.facility} ${row.study.uid}`;
      const element = this.#drawn.get(key) ?? this.#row(row);
      this.#drawn.set(key, element);
      return element;
    });
    const shown = this.#body.children;
    const same = [...shown].every((one, n) => one === elements[n]);
    if (same) {
      this.#body.append(...elements.slice(shown.length));
    } else {
      fill(this.#body, ...elements);
    }
  }

  /** @param {StudyRow} row */
  #row({ study, facility, facilityName, mark, open }) {
    // An emergency's token opens its study only once it is there.
    const look = () => !open && this.element.dispatchEvent(
      new CustomEvent("look", { bubbles: true, detail: { study, facility } }));
    const href = `#/${open ? "emergency" : "study"}/${facility}/${study.uid}`;
    const { patient } = study;
    const name = dicomName(patient.name);
    const title = study.description || "Study without description";
    const link = h("a", { href, class: "row-link",
      onclick: open && ((/** @type {Event} */ event) => {
        event.preventDefault();
        open();
      }) }, this.#withPatient ? name : title);
    /** @type {(text: import("../core/dom.js").Child, kind: string) =>
     *     HTMLTableCellElement} */
    const cell = (text, kind) => h("td", { class: `col-${kind}` }, text);
    const row = h("tr", { onpointerdown: (
      /** @type {PointerEvent} */ { button, pointerType }) => {
      // A finger may be about to scroll the list.
      if (button === 0 && pointerType === "mouse") {
        look();
      }
    }, onclick: (/** @type {MouseEvent} */ event) => {
      look();
      if (!(event.target instanceof HTMLAnchorElement)
        && !getSelection()?.toString()) {
        link.click();
      }
    } });
    const years = age(patient.birth_date, study.date);
    if (this.#withPatient) {
      row.append(
        cell(link, "patient"), cell(patient.id ?? "", "id"),
        cell([patient.sex, day(patient.birth_date), years && `(${years})`]
          .filter(Boolean).join(" "), "born"));
    }
    row.append(
      h("td", { class: "col-date" }, day(study.date) || "no date",
        study.time ? h("span", { class: "time" }, clock(study.time)) : null),
      h("td", { class: "col-modality" }, ...study.modalities.map((one) =>
        h("span", { class: "modality-chip" }, one))),
      cell(this.#withPatient ? study.description ?? "" : link, "description"),
      cell(study.accession ?? "", "accession"),
      h("td", { class: "col-images",
        title: plural(study.series_count, "series", "series") },
      String(study.instance_count),
      h("span", { class: "muted" }, ` in ${study.series_count}`)),
      h("td", { class: "col-report" }, reportChip(study)));
    if (this.#withFacility) {
      row.append(h("td", { class: "col-facility" }, mark
        ? h("span", { class: "chip chip-emergency" }, mark) : null,
      facilityName ?? ""));
    }
    return row;
  }
}

/** @param {StudyItem} study */
function reportChip({ reports }) {
  if (reports?.final > 0) {
    return h("span", { class: "chip chip-final" }, "Final");
  }
  if (reports?.draft > 0) {
    return h("span", { class: "chip chip-draft" }, "Draft");
  }
  return h("span", { class: "chip chip-none" }, "Unreported");
}

/**
 * Up and down go from row to row.
 *
 * @param {KeyboardEvent} event
 */
export function moveRow(event) {
  const row = event.target instanceof Element
    ? event.target.closest("tr") : null;
  const next = event.key === "ArrowDown" ? row?.nextElementSibling
    : event.key === "ArrowUp" ? row?.previousElementSibling : null;
  const link = next?.querySelector("a");
  if (link) {
    event.preventDefault();
    link.focus();
  }
}

/**
 * Draws a list anew; a row that had the focus has it again.  If it is gone the
 * search has it, not another row: Enter must never open somebody else.
 *
 * @param {HTMLElement} list
 * @param {HTMLElement} search
 * @param {() => void} render
 */
export function keepFocus(list, search, render) {
  const focused = document.activeElement;
  const href = focused instanceof HTMLAnchorElement && list.contains(focused)
    ? focused.getAttribute("href") : null;
  render();
  if (href !== null) {
    const same = [...list.querySelectorAll("a")].find((link) =>
      link.getAttribute("href") === href);
    (same ?? search).focus();
  }
}
