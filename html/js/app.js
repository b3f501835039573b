/**
 * Starts the application: configuration, session, servers, pages.
 *
 * @typedef {object} AppContext
 * @property {import("./core/config.js").Config} config
 * @property {Http} http
 * @property {Session} session
 * @property {Registry} registry
 * @property {ToplevelApi} toplevel
 * @property {UploadQueue} uploads
 * @property {LineMeter} meter  one for all studies: the line is the same
 * @property {(id: string) => FacilityApi | null} facility
 * @property {() => string} lastList  hash of the list last looked at
 * @property {() => void} noteList  after the hash was replaced
 *
 * @typedef {object} Page
 * @property {HTMLElement} element
 * @property {HTMLElement} bar
 * @property {() => void} destroy
 */

import { FacilityApi } from "./api/facility.js";
import { NodeApi } from "./api/node.js";
import { Registry } from "./api/registry.js";
import { ToplevelApi } from "./api/toplevel.js";
import { loadConfig } from "./core/config.js";
import { Connectivity } from "./core/connectivity.js";
import { fill, h, icon, loadIcons, setText } from "./core/dom.js";
import { explain, Http } from "./core/http.js";
import { Session } from "./core/session.js";
import { LoginForm } from "./shell/login_form.js";
import { StatusLine } from "./shell/status_line.js";
import { userMenu } from "./shell/user_menu.js";
import { UploadPanel } from "./upload/upload_panel.js";
import { UploadQueue } from "./upload/upload_queue.js";
import { PatientPage } from "./worklist/patient_page.js";
import { PatientsPage } from "./worklist/patients_page.js";
import { StudiesPage } from "./worklist/studies_page.js";
import { LineMeter } from "./viewer/line_meter.js";
import { ViewerPage } from "./viewer/viewer_page.js";

const HOME = "#/studies";

class App {
  /** @type {AppContext} */
  #context;

  /** @type {Page | null} */
  #page = null;

  #list = HOME;
  #bar = h("header", { class: "bar" });
  #main = h("main", { class: "page", tabindex: "-1" });

  /** @type {Map<string, FacilityApi>} */
  #facilities = new Map();

  /**
   * @param {import("./core/config.js").Config} config
   * @param {Http} http
   * @param {Session} session
   */
  constructor(config, http, session) {
    const registry = new Registry(http, config.toplevel);
    this.#context = {
      config, http, session, registry,
      toplevel: new ToplevelApi(http, config.toplevel),
      uploads: new UploadQueue(session),
      meter: new LineMeter(),
      facility: (id) => this.#facility(id),
      lastList: () => this.#list,
      noteList: () => {
        this.#list = location.hash || HOME;
      },
    };
  }

  /** @param {HTMLElement} statusLine */
  async start(statusLine) {
    const { registry, uploads } = this.#context;
    const panel = new UploadPanel(this.#context);
    fill(document.body, this.#bar, statusLine, this.#main, panel.element);
    fill(this.#main, h("p", { class: "empty" }, "Opening …"));
    try {
      await registry.load();
    } catch (error) {
      fill(this.#bar, userMenu(this.#context));
      fill(this.#main, h("p", { class: "empty" }, explain(error)));
      return;
    }
    uploads.node = this.#ownNode();
    if (uploads.node) {
      // Ready before the first study is clicked.
      void new NodeApi(this.#context.http, uploads.node).warm();
    }
    addEventListener("hashchange", () => this.#route());
    this.#route();
  }

  /** Where uploads go: the node of the user's facility. */
  #ownNode() {
    const { registry, session } = this.#context;
    if (!session.may("radiographer", "physician", "facility_admin")) {
      return null;
    }
    const own = registry.find(session.user?.facility?.id)
      ?? (registry.facilities.length === 1 ? registry.facilities[0] : null);
    return own?.nodes[0] ?? null;
  }

  /** @param {string} id */
  #facility(id) {
    const known = this.#facilities.get(id);
    if (known) {
      return known;
    }
    const facility = this.#context.registry.find(id);
    if (!facility) {
      return null;
    }
    const api = new FacilityApi(this.#context.http, facility);
    this.#facilities.set(id, api);
    return api;
  }

  #route() {
    const [path, query = ""] = (location.hash || HOME).slice(2).split("?");
    const parts = path.split("/");
    const page = this.#make(parts, new URLSearchParams(query));
    if (!page) {
      location.replace(HOME);
      return;
    }
    this.#page?.destroy();
    this.#page = page;
    if (parts[0] !== "study") {
      this.#list = location.hash || HOME;
    }
    for (const menu of this.#bar.querySelectorAll("details[open]")) {
      menu.removeAttribute("open");
    }
    fill(this.#bar, page.bar, userMenu(this.#context));
    fill(this.#main, page.element);
    document.body.dataset.page = parts[0];
  }

  /**
   * @param {string[]} parts
   * @param {URLSearchParams} query
   * @returns {Page | null}
   */
  #make(parts, query) {
    const context = this.#context;
    if (!context.session.may("physician", "radiographer", "facility_admin")) {
      return noPatientsPage(context);
    }
    if (parts[0] === "studies") {
      return new StudiesPage(context, query);
    }
    if (parts[0] === "patients") {
      return parts[1] ? new PatientPage(context, parts[1])
        : new PatientsPage(context, query);
    }
    if (parts[0] === "study" && /^[0-9.]{1,64}$/.test(parts[2] ?? "")) {
      const facility = context.facility(parts[1]);
      return facility && new ViewerPage(context, facility, parts[2]);
    }
    return null;
  }
}

/**
 * Administrators of the system and auditors see no patients.
 *
 * @param {AppContext} context
 * @returns {Page}
 */
function noPatientsPage(context) {
  return {
    element: h("div", { class: "list-page" }, h("p", { class: "empty" },
      "This account has no access to patients and their images.")),
    bar: h("div", { class: "list-bar" }, h("span", { class: "brand" },
      icon("brand"), h("span", {}, context.config.name))),
    destroy: () => {},
  };
}

async function main() {
  const message = h("p", { class: "empty", role: "status" });
  fill(document.body, message);
  void loadIcons();
  const config = await loadConfig((text) => setText(message, text));
  document.title = config.name;
  message.remove();

  const connectivity = new Connectivity();
  const http = new Http(connectivity);
  const session = new Session(http, config.toplevel);
  http.authority = session;
  const statusLine = new StatusLine(connectivity);
  document.body.append(statusLine.element);
  const login = new LoginForm(session, config);
  session.addEventListener("ended", () => login.open(true));

  let started = false;
  const start = () => {
    if (!started) {
      started = true;
      // The dialog stays in the document, over whatever comes.
      const app = new App(config, http, session);
      void app.start(statusLine.element);
      document.body.append(login.element);
    }
  };
  session.addEventListener("change", start);
  if (!await session.restore()) {
    login.open(false);
  } else {
    start();
  }
}

void main();
