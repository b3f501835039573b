/**
 * What the servers of a facility say of themselves: each writes into the
 * facility's database that it is there, also those that no browser reaches.
 */

import { fill, h } from "../core/dom.js";
import { moment } from "../core/format.js";
import { explain } from "../core/http.js";
import { BESIDE } from "../worklist/facility_studies.js";
import { keepWatch } from "./health.js";

/** @typedef {import("../types.js").Heartbeat} Heartbeat */

export class Heartbeats {
  /** @type {import("../app.js").AppContext} */
  #context;

  /** By facility. @type {Map<string, HTMLElement>} */
  #lines = new Map();

  #signal;

  /**
   * @param {import("../app.js").AppContext} context
   * @param {AbortSignal} signal
   */
  constructor(context, signal) {
    this.#context = context;
    this.#signal = signal;
  }

  /** Until the signal aborts. */
  watch() {
    return keepWatch(() => Promise.all([...this.#lines].map(([id, line]) =>
      this.#ask(id, line))), this.#signal);
  }

  clear() {
    this.#lines.clear();
  }

  /**
   * Where those of a facility are shown.
   *
   * @param {string} facility  id
   */
  line(facility) {
    const line = h("ul", { class: "beats",
      "aria-label": "What its servers say of themselves" });
    this.#lines.set(facility, line);
    void this.#ask(facility, line);
    return line;
  }

  /**
   * @param {string} id  of the facility
   * @param {HTMLElement} line
   */
  async #ask(id, line) {
    const api = this.#context.facility(id);
    if (!api || api.facility.servers.length === 0) {
      return;
    }
    try {
      const { items } = await api.heartbeats(
        { signal: this.#signal, ...BESIDE });
      fill(line, ...items.map((beat) => h("li", { class: "health",
        "data-state": beat.status }, textOf(beat))));
    } catch (error) {
      if (!this.#signal.aborted) {
        fill(line, h("li", { class: "health", "data-state": "silent" },
          `No word from its servers: ${explain(error)}`));
      }
    }
  }
}

/** @param {Heartbeat} beat */
function textOf({ name, host, status, seen_at: seen, started_at: begun }) {
  const where = host ? `${name} on ${host}` : name;
  return status === "silent" ? `${where}: silent since ${moment(seen)}`
    : `${where}: ${status === "ok" ? "lives" : "is not well"} since `
      + moment(begun);
}
