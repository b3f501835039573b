/**
 * The facilities that show a patient's studies to their own people only: what
 * is known of them, and the way in for an emergency.
 *
 * Whether there are studies is not asked for: that a patient was seen there
 * is as secret as the pictures.  What is known is where the patient has a
 * number, as the top level keeps it.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { plural } from "../core/format.js";
import { timeLeft } from "../emergency/emergencies.js";
import { numbersOf } from "./merged_records.js";

/** @typedef {import("../types.js").Patient} Patient */
/** @typedef {import("../api/registry.js").Facility} Facility */
/** @typedef {import("../emergency/emergencies.js").Grant} Grant */
/** @typedef {import("./merged_list.js").SourceState} SourceState */

export class OtherFacilities {
  /** @type {import("../app.js").AppContext} */
  #context;

  #open;
  #end;

  /** @type {{grant: Grant, element: HTMLElement}[]} */
  #clocks = [];

  #shown = "";
  #ticking = setInterval(() => this.#tick(), 1000);

  element = h("section", { class: "others", hidden: true,
    "aria-label": "Studies at other facilities" });

  /**
   * @param {import("../app.js").AppContext} context
   * @param {object} ways
   * @param {(facility: Facility) => void} ways.open
   * @param {(grant: Grant) => void} ways.end
   */
  constructor(context, { open, end }) {
    this.#context = context;
    this.#open = open;
    this.#end = end;
  }

  close() {
    clearInterval(this.#ticking);
  }

  /**
   * @param {Patient} patient
   * @param {SourceState[]} states  of the page's lists
   */
  show(patient, states) {
    const { registry, emergencies } = this.#context;
    const refused = new Set(states.filter(({ state }) => state === "refused")
      .map(({ id }) => id.split(" ")[0]));
    const grants = emergencies.lists(patient.id);
    const rows = registry.facilities.filter(({ id }) => refused.has(id))
      .map((facility) => ({
        facility, number: numbersOf(patient).find(({ issuer }) =>
          issuer === facility.issuer && issuer !== "")?.value ?? "",
        grant: grants.find((one) => one.facility === facility.id) ?? null,
        list: states.find(({ id }) =>
          id.startsWith(`emergency ${facility.id} `)) ?? null,
      }));
    const key = JSON.stringify(rows.map(({ facility, number, grant, list }) =>
      [facility.id, number, grant?.until, list?.state, list?.count]));
    if (key === this.#shown) {
      return;
    }
    this.#shown = key;
    this.#clocks = [];
    this.element.hidden = rows.length === 0;
    const known = rows.filter(({ number, grant }) => number || grant);
    const rest = rows.filter((row) => !known.includes(row));
    fill(this.element,
      h("h2", {}, "Studies at other facilities"),
      h("p", { class: "muted" }, "These show their studies to their own "
        + "people only, and do not say whether they have any of this patient."),
      h("ul", {}, ...known.map((row) => this.#row(row))),
      rest.length === 0 ? null : known.length === 0
        ? h("ul", {}, ...rest.map((row) => this.#row(row)))
        : h("details", {}, h("summary", {},
          `${plural(rest.length, "more facility", "more facilities")}, `
          + "where no number of this patient is known"),
        h("ul", {}, ...rest.map((row) => this.#row(row)))));
  }

  /**
   * @param {{facility: Facility, number: string, grant: Grant | null,
   *     list: SourceState | null}} row
   */
  #row({ facility, number, grant, list }) {
    const { session } = this.#context;
    const left = h("span", { class: "emergency-left", role: "timer" });
    if (grant) {
      this.#clocks.push({ grant, element: left });
      setText(left, `${timeLeft(grant)} left`);
    }
    return h("li", { class: "other", "data-facility": facility.id },
      h("div", { class: "other-name" }, h("strong", {}, facility.name),
        h("span", { class: "muted" }, number
          ? `Number there: ${number}` : "No number there is known")),
      grant ? h("span", { class: "other-state" },
        icon("warning"), stateOf(list), left) : null,
      grant ? h("button", { type: "button", class: "button",
        onclick: () => this.#end(grant) }, "End now")
        : session.may("physician") ? h("button", { type: "button",
          class: "button", "aria-label":
            `Open studies of ${facility.name} in an emergency`,
          onclick: () => this.#open(facility) }, "Open in an emergency …")
          : h("span", { class: "muted" },
            "A physician may open them in an emergency"));
  }

  #tick() {
    for (const { grant, element } of this.#clocks) {
      setText(element, `${timeLeft(grant)} left`);
    }
  }
}

/** @param {SourceState | null} list */
function stateOf(list) {
  switch (list?.state) {
    case "answered":
      return list.count === 0 ? "No studies under this number"
        : `${plural(list.count, "study", "studies")} in the list above`;
    case "failed":
      return "Does not answer";
    case "refused":
      return "Refused";
    default:
      return "Asked …";
  }
}
