/**
 * A small form over the page: fields, what was wrong, done.
 *
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [type]      of the input, default "text"; "textarea";
 *     "checks": any of the options, its value their names with spaces between
 * @property {string} [value]
 * @property {boolean} [required]
 * @property {string} [autocomplete]
 * @property {number} [minlength]
 * @property {number} [maxlength]
 * @property {string} [hint]
 * @property {{value: string, title: string}[]} [options]  makes it a select
 *
 * @typedef {Record<string, string>} Values
 *
 * @typedef {object} Control
 * @property {Field} field
 * @property {HTMLElement} element
 * @property {HTMLElement} now    what stands there meanwhile
 * @property {() => string} read
 * @property {() => void} focus
 */

import { h, icon, setText } from "../core/dom.js";
import { explain, HttpError } from "../core/http.js";

let serial = 0;

/**
 * Resolves true when submit() went well, false when the user gave up.
 *
 * With reread a conflict (412) is no end: the form shows what somebody else
 * changed meanwhile, and may be sent once more over that.
 *
 * @param {object} form
 * @param {string} form.title
 * @param {Field[]} form.fields
 * @param {string} form.yes
 * @param {(values: Values) => Promise<void>} form.submit
 * @param {() => Promise<Values>} [form.reread]  the values that stand now
 * @param {import("../core/dom.js").Child[]} [form.intro]
 * @param {boolean} [form.danger]
 * @returns {Promise<boolean>}
 */
export function formDialog(
  { title, fields, yes, submit, reread, intro = [], danger = false }) {
  const prefix = `form-${++serial}`;
  const message = h("p", { class: "form-message", role: "alert" });
  const button = h("button", { class:
    `button ${danger ? "button-danger" : "button-primary"}` }, yes);
  const controls = fields.map((field) =>
    control(field, `${prefix}-${field.name}`));
  const dialog = h("dialog", {
    class: "dialog", "aria-labelledby": `${prefix}-title`,
  },
  h("header", {}, h("h2", { id: `${prefix}-title` }, title),
    h("button", { type: "button", class: "tool", "aria-label": "Close",
      onclick: () => dialog.close() }, icon("close"))),
  intro.length > 0 ? h("div", { class: "dialog-body" }, ...intro) : null,
  h("form", { class: "dialog-form", onsubmit: onSubmit },
    ...controls.map(({ element }) => element), message,
    h("footer", {},
      h("button", { type: "button", class: "button",
        onclick: () => dialog.close() }, "Cancel"), button)));

  /** @param {Event} event */
  async function onSubmit(event) {
    event.preventDefault();
    setText(message, "");
    button.disabled = true;
    try {
      await submit(Object.fromEntries(controls.map(({ field, read }) =>
        [field.name, read()])));
      dialog.close("done");
    } catch (error) {
      setText(message, error instanceof HttpError && error.status === 412
        ? await conflict(controls, reread) : explain(error));
    } finally {
      button.disabled = false;
    }
  }

  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "done");
    });
    document.body.append(dialog);
    dialog.showModal();
    (controls.find(({ field, read }) => field.required && read() === "")
      ?? controls[0])?.focus();
  });
}

/**
 * Shows beside each field what somebody else wrote there.
 *
 * @param {Control[]} controls
 * @param {(() => Promise<Values>) | undefined} reread
 * @returns {Promise<string>}  what to say
 */
async function conflict(controls, reread) {
  if (!reread) {
    return "Somebody else changed this meanwhile. Close this form and look "
      + "again.";
  }
  try {
    const now = await reread();
    for (const { field, now: note, read } of controls) {
      const theirs = now[field.name];
      const differs = theirs !== undefined && theirs !== read();
      setText(note, differs ? `Stands there now: ${titleOf(field, theirs)}`
        : "");
      note.hidden = !differs;
    }
    return "Somebody else changed this meanwhile. Nothing was saved yet: look "
      + "at what differs, then save again to have it as it stands here.";
  } catch (error) {
    return explain(error);
  }
}

/**
 * @param {Field} field
 * @param {string} value
 */
function titleOf({ options }, value) {
  const titles = options ? value.split(" ").map((one) =>
    options.find((option) => option.value === one)?.title ?? one)
    .join(", ") : value;
  return titles || "nothing";
}

/**
 * @param {Field} field
 * @param {string} id
 * @returns {Control}
 */
function control(field, id) {
  const now = h("p", { class: "field-now", hidden: true });
  if (field.type === "checks") {
    return checks(field, now);
  }
  const input = inputOf(field, id);
  input.value = field.value ?? "";
  return {
    field, now,
    element: h("div", { class: "field" },
      h("label", { for: id }, field.label), input,
      field.hint ? h("p", { class: "field-hint" }, field.hint) : null, now),
    read: () => input.value.trim(),
    focus: () => input.focus(),
  };
}

/**
 * @param {Field} field
 * @param {string} id
 */
function inputOf(field, id) {
  const common = { id, name: field.name, required: field.required };
  if (field.options) {
    return h("select", common, ...field.options.map((option) =>
      h("option", { value: option.value }, option.title)));
  }
  const typed = { ...common, minlength: field.minlength,
    maxlength: field.maxlength };
  return field.type === "textarea"
    ? h("textarea", { ...typed, rows: 3, spellcheck: "true" })
    : h("input", { ...typed, type: field.type ?? "text",
      autocomplete: field.autocomplete ?? "off", spellcheck: "false" });
}

/**
 * @param {Field} field
 * @param {HTMLElement} now
 * @returns {Control}
 */
function checks(field, now) {
  const chosen = new Set((field.value ?? "").split(" "));
  const boxes = (field.options ?? []).map(({ value, title }) => {
    const box = h("input", { type: "checkbox", value,
      name: field.name, checked: chosen.has(value) });
    return { box, label: h("label", { class: "check" }, box, title) };
  });
  return {
    field, now,
    element: h("fieldset", { class: "field checks" },
      h("legend", {}, field.label), ...boxes.map(({ label }) => label),
      field.hint ? h("p", { class: "field-hint" }, field.hint) : null, now),
    read: () => boxes.filter(({ box }) => box.checked)
      .map(({ box }) => box.value).join(" "),
    focus: () => boxes[0]?.box.focus(),
  };
}
