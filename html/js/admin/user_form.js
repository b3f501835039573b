/**
 * Creating a user, or changing one; passwords for one day.
 *
 * @typedef {import("../types.js").Account} Account
 */

import { h, icon, setText } from "../core/dom.js";
import { uuid } from "../core/uuid.js";
import { explain } from "../core/http.js";
import { confirmed } from "../shell/confirm.js";
import { formDialog } from "../shell/form_dialog.js";
import { rolesToGive } from "./roles.js";

/**
 * Resolves true when something was saved.
 *
 * @param {import("../app.js").AppContext} context
 * @param {{item: Account, etag: string} | null} existing  null: a new one
 * @returns {Promise<boolean>}
 */
export async function editUser(context, existing) {
  const { toplevel } = context;
  const account = existing?.item;
  const id = account?.id ?? uuid();
  let base = existing;
  const saved = await formDialog({
    title: account ? "Change user" : "New user",
    yes: account ? "Save" : "Create",
    fields: fieldsOf(context, account),
    reread: account && (async () => {
      base = await toplevel.users.read(id);
      return valuesOf(base.item);
    }),
    submit: async (values) => {
      const input = inputOf(context, values);
      if (base) {
        await toplevel.users.change(id, input, base.etag);
      } else {
        // Nobody is to know it: the first password is one for a day.
        await toplevel.users.create(
          { id, ...input, password: `${uuid()}${uuid()}` });
      }
    },
  });
  if (saved && !account) {
    await giveFirstPassword(context, id);
  }
  return saved;
}

/**
 * @param {import("../app.js").AppContext} context
 * @param {Account | undefined} account
 * @returns {import("../shell/form_dialog.js").Field[]}
 */
function fieldsOf({ registry, session }, account) {
  const values = account ? valuesOf(account) : null;
  const facilities = registry.all.map(({ id, name }) =>
    ({ value: id, title: name }));
  return [
    { name: "name", label: "Name", required: true, value: values?.name },
    { name: "username", label: "User name", required: true,
      value: values?.username, hint: "Letters a to z, digits and . _ - @" },
    { name: "email", label: "E-mail", type: "email", value: values?.email },
    { name: "roles", label: "Roles", type: "checks", value: values?.roles,
      options: rolesToGive(session) },
    ...session.may("admin") ? [{ name: "facility", label: "Facility",
      value: values?.facility ?? "",
      options: [{ value: "", title: "None" }, ...facilities] }] : [],
  ];
}

/** @param {Account} account */
function valuesOf(account) {
  return { name: account.name, username: account.username,
    email: account.email ?? "", roles: account.roles.join(" "),
    facility: account.facility ?? "" };
}

/**
 * @param {import("../app.js").AppContext} context
 * @param {import("../shell/form_dialog.js").Values} values
 */
function inputOf({ session }, values) {
  const roles = values.roles.split(" ").filter(Boolean);
  return {
    name: values.name, username: values.username, roles,
    email: values.email || null, physician: roles.includes("physician"),
    facility: session.may("admin") ? values.facility || null
      : session.user?.facility?.id ?? null,
  };
}

/**
 * @param {import("../app.js").AppContext} context
 * @param {string} id
 */
async function giveFirstPassword(context, id) {
  try {
    const { item } = await context.toplevel.users.read(id);
    await showPassword(item,
      await context.toplevel.resetPassword(id));
  } catch (error) {
    await confirmed({ title: "The user has no password yet", yes: "OK",
      body: [h("p", {}, explain(error)),
        h("p", {}, "Use “Reset password” in the list.")] });
  }
}

/**
 * @param {import("../app.js").AppContext} context
 * @param {Account} account
 */
export async function resetPassword({ toplevel }, account) {
  const sure = await confirmed({
    title: "Reset the password?",
    body: [h("p", {}, h("strong", {}, account.name), ` (${account.username}) `
      + "cannot log in with the old password any more, and gets one that is "
      + "good for a day and to be changed at once.")],
    yes: "Reset", danger: true,
  });
  if (sure) {
    await showPassword(account, await toplevel.resetPassword(account.id));
  }
}

/**
 * Once: nobody can look it up afterwards.
 *
 * @param {Account} account
 * @param {{password: string, expires_in: number}} given
 * @returns {Promise<void>}
 */
function showPassword(account, { password, expires_in: life }) {
  const state = h("span", { class: "muted", role: "status" });
  const code = h("output", { class: "one-time", "aria-label": "Password" },
    password);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(password);
      setText(state, "Copied");
    } catch {
      getSelection()?.selectAllChildren(code);
      setText(state, "Press Ctrl C");
    }
  };
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog",
      "aria-labelledby": "one-time-title", closedby: "none",
      oncancel: (/** @type {Event} */ event) => event.preventDefault() },
    h("header", {}, h("h2", { id: "one-time-title" },
      `Password of ${account.username}`)),
    h("div", { class: "dialog-body" }, code,
      h("div", { class: "row" }, h("button", { type: "button",
        class: "button", onclick: () => void copy() }, "Copy"), state),
      h("p", { class: "warning-text" }, "It is shown only now. Tell it to "
        + `${account.name} in person; it is good for `
        + `${Math.round(life / 3600)} hours, and opens nothing until it is `
        + "changed.")),
    h("footer", {}, h("button", { type: "button",
      class: "button button-primary", onclick: () => dialog.close() },
    icon("check"), "I have passed it on")));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
