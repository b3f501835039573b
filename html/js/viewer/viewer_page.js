/**
 * A study on the screen: series, viewport, report.
 */

import { fill, h, icon, setText } from "../core/dom.js";
import { age, clock, day, dicomName, sexName } from "../core/format.js";
import { explain, HttpError } from "../core/http.js";
import { sleep } from "../core/latest.js";
import { NodeApi } from "../api/node.js";
import { trimUrl } from "../api/registry.js";
import { ReportPanel } from "../report/report_panel.js";
import { SHORTCUTS, listenKeys } from "./keys.js";
import { PartMenu } from "./part_menu.js";
import { PresentationMenu } from "./presentation_menu.js";
import { SeriesList } from "./series_list.js";
import { SliceSlider } from "./slice_slider.js";
import { Stack } from "./stack.js";
import { Toolbar } from "./toolbar.js";
import { Viewport } from "./viewport.js";
import { showShortcuts } from "./shortcuts.js";

/** @typedef {import("../types.js").StudyDetail} StudyDetail */
/** @typedef {import("../types.js").StudyItem} StudyItem */
/** @typedef {import("../types.js").SeriesItem} SeriesItem */
/** @typedef {import("./view.js").View} View */

/**
 * What a viewer needs of the application; in an emergency its requests have a
 * token of their own.
 *
 * @typedef {Pick<import("../app.js").AppContext, "config" | "http" | "meter"
 *     | "looks" | "lastList">
 *     & {session: import("../types.js").Rights}} ViewerContext
 */

/** Stacks left open, so that going back to a series costs nothing. */
const OPEN_STACKS = 3;

/** The lists wait so long for the first picture. */
const LISTS_MS = 250;

/** A series of more images is not only there to plan the others. */
const SCOUT_IMAGES = 3;

export class ViewerPage {
  #aborter = new AbortController();

  /** @type {ViewerContext} */
  #context;

  /** @type {import("../api/facility.js").FacilityApi} */
  #facility;

  /** @type {StudyDetail | null} */
  #study = null;

  /** @type {NodeApi | null} */
  #node = null;

  /** @type {SeriesItem | null} */
  #series = null;

  #part = 0;
  #parts = new PartMenu();

  /** @type {PresentationMenu} */
  #presentations;

  /** Shown before the study was known. @type {Stack | null} */
  #glimpsed = null;

  /** By series and part, oldest use first. @type {Map<string, Stack>} */
  #stacks = new Map();

  /** The same way. @type {Map<string, View>} */
  #views = new Map();

  #followed = new AbortController();

  /** @type {Viewport} */
  #viewport;

  /** @type {SeriesList | null} */
  #list = null;

  /** @type {ReportPanel | null} */
  #report = null;

