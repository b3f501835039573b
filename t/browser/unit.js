// The viewer's pure modules, without a browser.

import assert from "node:assert/strict";
import { done, test, until } from "./tap.js";

const html = new URL("../../html/js/", import.meta.url);
/** @param {string} name */
const load = (name) => import(new URL(name, html).href);

// What the modules want of a page.
Object.assign(globalThis, {
  addEventListener: () => {},
  location: new URL("https://viewer.test/"),
});

const view = await load("viewer/view.js");
const picture = await load("viewer/picture.js");
const { LineMeter, serverTime } = await load("viewer/line_meter.js");
const policy = await load("viewer/line_policy.js");
const { PictureCache } = await load("viewer/picture_cache.js");
const { ViewHistory } = await load("viewer/view_history.js");
const presentation = await load("viewer/presentation.js");
const presets = await load("viewer/presets.js");
const measure = await load("viewer/measure.js");
const { scaleBar } = await load("viewer/scale_bar.js");
const { Looks } = await load("viewer/first_look.js");
const { neighbours } = await load("viewer/ahead.js");
const { partText } = await load("viewer/part_menu.js");

const image = { columns: 512, rows: 400, aspect: 1.25 };
const viewport = { width: 900, height: 700 };
const ways = [0, 90, 180, 270].flatMap((rotate) =>
  [false, true].flatMap((flipH) => [false, true].map((flipV) =>
    ({ ...view.restView(3), rotate, flipH, flipV, zoom: 1.7,
      panX: 13, panY: -41 }))));

/** @param {number} a @param {number} b @param {string} [what] */
const near = (a, b, what) => assert.ok(Math.abs(a - b) < 1e-6,
  `${what ?? "value"}: ${a} is not ${b}`);

// render-worker/geometry.c, written again: from the picture to the image
/** @param {any} v @param {number} x @param {number} y */
function serverMap(v, x, y) {
  const c = [1, 0, -1, 0][v.rotate / 90];
  const s = [0, 1, 0, -1][v.rotate / 90];
  const high = image.rows * image.aspect;
  const wide = image.columns * Math.abs(c) + high * Math.abs(s);
  const tall = image.columns * Math.abs(s) + high * Math.abs(c);
  const scale = Math.min(viewport.width / wide, viewport.height / tall)
    * v.zoom;
  const mx = v.flipH ? -1 : 1;
  const my = v.flipV ? -1 : 1;
  const dx = x - viewport.width / 2 - v.panX * scale;
  const dy = y - viewport.height / 2 - v.panY * scale;
  return {
    x: image.columns / 2 + mx * (c * dx + s * dy) / scale,
    y: image.rows / 2 + my * (-s * dx + c * dy) / scale / image.aspect,
  };
}

await test("the view is the server's, for every flip and turn", () => {
  for (const one of ways) {
    const back = view.invert(view.viewMatrix(one, image, viewport));
    for (const [x, y] of [[0, 0], [900, 700], [123, 456]]) {
      const ours = view.apply(back, x, y);
      const theirs = serverMap(one, x, y);
      near(ours.x, theirs.x, "column");
      near(ours.y, theirs.y, "row");
    }
  }
});

await test("letters follow the picture through every flip and turn", () => {
  // At rest: where a step in the image leads in the patient.
  const steps = { A: [0, -1], L: [1, 0], P: [0, 1], R: [-1, 0] };
  for (const one of ways) {
    const letters = view.turnLetters(["A", "L", "P", "R"], one);
    const m = view.viewMatrix(one, image, viewport);
    for (const [letter, [dx, dy]] of Object.entries(steps)) {
      const x = m[0] * dx + m[2] * dy;
      const y = m[1] * dx + m[3] * dy;
      const edge = Math.abs(x) > Math.abs(y)
        ? (x > 0 ? 1 : 3) : (y > 0 ? 2 : 0);
      assert.equal(letters[edge], letter,
        `${letter} at ${one.rotate} ${one.flipH} ${one.flipV}`);
    }
  }
  assert.deepEqual(view.turnLetters([], ways[5]), ["", "", "", ""]);
});

