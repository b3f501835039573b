// Several viewports, without a browser: whose turn it is, where layers lie,
// what hangs where.

import assert from "node:assert/strict";
import { done, test } from "./tap.js";

const html = new URL("../../html/js/viewer/", import.meta.url);
/** @param {string} name */
const load = (name) => import(new URL(name, html).href);

const { mayAsk, nextQuality } = await load("wishes.js");
const { cut, nearest, planeOf } = await load("planes.js");
const { leanOf, nextSeries } = await load("hanging.js");
const { areMammograms, besideEarlier, hangMammograms, mammogramView,
  mammogramViews } = await load("mammograms.js");
const { factsOf, ImageHeaders } = await load("image_headers.js");
const { lengthNote, onlySpacing, regionsOf, spacingAt, spacingOf } =
  await load("calibration.js");
const { across } = await load("scale_bar.js");
const { settle } = await load("presentation.js");
const { apply, restView, viewMatrix } = await load("view.js");
const { FULL } = await load("picture.js");
const { Sizes } = await load("line_policy.js");

/** @param {number} z @param {object} [more] */
const axial = (z, more = {}) => planeOf({ columns: 100, rows: 80,
  position: [-50, -40, z], orientation: [1, 0, 0, 0, 1, 0], ...more },
[1, 1]);

await test("the active viewport asks whenever it likes, others in turn", () => {
  const active = { asking: false, waits: false, empty: false };
  const one = { asking: false, waits: true, empty: true };
  const other = { asking: false, waits: true, empty: true };
  const all = [active, one, other];
  assert.ok(mayAsk(active, active, all, false));
  assert.ok(mayAsk(one, active, all, true) && mayAsk(other, active, all, true));
  other.asking = true;
  assert.ok(!mayAsk(one, active, all, true), "one at a time");
  assert.ok(mayAsk(other, active, all, true), "whose wish may change");
  other.asking = false;
  active.waits = true;
  assert.ok(mayAsk(one, active, all, true), "something to see");
  assert.ok(!mayAsk(one, active, all, false), "nothing better yet");
  active.empty = true;
  assert.ok(!mayAsk(one, active, all, true), "the active one has nothing yet");
  active.waits = false;
  assert.ok(mayAsk(one, active, all, false), "and wants nothing");
  assert.ok(!mayAsk(one, active, [active, other], true), "not on the screen");
});

await test("nothing is asked for that is on the screen", () => {
  const now = { line: { rate: 500, trip: 40 }, sizes: new Sizes(),
    pixels: 250000, moving: false, seen: FULL, here: FULL };
  assert.equal(nextQuality(now), null);
  assert.equal(nextQuality({ ...now, seen: null }), FULL);
  const small = nextQuality({ ...now, moving: true, seen: null, here: null });
  assert.equal(small.format, "jpeg");
  assert.equal(nextQuality({ ...now, moving: true, seen: small, here: small }),
    null);
  assert.equal(nextQuality({ ...now, seen: small, here: small }), FULL);
});

await test("the nearest layer is that of the same place", () => {
  const thick = [0, 5, 10, 15].map((z) => axial(z));
  assert.deepEqual(nearest(axial(7), thick), { layer: 1, distance: 2 });
  assert.deepEqual(nearest(axial(99), thick), { layer: 3, distance: 84 });
  // Another field of view, the other way round, and holes.
  const other = [14, 9, null, -1].map((z) => z === null ? null : axial(z,
    { columns: 30, position: [7, 7, z], orientation: [-1, 0, 0, 0, 1, 0] }));
  assert.equal(nearest(axial(4), other)?.layer, 1);
  // Several at one place: the one that is shown, or near to it.
  const times = [0, 5, 0, 5, 0, 5].map((z) => axial(z));
  assert.equal(nearest(axial(5), times, 4)?.layer, 3);
  assert.equal(nearest(axial(5), times, 5)?.layer, 5);
});

await test("tilted a little it is found by the middle of the image", () => {
  const tilt = 10 * Math.PI / 180;
  const tilted = planeOf({ columns: 101, rows: 101,
    position: [-50, -50 * Math.cos(tilt), 20 - 50 * Math.sin(tilt)],
    orientation: [1, 0, 0, 0, Math.cos(tilt), Math.sin(tilt)] }, [1, 1]);
  const there = nearest(tilted, [11, 20, 29].map((z) => axial(z)));
  assert.equal(there?.layer, 1);
  assert.ok((there?.distance ?? 9) < 1e-9);
});