  #rail = h("div", { class: "rail" });
  #aside = h("aside", { class: "report-side", "aria-label": "Report" });
  #progress = h("progress", { class: "load-bar", max: 1, value: 0,
    "aria-label": "Loading of the series" });

  #progressText = h("span", { class: "load-text" });
  #loading = h("div", { class: "loading", hidden: true },
    this.#progress, this.#progressText);

  #patientName = h("h1", { class: "patient-name" });
  #patientLine = h("span", { class: "patient-line" });
  #studyLine = h("span", { class: "study-line" });

  /** @type {HTMLButtonElement} */
  #reportButton;

  /** @type {HTMLElement} */
  element;

  /** @type {HTMLElement} */
  bar;

  /**
   * @param {ViewerContext} context
   * @param {import("../api/facility.js").FacilityApi} facility
   * @param {string} uid
   */
  constructor(context, facility, uid) {
    this.#context = context;
    this.#facility = facility;
    const { signal } = this.#aborter;
    this.#viewport = new Viewport(context.meter, context.config.demo);
    this.#presentations = new PresentationMenu(this.#viewport, signal);
    const toolbar = new Toolbar(this.#viewport, signal);
    const slider = new SliceSlider(this.#viewport, signal);
    this.#reportButton = h("button", {
      type: "button", class: "button", title: "Report (N)",
      "aria-expanded": "true", onclick: () => this.#toggleReport(),
    }, icon("report"), h("span", {}, "Report"));
    this.bar = h("div", { class: "viewer-bar" },
      h("a", { class: "tool", href: context.lastList(), title: "Back (Esc)",
        "aria-label": "Back to the list" }, icon("back")),
      h("div", { class: "identity", role: "status", "aria-live": "off" },
        h("div", {}, this.#patientName, this.#patientLine),
        this.#studyLine),
      toolbar.element,
      h("div", { class: "bar-end" },
        h("button", { type: "button", class: "tool", title: "Shortcuts (?)",
          "aria-label": "Keyboard shortcuts",
          onclick: () => this.#shortcuts() }, icon("keyboard")),
        this.#reportButton));
    this.element = h("div", { class: "viewer" }, this.#rail,
      h("div", { class: "stage" }, this.#viewport.element, slider.element,
        this.#loading), this.#aside);
    this.#viewport.tool = "window";
    this.#viewport.announce("Opening …");
    this.#viewport.addEventListener("shown", () => {
      context.looks.box = this.#viewport.box;
      if (this.#viewport.settled) {
        this.#list?.start();
      }
    }, { signal });
    this.#viewport.addEventListener("state", () => this.#showCine(),
      { signal });
    this.#parts.addEventListener("choose", (event) => {
      void this.#choose(this.#series?.uid ?? "",
        /** @type {CustomEvent<number>} */ (event).detail);
      this.#viewport.element.focus();
    }, { signal });
    this.#keys(signal);
    void this.#open(uid);
  }

  destroy() {
    this.#aborter.abort();
    this.#followed.abort();
    this.#viewport.close();
    this.#list?.close();
    this.#report?.close();
    for (const stack of this.#stacks.values()) {
      stack.close();
    }
  }

  /** @param {AbortSignal} signal */
  #keys(signal) {
    listenKeys({
      viewport: this.#viewport,
      changeSeries: (way) => this.#changeSeries(way),
      toggleReport: () => this.#toggleReport(),
      back: () => {
        location.hash = this.#context.lastList();
      },
      preset: (n) => {
        const preset = this.#viewport.presets[n];
        if (preset) {
          this.#viewport.setWindow(
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
    showShortcuts(SHORTCUTS, this.#viewport.presets);
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
      void look.seen.then((seen) => this.#glimpse(seen, look.item));
    }
    try {
      const study = await this.#facility.study(uid,
        { signal: this.#aborter.signal });
      if (look?.item) {
        // The picture first, then what stands around it.
        await Promise.race([look.seen, sleep(LISTS_MS)]);
        await nextFrame();
      }
      this.#study = study;
      this.#node ??= this.#nodeAt(study.node);
      if (!this.#node) {
        throw new Error("No rendering node is registered for this facility");
      }
      this.#name(study);
      this.#list = new SeriesList(this.#node, study);
      this.#list.addEventListener("choose", (event) => {
        void this.#choose(/** @type {CustomEvent<string>} */ (event).detail);
        this.#viewport.element.focus();
      });
      fill(this.#rail, this.#parts.element, this.#presentations.element,
        this.#list.element);
      this.#openReport(study);
      const first = firstToRead(study.series);
      if (first) {
        this.#viewport.element.focus();
        this.#glimpse(await look?.seen ?? null, study);
        await this.#choose(this.#glimpsed?.series ?? first.uid);
      } else {
        this.#viewport.announce("This study has no pictures.");
      }
    } catch (error) {
      if (!this.#aborter.signal.aborted) {
        this.#viewport.announce(
          error instanceof HttpError && error.status === 404
            ? "This study is not stored here (any more)." : explain(error));
      }
    }
  }

  /** @param {string | null} base  as the study says; else the facility's */
  #nodeAt(base) {
    const url = base ?? this.#facility.facility.nodes[0];
    return url ? new NodeApi(this.#context.http, trimUrl(url)) : null;
  }

  /**
   * Shows what the node had to show of the study of its own accord.
   *
   * @param {import("./first_look.js").Seen | null} seen
   * @param {StudyItem | null} study
   */
  #glimpse(seen, study) {
    if (!seen || !study || this.#glimpsed || this.#series
      || this.#aborter.signal.aborted) {
      return;
    }
    const { info } = seen;
    const part = info.part ?? 0;
    this.#node ??= this.#nodeAt(study.node);
    this.#glimpsed = new Stack(/** @type {NodeApi} */ (this.#node),
      { study: study.uid, series: info.series, part }, info);
    this.#stacks.set(partKey(info.series, part), this.#glimpsed);
    this.#viewport.show(/** @type {NodeApi} */ (this.#node), this.#glimpsed,
      study, null, null);
    this.#viewport.begin(seen);
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
    const { session } = this.#context;
    if (!session.may("physician", "radiographer", "emergency")) {
      this.#reportButton.hidden = true;
      this.#aside.hidden = true;
      return;
    }
    this.#report = new ReportPanel(this.#facility, study, session);
    fill(this.#aside, this.#report.element);
  }

  #toggleReport() {
    if (this.#report) {
      this.#aside.hidden = !this.#aside.hidden;
      this.#reportButton.setAttribute("aria-expanded",
        String(!this.#aside.hidden));
    }
  }

  /**
   * The next part of the series, then the next series.
   *
   * @param {1 | -1} way
   */
  #changeSeries(way) {
    const part = this.#part + way;
    if (this.#series && part >= 0 && part < this.#parts.count) {
      void this.#choose(this.#series.uid, part);
      return;
    }
    const all = this.#study?.series.filter((one) => one.frame_count > 0) ?? [];
    const at = all.findIndex(({ uid }) => uid === this.#series?.uid);
    const next = all[at + way];
    if (next) {
      void this.#choose(next.uid);
    }
  }

  /**
   * @param {string} uid  of the series
   * @param {number} [part]
   */
  async #choose(uid, part = 0) {
    const study = this.#study;
    const series = study?.series.find((one) => one.uid === uid);
    if (!study || !series || !this.#node
      || (this.#series?.uid === uid && this.#part === part)) {
      return;
    }
    if (this.#series) {
      this.#views.set(partKey(this.#series.uid, this.#part),
        this.#viewport.view);
    }
    if (this.#series?.uid !== uid) {
      this.#parts.clear();
    }
    this.#series = series;
    this.#part = part;
    const chosen = () => this.#series?.uid === uid && this.#part === part
      && !this.#aborter.signal.aborted;
    this.#list?.mark(uid);
    const glimpsed = this.#glimpsed;
    this.#glimpsed = null;
    if (glimpsed?.series === uid && glimpsed.info.part === part) {
      this.#parts.show(glimpsed.info);
      this.#viewport.identify(study, series);
      this.#follow(glimpsed);
      return;
    }
    this.#viewport.clear();
    this.#loading.hidden = true;
    this.#viewport.announce("Opening …");
    try {
      const stack = await this.#stack(study.uid, series, part);
      if (!chosen()) {
        return;
      }
      this.#parts.show(stack.info);
      this.#viewport.show(this.#node, stack, study, series,
        this.#views.get(partKey(uid, part)) ?? null);
      this.#follow(stack);
    } catch (error) {
      if (chosen()) {
        this.#series = null;
        this.#viewport.announce(explain(error));
      }
    }
  }

  /**
   * @param {string} study
   * @param {SeriesItem} series
   * @param {number} part
   */
  async #stack(study, series, part) {
    const key = partKey(series.uid, part);
    const kept = this.#stacks.get(key);
    if (kept?.isOpen) {
      this.#stacks.delete(key);
      this.#stacks.set(key, kept);
      return kept;
    }
    kept?.close();
    const stack = new Stack(/** @type {NodeApi} */ (this.#node),
      { study, series: series.uid, part });
    this.#stacks.set(key, stack);
    for (const [other, oldest] of this.#stacks) {
      if (this.#stacks.size <= OPEN_STACKS) {
        break;
      }
      oldest.close();
      this.#stacks.delete(other);
    }
    await stack.open(part === 0
      ? Math.floor((series.frame_count - 1) / 2) : undefined);
    return stack;
  }

  /** @param {Stack} stack */
  #follow(stack) {
    const show = () => {
      if (this.#series?.uid !== stack.series
        || this.#part !== (stack.info.part ?? 0)) {
        return;
      }
      const { state, loaded, layers, error } = stack.info;
      this.#loading.hidden = state === "ready";
      this.#loading.toggleAttribute("data-failed", state === "failed");
      this.#progress.max = layers;
      this.#progress.value = loaded;
      setText(this.#progressText, state === "failed"
        ? error?.detail ?? "The series could not be loaded completely"
        : `Loading ${loaded} / ${layers}`);
    };
    this.#followed.abort();
    this.#followed = new AbortController();
    stack.addEventListener("change", show, { signal: this.#followed.signal });
    show();
  }

  #showCine() {
    const { cine } = this.#viewport;
    this.element.toggleAttribute("data-cine", cine.running);
    this.#viewport.element.setAttribute("data-cine",
      cine.running ? `Cine ${cine.rate}/s` : "");
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

/**
 * The first series with pictures that is more than a scout.
 *
 * @param {SeriesItem[]} series
 */
function firstToRead(series) {
  return series.find(({ frame_count: n }) => n > SCOUT_IMAGES)
    ?? series.find(({ frame_count: n }) => n > 0);
}

/**
 * @param {string} series
 * @param {number} part
 */
function partKey(series, part) {
  return `${series}/${part}`;
}
