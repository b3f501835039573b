/**
 * The viewport: holds the view, asks for its picture, shows what comes.
 *
 * Events: "shown" (another picture is on the screen, or none any more), "view"
 * (the view that is wanted changed), "layers" (it is known where they lie),
 * "state" (loading, trouble, cine), "enlarge" (a double click; prevented, it
 * does not reset).
 */

import { h, setText } from "../core/dom.js";
import { explain, HttpError } from "../core/http.js";
import { neighbours } from "./ahead.js";
import { Cine } from "./cine.js";
import { Cover } from "./cover.js";
import { Handling } from "./handling.js";
import { leanOf } from "./hanging.js";
import { movingBytes, movingQuality } from "./line_policy.js";
import { FULL, imageShape, pictureKey, WrongPicture } from "./picture.js";
import { PictureLoader } from "./picture_loader.js";
import { inRuns, itemOf, settle } from "./presentation.js";
import { presetsFor } from "./presets.js";
import { Probe } from "./probe.js";
import { Surface } from "./surface.js";
import { ViewHistory } from "./view_history.js";
import { clampZoom, fitScale, mirror, restView, turn } from "./view.js";
import { nextQuality } from "./wishes.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./view.js").ImageShape} ImageShape */
/** @typedef {import("./picture.js").PictureRequest} PictureRequest */
/** @typedef {import("./picture_loader.js").LoadedPicture} LoadedPicture */
/** @typedef {import("../types.js").StudyItem} StudyItem */
/** @typedef {import("../types.js").SeriesItem} SeriesItem */

/**
 * What the viewports of a page share.
 *
 * @typedef {object} Shared
 * @property {import("./line_meter.js").LineMeter} meter
 * @property {boolean} demo
 * @property {import("./marks.js").AllMarks} marks
 * @property {import("./image_headers.js").ImageHeaders} headers
 * @property {Turns} turns
 *
 * @typedef {object} Turns  on the line
 * @property {(one: Viewport, preview: boolean) => boolean} mayAsk
 * @property {(one: Viewport) => boolean} mayFetchAhead
 * @property {(one: Viewport) => boolean} isFirst  what it asks for is urgent
 * @property {(one: Viewport) => void} done  it asked, and was answered
 */

/** After this long without a move the picture is refined. */
const REST_MS = 120;

/** Slower answers get a word on the screen. */
const SLOW_MS = 300;

/** @type {readonly import("../types.js").PresentationName[]} */
const NO_STATES = [];

export class Viewport extends EventTarget {
  #aborter = new AbortController();

  /** @type {import("./line_meter.js").LineMeter} */
  #meter;

  /** @type {Turns} */
  #turns;

  /** Bytes of pictures to keep. */
  #room = 0;

  #view = restView();
  #history = new ViewHistory();

  /** @type {{node: import("../api/node.js").NodeApi,
   *     stack: import("./stack.js").Stack, loader: PictureLoader,
   *     probe: Probe, presets: readonly import("./presets.js").Preset[],
   *     closed: AbortController} | null} */
  #open = null;

  #moving = false;
  #direction = 1;
  #queued = false;
  #failure = "";

  /** Layers for which the node refused a state that names them. */
  #refused = new Set();

  /** The presentation state that was asked for last. */
  #choice = /** @type {string | null} */ (null);

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #restTimer;

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #slowTimer;

  #canvas = h("canvas", { class: "picture", "aria-hidden": "true" });
  #notice = h("div", { class: "notice", role: "status", hidden: true });

  /** @type {Cover} */
  #cover;

  /** @type {Surface} */
  #surface;

  /** @type {Handling} */
  #handling;

  /** @type {Cine} */
  cine;

  /** @type {HTMLElement} */
  element;