await test("planes that are not parallel have no layer in common", () => {
  const sagittal = axial(0, { orientation: [0, 1, 0, 0, 0, -1] });
  assert.equal(nearest(sagittal, [axial(0), axial(5)]), null);
  assert.equal(planeOf({ columns: 1, rows: 1, position: null }, [1, 1]), null);
  assert.equal(planeOf({ columns: 1, rows: 1, position: [0, 0, 0],
    orientation: [1, 0, 0, 0, 1, 0] }, null), null);
  assert.equal(planeOf(null, [1, 1]), null);
});

await test("images cross where both of them are", () => {
  // 200 × 200 pixels of half a millimetre, head above, front to the left.
  const sagittal = planeOf({ columns: 200, rows: 200, position: [10, -45, 60],
    orientation: [0, 1, 0, 0, 0, -1] }, [0.5, 0.5]);
  const line = cut(axial(20), sagittal);
  assert.ok(line);
  const [a, b] = line.sort((one, other) => one.x - other.x);
  // 40 mm below its top; the axial image has 80 rows from -40.
  for (const [value, wanted] of [[a.y, 80.5], [b.y, 80.5],
    [a.x, 2 * (-40.5 + 45) + 0.5], [b.x, 2 * (39.5 + 45) + 0.5]]) {
    assert.ok(Math.abs(value - wanted) < 1e-6, `${value} is not ${wanted}`);
  }
  assert.equal(cut(axial(61), sagittal), null, "above it");
  assert.equal(cut(axial(20, { position: [-200, -40, 20] }), sagittal), null,
    "beside it");
  assert.equal(cut(axial(20), axial(25)), null, "parallel");
});

/** @param {string} uid @param {string} description @param {object} [more] */
const series = (uid, description, more = {}) => ({ uid, description,
  modality: "MG", frame_count: 1, instances: [{ uid: `${uid}.1`, frames: 1 }],
  ...more });

const unknown = () => null;

/** @param {string} instance @param {object} facts */
const header = (instance, facts) => ({ instance, laterality: "", view: "",
  special: false, raw: false, ...facts });

await test("the view of a mammogram is read, and never guessed", () => {
  for (const [text, view] of [["R CC", "R CC"], ["LMLO", "L MLO"],
    ["L-MLO", "L MLO"], ["Right CC C-View", "R CC"], ["mlo left", "L MLO"],
    ["RCC", "R CC"], ["RT MLO", "R MLO"], ["CC", null], ["R", null],
    ["R/L CC", null], ["R CC MLO", null], ["", null], [null, null],
    ["LCC RCC", null], ["Larynx CC", null], ["RLCC", null]]) {
    assert.equal(mammogramView(text), view, String(text));
  }
});

await test("mammograms hang with the right breast on the left", () => {
  const four = [series("1", "L MLO"), series("2", "R MLO"),
    series("3", "L CC"), series("4", "R CC")];
  const uids = (/** @type {any[]} */ all) => {
    const hanging = hangMammograms(mammogramViews(all, unknown));
    return hanging && [hanging.layout, ...hanging.places.map(
      (/** @type {any} */ { place }) => place?.series.uid)];
  };
  assert.deepEqual(uids(four), [4, "4", "3", "2", "1"]);
  assert.deepEqual(uids(four.slice(0, 2)), [2, "2", "1"]);
  assert.deepEqual(uids([four[0], four[2]]), [2, "3", "1"], "one breast");
  assert.deepEqual(uids(four.slice(0, 3)), [4, undefined, "3", "2", "1"],
    "the place of what is missing stays empty");
  assert.equal(uids(four.slice(0, 1)), null);
  assert.ok(areMammograms(four));
  assert.ok(!areMammograms([...four, series("5", "scan",
    { modality: "US" })]), "another kind of study");
  const more = [...four, series("5", "R CC"),
    series("6", "SR", { frame_count: 0, modality: "SR" })];
  assert.ok(areMammograms(more));
  assert.deepEqual(uids(more), [4, "4", "3", "2", "1"],
    "the first of each, and no document");
});

