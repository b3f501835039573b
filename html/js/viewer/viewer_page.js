/**
 * A study on the screen: series, viewports, report.  The page is made before
 * it is known of which study, as that takes longer than the first picture's
 * way from the node.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { age, clock, day, dicomName, sexName } from "../core/format.js";
import { explain, HttpError } from "../core/http.js";
import { sleep } from "../core/latest.js";
import { NodeApi } from "../api/node.js";
import { trimUrl } from "../api/registry.js";
import { ReportPanel } from "../report/report_panel.js";
import { firstToRead, nextSeries } from "./hanging.js";
import { HangingBar } from "./hanging_bar.js";
import { ImageHeaders } from "./image_headers.js";
import { SHORTCUTS, listenKeys } from "./keys.js";
import { LayoutBar } from "./layout_bar.js";
import { areMammograms, besideEarlier, hangMammograms, mammogramViews }
  from "./mammograms.js";
import { OpenStacks } from "./open_stacks.js";
import { OtherStudies } from "./other_studies.js";
import { Panes } from "./panes.js";
import { PartMenu } from "./part_menu.js";
import { PresentationMenu } from "./presentation_menu.js";
import { keepHabits, readHabits } from "./reading_habits.js";
import { SeriesList } from "./series_list.js";
import { Toolbar } from "./toolbar.js";
import { showShortcuts } from "./shortcuts.js";

/** @typedef {import("../types.js").StudyDetail} StudyDetail */
/** @typedef {import("../types.js").StudyItem} StudyItem */
/** @typedef {import("../types.js").SeriesItem} SeriesItem */
/** @typedef {import("./pane.js").Source} Source */

/**
 * What a viewer needs of the application; in an emergency its requests have a
 * token of their own.
 *
 * @typedef {Pick<import("../app.js").AppContext, "config" | "http" | "meter"
 *     | "looks" | "lastList">
 *     & {session: import("../types.js").Rights}} ViewerContext
 */

/** The lists wait so long for the first picture. */
const LISTS_MS = 250;

/** What the headers of mammograms say is waited for so long. */
const HEADERS_MS = 3000;

/** There the report begins closed: it would leave the pictures half the page. */
const NO_ROOM = "(max-width: 68.69em)";

export class ViewerPage {
  #aborter = new AbortController();

  #headers = new ImageHeaders(this.#aborter.signal);

  #hangings = new HangingBar();

  /** @type {ViewerContext} */
  #context;