await test("letters of any plane are those of its directions", () => {
  // As the server names them at rest: all directions within three degrees of
  // a right angle, the nearest first.
  const axes = { L: [1, 0, 0], R: [-1, 0, 0], P: [0, 1, 0], A: [0, -1, 0],
    H: [0, 0, 1], F: [0, 0, -1] };
  const name = (/** @type {number[]} */ v) => Object.entries(axes)
    .map(([letter, axis]) => /** @type {[string, number]} */ ([letter,
      axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2]]))
    .filter(([, cosine]) => cosine > 0.05)
    .sort((a, b) => b[1] - a[1]).map(([letter]) => letter).join("");
  const minus = (/** @type {number[]} */ v) => v.map((x) => -x);
  const directions = Object.values(axes);
  let tried = 0;
  for (const row of directions) {
    for (const other of directions) {
      if (row.some((x, i) => x * other[i] !== 0)) {
        continue;
      }
      // The columns lean by half a radian, so that edges have two letters.
      for (const lean of [0, 0.5]) {
        const normal = [row[1] * other[2] - row[2] * other[1],
          row[2] * other[0] - row[0] * other[2],
          row[0] * other[1] - row[1] * other[0]];
        const column = other.map((x, i) =>
          x * Math.cos(lean) + normal[i] * Math.sin(lean));
        const rest = [name(minus(column)), name(row), name(column),
          name(minus(row))];
        for (const one of ways) {
          const angle = one.rotate * Math.PI / 180;
          // What lies towards an edge of the screen, turned back and flipped.
          const toward = (/** @type {number} */ x, /** @type {number} */ y) => {
            const u = (Math.cos(angle) * x + Math.sin(angle) * y)
              * (one.flipH ? -1 : 1);
            const v = (-Math.sin(angle) * x + Math.cos(angle) * y)
              * (one.flipV ? -1 : 1);
            return name(row.map((r, i) => u * r + v * column[i]));
          };
          assert.deepEqual(view.turnLetters(rest, one),
            [toward(0, -1), toward(1, 0), toward(0, 1), toward(-1, 0)]);
          tried++;
        }
      }
    }
  }
  assert.equal(tried, 24 * 2 * ways.length);
});

await test("zooming keeps the spot under the cursor", () => {
  for (const one of ways) {
    const at = { x: 200, y: 610 };
    const next = view.zoomAt(one, 3.3, image, viewport, at);
    const spot = view.apply(
      view.invert(view.viewMatrix(one, image, viewport)), at.x, at.y);
    const there = view.apply(
      view.viewMatrix(next, image, viewport), spot.x, spot.y);
    near(there.x, at.x, "x");
    near(there.y, at.y, "y");
  }
  assert.equal(view.clampZoom(1e9), view.MAX_ZOOM);
  assert.equal(view.clampZoom(0), view.MIN_ZOOM);
});

await test("mirrors act on what is seen, and turns keep the middle", () => {
  for (const one of ways) {
    const m = view.viewMatrix(one, image, viewport);
    const h = view.viewMatrix(view.mirror(one, "h"), image, viewport);
    const v = view.viewMatrix(view.mirror(one, "v"), image, viewport);
    const spot = view.apply(m, 77, 33);
    near(view.apply(h, 77, 33).x, viewport.width - spot.x, "mirrored x");
    near(view.apply(h, 77, 33).y, spot.y, "y");
    near(view.apply(v, 77, 33).y, viewport.height - spot.y, "mirrored y");
    const middle = view.apply(view.invert(m), 450, 350);
    const turned = view.apply(view.viewMatrix(
      view.turn(one, 1), image, viewport), middle.x, middle.y);
    near(turned.x, 450, "middle x");
    near(turned.y, 350, "middle y");
    assert.deepEqual(view.turn(view.turn(one, 1), -1), one);
  }
});

/** @param {object} [change] */
function request(change = {}) {
  return {
    view: { ...view.restView(7), ...change }, viewport, image,
    quality: picture.FULL,
  };
}