await test("the headers say which view it is, whatever the names say", () => {
  const all = new Map([
    header("a.1", { laterality: "L", view: "MLO" }),
    header("a.2", { laterality: "R", view: "CC", raw: true }),
    header("a.3", { laterality: "R", view: "MLO", special: true }),
    header("b.1", { laterality: "R", view: "CC" }),
    header("c.1", { laterality: "R", view: "ML" }),
    header("d.1", { laterality: "R", view: "MLO" }),
    header("e.1", { laterality: "", view: "" }),
  ].map((one) => [one.instance, one]));
  const three = ["a.1", "a.2", "a.3"].map((uid) => ({ uid, frames: 1 }));
  const views = mammogramViews([
    series("a", "", { frame_count: 3, instances: three }),
    series("b", "L CC"), series("c", "L CC"), series("d", "R MLO"),
    series("e", "L CC")], (/** @type {string} */ uid) => all.get(uid) ?? null);
  assert.deepEqual([...views].map(([view, { series: one, instance }]) =>
    [view, one.uid, instance]).sort(), [
    ["L CC", "e", ""], ["L MLO", "a", "a.1"], ["R CC", "b", ""],
    ["R MLO", "d", ""]]);
  const rows = besideEarlier("CC", views, new Map());
  assert.deepEqual(rows.now.map(({ place }) => place.series.uid), ["b", "e"]);
  assert.deepEqual(rows.before, [{ view: "R CC", place: null },
    { view: "L CC", place: null }]);
});

await test("a name that a header contradicts hangs nothing", () => {
  const hung = (/** @type {object} */ facts) => [...mammogramViews(
    [series("a", "R CC")], () => header("a.1", facts)).keys()];
  assert.deepEqual(hung({ laterality: "L" }), []);
  assert.deepEqual(hung({ view: "MLO" }), []);
  assert.deepEqual(hung({ laterality: "R" }), ["R CC"]);
  assert.deepEqual(hung({ view: "CC" }), ["R CC"]);
});

