/**
 * The page of a user whose password was given out for one day: nothing works
 * before it is changed.
 */

import { h, icon } from "../core/dom.js";
import { listBar } from "./nav.js";
import { changePassword } from "./password_form.js";

/**
 * @param {import("../app.js").AppContext} context
 * @returns {import("../app.js").Page}
 */
export function ownPasswordPage(context) {
  const change = async () => {
    if (await changePassword(context)) {
      await context.session.renew();
      location.hash = "";
      location.reload();
    }
  };
  return {
    bar: listBar(context, ""),
    element: h("div", { class: "list-page" },
      h("div", { class: "message-page" },
        h("h1", {}, "Choose your own password"),
        h("p", {}, "The one you logged in with was given to you for a day, "
          + "and opens nothing else."),
        h("p", { class: "muted" }, "If you have chosen one already, your "
          + "account has no roles yet: ask who manages the users."),
        h("button", { type: "button", class: "button button-primary",
          onclick: () => void change() }, icon("key"), "Change password"))),
    destroy: () => {},
  };
}
