/**
 * The users that one may manage.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { day } from "../core/format.js";
import { explain } from "../core/http.js";
import { debounce } from "../core/latest.js";
import { confirmed } from "../shell/confirm.js";
import { listBar } from "../shell/nav.js";
import { keepSearch } from "../worklist/filters.js";
import { PagedList } from "../worklist/paged_list.js";
import { moveRow } from "../worklist/study_table.js";
import { mayManage, roleTitle } from "./roles.js";
import { editUser, resetPassword } from "./user_form.js";

/** @typedef {import("../types.js").Account} Account */

const STATES = [
  { value: "true", title: "Active" },
  { value: "false", title: "Deactivated" },
  { value: "all", title: "All" },
];

export class UsersPage {
  /** @type {import("../app.js").AppContext} */
  #context;

  /** @type {PagedList<Account>} */
  #list;

  #body = h("tbody");
  #message = h("div", { class: "page-message", role: "alert", hidden: true });
  #search = h("input", { type: "search", "aria-label": "Search users",
    placeholder: "Name or user name", autocomplete: "off",
    spellcheck: "false" });

  #active = h("select", { "aria-label": "State" }, ...STATES.map((one) =>
    h("option", { value: one.value }, one.title)));

  #facility = h("select", { "aria-label": "Facility" });

  /** @type {HTMLElement} */
  element;

  /** @type {HTMLElement} */
  bar;

  /**
   * @param {import("../app.js").AppContext} context
   * @param {URLSearchParams} query
   */
  constructor(context, query) {
    this.#context = context;
    this.bar = listBar(context, "users");
    this.#search.value = query.get("q") ?? "";
    this.#active.value = query.get("active") ?? "true";
    this.#fillFacilities(query.get("facility") ?? "");
    this.#list = new PagedList({
      fetch: (cursor, signal) => context.toplevel.users.list({
        limit: "50", cursor, q: this.#search.value.trim(),
        active: this.#active.value, facility: this.#facility.value,
      }, signal),
      show: (items, first) => this.#show(items, first),
      empty: "No users match.",
    });
    const table = h("table", { class: "list user-table" },
      h("thead", {}, h("tr", {},
        ...["Name", "User name", "Roles", "Facility", "Since"].map((title) =>
          h("th", { scope: "col",
            class: `col-${title.toLowerCase().replace(" ", "-")}` }, title)),
        h("th", { scope: "col", class: "col-actions" },
          h("span", { class: "unseen" }, "Actions")))),
      this.#body);
    table.addEventListener("keydown", moveRow);
    this.element = h("div", { class: "list-page" },
      h("h1", { class: "unseen" }, "Users"), this.#form(),
      h("div", { class: "list-scroll" }, this.#message, table,
        this.#list.foot));
    void this.#list.restart();
    queueMicrotask(() => this.#search.focus());
  }

  destroy() {
    this.#list.close();
  }

  /** @param {string} chosen */
  #fillFacilities(chosen) {
    const { registry, session } = this.#context;
    this.#facility.append(h("option", { value: "" }, "All facilities"),
      ...registry.all.map(({ id, name }) => h("option", { value: id }, name)));
    this.#facility.value = chosen;
    this.#facility.hidden = !session.may("admin");
  }

  #form() {
    const form = h("form", { class: "filters", role: "search",
      onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    h("div", { class: "search-box" }, icon("search"), this.#search),
    this.#active, this.#facility,
    h("div", { class: "bar-end" }, h("button", { type: "button",
      class: "button button-primary",
      onclick: () => void this.#do(() => editUser(this.#context, null)) },
    icon("plus"), "New user")));
    form.addEventListener("input", debounce(160, () => this.#changed()));
    return form;
  }

  #changed() {
    keepSearch(this.#context, "users", { q: this.#search.value.trim(),
      active: this.#active.value === "true" ? "" : this.#active.value,
      facility: this.#facility.value });
    void this.#list.restart();
  }

  /**
   * @param {Account[]} items
   * @param {boolean} first
   */
  #show(items, first) {
    if (first) {
      fill(this.#body);
    }
    this.#body.append(...items.map((account) => this.#row(account)));
  }

  /** @param {Account} account */
  #row(account) {
    const { registry, session } = this.#context;
    const own = account.id === session.user?.id;
    const managed = mayManage(session, account);
    const name = managed ? h("a", { class: "row-link", href: "#/users",
      onclick: (/** @type {Event} */ event) => {
        event.preventDefault();
        void this.#edit(account);
      } }, account.name) : h("span", {}, account.name);
    return h("tr", { "data-user": account.username,
      "data-inactive": !account.active },
    h("td", { class: "col-name" }, name),
    h("td", { class: "col-user-name" }, account.username),
    h("td", { class: "col-roles" }, ...account.roles.map((role) =>
      h("span", { class: "role-chip" }, roleTitle(role)))),
    h("td", { class: "col-facility" },
      registry.name(account.facility) ?? ""),
    h("td", { class: "col-since" }, day(account.created_at)),
    h("td", { class: "col-actions" }, ...managed ? [
      account.active ? h("button", { type: "button",
        class: "button button-quiet",
        "aria-label": `Reset the password of ${account.username}`,
        onclick: () => void this.#do(() =>
          resetPassword(this.#context, account)) }, "Reset password") : null,
      own ? null : h("button", { type: "button",
        class: "button button-quiet", "aria-label":
          `${account.active ? "Deactivate" : "Activate"} ${account.username}`,
        onclick: () => void this.#do(() => this.#turn(account)) },
      account.active ? "Deactivate" : "Activate")] : []));
  }

  /** @param {Account} account */
  #edit(account) {
    return this.#do(async () => editUser(this.#context,
      await this.#context.toplevel.users.read(account.id)));
  }

  /** @param {Account} account */
  async #turn(account) {
    const { users } = this.#context.toplevel;
    const { item, etag } = await users.read(account.id);
    if (!item.active) {
      await users.change(item.id, { active: true }, etag);
      return;
    }
    const sure = await confirmed({
      title: "Deactivate this user?",
      body: [h("p", {}, h("strong", {}, item.name), ` (${item.username}) `
        + "is logged out within five minutes and cannot log in any more. "
        + "What was written stays, and the account can be activated again.")],
      yes: "Deactivate", danger: true,
    });
    if (sure) {
      await users.end(item.id, etag);
    }
  }

  /** @param {() => Promise<unknown>} work  after which the list is another */
  async #do(work) {
    this.#message.hidden = true;
    try {
      await work();
      await this.#list.restart();
    } catch (error) {
      setText(this.#message, explain(error));
      this.#message.hidden = false;
    }
  }
}
