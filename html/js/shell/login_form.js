/**
 * The login form: a page at first, later a dialog over the work that waits.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { certificateHint } from "./certificate_hint.js";
import { explain, HttpError, Unreachable } from "../core/http.js";

export class LoginForm {
  /** @type {import("../core/session.js").Session} */
  #session;

  #username = h("input", {
    id: "username", name: "username", autocomplete: "username",
    autocapitalize: "none", spellcheck: "false", required: true,
  });

  #password = h("input", {
    id: "password", name: "password", type: "password",
    autocomplete: "current-password", required: true,
  });

  #title = h("h1", { id: "login-title" });
  #text = h("p", { class: "muted" });
  #message = h("p", { class: "form-message", role: "alert" });
  #submit = h("button", { class: "button button-primary button-wide" },
    "Log in");

  /** @type {HTMLDialogElement} */
  #dialog;

  /**
   * @param {import("../core/session.js").Session} session
   * @param {import("../core/config.js").Config} config
   */
  constructor(session, config) {
    this.#session = session;
    this.#dialog = h("dialog", {
      class: "login", "aria-labelledby": "login-title", closedby: "none",
      oncancel: (/** @type {Event} */ event) => event.preventDefault(),
    },
    h("form", { onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.#login();
    } },
    h("div", { class: "login-brand" }, icon("brand"),
      h("span", {}, config.name)),
    this.#title, this.#text,
    h("label", { for: "username" }, "User name"), this.#username,
    h("label", { for: "password" }, "Password"), this.#password,
    this.#message, this.#submit,
    config.demo ? h("p", { class: "login-demo" },
      "Demonstration system. Not for diagnosis.") : null));
    document.body.append(this.#dialog);
  }

  get element() {
    return this.#dialog;
  }

  /** @param {boolean} again  over the page of a session that has ended */
  open(again) {
    setText(this.#title, again ? "Session ended" : "Log in");
    setText(this.#text, again
      ? "Log in again to go on where you were." : "");
    this.#text.hidden = !again;
    this.#dialog.toggleAttribute("data-first", !again);
    setText(this.#message, "");
    this.#password.value = "";
    if (again && this.#session.user) {
      this.#username.value = this.#session.user.username;
    }
    if (!this.#dialog.open) {
      this.#dialog.showModal();
    }
    (this.#username.value ? this.#password : this.#username).focus();
  }

  close() {
    this.#dialog.close();
    this.#password.value = "";
  }

  async #login() {
    setText(this.#message, "");
    this.#submit.disabled = true;
    setText(this.#submit, "Logging in …");
    try {
      await this.#session.login(this.#username.value.trim(),
        this.#password.value);
      this.close();
    } catch (error) {
      fill(this.#message, ...messageOf(error));
      if (error instanceof HttpError && error.status === 401) {
        this.#password.select();
      }
    } finally {
      this.#submit.disabled = false;
      setText(this.#submit, "Log in");
    }
  }
}

/**
 * @param {unknown} error
 * @returns {import("../core/dom.js").Child[]}
 */
function messageOf(error) {
  if (error instanceof HttpError && error.status === 401) {
    return ["User name or password is wrong."];
  }
  if (error instanceof HttpError && error.status === 429) {
    return ["Too many attempts. Wait a little, then try again."];
  }
  if (error instanceof Unreachable) {
    return [`${error.origin} does not answer. `, certificateHint(error.origin)];
  }
  return [explain(error)];
}
