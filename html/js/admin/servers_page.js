/**
 * Facilities and the servers of each, with what this browser sees of their
 * health; and the modalities.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { explain } from "../core/http.js";
import { trimUrl } from "../api/registry.js";
import { confirmed } from "../shell/confirm.js";
import { listBar } from "../shell/nav.js";
import { healthText, watchHealth } from "./health.js";
import { Heartbeats } from "./heartbeats.js";
import { Modalities } from "./modalities.js";
import { editFacility, editServer } from "./server_forms.js";

/** @typedef {import("../types.js").ServerEntry} ServerEntry */
/** @typedef {import("../types.js").FacilityEntry} FacilityEntry */
/** @typedef {import("./health.js").Health} Health */

const ORDER = ["web", "toplevel", "facility", "node"];
const KINDS = { web: "Web", toplevel: "Top level", facility: "Facility",
  node: "Node" };

export class ServersPage {
  /** @type {import("../app.js").AppContext} */
  #context;

  #aborter = new AbortController();

  /** @type {Heartbeats} */
  #beats;

  /** @type {Modalities} */
  #modalities;

  #groups = h("div", { class: "server-groups" });
  #message = h("div", { class: "page-message", role: "alert", hidden: true });
  #foot = h("div", { class: "list-foot", role: "status" }, "Loading …");

  /** By URL. @type {Map<string, Health>} */
  #health = new Map();

  /** @type {Map<string, HTMLElement[]>} */
  #lights = new Map();

  /** @type {HTMLElement} */
  element;

  /** @type {HTMLElement} */
  bar;

  /** @param {import("../app.js").AppContext} context */
  constructor(context) {
    this.#context = context;
    this.bar = listBar(context, "servers");
    this.#beats = new Heartbeats(context, this.#aborter.signal);
    this.#modalities = new Modalities(context.toplevel,
      (work) => void this.#do(work));
    this.element = h("div", { class: "list-page" },
      h("div", { class: "filters" }, h("h1", {}, "Facilities and servers"),
        h("div", { class: "bar-end" },
          h("button", { type: "button", class: "button",
            onclick: () => void this.#do(() => editServer(context, null)) },
          icon("plus"), "New server"),
          h("button", { type: "button", class: "button button-primary",
            onclick: () => void this.#do(() => editFacility(context, null)) },
          icon("plus"), "New facility"))),
      h("div", { class: "list-scroll" }, this.#message, this.#groups,
        this.#foot));
    void this.#load().then(() => Promise.all([this.#beats.watch(),
      watchHealth(() => [...this.#lights.keys()],
        (url, health) => this.#light(url, health), this.#aborter.signal)]));
  }

  destroy() {
    this.#aborter.abort();
  }

  async #load() {
    const { registry } = this.#context;
    try {
      await Promise.all([registry.load(),
        this.#modalities.load(this.#aborter.signal)]);
      if (!this.#aborter.signal.aborted) {
        this.#show();
      }
    } catch (error) {
      setText(this.#foot, explain(error));
    }
  }

  #show() {
    const { all, entries } = this.#context.registry;
    this.#lights.clear();
    this.#beats.clear();
    const country = entries.filter(({ facility }) => facility === null);
    fill(this.#groups,
      this.#group(null, "The country’s own", "", country),
      ...all.map((facility) => this.#group(facility, facility.name,
        [facility.code, facility.city, facility.patient_issuer
          && `patient numbers of ${facility.patient_issuer}`]
          .filter(Boolean).join(" · "),
        entries.filter((one) => one.facility === facility.id))),
      this.#modalities.element);
    setText(this.#foot, all.length === 0
      ? "No facility is registered yet." : "");
  }

  /**
   * @param {FacilityEntry | null} facility
   * @param {string} title
   * @param {string} more
   * @param {ServerEntry[]} servers
   */
  #group(facility, title, more, servers) {
    const context = this.#context;
    const sorted = [...servers].sort((a, b) =>
      ORDER.indexOf(a.type) - ORDER.indexOf(b.type));
    return h("section", { class: "server-group", "aria-label": title },
      h("header", {}, h("h2", {}, title), h("span", { class: "muted" }, more),
        facility ? h("div", { class: "bar-end" },
          h("button", { type: "button", class: "button button-quiet",
            "aria-label": `New server of ${title}`,
            onclick: () => void this.#do(() =>
              editServer(context, null, facility.id)) }, "Add server"),
          h("button", { type: "button", class: "button button-quiet",
            "aria-label": `Change ${title}`,
            onclick: () => void this.#do(async () => editFacility(context,
              await context.toplevel.facilities.read(facility.id))) },
          "Change")) : null),
      sorted.length === 0 ? h("p", { class: "muted server-none" },
        "No server: its studies cannot be reached.")
        : h("ul", {}, ...sorted.map((server) => this.#server(server))),
      facility && sorted.length > 0 ? this.#beats.line(facility.id) : null);
  }

  /** @param {ServerEntry} server */
  #server(server) {
    const context = this.#context;
    const url = trimUrl(server.url);
    const light = h("span", { class: "health", role: "status" });
    this.#lights.set(url, [...this.#lights.get(url) ?? [], light]);
    paint(light, this.#health.get(url) ?? { state: "asked" });
    return h("li", { class: "server", "data-url": url },
      h("span", { class: "server-kind" }, KINDS[server.type]),
      h("div", { class: "server-name" }, h("strong", {}, server.name),
        h("span", { class: "muted" }, url)),
      light,
      h("div", { class: "row server-actions" },
        h("button", { type: "button", class: "button button-quiet",
          "aria-label": `Change ${server.name}`,
          onclick: () => void this.#do(async () => editServer(context,
            await context.toplevel.servers.read(server.id))) }, "Change"),
        h("button", { type: "button", class: "button button-quiet",
          "aria-label": `Remove ${server.name}`,
          onclick: () => void this.#do(() => this.#remove(server)) },
        "Remove")));
  }

  /** @param {ServerEntry} server */
  async #remove({ id, name, url }) {
    const { servers } = this.#context.toplevel;
    const { etag } = await servers.read(id);
    if (await confirmed({ title: "Take this server off the list?",
      body: [h("p", {}, h("strong", {}, name), ` ${url}`),
        h("p", { class: "muted" }, "Browsers that open the page from now on "
          + "do not ask it any more. Nothing on it is removed.")],
      yes: "Remove", danger: true })) {
      await servers.end(id, etag);
    }
  }

  /**
   * @param {string} url
   * @param {Health} health
   */
  #light(url, health) {
    this.#health.set(url, health);
    for (const light of this.#lights.get(url) ?? []) {
      paint(light, health);
    }
  }

  /** @param {() => Promise<unknown>} work  after which the list is another */
  async #do(work) {
    this.#message.hidden = true;
    try {
      await work();
      await this.#load();
    } catch (error) {
      setText(this.#message, explain(error));
      this.#message.hidden = false;
    }
  }
}

/**
 * @param {HTMLElement} light
 * @param {Health} health
 */
function paint(light, health) {
  light.dataset.state = health.state;
  setText(light, healthText(health));
}
