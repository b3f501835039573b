/**
 * A small form over the page: fields, what was wrong, done.
 *
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [type]      of the input, default "text"
 * @property {string} [value]
 * @property {boolean} [required]
 * @property {string} [autocomplete]
 * @property {number} [minlength]
 * @property {{value: string, title: string}[]} [options]  makes it a select
 */

import { h, icon, setText } from "../core/dom.js";
import { explain, HttpError } from "../core/http.js";

let serial = 0;

/**
 * Resolves true when submit() went well, false when the user gave up.
 *
 * @param {object} form
 * @param {string} form.title
 * @param {Field[]} form.fields
 * @param {string} form.yes
 * @param {(values: Record<string, string>) => Promise<void>} form.submit
 * @returns {Promise<boolean>}
 */
export function formDialog({ title, fields, yes, submit }) {
  const prefix = `form-${++serial}`;
  const message = h("p", { class: "form-message", role: "alert" });
  const button = h("button", { class: "button button-primary" }, yes);
  const inputs = new Map(fields.map((field) =>
    [field.name, control(field, `${prefix}-${field.name}`)]));

  return new Promise((resolve) => {
    const dialog = h("dialog", {
      class: "dialog", "aria-labelledby": `${prefix}-title`,
    },
    h("header", {}, h("h2", { id: `${prefix}-title` }, title),
      h("button", { type: "button", class: "tool", "aria-label": "Close",
        onclick: () => dialog.close() }, icon("close"))),
    h("form", { class: "dialog-form", onsubmit: onSubmit },
      ...fields.map(({ name, label }) => h("div", { class: "field" },
        h("label", { for: `${prefix}-${name}` }, label),
        inputs.get(name))),
      message,
      h("footer", {},
        h("button", { type: "button", class: "button",
          onclick: () => dialog.close() }, "Cancel"), button)));

    /** @param {Event} event */
    async function onSubmit(event) {
      event.preventDefault();
      setText(message, "");
      button.disabled = true;
      try {
        await submit(Object.fromEntries([...inputs].map(([name, input]) =>
          [name, input.value.trim()])));
        dialog.close("done");
      } catch (error) {
        setText(message, error instanceof HttpError && error.status === 412
          ? "Somebody else changed this meanwhile. Close this form and look "
            + "again." : explain(error));
      } finally {
        button.disabled = false;
      }
    }

    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "done");
    });
    document.body.append(dialog);
    dialog.showModal();
    inputs.values().next().value?.focus();
  });
}

/**
 * @param {Field} field
 * @param {string} id
 */
function control(field, id) {
  const common = { id, name: field.name, required: field.required };
  if (field.options) {
    const select = h("select", common, ...field.options.map((option) =>
      h("option", { value: option.value }, option.title)));
    select.value = field.value ?? "";
    return select;
  }
  const input = h("input", {
    ...common, type: field.type ?? "text", minlength: field.minlength,
    autocomplete: field.autocomplete ?? "off", spellcheck: "false",
  });
  input.value = field.value ?? "";
  return input;
}