/** @param {any} asked @param {Record<string, string>} [change] */
function answer(asked, change = {}) {
  const e = picture.effective(asked);
  const shown = {
    center: asked.view.window?.center ?? 40,
    window: asked.view.window?.width ?? 400, voi: "linear",
    invert: asked.view.invert ? 1 : 0, zoom: e.zoom, pan: `${e.panX},${e.panY}`,
    rotate: asked.view.rotate, flip: e.flip || "none",
    interpolation: "linear", size: `${e.width}x${e.height}`,
    format: asked.quality.format, overlays: 0, ...change,
  };
  return new Headers({
    "Dicom-Instance": "1.2.3", "Dicom-Frame": "4", "Dicom-Lossy": "00",
    "Dicom-View": Object.entries(shown).map(([k, v]) => `${k}=${v}`).join(";"),
  });
}

await test("a picture is shown only when it is the one asked for", () => {
  const asked = request({ window: { center: 50, width: 350 }, zoom: 2.5,
    panX: 3.3, panY: -9.1, rotate: 90, flipV: true, invert: true });
  const place = { instance: "1.2.3", frame: 4 };
  const facts = picture.checkPicture(asked, answer(asked), place, null);
  assert.deepEqual(facts.window, { center: 50, width: 350 });
  const wrong = [
    { center: "51" }, { window: "351" }, { invert: "0" }, { zoom: "2.4" },
    { pan: "0,0" }, { rotate: "270" }, { flip: "none" }, { flip: "h" },
    { size: "900x701" }, { format: "jpeg" }, { zoom: "" },
  ];
  for (const change of wrong) {
    assert.throws(() => picture.checkPicture(asked, answer(asked, change),
      place, null), picture.WrongPicture, JSON.stringify(change));
  }
  for (const other of [{ instance: "1.2.4", frame: 4 },
    { instance: "1.2.3", frame: 5 }]) {
    assert.throws(() => picture.checkPicture(asked, answer(asked), other,
      null), picture.WrongPicture);
  }
  assert.throws(() => picture.checkPicture(asked, answer(asked), null,
    new Set(["1.2.9"])), picture.WrongPicture);
  assert.throws(() => picture.checkPicture(asked, new Headers(), null, null),
    picture.WrongPicture);
});

await test("of so many bytes a picture may be halved, if said so", () => {
  const small = { ...request({ zoom: 2, panX: 20, panY: 10 }), most: 9000,
    quality: { format: "jpeg", quality: 60, shrink: 3 } };
  assert.match(String(picture.pictureQuery(small, small.most)),
    /^width=300&height=233&.*&quality=60&max_bytes=9000$/);
  const { panX, panY } = picture.effective(small);
  /** @param {number} by @param {string} size */
  const half = (by, size) => picture.checkPicture(small, answer(small,
    { size, pan: `${panX / by},${panY / by}` }), null, null);
  half(1, "300x233");
  half(2, "150x117");
  half(4, "75x59");
  for (const [by, size] of [[1, "150x117"], [2, "300x233"], [2, "150x116"],
    [2, "151x117"], [1, "600x466"], [1, ""]]) {
    assert.throws(() => half(Number(by), String(size)), picture.WrongPicture,
      String(size));
  }
  delete small.most;
  assert.throws(() => half(2, "150x117"), picture.WrongPicture);
});

await test("a first look is one request, checked, and not kept for long", () =>
  withLooks(async (looks, node, { info, headers }) => {
    looks.box = viewport;
    looks.begin(node, "1.2", null);
    looks.begin(node, "1.2", null);
    assert.equal(node.asked.length, 1);
    assert.equal(looks.take("1.2.9"), null, "of another study");
    await until(() => node.released.length > 0);
    assert.deepEqual(node.released, ["abc"]);

    // Overtaken on its way, or by a page that was left: the node's stack is
    // given back, unless somebody shows it.
    looks.begin(node, "1.2", null);
    looks.begin(node, "1.3", null);
    looks.take("1.3").close();
    await until(() => node.released.length > 1);
    looks.begin(node, "1.2", null);
    const kept = looks.take("1.2");
    kept.keep();
    kept.close();
    await kept.seen;
    assert.equal(node.released.length, 2);

    looks.begin(node, "1.2", null);
    const look = looks.take("1.2");
    assert.equal(looks.take("1.2"), null, "taken once");
    const { picture: shown } = await look.seen;
    assert.equal(shown.request.view.layer, 3);
    assert.equal(shown.facts.instance, "1.2.3");
    assert.ok(node.asked.at(-1)?.has("max_bytes"));

    for (const wrong of [() => (info.study = "1.3"),
      () => headers.set("Dicom-Layer", "4"),
      () => headers.set("Dicom-View", "size=1x1")]) {
      const before = { study: info.study, layer: headers.get("Dicom-Layer") };
      wrong();
      looks.begin(node, "1.2", null);
      assert.equal(await looks.take("1.2").seen, null, String(wrong));
      info.study = before.study;
      headers.set("Dicom-Layer", before.layer);
    }
  }));

