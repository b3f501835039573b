// Several viewports, without a browser: whose turn it is, where layers lie,
// what hangs where.

import assert from "node:assert/strict";
import { done, test } from "./tap.js";

const html = new URL("../../html/js/viewer/", import.meta.url);
/** @param {string} name */
const load = (name) => import(new URL(name, html).href);

const { mayAsk, nextQuality } = await load("wishes.js");
const { cut, nearest, planeOf } = await load("planes.js");
const { hangMammograms, leanOf, mammogramView, nextSeries } =
  await load("hanging.js");
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
  modality: "MG", frame_count: 1, ...more });

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
  const uids = (/** @type {any} */ hanging) =>
    hanging && [hanging.layout, ...hanging.series.map(
      (/** @type {{uid: string}} */ one) => one.uid)];
  assert.deepEqual(uids(hangMammograms(four)), [4, "4", "3", "2", "1"]);
  assert.deepEqual(uids(hangMammograms(four.slice(0, 2))), [2, "2", "1"]);
  assert.equal(hangMammograms(four.slice(0, 3)), null);
  assert.equal(hangMammograms([four[0], four[3]]), null, "L MLO and R CC");
  assert.equal(hangMammograms([...four, series("5", "scan",
    { modality: "US" })]), null, "another kind of study");
  assert.deepEqual(uids(hangMammograms([...four, series("5", "R CC"),
    series("6", "SR", { frame_count: 0, modality: "SR" })])),
  [4, "4", "3", "2", "1"], "the first of each, and no document");
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
