/**
 * A study of another facility on the screen, for as long as the emergency
 * access lasts.
 */

import { FacilityApi } from "../api/facility.js";
import { fill, h, icon, setText } from "../core/dom.js";
import { explain } from "../core/http.js";
import { listBar } from "../shell/nav.js";
import { ViewerPage } from "../viewer/viewer_page.js";
import { timeLeft } from "./emergencies.js";
import { openInEmergency } from "./emergency_dialog.js";

/** @typedef {import("./emergencies.js").Grant} Grant */

/** Less than this is said aloud. */
const SOON_MS = 60000;

export class EmergencyPage {
  /** @type {import("../app.js").AppContext} */
  #context;

  /** @type {import("../api/registry.js").Facility} */
  #facility;

  #uid;

  /** @type {Grant | null} */
  #grant;

  /** @type {ViewerPage | null} */
  #viewer = null;

  #aborter = new AbortController();

  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;

  #left = h("span", { class: "emergency-left", role: "timer" });
  #banner = h("div", { class: "emergency-banner", role: "region",
    "aria-label": "Emergency access" });

  element = h("div", { class: "emergency-page" });

  bar = h("div", { class: "emergency-bar" });

  /**
   * @param {import("../app.js").AppContext} context
   * @param {import("../api/registry.js").Facility} facility
   * @param {string} uid  of the study
   */
  constructor(context, facility, uid) {
    this.#context = context;
    this.#facility = facility;
    this.#uid = uid;
    this.#grant = context.emergencies.ofStudy(facility.id, uid);
    context.emergencies.addEventListener("change", () => this.#changed(),
      { signal: this.#aborter.signal });
    if (this.#grant) {
      this.#open(this.#grant);
    } else {
      this.#over("This study is not open here.");
    }
  }

  destroy() {
    this.#aborter.abort();
    this.#close();
  }

  /** @param {Grant} grant */
  #open(grant) {
    const { session, emergencies } = this.#context;
    const http = emergencies.http(grant);
    const back = () => `#/patients/${grant.patient}`;
    this.#viewer = new ViewerPage({
      ...this.#context, http, lastList: back,
      // Reports are read, and none is written.
      session: { user: session.user, may: (...roles) =>
        roles.includes("emergency") },
    });
    this.#viewer.open(new FacilityApi(http, this.#facility), this.#uid);
    fill(this.#banner, icon("warning"),
      h("p", {}, h("strong", {}, "Emergency access"), " to ",
        this.#facility.name, h("span", { class: "emergency-note" },
          " · recorded with your reason, visible to the patient")),
      this.#left,
      h("button", { type: "button", class: "button",
        onclick: () => {
          location.hash = back();
          emergencies.end(grant);
        } }, "End now"));
    fill(this.element, this.#banner, this.#viewer.element);
    fill(this.bar, this.#viewer.bar);
    this.#tick(grant);
    this.#ticking = setInterval(() => this.#tick(grant), 1000);
  }

  /** @param {Grant} grant */
  #tick(grant) {
    setText(this.#left, `${timeLeft(grant)} left`);
    this.#banner.toggleAttribute("data-soon",
      grant.until - Date.now() < SOON_MS);
  }

  #changed() {
    const { emergencies } = this.#context;
    if (this.#grant
      && emergencies.ofStudy(this.#facility.id, this.#uid) !== this.#grant) {
      this.#close();
      this.#over("Its time is over: nothing of this study can be read any "
        + "more.");
    }
  }

  #close() {
    clearInterval(this.#ticking);
    this.#viewer?.destroy();
    this.#viewer = null;
  }

  /** @param {string} text */
  #over(text) {
    const grant = this.#grant;
    const message = h("p", { class: "form-message", role: "alert" });
    fill(this.bar, listBar(this.#context, "patients"));
    fill(this.element, h("div", { class: "emergency-over", role: "alert" },
      h("h1", {}, "Emergency access has ended"),
      h("p", {}, text),
      h("p", { class: "muted" }, `${this.#facility.name} shows its studies to `
        + "its own people, to others for 15 minutes in an emergency. Open "
        + "it again with a reason, if you still need it."),
      h("div", { class: "row" },
        grant ? h("button", { type: "button",
          class: "button button-danger",
          onclick: () => void this.#again(grant, message) },
        "Open again …") : null,
        h("a", { class: "button", href: grant
          ? `#/patients/${grant.patient}` : "#/patients" },
        grant ? "Back to the patient" : "Patients")),
      message));
  }

  /**
   * @param {Grant} over
   * @param {HTMLElement} message
   */
  async #again(over, message) {
    try {
      const grant = await openInEmergency(this.#context, {
        facility: this.#facility, study: this.#uid, reason: over.reason,
        patient: { id: over.patient, name: over.name,
          identifiers: [{ issuer: over.issuer, value: over.number }] },
      });
      if (grant && !this.#aborter.signal.aborted) {
        this.#grant = grant;
        this.#open(grant);
      }
    } catch (error) {
      setText(message, explain(error));
    }
  }
}
