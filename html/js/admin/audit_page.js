/**
 * The audit trail of the top level, or of a facility.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { plural } from "../core/format.js";
import { explain } from "../core/http.js";
import { debounce } from "../core/latest.js";
import { listBar } from "../shell/nav.js";
import { keepSearch } from "../worklist/filters.js";
import { PagedList } from "../worklist/paged_list.js";
import { collect, save } from "./audit_export.js";
import { eventTitle, EventTable, KINDS } from "./event_table.js";

/** @typedef {import("../types.js").AuditEvent} AuditEvent */

const TOP = "";
const PAGE = "100";
const EXPORT_PAGE = "500";

export class AuditPage {
  /** @type {import("../app.js").AppContext} */
  #context;

  /** @type {PagedList<AuditEvent>} */
  #list;

  #aborter = new AbortController();

  #table = new EventTable({ trail: false, narrow: (by) => this.#narrow(by) });

  #trail = h("select", { "aria-label": "Trail of" });
  #from = h("input", { type: "datetime-local", "aria-label": "From" });
  #to = h("input", { type: "datetime-local", "aria-label": "Before" });
  #event = h("select", { "aria-label": "Kind of event" },
    h("option", { value: "" }, "All events"),
    ...KINDS.map((kind) => h("option", { value: kind }, eventTitle(kind))));

  #outcome = h("select", { "aria-label": "Result" },
    h("option", { value: "" }, "Any result"),
    h("option", { value: "success" }, "Succeeded"),
    h("option", { value: "failure" }, "Failed"));

  #patient = h("input", { type: "search", class: "audit-patient",
    "aria-label": "Patient", spellcheck: "false", autocomplete: "off" });

  #user = { id: "", name: "" };
  #chosen = h("div", { class: "chosen" });
  #state = h("span", { class: "muted", role: "status" });

  /** @type {HTMLButtonElement} */
  #export;

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
    this.bar = listBar(context, "audit");
    this.#fillForm(query);
    this.#list = new PagedList({
      fetch: (cursor, signal) => this.#fetch(PAGE, cursor, signal),
      show: (items, first) => {
        if (first) {
          this.#table.clear();
        }
        this.#table.append(items.map((event) => ({ event })));
      },
      empty: "Nothing of this kind is recorded.",
    });
    this.#export = h("button", { type: "button", class: "button",
      title: "All records of this filter, as JSON lines",
      onclick: () => void this.#save() }, "Export");
    this.element = h("div", { class: "list-page" },
      h("h1", { class: "unseen" }, "Audit trail"), this.#form(),
      h("div", { class: "list-scroll" }, this.#table.element,
        this.#list.foot));
    this.#restart();
    queueMicrotask(() => this.#trail.focus());
  }

  destroy() {
    this.#aborter.abort();
    this.#list.close();
  }

  /** @param {URLSearchParams} query */
  #fillForm(query) {
    const { registry, session } = this.#context;
    const own = session.user?.facility?.id;
    this.#trail.append(h("option", { value: TOP }, "Top level"),
      ...registry.facilities.filter(({ id }) => !own || id === own)
        .map(({ id, name }) => h("option", { value: id }, name)));
    this.#trail.value = query.get("of") ?? TOP;
    this.#from.value = query.get("from") ?? "";
    this.#to.value = query.get("to") ?? "";
    this.#event.value = query.get("event") ?? "";
    this.#outcome.value = query.get("outcome") ?? "";
    this.#patient.value = query.get("patient") ?? "";
    this.#user = { id: query.get("user") ?? "",
      name: query.get("name") ?? query.get("user") ?? "" };
  }

  #form() {
    const form = h("form", { class: "filters audit-filters",
      role: "search",
      onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    this.#trail,
    h("div", { class: "dates" }, this.#from, h("span", {}, "–"), this.#to),
    this.#event, this.#outcome, this.#patient, this.#chosen,
    h("div", { class: "bar-end" }, this.#state, this.#export));
    form.addEventListener("input", debounce(250, () => this.#changed()));
    return form;
  }

  /** @param {{user?: string, patient?: string, name: string}} by */
  #narrow({ user, patient, name }) {
    if (user) {
      this.#user = { id: user, name };
    }
    if (patient) {
      this.#patient.value = patient;
    }
    this.#changed();
  }

  #changed() {
    keepSearch(this.#context, "audit", { of: this.#trail.value, from: this.#from.value,
      to: this.#to.value, event: this.#event.value,
      outcome: this.#outcome.value, patient: this.#patient.value.trim(),
      user: this.#user.id, name: this.#user.id && this.#user.name });
    this.#restart();
  }

  #restart() {
    this.#patient.placeholder = this.#trail.value === TOP
      ? "Patient’s id at the top level" : "Patient: issuer|number";
    fill(this.#chosen, this.#user.id ? h("button", { type: "button",
      class: "chip chip-chosen", "aria-label":
        `Not only ${this.#user.name} any more`, onclick: () => {
        this.#user = { id: "", name: "" };
        this.#changed();
      } }, `Only ${this.#user.name}`, icon("close")) : null);
    void this.#list.restart();
  }

  /**
   * @param {string} limit
   * @param {string | null} cursor
   * @param {AbortSignal} signal
   */
  #fetch(limit, cursor, signal) {
    const filter = { limit, cursor, from: inUtc(this.#from.value),
      to: inUtc(this.#to.value), event: this.#event.value,
      outcome: this.#outcome.value, patient: this.#patient.value.trim(),
      user: this.#user.id };
    const { value } = this.#trail;
    if (value === TOP) {
      return this.#context.toplevel.audit(filter, { signal });
    }
    const facility = this.#context.facility(value);
    if (!facility) {
      throw new Error("This facility has no server any more.");
    }
    return facility.audit(filter, { signal, retries: 2 });
  }

  async #save() {
    const { signal } = this.#aborter;
    this.#export.disabled = true;
    try {
      const { blob, count, complete } = await collect(
        (cursor) => this.#fetch(EXPORT_PAGE, cursor, signal),
        (so) => setText(this.#state, `${plural(so, "record")} …`), signal);
      save(blob, `audit-${new Date().toISOString().slice(0, 10)}.jsonl`);
      setText(this.#state, complete ? `${plural(count, "record")} exported`
        : `The newest ${count} exported: choose a shorter time for the rest`);
    } catch (error) {
      if (!signal.aborted) {
        setText(this.#state, explain(error));
      }
    } finally {
      this.#export.disabled = false;
    }
  }
}

/** @param {string} local  of an input, in the time of this place */
function inUtc(local) {
  const time = new Date(local);
  return local && !Number.isNaN(time.getTime())
    ? time.toISOString().replace(/\.\d+Z$/, "Z") : "";
}