/**
 * Looks at a node that answers each request at once as it was asked.
 *
 * @param {(looks: any, node: any, answer: any) => Promise<void>} work
 */
async function withLooks(work) {
  const info = { id: "abc", study: "1.2", series: "1.2.5", layers: 8,
    columns: 512, rows: 400, aspect: 1, spacing: null };
  const headers = new Headers({ "Dicom-Layer": "3" });
  const node = {
    asked: /** @type {URLSearchParams[]} */ ([]),
    released: /** @type {string[]} */ ([]),
    /** @param {object} _ @param {URLSearchParams} query */
    show: async (_, query) => {
      node.asked.push(query);
      const form = new FormData();
      form.set("stack", JSON.stringify(info));
      form.set("picture", new Blob(["picture"], { type: "image/jpeg" }));
      const response = new Response(form);
      for (const [name, value] of new Headers({
        "Dicom-Instance": "1.2.3", "Dicom-Frame": "0", "Dicom-Lossy": "01",
        "Dicom-View": `size=${query.get("width")}x${query.get("height")};`
          + "zoom=1;pan=0,0;rotate=0;flip=none;invert=0;format=jpeg",
        ...Object.fromEntries(headers),
      })) {
        response.headers.set(name, value);
      }
      return response;
    },
    /** @param {string} id */
    releaseStack: async (id) => void node.released.push(id),
  };
  Object.assign(globalThis, {
    createImageBitmap: async () => ({ close: () => {} }),
  });
  await work(new Looks(new LineMeter()), node, { info, headers });
}

await test("neighbours ahead: previews first, none beyond the ends", () => {
  const preview = { format: "jpeg", quality: 50, shrink: 4 };
  const reader = { layer: 2, layers: 5, direction: -1, moving: preview,
    cine: false };
  assert.deepEqual([...neighbours(reader)].map(({ layer, quality }) =>
    `${layer} ${quality.format}`), ["1 jpeg", "0 jpeg", "3 jpeg", "4 jpeg",
    "1 png", "0 png", "3 png", "4 png"]);
  assert.ok([...neighbours({ ...reader, cine: true })]
    .every(({ quality }) => quality === preview));
  assert.deepEqual([...neighbours({ ...reader, moving: picture.FULL,
    direction: 1 })].map(({ layer }) => layer), [3, 4, 1, 0]);
});

/** @param {object} [change] */
function gsps(change = {}) {
  return {
    uid: "1.2.3.4", layers: [[5, 9]], flip: "h", rotate: 90, shutter: true,
    windows: [{ layers: [[7, 7]], center: 10, width: 20 }],
    areas: [{ layers: [[5, 6]], left: 0, top: 0, right: 1, bottom: 1,
      size: "fit", magnification: null, aspect: null },
    { layers: [[7, 9]], left: 100, top: 50, right: 300, bottom: 250,
      size: "fit", magnification: null, aspect: null }],
    graphic_layers: [], annotations: [], ...change,
  };
}

await test("a presentation state's area fills the viewport", () => {
  for (const rotate of [0, 90, 180, 270]) {
    for (const flip of ["none", "h"]) {
      const state = gsps({ rotate, flip });
      const settled = presentation.settle({ ...view.restView(7), state }, true,
        image, viewport);
      const matrix = view.viewMatrix(settled, image, viewport);
      const display = presentation.displayMatrix(state, 7, image);
      // 200 by 250 square pixels, or turned
      const [wide, tall] = rotate % 180 ? [250, 200] : [200, 250];
      const scale = Math.min(viewport.width / wide, viewport.height / tall);
      for (const [u, v] of [[0, 0], [1, 0], [0.3, 0.9]]) {
        const spot = view.apply(view.multiply(matrix, display), u, v);
        near(spot.x, viewport.width / 2 + (u - 0.5) * wide * scale, "x");
        near(spot.y, viewport.height / 2 + (v - 0.5) * tall * scale, "y");
      }
    }
  }
});