  /** @param {Shared} shared */
  constructor({ meter, demo, marks, headers, turns }) {
    super();
    this.#meter = meter;
    this.#turns = turns;
    this.#cover = new Cover(demo, marks, headers);
    this.element = h("div", {
      class: "viewport", tabindex: "0", role: "application",
      "aria-label": "Image", "aria-roledescription": "medical image viewport",
    }, this.#canvas, ...this.#cover.elements, this.#notice);
    const { signal } = this.#aborter;
    this.#surface = new Surface(this.#canvas, () => this.#changed(), signal);
    this.#handling = new Handling({
      element: this.element, surface: this.#surface, marks: this.#cover.marks,
      view: () => this.#settle(), image: () => this.#image(),
      layers: () => this.layers,
      begin: () => {
        this.cine.stop();
        this.#remember();
      },
      end: () => this.#rest(),
      change: (change) => this.#change(change),
      setLayer: (layer) => this.setLayer(layer),
      scroll: (steps) => this.scroll(steps),
      doubled: () => this.#doubled(),
      point: (spot) => this.#point(spot),
    }, signal);
    this.cine = new Cine(() => this.#cineStep(),
      () => this.dispatchEvent(new Event("state")));
  }

  get view() {
    return this.#view;
  }

  /** The tool of the left button. */
  get tool() {
    return this.#handling.tool;
  }

  set tool(tool) {
    this.#handling.tool = tool;
    this.dispatchEvent(new Event("state"));
  }

  get presets() {
    return this.#open?.presets ?? [];
  }

  /** The presentation states to choose from. */
  get presentations() {
    return this.#open?.stack.isOpen
      ? this.#open.stack.info.presentations ?? NO_STATES : NO_STATES;
  }

  /** The presentation state's graphics are shown. */
  get graphics() {
    return this.#cover.graphics;
  }

  get box() {
    return this.#surface.box;
  }

  get layers() {
    return this.#open?.stack.isOpen ? this.#open.stack.info.layers : 0;
  }

  /** The stack that is shown, if one is open. */
  get stack() {
    return this.#open?.stack.isOpen ? this.#open.stack : null;
  }

  /** Waits for an answer. */
  get asking() {
    return this.#open?.loader.busy ?? false;
  }

  /** Does not show yet what it should. */
  get waits() {
    return this.stack !== null && this.#failure === "" && !this.settled;
  }

  get empty() {
    return this.#surface.picture === null;
  }

  /** Where the layer on the screen lies; null: not known. */
  get plane() {
    const layer = this.picture?.request.view.layer;
    return layer === undefined ? null
      : this.stack?.planes?.[layer] ?? null;
  }

  /** The picture on the screen. */
  get picture() {
    return this.#surface.picture;
  }

  /** True when exactly the wanted view is on the screen at full quality. */
  get settled() {
    const request = this.#surface.picture?.request;
    return request !== undefined && request.view.layer === this.#view.layer
      && request.quality === FULL && this.#surface.matches(this.#settle());
  }

  /**
   * Shows a stack that is open.  series: null when nothing is known of it yet;
   * view: as it was left before.
   *
   * @param {import("../api/node.js").NodeApi} node
   * @param {import("./stack.js").Stack} stack
   * @param {StudyItem} study
   * @param {SeriesItem | null} series
   * @param {View | null} view
   * @param {string} [note]  what sets the study apart
   */
  show(node, stack, study, series, view, note = "") {
    this.clear();
    const { info } = stack;
    const instances = series && instancesOf(series);
    const loader = new PictureLoader(node, stack, instances, this.#meter, {
      show: (picture) => this.#take(picture),
      fail: (request, error) => this.#fail(request, error),
      nextAhead: () => this.#nextAhead(),
    }, this.#room);
    const probe = new Probe(node, stack,
      (text) => this.#cover.overlay.setProbe(text));
    const closed = new AbortController();
    this.#cover.show(node, stack);
    this.#open = {
      node, stack, loader, probe, closed,
      presets: presetsFor(info.modality ?? series?.modality ?? null,
        info.windows),
    };
    this.#view = view ?? { ...restView(Math.floor((info.layers - 1) / 2)),
      lean: leanOf(info) };
    this.#refused.clear();
    this.#choice = this.#view.state?.uid ?? null;
    this.#history.clear();
    this.cine.setFrameTime(info.frame_time);
    this.#cover.overlay.setStudy(study, series, note);
    this.#cover.overlay.clear();
    this.#name(series);
    stack.addEventListener("layers", () => this.#layersKnown(),
      { signal: closed.signal });
    // On a thin line something recognisable comes first.
    this.#nowMoving();
    this.#changed();
    this.dispatchEvent(new Event("state"));
  }

  /**
   * Shows the picture that came with the opening of the stack, for as long as
   * nothing else is there.
   *
   * @param {import("./first_look.js").Seen} seen
   */
  begin({ picture, bytes }) {
    const { quality, viewport } = picture.request;
    if (!this.#open || this.#surface.picture) {
      picture.bitmap.close();
      return;
    }
    this.#open.loader.sizes.learn(quality, viewport.width * viewport.height,
      bytes);
    // Something recognisable is there: the next one is the true picture.
    clearTimeout(this.#restTimer);
    this.#moving = false;
    this.#take(picture);
  }

  /**
   * What the pictures shown since begin() are of.
   *
   * @param {StudyItem} study
   * @param {SeriesItem} series
   */
  identify(study, series) {
    const instances = instancesOf(series);
    const { picture } = this.#surface;
    this.#cover.overlay.setStudy(study, series);
    this.#name(series);
    this.#open?.loader.setInstances(instances);
    if (picture && !instances.has(picture.facts.instance)) {
      this.#fail(picture.request,
        new WrongPicture(`instance ${picture.facts.instance}`));
    } else {
      this.#changed();
    }
  }

  /**
   * Empty until a series comes, and labelled as that, not as the former one.
   *
   * @param {StudyItem} study
   * @param {SeriesItem | null} series  null: none will come
   * @param {string} note
   */
  expect(study, series, note) {
    this.#cover.overlay.setStudy(study, series, note);
    this.#name(series);
    this.clear();
  }

  /** Empty and black; nothing of a former patient stays. */
  clear() {
    this.cine.stop();
    this.#open?.closed.abort();
    this.#open?.loader.close();
    this.#open?.probe.close();
    this.#open = null;
    this.#failure = "";
    clearTimeout(this.#slowTimer);
    clearTimeout(this.#restTimer);
    this.#surface.clear();
    this.#cover.clear();
    this.#say("");
    this.#turns.done(this);
    this.dispatchEvent(new Event("state"));
  }

  close() {
    this.clear();
    this.#aborter.abort();
  }

  /** @param {string} text  over the empty viewport */
  announce(text) {
    this.#say(text);
  }

  /** @param {SeriesItem | null} series */
  #name(series) {
    this.element.setAttribute("aria-label", ["Image", series?.modality,
      series?.description].filter(Boolean).join(", "));
  }

  /** Draws again, and asks if it is its turn. */
  refresh() {
    this.#changed();
  }

  /** @param {number} room  bytes of pictures to keep */
  set room(room) {
    this.#room = room;
    if (this.#open) {
      this.#open.loader.room = room;
    }
  }

  /** The others have what they want: what may be wanted next is fetched. */
  fetchAhead() {
    this.#open?.loader.wake();
  }

  /**
   * What the reader does to another viewport that this one goes with.
   *
   * @param {Partial<View>} change
   */
  adopt(change) {
    this.#change(change);
  }

  /**
   * How this viewport goes with the active one.
   *
   * @param {string} text  "": it does not
   * @param {boolean} apart  what it shows lies elsewhere
   */
  setLink(text, apart) {
    this.#cover.overlay.setLink(text, apart);
  }

  /** @param {import("./reference_line.js").Line | null} line */
  setReference(line) {
    this.#cover.reference.line = line;
  }

  /* What the reader can do, by mouse, key or button */

  /** @param {number} layer @param {boolean} [wrap] */
  setLayer(layer, wrap = false) {
    const { layers } = this;
    if (layers === 0) {
      return;
    }
    const next = wrap ? ((layer % layers) + layers) % layers
      : Math.min(layers - 1, Math.max(0, Math.round(layer)));
    if (next !== this.#view.layer) {
      this.#direction = next > this.#view.layer ? 1 : -1;
      this.#set({ ...this.#view, layer: next });
    }
  }

  /** @param {number} steps */
  scroll(steps) {
    this.cine.stop();
    this.setLayer(this.#view.layer + steps);
  }

  /** @param {{center: number, width: number} | null} window */
  setWindow(window) {
    this.#remember();
    this.#change({ window });
  }

  /**
   * Shows the layers as a presentation state says, from its own beginning.
   *
   * @param {string | null} uid
   */
  async choosePresentation(uid) {
    const open = this.#open;
    this.#choice = uid;
    try {
      const state = uid && open ? await open.stack.with(this.#view.layer,
        (id) => open.node.presentation(id, uid, open.closed.signal)) : null;
      if (open === this.#open && this.#choice === uid) {
        this.#remember();
        this.#set({ ...this.#restView(), state });
      }
    } catch (error) {
      if (open === this.#open && this.#choice === uid) {
        this.#say(`The presentation state cannot be shown: ${explain(error)}`);
        this.dispatchEvent(new Event("view"));
      }
    }
  }

  toggleGraphics() {
    this.#cover.toggleGraphics();
    this.dispatchEvent(new Event("state"));
  }

  toggleInvert() {
    this.#remember();
    this.#change({ invert: !this.#view.invert });
  }

  /** @param {1 | -1} turns */
  rotate(turns) {
    this.#remember();
    this.#change({ ...turn(this.#settle(), turns), turned: true });
  }

  /** @param {"h" | "v"} way */
  flip(way) {
    this.#remember();
    this.#change({ ...mirror(this.#settle(), way), turned: true });
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.#remember();
    this.#change({ placed: true,
      zoom: clampZoom(this.#settle().zoom * factor) });
  }

  fit() {
    this.#remember();
    this.#change({ placed: true, zoom: 1, panX: 0, panY: 0 });
  }

  /** One image pixel on one pixel of the screen. */
  actualSize() {
    this.#remember();
    const fit = fitScale(this.#image(), this.#surface.box,
      this.#settle().rotate);
    this.#change({ placed: true, zoom: clampZoom(1 / fit) });
  }

  /** Everything but the layer as at first. */
  reset() {
    this.#remember();
    this.#set({ ...this.#restView(), state: this.#view.state });
  }

  /** Nothing changed by the reader. */
  #restView() {
    const { layer, lean } = this.#view;
    return { ...restView(layer), lean };
  }

  undo() {
    this.#recall(this.#history.back(this.#view));
  }

  redo() {
    this.#recall(this.#history.forward(this.#view));
  }

  /** @param {View | null} view */
  #recall(view) {
    if (view) {
      this.#set({ ...view, layer: this.#view.layer });
    }
  }

  #remember() {
    this.#history.push(this.#view);
  }

  /** Enlarged, or else reset. */
  #doubled() {
    if (this.dispatchEvent(new Event("enlarge", { cancelable: true }))) {
      this.reset();
    }
  }

  /** @param {{layer: number, x: number, y: number} | null} spot */
  #point(spot) {
    if (spot && !this.cine.running) {
      this.#open?.probe.at(spot.layer, spot.x, spot.y);
    } else {
      this.#open?.probe.clear();
    }
  }

  /* From view to picture */

  /** @param {Partial<View>} change  by the reader */
  #change(change) {
    this.#set({ ...this.#settle(), ...change, state: this.#view.state });
  }

  /** A view as it is asked for and drawn. */
  #settle(view = this.#view) {
    return settle(view, this.#state(view.layer) !== null,
      this.#image(view.layer), this.#surface.box);
  }

  /** The chosen presentation state, if it is for the layer. */
  #state(layer = this.#view.layer) {
    const { state } = this.#view;
    return state && inRuns(state.layers, layer)
      && !this.#refused.has(`${state.uid}/${layer}`) ? state : null;
  }

  /** @param {View} view */
  #set(view) {
    if (!this.#open) {
      return;
    }
    this.#view = view;
    this.#nowMoving();
    this.#open.probe.clear();
    this.#changed();
    this.dispatchEvent(new Event("view"));
  }

  #nowMoving() {
    this.#moving = true;
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => this.#rest(), REST_MS);
  }

  #rest() {
    if (this.#moving && !this.cine.running) {
      this.#moving = false;
      this.#changed();
    }
  }

  /** Draws and asks at the next frame, once for all changes until then. */
  #changed() {
    if (this.#queued) {
      return;
    }
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.#draw();
      this.#ask();
    });
  }

  #draw() {
    const view = this.#settle();
    this.#surface.draw(view);
    this.element.setAttribute("aria-busy",
      String(this.#open !== null && !this.settled && this.#failure === ""));
    const { picture } = this.#surface;
    if (!picture || !this.#open?.stack.isOpen) {
      return;
    }
    this.#cover.draw({
      picture, view, surface: this.#surface, stack: this.#open.stack,
      presets: this.#open.presets,
      preview: picture.request.quality !== FULL
        || !this.#surface.matches(view),
      without: this.#state(picture.request.view.layer) ? null
        : this.#view.state,
    });
  }

  /** Removes the chosen measurement, or the last one of this image. */
  removeMark() {
    this.#cover.marks.removeOne();
  }

  /** Ends what is under way or open over the picture; false: nothing is. */
  cancel() {
    return this.#cover.cancel();
  }

  #ask() {
    const open = this.#open;
    const { box } = this.#surface;
    if (!open?.stack.isOpen || box.width < 16 || box.height < 16
      || this.settled) {
      return;
    }
    const view = this.#settle();
    const wanted = this.#request(view, FULL);
    const pixels = box.width * box.height;
    const shown = this.#surface.picture?.request;
    const seen = shown?.view.layer === this.#view.layer
      && this.#surface.matches(view) ? shown.quality : null;
    const quality = nextQuality({ line: this.#meter,
      sizes: open.loader.sizes, pixels, moving: this.#moving, seen,
      here: open.loader.best(wanted) });
    if (!quality || !this.#turns.mayAsk(this, seen === null)) {
      return;
    }
    open.loader.ask(this.#request(view, quality,
      this.#moving || seen === null));
    this.#slowTimer ??= setTimeout(() => this.#sayState(), SLOW_MS);
  }

  /**
   * @param {View} view
   * @param {import("./picture.js").Quality} quality
   * @param {boolean} [small]  a preview, of what the line carries at once
   * @returns {PictureRequest}
   */
  #request(view, quality, small) {
    return {
      view, quality, viewport: this.#surface.box,
      image: this.#image(view.layer),
      ...(small && quality !== FULL ? { most: movingBytes(this.#meter) } : {}),
      ...(this.#turns.isFirst(this) ? {} : { behind: true }),
    };
  }

  /** @param {number} [layer] @returns {ImageShape} */
  #image(layer = this.#view.layer) {
    const stack = this.#open?.stack;
    if (!stack?.isOpen) {
      return { columns: 1, rows: 1, aspect: 1 };
    }
    const state = this.#state(layer);
    return imageShape(stack.info, stack.layers?.[layer],
      state && itemOf(state.areas, layer)?.aspect);
  }

  /** @param {LoadedPicture} picture */
  #take(picture) {
    this.#failure = "";
    clearTimeout(this.#slowTimer);
    this.#slowTimer = undefined;
    if (this.settled) {
      // The reader came back meanwhile to what stands there already.
      picture.bitmap.close();
      this.#turns.done(this);
      return;
    }
    this.#surface.take(picture);
    this.#open?.stack.follow();
    this.element.dataset.shown = pictureKey(picture.request);
    this.#draw();
    this.#sayState();
    this.dispatchEvent(new Event("shown"));
    this.#turns.done(this);
    if (!this.settled && !this.#moving) {
      this.#changed();
    }
  }

  /**
   * Shows nothing rather than something else than what was asked for.
   *
   * @param {PictureRequest} request
   * @param {unknown} error
   */
  #fail(request, error) {
    const { layer, state } = request.view;
    if (state && error instanceof HttpError
      && error.slug === "presentation-not-applicable") {
      this.#refused.add(`${state.uid}/${layer}`);
      this.#changed();
      return;
    }
    if (layer !== this.#view.layer) {
      this.#turns.done(this);
      return;
    }
    this.#surface.clear();
    this.#cover.clear();
    this.element.setAttribute("aria-busy", "false");
    this.#failure = `Image ${layer + 1} cannot be shown: `
      + explain(error);
    this.#sayState();
    this.dispatchEvent(new Event("shown"));
    this.#turns.done(this);
  }

  #layersKnown() {
    const shown = this.#surface.picture;
    const stack = this.#open?.stack;
    if (!stack) {
      return;
    }
    this.#open?.loader.checkLayers();
    const own = shown && stack.layers?.[shown.request.view.layer];
    if (own && (own.instance !== shown.facts.instance
      || own.frame !== shown.facts.frame)) {
      this.#surface.clear();
      this.#cover.clear();
    }
    this.#changed();
    this.dispatchEvent(new Event("layers"));
  }

  /** @returns {PictureRequest | null} */
  #nextAhead() {
    const open = this.#open;
    if (!open || this.layers < 2 || document.hidden
      || (!this.settled && !this.cine.running)
      || !this.#turns.mayFetchAhead(this)) {
      return null;
    }
    const { box } = this.#surface;
    const { loader } = open;
    for (const { layer, quality } of neighbours({
      layer: this.#view.layer, layers: this.layers,
      direction: this.#direction, cine: this.cine.running,
      moving: movingQuality(this.#meter, loader.sizes, box.width * box.height),
    })) {
      const request = this.#request(this.#settle({ ...this.#view, layer }),
        quality, true);
      const here = loader.best(request);
      if (here !== FULL && (here === null || quality === FULL)
        && !loader.isComing(request)) {
        return request;
      }
    }
    return null;
  }

  #cineStep() {
    if (this.picture?.request.view.layer !== this.#view.layer) {
      return false;
    }
    this.setLayer(this.#view.layer + 1, true);
    return true;
  }

  #sayState() {
    this.#slowTimer = undefined;
    const { picture } = this.#surface;
    const waits = this.#open?.loader.busy
      && picture?.request.view.layer !== this.#view.layer;
    this.#say(this.#failure
      || (waits ? `Image ${this.#view.layer + 1} …` : ""));
    this.element.toggleAttribute("data-failed", this.#failure !== "");
    this.element.toggleAttribute("data-waiting",
      waits === true && this.#failure === "");
  }

  /** @param {string} text */
  #say(text) {
    setText(this.#notice, text);
    this.#notice.hidden = text === "";
  }
}

/** @param {SeriesItem} series */
function instancesOf(series) {
  return new Set(series.instances.map(({ uid }) => uid));
}
