/**
 * A table of audit records; a row opens its details.
 *
 * @typedef {import("../types.js").AuditEvent} AuditEvent
 *
 * @typedef {object} EventRow
 * @property {AuditEvent} event
 * @property {string} [trail]  whose record it is, where there are several
 */

import { fill, h, icon } from "../core/dom.js";
import { moment } from "../core/format.js";
import { moveRow } from "../worklist/study_table.js";
import { roleTitle } from "./roles.js";

/** What happened, in words; others are shown by their name. */
const WORDS = new Map(Object.entries({
  "login": "Login", "renewal": "Session renewed", "refused": "Refused",
  "password": "Password changed", "break-glass": "Emergency access",
  "server-start": "Server started",
  "configuration-reload": "Configuration read anew",
  "patient-list": "Patients searched", "patient-read": "Patient looked at",
  "patient-create": "Patient registered", "patient-change": "Patient changed",
  "patient-deactivate": "Patient deactivated",
  "patient-merge": "Patients merged", "patient-unmerge": "Merge undone",
  "user-list": "Users listed", "user-read": "User looked at",
  "user-create": "User created", "user-change": "User changed",
  "user-deactivate": "User deactivated", "user-reset": "Password reset",
  "facility-create": "Facility created",
  "facility-change": "Facility changed",
  "facility-deactivate": "Facility deactivated",
  "modality-create": "Modality created",
  "modality-change": "Modality changed",
  "modality-deactivate": "Modality deactivated",
  "server-create": "Server registered", "server-change": "Server changed",
  "server-deactivate": "Server taken off",
  "study-list": "Studies searched", "study-read": "Study looked at",
  "study-delete": "Study removed", "series-read": "Series looked at",
  "series-open": "Pictures opened", "series-delete": "Series removed",
  "instance-read": "Image fetched", "instance-store": "Image stored",
  "report-read": "Report read", "report-create": "Report begun",
  "report-change": "Report changed", "report-finalize": "Report finalised",
  "report-addendum": "Addendum written", "audit-read": "Audit trail read",
}));

/** The kinds that one filters by. */
export const KINDS = [...WORDS.keys()];

/** @param {string} event */
export function eventTitle(event) {
  return WORDS.get(event) ?? event;
}

/** @param {string} at  RFC 3339 */
export function exactly(at) {
  const seconds = /T\d\d:\d\d:(\d\d)/.exec(at)?.[1] ?? "00";
  return `${moment(at)}:${seconds}`;
}

export class EventTable {
  #body = h("tbody");
  #narrow;
  #withTrail;

  /** @type {HTMLTableElement} */
  element;

  /**
   * @param {object} table
   * @param {boolean} table.trail  show whose record it is
   * @param {((by: {user?: string, patient?: string, name: string}) => void)
   *     | null} table.narrow  only those of a user or patient
   */
  constructor({ trail, narrow }) {
    this.#narrow = narrow;
    this.#withTrail = trail;
    this.element = h("table", { class: "list event-table" },
      h("thead", {}, h("tr", {}, ...["Time", "Event", "Who", "On", "From",
        trail ? "Recorded by" : ""].filter(Boolean).map((title) =>
        h("th", { scope: "col", class:
          `col-${title.toLowerCase().replace(" ", "-")}` }, title)))),
      this.#body);
    this.element.addEventListener("keydown", moveRow);
  }

  clear() {
    fill(this.#body);
  }

  /** @param {EventRow[]} rows */
  append(rows) {
    this.#body.append(...rows.map((row) => this.#row(row)));
  }

  /** @param {EventRow} row */
  #row(row) {
    const { event, trail } = row;
    const failed = event.outcome === "failure";
    const open = () => this.#details(row);
    const link = h("a", { class: "row-link", href: location.hash,
      "aria-haspopup": "dialog", onclick: (/** @type {Event} */ click) => {
        click.preventDefault();
        open();
      } }, exactly(event.at));
    return h("tr", { "data-event": event.event, "data-outcome": event.outcome,
      onclick: (/** @type {Event} */ click) => {
        if (click.target !== link && !getSelection()?.toString()) {
          open();
        }
      } },
    h("td", { class: "col-time" }, link),
    h("td", { class: "col-event" }, eventTitle(event.event), failed
      ? h("span", { class: "chip chip-failure" }, "Failed") : null,
    event.event === "break-glass" || event.user.roles.includes("emergency")
      ? h("span", { class: "chip chip-emergency" }, "Emergency") : null),
    h("td", { class: "col-who" }, event.user.name ?? event.user.id ?? "",
      h("span", { class: "muted" },
        event.user.roles.map((role) => ` ${roleTitle(role)}`).join(","))),
    h("td", { class: "col-on" }, event.patient ?? event.object
      ?? event.detail ?? ""),
    h("td", { class: "col-from" }, event.address ?? ""),
    this.#withTrail ? h("td", { class: "col-recorded-by" },
      trail ?? event.server ?? "") : null);
  }

  /** @param {EventRow} row */
  #details({ event }) {
    const narrow = this.#narrow;
    const { user } = event;
    /** @type {[string, string | null][]} */
    const facts = [
      ["Time", `${exactly(event.at)} (${event.at})`],
      ["Event", `${eventTitle(event.event)} (${event.event})`],
      ["Result", event.outcome], ["Who", user.name], ["Account", user.id],
      ["Roles", user.roles.map(roleTitle).join(", ")],
      ["From", event.address], ["Server", event.server],
      ["Patient", event.patient], ["Object", event.object],
      ["Detail", event.detail], ["Record", event.id],
    ];
    const only = (/** @type {string} */ text,
      /** @type {{user?: string, patient?: string, name: string}} */ by) =>
      h("button", { type: "button", class: "button", onclick: () => {
        dialog.close();
        narrow?.(by);
      } }, text);
    const dialog = h("dialog", { class: "dialog event-dialog",
      "aria-labelledby": "event-title" },
    h("header", {}, h("h2", { id: "event-title" }, eventTitle(event.event)),
      h("button", { type: "button", class: "tool", "aria-label": "Close",
        onclick: () => dialog.close() }, icon("close"))),
    h("dl", { class: "facts" }, ...facts.filter(([, value]) => value)
      .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("footer", {},
      narrow && user.id ? only("Only this user",
        { user: user.id, name: user.name ?? user.id }) : null,
      narrow && event.patient ? only("Only this patient",
        { patient: event.patient, name: event.patient }) : null,
      h("button", { type: "button", class: "button button-primary",
        onclick: () => dialog.close() }, "Close")));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }
}
