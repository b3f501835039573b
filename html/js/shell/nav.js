/**
 * Who finds which pages, and the bar of the list pages.
 *
 * @typedef {object} Place
 * @property {string} page   first part of the hash
 * @property {string} title
 * @property {string[]} roles
 */

import { h, icon } from "../core/dom.js";

/** The first that a user may open is where one begins. @type {Place[]} */
export const PLACES = [
  { page: "studies", title: "Studies",
    roles: ["physician", "radiographer", "facility_admin"] },
  { page: "patients", title: "Patients",
    roles: ["physician", "radiographer", "facility_admin"] },
  { page: "reports", title: "Reports", roles: ["physician", "radiographer"] },
  { page: "users", title: "Users", roles: ["admin", "facility_admin"] },
  { page: "servers", title: "Servers", roles: ["admin"] },
  { page: "audit", title: "Audit trail", roles: ["auditor"] },
  { page: "accesses", title: "Accesses", roles: ["auditor"] },
];

/**
 * @param {import("../types.js").Rights} rights
 * @returns {Place[]}
 */
export function placesOf(rights) {
  return PLACES.filter(({ roles }) => rights.may(...roles));
}

/**
 * @param {import("../app.js").AppContext} context
 * @param {string} current  page
 * @returns {HTMLElement}
 */
export function listBar(context, current) {
  const { config, session, uploads } = context;
  const places = placesOf(session);
  const upload = uploads.node
    ? h("button", { type: "button", class: "button upload-button", title:
      "Upload DICOM files: choose them here, or drop files and folders on "
      + "the page", onclick: () => uploads.open() },
    icon("upload"), h("span", {}, "Upload")) : null;
  return h("div", { class: "list-bar" },
    h("a", { class: "brand", href: `#/${places[0]?.page ?? ""}` },
      icon("brand"), h("span", {}, config.name)),
    config.demo ? h("span", { class: "badge badge-demo" },
      "Not for diagnosis – demo") : null,
    h("nav", { "aria-label": "Pages" }, ...places.map(({ page, title }) =>
      h("a", {
        href: `#/${page}`, class: "nav-link",
        "aria-current": page === current ? "page" : null,
      }, title))),
    h("div", { class: "bar-end" }, upload));
}