await test("what a reader does goes before a state, elsewhere there is none",
  () => {
    const state = gsps();
    const own = { ...view.restView(7), state, placed: true, turned: true,
      zoom: 3, panX: 4, panY: 5, rotate: 180 };
    assert.deepEqual(presentation.settle(own, true, image, viewport), own);
    const none = presentation.settle({ ...own, placed: false, turned: false },
      false, image, viewport);
    assert.deepEqual({ ...none, placed: true, turned: true },
      { ...view.restView(7), placed: true, turned: true });
  });

await test("a picture without its presentation state is refused", () => {
  const asked = request(presentation.settle({ ...view.restView(7),
    state: gsps() }, true, image, viewport));
  assert.equal(String(picture.pictureQuery(asked)),
    "width=900&height=700&presentation=1.2.3.4&format=png");
  const good = { center: 10, window: 20, shutter: 1,
    presentation: "1.2.3.4" };
  /** @param {object} change @param {string} [uid] */
  const check = (change, uid = "1.2.3.4") => {
    const headers = answer(asked, { ...good, ...change });
    headers.set("Dicom-Presentation", uid);
    return picture.checkPicture(asked, headers, null, null);
  };
  assert.deepEqual(check({}).window, { center: 10, width: 20 });
  for (const change of [{ presentation: "1.2.3" }, { presentation: "" },
    { shutter: 0 }, { center: 11 }, { zoom: 1 }, { pan: "0,0" },
    { rotate: 0 }, { flip: "none" }]) {
    assert.throws(() => check(change), picture.WrongPicture,
      JSON.stringify(change));
  }
  assert.throws(() => check({}, "1.2.3"), picture.WrongPicture);
  const plain = request();
  assert.throws(() => picture.checkPicture(plain,
    answer(plain, { presentation: "1.2.3.4" }), null, null),
  picture.WrongPicture);
  const small = { ...asked, quality: { format: "jpeg", quality: 60,
    shrink: 2 } };
  const query = picture.pictureQuery(small);
  assert.ok(query.has("zoom") && query.has("pan") && !query.has("rotate"));
});

await test("queries name only what differs from the default", () => {
  assert.equal(String(picture.pictureQuery(request())),
    "width=900&height=700&format=png");
  const small = { ...request({ flipH: true, flipV: true }),
    quality: { format: "jpeg", quality: 60, shrink: 2 } };
  assert.equal(String(picture.pictureQuery(small)),
    "width=450&height=350&flip=hv&format=jpeg&quality=60");
});

/**
 * A meter that saw so many pictures over a line, depth of them at once.
 *
 * @param {{rate: number, trip: number, bytes: number, count: number,
 *     depth?: number}} line  bytes a millisecond, ms
 */
function meterAfter({ rate, trip, bytes, count, depth = 1 }) {
  let now = 0;
  const meter = new LineMeter(() => now);
  let free = 0;
  for (let n = 0; n < count; n += depth) {
    const flights = Array.from({ length: depth }, () => meter.ask());
    const first = now + trip + 3;
    flights.forEach((flight) => {
      now = Math.max(first, free);
      meter.answer(flight, 3);
      free = now + bytes / rate;
      now = free;
      meter.end(flight, bytes);
    });
  }
  return meter;
}

await test("an outage says nothing of the rate", () => {
  let now = 0;
  const meter = new LineMeter(() => now);
  const fetch = (/** @type {number} */ wait) => {
    const flights = [meter.ask(), meter.ask()];
    for (const flight of flights) {
      now += wait;
      meter.answer(flight, 0);
      now += 32;
      meter.end(flight, 16000);
      wait = 0;
    }
  };
  for (let n = 0; n < 10; n++) {
    fetch(40);
  }
  fetch(5000);
  assert.ok(Math.abs(meter.rate / 500 - 1) < 0.1, `${meter.rate}`);
});

