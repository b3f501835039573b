/**
 * Who is logged in, and the way out.
 */

import { h, icon } from "../core/dom.js";
import { changePassword } from "./password_form.js";

/**
 * @param {import("../app.js").AppContext} context
 * @returns {HTMLElement}
 */
export function userMenu(context) {
  const { session } = context;
  const { user } = session;
  const roles = (user?.roles ?? []).map((role) => role.replace("_", " "));
  const menu = h("details", { class: "user-menu",
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape" && menu.open) {
        // Not a step back to the list.
        event.preventDefault();
        menu.open = false;
        menu.querySelector("summary")?.focus();
      }
    } },
    h("summary", { "aria-label": "User" }, icon("user"),
      h("span", { class: "user-name" }, user?.name ?? "")),
    h("div", { class: "menu" },
      h("p", { class: "menu-title" }, user?.name ?? ""),
      h("p", { class: "muted" },
        [roles.join(", "), user?.facility?.name].filter(Boolean).join(" · ")),
      h("button", { type: "button", class: "button",
        onclick: () => void changePassword(context) }, icon("key"),
      "Change password"),
      h("button", { type: "button", class: "button",
        onclick: () => session.logout() }, icon("logout"), "Log out")));
  return menu;
}