  /** Of the study, from open() on. */
  #facility = /** @type {import("../api/facility.js").FacilityApi} */ (
    /** @type {unknown} */ (null));

  /** @type {StudyDetail | null} */
  #study = null;

  /** @type {Source | null} */
  #source = null;

  #parts = new PartMenu();

  /** @type {PresentationMenu} */
  #presentations;

  #stacks = new OpenStacks(() => new Set(this.#panes.all.map(({ viewport }) =>
    viewport.stack)));

  /** @type {Panes} */
  #panes;

  /** @type {LayoutBar} */
  #layoutBar;

  /** Places that were empty when the layout was chosen. */
  #toFill = true;

  /** @type {SeriesList | null} */
  #list = null;

  /** @type {OtherStudies | null} */
  #others = null;

  /** @type {ReportPanel | null} */
  #report = null;

  #rail = h("div", { class: "rail" });
  #aside = h("aside", { class: "report-side", "aria-label": "Report" });

  // Blank, they have the height that they will have.
  #patientName = h("h1", { class: "patient-name" }, "\u00a0");
  #patientLine = h("span", { class: "patient-line" });
  #studyLine = h("span", { class: "study-line" }, "\u00a0");

  #back = h("a", { class: "tool", title: "Back (Esc)",
    "aria-label": "Back to the list" }, icon("back"));

  /** @type {HTMLButtonElement} */
  #reportButton;

  /** @type {HTMLElement} */
  element;

  /** @type {HTMLElement} */
  bar;

  /** @param {ViewerContext} context */
  constructor(context) {
    this.#context = context;
    const { signal } = this.#aborter;
    const { meter, config } = context;
    this.#panes = new Panes({ stacks: this.#stacks, views: new Map() },
      { meter, demo: config.demo, headers: this.#headers });
    this.#presentations = new PresentationMenu(this.#panes, signal);
    this.#layoutBar = new LayoutBar(this.#panes, signal);
    const toolbar = new Toolbar(this.#panes, signal);
    this.#reportButton = h("button", {
      type: "button", class: "button report-button", title: "Report (N)",
      "aria-expanded": "true", onclick: () => this.#toggleReport(),
    }, icon("report"), h("span", {}, "Report"));
    this.bar = h("div", { class: "viewer-bar" },
      this.#back,
      h("div", { class: "identity", role: "status", "aria-live": "off" },
        h("div", {}, this.#patientName, this.#patientLine),
        this.#studyLine),
      toolbar.element,
      h("div", { class: "bar-end" },
        h("button", { type: "button", class: "tool keys-button",
          title: "Shortcuts (?)", "aria-label": "Keyboard shortcuts",
          onclick: () => this.#shortcuts() }, icon("keyboard")),
        this.#reportButton));
    this.element = h("div", { class: "viewer" }, this.#rail,
      h("div", { class: "stage" }, this.#panes.element), this.#aside);
    this.#panes.setTool("window");
  }

  /**
   * Once.
   *
   * @param {import("../api/facility.js").FacilityApi} facility
   * @param {string} uid  of the study
   */
  open(facility, uid) {
    this.#facility = facility;
    this.#back.href = this.#context.lastList();
    this.#furnish();
    this.#listen(this.#aborter.signal);
    this.#panes.active.announce("Opening …");
    void this.#open(uid);
  }

  /**
   * The first viewport's size in a page under a bar: laid out for a moment,
   * and never painted.  The viewer's own bar may be higher than the present
   * one.
   *
   * @param {HTMLElement} bar
   * @param {HTMLElement} page
   * @returns {import("./view.js").Box}  device pixels
   */
  sizeIn(bar, page) {
    this.#furnish();
    const ownBar = h("header", { class: "bar" }, this.bar,
      bar.querySelector(".user-menu")?.cloneNode(true));
    const room = h("div", { class: "page" }, this.element);
    const frame = h("div", { inert: true }, ownBar, room);
    Object.assign(frame.style, { position: "absolute", visibility: "hidden",
      display: "grid", gridTemplate: "auto minmax(0, 1fr) / minmax(0, 1fr)",
      width: `${page.clientWidth}px`,
      height: `${bar.offsetHeight + page.clientHeight}px` });
    document.body.append(frame);
    const { clientWidth, clientHeight } = this.#panes.viewport.element;
    frame.remove();
    this.element.remove();
    this.bar.remove();
    const ratio = devicePixelRatio || 1;
    return { width: Math.max(64, Math.round(clientWidth * ratio)),
      height: Math.max(64, Math.round(clientHeight * ratio)) };
  }

  destroy() {
    this.#aborter.abort();
    this.#panes.close();
    this.#list?.close();
    this.#report?.close();
    this.#stacks.close();
  }

  /** As this reader may and likes. */
  #furnish() {
    const { session } = this.#context;
    const reports = session.may("physician", "radiographer", "emergency");
    this.#reportButton.hidden = !reports;
    this.#showReport(reports && !matchMedia(NO_ROOM).matches);
    const habits = readHabits(session.user?.id);
    const { links } = this.#panes;
    links.scroll = habits.scroll;
    links.looks = habits.looks;
    this.#panes.layout = habits.layout;
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    const panes = this.#panes;
    panes.addEventListener("shown", () => this.#shown(), { signal });
    panes.addEventListener("choose", (event) => this.#choose(
      /** @type {CustomEvent<string>} */ (event).detail), { signal });
    panes.addEventListener("layout", () => {
      this.#toFill = true;
      this.#fill();
    }, { signal });
    for (const type of ["change", "active", "layout"]) {
      panes.addEventListener(type, () => this.#mark(), { signal });
    }
    this.#layoutBar.addEventListener("change", (event) => {
      const user = this.#context.session.user?.id;
      const { scroll, looks } = panes.links;
      // That mammograms or a double click changed it is no habit.
      const layout = /** @type {CustomEvent} */ (event).detail
        ?? readHabits(user).layout;
      keepHabits(user, { layout, scroll, looks });
    }, { signal });
    this.#hangings.addEventListener("choose", (event) => {
      void this.#hangStep(
        /** @type {CustomEvent<import("./hanging_bar.js").Step>} */ (
          event).detail);
    }, { signal });
    this.#parts.addEventListener("choose", (event) => {
      this.#choosePart(/** @type {CustomEvent<number>} */ (event).detail);
      panes.viewport.element.focus();
    }, { signal });
    this.#keys(signal);
  }

  /** @param {AbortSignal} signal */
  #keys(signal) {
    const panes = this.#panes;
    listenKeys({
      get viewport() {
        return panes.viewport;
      },
      setTool: (tool) => panes.setTool(tool),
      changeSeries: (way) => this.#changeSeries(way),
      changeViewport: (way) => {
        if (!panes.step(way)) {
          this.#changeSeries(way);
        }
      },
      nextLayout: () => this.#layoutBar.nextLayout(),
      nextHanging: () => this.#hangings.next(),
      toggleScroll: () => this.#layoutBar.toggleScroll(),
      toggleLooks: () => this.#layoutBar.toggleLooks(),
      toggleReport: () => this.#toggleReport(),
      toggleScreen,
      back: () => {
        location.hash = this.#context.lastList();
      },
      preset: (n) => {
        const preset = panes.viewport.presets[n];
        if (preset) {
          panes.viewport.setWindow(
            { center: preset.center, width: preset.width });
        }
      },
    }, signal);
    document.addEventListener("keydown", (event) => {
      if (event.key === "?" && !document.querySelector("dialog[open]")
        && event.target instanceof Element
        && !event.target.closest("input, textarea, select")) {
        event.preventDefault();
        this.#shortcuts();
      }
    }, { signal });
  }

  #shortcuts() {
    showShortcuts(SHORTCUTS, this.#panes.viewport.presets);
  }

  /**
   * The first picture and the study are asked for at once, the picture first.
   *
   * @param {string} uid
   */
  async #open(uid) {
    const { looks } = this.#context;
    looks.begin(this.#nodeAt(null), uid, null);
    const look = looks.take(uid);
    this.#aborter.signal.addEventListener("abort", () => look?.close());
    if (look?.item) {
      this.#name(look.item);
      void look.seen.then((seen) => this.#glimpse(look, seen, look.item));
    }
    try {
      const study = await this.#facility.study(uid,
        { signal: this.#aborter.signal });
      if (look?.item) {
        // The picture first, then what stands around it.
        await Promise.race([look.seen, sleep(LISTS_MS)]);
        await nextFrame();
        this.#aborter.signal.throwIfAborted();
      }
      this.#known(study);
      const first = firstToRead(study.series);
      if (first) {
        this.#panes.viewport.element.focus();
        if (look) {
          this.#glimpse(look, await look.seen, study);
          look.close();
        }
        this.#aborter.signal.throwIfAborted();
        await this.#hang(study, first);
      } else {
        this.#panes.active.announce("This study has no pictures.");
      }
    } catch (error) {
      if (!this.#aborter.signal.aborted) {
        this.#panes.active.announce(
          error instanceof HttpError && error.status === 404
            ? "This study is not stored here (any more)." : explain(error));
      }
    }
  }

  /** @param {StudyDetail} study */
  #known(study) {
    const node = this.#source?.node ?? this.#nodeAt(study.node);
    if (!node) {
      throw new Error("No rendering node is registered for this facility");
    }
    this.#study = study;
    this.#source = { node, study, note: "" };
    this.#name(study);
    this.#list = new SeriesList(node, study);
    this.#others = new OtherStudies(this.#facility, study,
      (other) => this.#nodeAt(other.node), this.#aborter.signal);
    for (const list of [this.#list, this.#others]) {
      list.addEventListener("choose", (event) => {
        this.#choose(/** @type {CustomEvent<string>} */ (event).detail);
        this.#panes.viewport.element.focus();
      });
    }
    this.#others.addEventListener("listed", () => this.#offer(study));
    fill(this.#rail, this.#layoutBar.element, this.#hangings.element,
      this.#parts.element,
      this.#presentations.element, this.#list.element, this.#others.element);
    this.#openReport(study);
  }

  /** @param {string | null} base  as the study says; else the facility's */
  #nodeAt(base) {
    const url = base ?? this.#facility.facility.nodes[0];
    return url ? new NodeApi(this.#context.http, trimUrl(url)) : null;
  }

  /**
   * Shows what the node had to show of the study of its own accord.
   *
   * @param {import("./first_look.js").FirstLook} look
   * @param {import("./first_look.js").Seen | null} seen
   * @param {StudyItem | null} study
   */
  #glimpse(look, seen, study) {
    const pane = this.#panes.active;
    if (!seen || !study || pane.glimpsed || pane.series
      || this.#aborter.signal.aborted) {
      return;
    }
    const node = this.#source?.node ?? this.#nodeAt(study.node);
    this.#source ??= { node: /** @type {NodeApi} */ (node), study, note: "" };
    look.keep();
    pane.glimpse(this.#source, seen);
  }

  /**
   * The first series, or mammograms in their places; nothing where the reader
   * was faster.  The other places are filled when the first picture is there.
   *
   * @param {StudyDetail} study
   * @param {SeriesItem} first
   */
  async #hang(study, first) {
    const panes = this.#panes;
    const source = /** @type {Source} */ (this.#source);
    const views = areMammograms(study.series)
      ? await this.#viewsOf(study, source.node) : null;
    this.#aborter.signal.throwIfAborted();
    const chosen = panes.all.some(({ series }) => series);
    const begun = panes.all.find(({ glimpsed }) => glimpsed);
    const hanging = chosen || !views ? null : hangMammograms(views);
    if (hanging) {
      this.#place(hanging.layout, hanging.places.map((one) =>
        ({ ...one, source })));
    } else if (begun || !chosen) {
      const seen = study.series.find(({ uid }) => uid === begun?.glimpsed);
      this.#put(begun ?? panes.active, (seen ?? first).uid);
    }
  }

  /**
   * @param {StudyDetail} study
   * @param {NodeApi} node
   */
  async #viewsOf(study, node) {
    await Promise.race([this.#headers.load(node, study), sleep(HEADERS_MS)]);
    return mammogramViews(study.series, (uid) => this.#headers.get(uid));
  }

  /**
   * @param {import("./panes.js").Layout} layout
   * @param {{source: Source, view: string,
   *     place: import("./mammograms.js").Place | null}[]} places
   */
  #place(layout, places) {
    const panes = this.#panes;
    panes.layout = layout;
    this.#toFill = false;
    for (const [n, { source, view, place }] of places.entries()) {
      const pane = panes.visible[n];
      if (place) {
        void pane.choose(source, place.series, 0, place.instance);
      } else {
        pane.vacate(source, `There is no ${view} in this study.`);
      }
    }
  }

  /** @param {StudyDetail} study  whose others are known now */
  #offer(study) {
    const earlier = this.#others?.earlier("MG");
    if (earlier && areMammograms(study.series)) {
      this.#hangings.offer(day(earlier.date));
    }
  }

  /** @param {import("./hanging_bar.js").Step} step */
  async #hangStep(step) {
    const others = this.#others;
    const source = this.#source;
    const study = this.#study;
    const earlier = others?.earlier("MG");
    if (!others || !source || !study || !earlier) {
      return;
    }
    try {
      const now = await this.#viewsOf(study, source.node);
      this.#aborter.signal.throwIfAborted();
      if (this.#hangings.step !== step) {
        return;
      }
      if (step === "four") {
        const four = hangMammograms(now);
        const first = firstToRead(study.series);
        this.#place(four?.layout ?? 1, (four?.places ?? [{ view: "picture",
          place: first ? { series: first, instance: "" } : null }]).map((one) =>
          ({ ...one, source })));
      } else {
        const other = await others.open(earlier.uid);
        const rows = besideEarlier(step, now,
          await this.#viewsOf(other.study, other.source.node));
        this.#aborter.signal.throwIfAborted();
        if (this.#hangings.step !== step) {
          return;
        }
        this.#place(4, [
          ...rows.now.map((one) => ({ ...one, source })),
          ...rows.before.map((one) => ({ ...one, source: other.source })),
        ]);
      }
    } catch (error) {
      if (!this.#aborter.signal.aborted) {
        this.#panes.active.announce(explain(error));
      }
    }
  }

  /** @param {StudyItem} study */
  #name(study) {
    const { patient } = study;
    const years = age(patient.birth_date, study.date);
    setText(this.#patientName, dicomName(patient.name));
    setText(this.#patientLine, [
      patient.id, day(patient.birth_date), sexName(patient.sex), years,
    ].filter(Boolean).join("  ·  "));
    setText(this.#studyLine, [
      study.description || "Study", day(study.date), clock(study.time),
      study.modalities.join(" "),
    ].filter(Boolean).join("  ·  "));
  }

  /** @param {StudyDetail} study */
  #openReport(study) {
    if (!this.#reportButton.hidden) {
      this.#report = new ReportPanel(this.#facility, study,
        this.#context.session);
      fill(this.#aside, this.#report.element);
    }
  }

  #toggleReport() {
    if (this.#report) {
      this.#showReport(this.#aside.hidden);
    }
  }

  /** @param {boolean} on */
  #showReport(on) {
    this.#aside.hidden = !on;
    this.#reportButton.setAttribute("aria-expanded", String(on));
  }

  /** Another picture is in the active viewport. */
  #shown() {
    if (this.#panes.viewport.settled) {
      this.#fill();
      this.#list?.start();
      this.#others?.start();
    }
  }

  /**
   * Empty places show the series that follow, once the first picture is there;
   * not again when the reader has left one empty.
   */
  #fill() {
    if (!this.#toFill || !this.#study || !this.#panes.viewport.settled) {
      return;
    }
    this.#toFill = false;
    const empty = this.#panes.visible.filter((pane) => pane.empty);
    const next = nextSeries(this.#study.series, this.#seriesShown(),
      empty.length);
    for (const [n, pane] of empty.entries()) {
      if (next[n]) {
        this.#put(pane, next[n].uid);
      } else {
        pane.announce("Drag a series here, or choose one from the list.");
      }
    }
  }

  #seriesShown() {
    return new Set(this.#panes.visible.flatMap(({ series }) =>
      series ? [series.uid] : []));
  }

  /** Says in the lists and menus what is shown. */
  #mark() {
    const { active, viewport } = this.#panes;
    const uid = active.series?.uid ?? "";
    const shown = this.#seriesShown();
    this.#list?.mark(uid, shown);
    this.#others?.mark(uid, shown);
    if (viewport.stack) {
      this.#parts.show(viewport.stack.info);
    } else {
      this.#parts.clear();
    }
  }

  /**
   * The next part of the series, then the next series.
   *
   * @param {1 | -1} way
   */
  #changeSeries(way) {
    const { active } = this.#panes;
    const part = active.part + way;
    if (active.series && part >= 0 && part < this.#parts.count) {
      this.#choosePart(part);
      return;
    }
    const all = active.source && "series" in active.source.study
      ? /** @type {StudyDetail} */ (active.source.study).series
        .filter((one) => one.frame_count > 0) : [];
    const at = all.findIndex(({ uid }) => uid === active.series?.uid);
    const next = all[at + way];
    if (next) {
      this.#choose(next.uid);
    }
  }

  /** @param {number} part  of the active series */
  #choosePart(part) {
    const { active } = this.#panes;
    if (active.source && active.series) {
      void active.choose(active.source, active.series, part);
    }
  }

  /** @param {string} uid  of a series */
  #choose(uid) {
    this.#put(this.#panes.active, uid);
  }

  /**
   * @param {import("./pane.js").Pane} pane
   * @param {string} uid  of a series of this study, or of another one listed
   */
  #put(pane, uid) {
    const own = this.#study?.series.find((one) => one.uid === uid);
    const found = own && this.#source ? { source: this.#source, series: own }
      : this.#others?.find(uid);
    if (found) {
      void pane.choose(found.source, found.series);
    }
  }
}

async function toggleScreen() {
  try {
    await (document.fullscreenElement ? document.exitFullscreen()
      : document.documentElement.requestFullscreen());
  } catch {
    // The browser cannot, or it or the reader does not want it.
  }
}

/** What was shown is on the screen then. @returns {Promise<void>} */
function nextFrame() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    // A hidden page draws nothing.
    setTimeout(resolve, 100);
  });
}