await test("the meter finds rate and trip, of one picture or of many", () => {
  for (const rate of [125, 500, 12500]) {
    for (const trip of [1, 40, 200]) {
      for (const depth of [1, 4]) {
        const meter = meterAfter({ rate, trip, bytes: 16000, count: 40,
          depth });
        assert.ok(Math.abs(meter.rate / rate - 1) < 0.3,
          `${meter.rate} for ${rate}, ${trip}, ${depth}`);
        assert.ok(Math.abs(meter.trip - trip) < 1, `${meter.trip} ${trip}`);
      }
    }
  }
  const idle = new LineMeter(() => 0);
  assert.equal(idle.rate, 0);
  idle.end(idle.ask(), 5000);
  assert.equal(idle.rate, 0, "what was never answered says nothing");
  assert.equal(serverTime("queue;dur=0.5, draw;dur=2, x;desc=y"), 2.5);
  assert.equal(serverTime(null), 0);
});

await test("a moving picture is what the line carries", () => {
  const pixels = 900 * 700;
  const { FULL } = picture;
  const sizes = new policy.Sizes();
  const at = (/** @type {number} */ mbit) => ({ rate: mbit * 125, trip: 40 });
  assert.equal(policy.movingQuality(at(1000), sizes, pixels), FULL);
  for (const mbit of [0.1, 1, 4, 30]) {
    const line = at(mbit);
    const quality = policy.movingQuality(line, sizes, pixels);
    assert.equal(quality.format, "jpeg");
    assert.ok(sizes.expect(quality, pixels) <= policy.movingBytes(line));
  }
  assert.ok(policy.movingBytes(at(4)) <= 16384);
  assert.ok(policy.movingBytes({ rate: 0, trip: 0 }) <= 8192);
  assert.equal(policy.movingQuality(at(0.01), sizes, 1e8),
    policy.LADDER[policy.LADDER.length - 1].quality);
});

await test("thirty pictures a second leave a fifth of the line", () => {
  // What came late catches up.
  const sizes = new policy.Sizes();
  for (const mbit of [4, 30, 100]) {
    const line = { rate: mbit * 125, trip: 40 };
    for (let side = 400; side < 1600; side += 50) {
      const quality = policy.movingQuality(line, sizes, side * side);
      const bytes = sizes.expect(quality, side * side);
      assert.ok(bytes * 30 <= 0.8 * line.rate * 1000,
        `${bytes} bytes at ${mbit} Mbit/s`);
    }
  }
});

await test("sizes are learned, upward at once", () => {
  const pixels = 512 * 512;
  const sizes = new policy.Sizes();
  const line = { rate: 500, trip: 40 };
  const before = policy.movingQuality(line, sizes, pixels);
  sizes.learn(before, pixels, 40000);
  const after = policy.movingQuality(line, sizes, pixels);
  assert.ok(after.shrink > before.shrink, "smaller after one too large");
  for (let n = 0; n < 60; n++) {
    const now = policy.movingQuality(line, sizes, pixels);
    sizes.learn(now, pixels, 3000);
  }
  assert.ok(policy.movingQuality(line, sizes, pixels).shrink
    < after.shrink, "and better again when there is room");
});

await test("as many at once as fill the line", () => {
  assert.equal(policy.atOnce({ rate: 0, trip: 0 }, 16000), 1);
  assert.equal(policy.atOnce({ rate: 500, trip: 40 }, 16000), 3);
  assert.equal(policy.atOnce({ rate: 500, trip: 40 }, 1.9e6), 2);
  assert.equal(policy.atOnce({ rate: 1e5, trip: 0.5 }, 60000), 2);
  assert.equal(policy.atOnce({ rate: 12500, trip: 200 }, 16000), 8);
});

await test("at rest the full picture, with one between where it is far", () => {
  const pixels = 1996 * 2457;
  const { FULL } = picture;
  const sizes = new policy.Sizes();
  const thin = { rate: 500, trip: 40 };
  const first = policy.restQuality(thin, sizes, pixels, null);
  assert.equal(first.format, "jpeg");
  const second = policy.restQuality(thin, sizes, pixels, first);
  assert.equal(second.format, "jpeg");
  assert.ok(second.shrink < first.shrink);
  assert.equal(policy.restQuality(thin, sizes, pixels, second), FULL);
  assert.equal(policy.restQuality(thin, sizes, 512 * 512, first), FULL);
});

