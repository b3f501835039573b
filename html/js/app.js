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
 * @property {Emergencies} emergencies
 * @property {KeptSet} closed  ids of facilities that said they are not the
 *     user's; nobody asks them again in vain, as each refusal is recorded
 * @property {Looks} looks  the first picture of the study reached for
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
import { Registry, trimUrl } from "./api/registry.js";
import { ToplevelApi } from "./api/toplevel.js";
import { loadConfig } from "./core/config.js";
import { Connectivity } from "./core/connectivity.js";
import { fill, h, loadIcons, setText } from "./core/dom.js";
import { explain, Http } from "./core/http.js";
import { KeptSet } from "./core/kept_set.js";
import { debounce } from "./core/latest.js";
import { Session } from "./core/session.js";
import { Emergencies } from "./emergency/emergencies.js";
import { EmergencyPage } from "./emergency/emergency_page.js";
import { LoginForm } from "./shell/login_form.js";
import { placesOf } from "./shell/nav.js";
import { ownPasswordPage } from "./shell/own_password_page.js";
import { StatusLine } from "./shell/status_line.js";
import { userMenu } from "./shell/user_menu.js";
import { UploadPanel } from "./upload/upload_panel.js";
import { UploadQueue } from "./upload/upload_queue.js";
import { AccessesPage } from "./admin/accesses_page.js";
import { AuditPage } from "./admin/audit_page.js";
import { PatientAccessesPage } from "./admin/patient_accesses_page.js";
import { ServersPage } from "./admin/servers_page.js";
import { UsersPage } from "./admin/users_page.js";
import { PatientPage } from "./worklist/patient_page.js";
import { PatientsPage } from "./worklist/patients_page.js";
import { ReportsPage } from "./worklist/reports_page.js";
import { StudiesPage } from "./worklist/studies_page.js";
import { Looks } from "./viewer/first_look.js";
import { LineMeter } from "./viewer/line_meter.js";
import { ViewerPage } from "./viewer/viewer_page.js";

const STUDY_UID = /^[0-9.]{1,64}$/;

/** A window that is being resized rests. */
const RESIZED_MS = 200;

/** Where the browser does not say when it is idle. */
const IDLE_MS = 300;

class App {
  /** @type {AppContext} */
  #context;

  /** @type {Page | null} */
  #page = null;

  /** For the next study. @type {ViewerPage | null} */
  #spare = null;

  #list = "";
  #bar = h("header", { class: "bar" });
  #main = h("main", { class: "page", tabindex: "-1" });

  /** @type {Map<string, FacilityApi>} */
  #facilities = new Map();

  /**
   * @param {import("./core/config.js").Config} config
   * @param {Http} http
   * @param {Session} session
   * @param {Connectivity} connectivity
   */
  constructor(config, http, session, connectivity) {
    const registry = new Registry(http, config.toplevel);
    const toplevel = new ToplevelApi(http, config.toplevel);
    const meter = new LineMeter();
    this.#context = {
      config, http, session, registry, toplevel,
      uploads: new UploadQueue(session),
      emergencies: new Emergencies(connectivity, toplevel,
        session.user?.id ?? ""),
      closed: new KeptSet("dicom.closed"),
      meter, looks: new Looks(meter),
      facility: (id) => this.#facility(id),
      lastList: () => this.#list || this.#home,
      noteList: () => {
        this.#list = location.hash;
      },
    };
  }

  /** Where this user begins. */
  get #home() {
    return `#/${placesOf(this.#context.session)[0]?.page ?? ""}`;
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
    this.#main.addEventListener("look", (event) => this.#look(
      /** @type {import("./worklist/study_table.js").LookEvent} */ (event)
        .detail));
    addEventListener("hashchange", () => this.#route());
    addEventListener("resize", debounce(RESIZED_MS, () => this.#prepare()));
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
    const facility = this.#context.registry.find(id);
    if (!facility) {
      return null;
    }
    const known = this.#facilities.get(id);
    if (known?.facility === facility) {
      return known;
    }
    const api = new FacilityApi(this.#context.http, facility);
    this.#facilities.set(id, api);
    return api;
  }

  /**
   * The reader reaches for a study: the node is asked before the page is made.
   *
   * @param {import("./worklist/study_table.js").StudyRow} row
   */
  #look({ study, facility }) {
    const base = study.node ?? this.#facility(facility)?.facility.nodes[0];
    this.#context.looks.begin(
      base ? new NodeApi(this.#context.http, trimUrl(base)) : null,
      study.uid, study);
  }

  #route() {
    const [path, query = ""] = (location.hash || this.#home).slice(2)
      .split("?");
    const parts = path.split("/");
    const page = this.#make(parts, new URLSearchParams(query));
    if (!page) {
      location.replace(this.#home);
      return;
    }
    this.#page?.destroy();
    this.#page = page;
    if (!["study", "emergency"].includes(parts[0])) {
      this.#list = location.hash;
    }
    for (const menu of this.#bar.querySelectorAll("details[open]")) {
      menu.removeAttribute("open");
    }
    fill(this.#bar, page.bar, userMenu(this.#context));
    fill(this.#main, page.element);
    document.body.dataset.page = parts[0];
    whenIdle(() => this.#prepare());
  }

  /** What the next study needs, while the reader looks at a list. */
  #prepare() {
    if (this.#page instanceof ViewerPage || !this.#mayOpen) {
      return;
    }
    this.#spare ??= new ViewerPage(this.#context);
    this.#context.looks.box = this.#spare.sizeIn(this.#bar,
      this.#main);
  }

  get #mayOpen() {
    return this.#context.session.may(
      "physician", "radiographer", "facility_admin");
  }

  /**
   * @param {string[]} parts
   * @param {URLSearchParams} query
   * @returns {Page | null}
   */
  #make(parts, query) {
    const context = this.#context;
    const [name, first = "", second = ""] = parts;
    if (placesOf(context.session).length === 0) {
      return ownPasswordPage(context);
    }
    if (name === "study" || name === "emergency") {
      return this.#study(name, first, second);
    }
    if (!placesOf(context.session).some(({ page }) => page === name)) {
      return null;
    }
    switch (name) {
      case "studies":
        return new StudiesPage(context, query);
      case "patients":
        return first === "" ? new PatientsPage(context, query)
          : second === "accesses" ? new PatientAccessesPage(context, first)
            : new PatientPage(context, first);
      case "reports":
        return new ReportsPage(context, query);
      case "users":
        return new UsersPage(context, query);
      case "servers":
        return new ServersPage(context);
      case "audit":
        return new AuditPage(context, query);
      case "accesses":
        return new AccessesPage(context, query);
      default:
        return null;
    }
  }

  /**
   * @param {"study" | "emergency"} how
   * @param {string} id   of the facility
   * @param {string} uid
   * @returns {Page | null}
   */
  #study(how, id, uid) {
    const context = this.#context;
    const api = context.facility(id);
    if (!api || !STUDY_UID.test(uid) || !this.#mayOpen) {
      return null;
    }
    if (how === "emergency") {
      return new EmergencyPage(context, api.facility, uid);
    }
    const page = this.#spare ?? new ViewerPage(context);
    this.#spare = null;
    page.open(api, uid);
    return page;
  }
}

/** @param {() => void} work */
function whenIdle(work) {
  if ("requestIdleCallback" in globalThis) {
    requestIdleCallback(work);
  } else {
    setTimeout(work, IDLE_MS);
  }
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
      const app = new App(config, http, session, connectivity);
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
