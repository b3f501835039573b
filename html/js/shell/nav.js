/**
 * The bar of the list pages.
 */

import { h, icon } from "../core/dom.js";

/**
 * @param {import("../app.js").AppContext} context
 * @param {"studies" | "patients"} current
 * @returns {HTMLElement}
 */
export function listBar(context, current) {
  const { config, uploads } = context;
  /**
   * @param {"studies" | "patients"} page
   * @param {string} title
   */
  const link = (page, title) => h("a", {
    href: `#/${page}`, class: "nav-link",
    "aria-current": page === current ? "page" : null,
  }, title);
  const upload = uploads.node
    ? h("button", { type: "button", class: "button", title:
      "Upload DICOM files: choose them here, or drop files and folders on "
      + "the page", onclick: () => uploads.open() },
    icon("upload"), "Upload") : null;
  return h("div", { class: "list-bar" },
    h("a", { class: "brand", href: "#/studies" }, icon("brand"),
      h("span", {}, config.name)),
    config.demo ? h("span", { class: "badge badge-demo" },
      "Not for diagnosis – demo") : null,
    h("nav", { "aria-label": "Lists" },
      link("studies", "Studies"), link("patients", "Patients")),
    h("div", { class: "bar-end" }, upload));
}