await test("the cache is bounded and forgets the oldest use", () => {
  const cache = new PictureCache(100);
  const blob = (/** @type {number} */ size) =>
    ({ blob: new Blob([new Uint8Array(size)]), facts: {} });
  cache.put("a", blob(40));
  cache.put("b", blob(40));
  cache.get("a");
  cache.put("c", blob(40));
  assert.ok(cache.has("a") && cache.has("c") && !cache.has("b"));
  assert.equal(cache.bytes, 80);
  cache.put("d", blob(1000));
  assert.equal(cache.bytes, 0);
});

await test("and gives up what is too much when its limit falls", () => {
  const cache = new PictureCache(100);
  for (const key of ["a", "b"]) {
    cache.put(key, { blob: { size: 50 }, facts: {} });
  }
  cache.limit = 60;
  assert.deepEqual([cache.has("a"), cache.has("b"), cache.bytes],
    [false, true, 50]);
});

await test("undo and redo walk the views", () => {
  const history = new ViewHistory();
  const [a, b, c] = [1, 2, 3].map((zoom) => ({ ...view.restView(), zoom }));
  history.push(a);
  history.push(b);
  assert.equal(history.back(c), b);
  assert.equal(history.back(b), a);
  assert.equal(history.back(a), null);
  assert.equal(history.forward(a), b);
  assert.equal(history.forward(b), c);
  history.push(c);
  assert.equal(history.forward(a), null);
});

await test("presets and dragged windows", () => {
  assert.equal(presets.presetsFor("CT", []).length, 9);
  assert.deepEqual(presets.presetsFor("MR",
    [{ center: 5, width: 9, explanation: "A" }]),
  [{ key: "1", name: "A", center: 5, width: 9 }]);
  assert.equal(presets.findPreset(presets.presetsFor("CT", []),
    { center: 40, width: 80 })?.name, "Brain");
  const wide = presets.dragWindow({ center: 40, width: 400 }, 100, 10);
  assert.ok(wide.width > 400 && wide.center > 40);
  const narrow = presets.dragWindow({ center: 0.5, width: 0.01 }, -5000, 0);
  assert.ok(narrow.width > 0);
});

await test("the scale bar is of a round length", () => {
  assert.deepEqual(scaleBar(0.5, 240), { length: 200, label: "10 cm" });
  assert.equal(scaleBar(0.01, 240)?.label, "2 mm");
  assert.equal(scaleBar(NaN, 240), null);
});

await test("lengths and angles, in mm only where the spacing is known", () => {
  const o = { x: 10, y: 10 };
  assert.deepEqual(measure.distance(o, { x: 13, y: 14 }, [0.5, 0.5]),
    { value: 2.5, unit: "mm" });
  assert.deepEqual(measure.distance(o, { x: 13, y: 14 }, null),
    { value: 5, unit: "px" });
  near(measure.distance(o, { x: 10, y: 20 }, [2, 0.5]).value, 20);
  near(measure.angle({ x: 20, y: 10 }, o, { x: 10, y: 0 }, null, 1), 90);
  near(measure.angle({ x: 20, y: 10 }, o, { x: 20, y: 15 }, [2, 1], 1), 45);
  near(measure.angle({ x: 20, y: 10 }, o, { x: 20, y: 15 }, null, 2), 45);
  assert.equal(measure.lengthText({ value: 7, unit: "px" }), "7.0 px");
  assert.deepEqual(measure.roiText({ count: 9, mean: 35.26, sd: 4, min: -3,
    max: 80, unit: "HU", area_mm2: 150 }),
  ["mean 35.3 HU  SD 4", "-3 to 80 HU", "1.5 cm²"]);
});

await test("a part says what it is and how much", () => {
  assert.equal(partText({ description: "Axial, TE 80 ms", layers: 1 }),
    "Axial, TE 80 ms (1 image)");
  assert.equal(partText({ description: "Clip", layers: 30 }),
    "Clip (30 images)");
});

done();
// Timers of forgotten troubles need not keep the process.
process.exit();