await test("whoever asks for headers under way waits for them, too", async () => {
  let answer = (/** @type {object[]} */ _sets) => {};
  let asked = 0;
  const node = { metadata: () => {
    asked++;
    return new Promise((resolve) => answer = resolve);
  } };
  const headers = new ImageHeaders(new AbortController().signal);
  const study = { uid: "1", instance_count: 1 };
  void headers.load(node, study);
  let loaded = false;
  const second = headers.load(node, study).then(() => loaded = true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(loaded, false);
  answer([{ "00080018": { vr: "UI", Value: ["8"] } }]);
  await second;
  assert.equal(headers.get("8")?.instance, "8");
  assert.equal(asked, 1);
});

await test("sides and views are found where headers have them", () => {
  const code = (/** @type {string} */ value, /** @type {object} */ more = {}) =>
    ({ vr: "SQ", Value: [{ "00080100": { vr: "SH", Value: [value] }, ...more }] });
  const facts = (/** @type {object} */ set) => {
    const { laterality, view, special, raw } = factsOf(set);
    return [laterality, view, special, raw];
  };
  assert.deepEqual(facts({}), ["", "", false, false]);
  assert.deepEqual(facts({ "00200062": { vr: "CS", Value: ["L"] },
    "00185101": { vr: "CS", Value: ["mlo "] } }), ["L", "MLO", false, false]);
  assert.deepEqual(facts({ "00200060": { vr: "CS", Value: ["R"] },
    "00080068": { vr: "CS", Value: ["FOR PROCESSING"] },
    "00185101": { vr: "CS", Value: ["ML"] }, "00540220": code("R-10242",
      { "00540222": code("399055006") }) }), ["R", "CC", true, true]);
  assert.deepEqual(facts({ "00540220": code("399368009"), "52009229":
    { vr: "SQ", Value: [{ "00209071": { vr: "SQ", Value: [
      { "00209072": { vr: "CS", Value: ["R"] } }] } }] } }),
  ["R", "MLO", false, false]);
});

await test("headers of what passes by are not asked for", async () => {
  /** @type {string[]} */
  const asked = [];
  const node = { metadata: async (/** @type {string} */ path) => {
    asked.push(path);
    return [{ "00080018": { vr: "UI", Value: ["8"] } }];
  } };
  const headers = new ImageHeaders(new AbortController().signal);
  const stack = (/** @type {string} */ series, /** @type {number} */ layers) =>
    ({ study: "1", series, info: { layers } });
  let changes = 0;
  headers.addEventListener("change", () => changes++);
  for (const instance of ["5", "6", "7", "8", "8"]) {
    headers.want(node, stack("2", 500), instance);
  }
  headers.want(node, stack("3", 2), "9");
  assert.deepEqual(asked, []);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.deepEqual(asked,
    ["1/series/2/instances/8", "1/series/3"], "the last, or all of a few");
  assert.equal(changes, 2);
  assert.equal(headers.get("8")?.instance, "8");
  assert.equal(headers.get("7"), null);
  headers.want(node, stack("2", 500), "8");
  headers.want(node, stack("3", 2), "10");
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(asked.length, 2);
});

await test("a length is of the image that it lies in", () => {
  const region = (/** @type {number} */ left, /** @type {number} */ mm) => ({
    left, top: 0, right: left + 99, bottom: 99, spacing: [mm, mm] });
  const info = { kind: "images", layers: 3, spacing: [1, 1],
    regions: [region(0, 2)] };
  const own = { layer: 1, spacing: [3, 3], regions: [region(0, 5)] };
  assert.deepEqual(spacingOf(info, 1, own), [3, 3]);
  assert.equal(spacingOf(info, 1, { ...own, spacing: null }), null);
  assert.deepEqual(spacingOf(info, 2, { layer: 2 }), [1, 1]);
  assert.equal(spacingOf(info, 2, null), null, "not known yet");
  assert.deepEqual(spacingOf(info, 0, null), [1, 1]);
  assert.deepEqual(spacingOf({ ...info, kind: "volume" }, 2, null), [1, 1]);
  assert.deepEqual(regionsOf(info, 1, own), own.regions);
  assert.deepEqual(regionsOf(info, 2, { layer: 2 }), info.regions);
  assert.deepEqual(regionsOf(info, 2, null), []);
  const two = [region(0, 2), region(100, 4)];
  const at = (/** @type {number[]} */ ...xs) =>
    spacingAt(xs.map((x) => ({ x, y: 50 })), null, two);
  assert.deepEqual([at(1, 99), at(101, 199), at(50, 150), at(50, 250)],
    [[2, 2], [4, 4], null, null]);
  assert.deepEqual(spacingAt([{ x: 1, y: 1 }], [9, 9], two), [9, 9]);
  assert.equal(onlySpacing(null, two), null);
  assert.deepEqual(onlySpacing(null, [two[0], two[0]]), [2, 2]);
});

await test("the bar of a picture on its side is of its rows", () => {
  assert.equal(across([0.4, 0.2], 1, 0), 0.2);
  assert.equal(across([0.4, 0.2], 1, 90), 0.4);
  assert.equal(across([0.4, 0.2], 2, 270), 0.2, "drawn as high as it is");
});

await test("lengths of a shadow say that they are", () => {
  const facts = { pixel: null, detector: null, film: null, calibrated: false };
  assert.equal(lengthNote("DX", { ...facts, detector: [0.1, 0.1] }),
    "at detector");
  assert.equal(lengthNote("MG", { ...facts, detector: [0.1, 0.1],
    pixel: [0.1, 0.1] }), "at detector");
  assert.equal(lengthNote("DX", { ...facts, detector: [0.1, 0.1],
    pixel: [0.09, 0.09] }), "", "corrected");
  assert.equal(lengthNote("DX", { ...facts, detector: [0.1, 0.1],
    pixel: [0.1, 0.1], calibrated: true }), "");
  assert.equal(lengthNote("CR", { ...facts, film: [0.1, 0.1] }), "on film");
  assert.equal(lengthNote("CT", { ...facts, detector: [0.1, 0.1] }), "");
  assert.equal(lengthNote("DX", null), "");
});

await test("mammograms lie at their chest wall, where it is known", () => {
  const info = { modality: "MG",
    orientation: { top: "R", right: "A", bottom: "L", left: "P" } };
  assert.equal(leanOf(info), -1);
  assert.equal(leanOf({ ...info,
    orientation: { ...info.orientation, left: "A", right: "P" } }), 1);
  assert.equal(leanOf({ ...info, orientation: null }), 0);
  assert.equal(leanOf({ ...info, modality: "CT" }), 0);
  const image = { columns: 100, rows: 200, aspect: 1 };
  const box = { width: 300, height: 400 };
  for (const lean of [-1, 0, 1]) {
    const settled = settle({ ...restView(), lean }, false, image, box);
    const [left, right] = [0, 100].map((x) =>
      apply(viewMatrix(settled, image, box), x, 0).x);
    assert.deepEqual([left, right], [50 + 50 * lean, 250 + 50 * lean]);
  }
  const placed = { ...restView(), lean: 1, placed: true };
  assert.equal(settle(placed, false, image, box).panX, 0);
  const turned = { ...restView(), lean: 1, turned: true, rotate: 90 };
  assert.equal(settle(turned, false, image, box).panX, 0);
});

await test("empty places get the series that follow", () => {
  const all = [["a", 2], ["b", 40], ["c", 0], ["d", 30], ["e", 1]].map(
    ([uid, frames]) => series(String(uid), "", { frame_count: frames }));
  const uids = (/** @type {string[]} */ shown, /** @type {number} */ places) =>
    nextSeries(all, new Set(shown), places).map(
      (/** @type {{uid: string}} */ one) => one.uid).join("");
  assert.equal(uids(["b"], 3), "dea");
  assert.equal(uids(["d"], 1), "b");
  assert.equal(uids(["a", "b", "d", "e"], 3), "");
});

done();
