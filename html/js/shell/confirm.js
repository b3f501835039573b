/**
 * A question with two answers.
 */

import { h } from "../core/dom.js";

let serial = 0;

/**
 * @param {object} question
 * @param {string} question.title
 * @param {import("../core/dom.js").Child[]} question.body
 * @param {string} question.yes
 * @param {boolean} [question.danger]
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, body, yes, danger }) {
  return new Promise((resolve) => {
    const id = `confirm-${++serial}`;
    const dialog = h("dialog", {
      class: "dialog", "aria-labelledby": id,
    },
    h("header", {}, h("h2", { id }, title)),
    h("div", { class: "dialog-body" }, ...body),
    h("footer", {},
      h("button", { type: "button", class: "button",
        onclick: () => dialog.close("no") }, "Cancel"),
      h("button", {
        type: "button", onclick: () => dialog.close("yes"),
        class: `button ${danger ? "button-danger" : "button-primary"}`,
      }, yes)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
