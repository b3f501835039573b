// What must never happen in several viewports, without a browser: a picture
// under another's name, a look or a measurement where it does not belong.

import assert from "node:assert/strict";
import { done, test, until } from "./tap.js";

const html = new URL("../../html/js/viewer/", import.meta.url);
/** @param {string} name */
const load = (name) => import(new URL(name, html).href);

// What the modules want of a page.
const shape = { setAttribute: () => {}, append: () => {},
  replaceChildren: () => {} };
Object.assign(globalThis, {
  addEventListener: () => {},
  createImageBitmap: async () => ({ close: () => {} }),
  document: { createElementNS: () => shape },
  location: new URL("https://viewer.test/"),
});

const { Links } = await load("links.js");
const { LineMeter } = await load("line_meter.js");
const { AllMarks, Marks } = await load("marks.js");
const { noteOf } = await load("other_studies.js");
const { PictureLoader } = await load("picture_loader.js");
const { FULL } = await load("picture.js");
const { MAX_ZOOM, restView } = await load("view.js");

await test("a picture of a layer that is another's now is not shown", async () => {
  const image = { columns: 8, rows: 8, aspect: 1 };
  const box = { width: 8, height: 8 };
  const answers = ["1.1", "1.2"];
  const stack = { layers: [{ instance: "1.1", frame: 0 }],
    with: (/** @type {number} */ _, /** @type {any} */ work) => work("id") };
  const node = { silent: () => {},
    picture: async () => new Response("picture", { headers: {
      "Dicom-Instance": String(answers.shift()), "Dicom-Frame": "0",
      "Dicom-View": "size=8x8;zoom=1;pan=0,0;rotate=0;flip=none;invert=0;"
        + "format=png" } }) };
  /** @type {string[]} */
  const shown = [];
  const loader = new PictureLoader(node, stack, null, new LineMeter(), {
    show: (/** @type {any} */ { facts }) => shown.push(facts.instance),
    fail: (/** @type {any} */ _, /** @type {any} */ error) => {
      throw error;
    },
    nextAhead: () => null }, 1000);
  const request = { view: restView(0), viewport: box, image, quality: FULL };
  loader.ask(request);
  await until(() => shown.length === 1);
  loader.checkLayers();
  assert.equal(loader.best(request), FULL, "it stays while it is the layer's");
  // The node had let the stack go, and it has another image before now.
  stack.layers = [{ instance: "1.2", frame: 0 }, { instance: "1.1", frame: 0 }];
  loader.checkLayers();
  loader.ask(request);
  await until(() => shown.length === 2);
  assert.deepEqual(shown, ["1.1", "1.2"]);
  loader.close();
});

/**
 * @param {string} modality
 * @param {object} change  of the view
 * @param {[number, number] | null} spacing
 */
function viewport(modality, change, spacing) {
  const one = {
    view: { ...restView(), ...change }, box: { width: 400, height: 400 },
    stack: { info: { modality, spacing, columns: 200, rows: 200, layers: 1 },
      layers: null, planes: null },
    plane: null, adopted: /** @type {any[]} */ ([]),
    adopt: (/** @type {any} */ change) => one.adopted.push(change),
    setLink: () => {}, setReference: () => {},
  };
  return one;
}

/** @param {any} active @param {any} other */
function panesOf(active, other) {
  return Object.assign(new EventTarget(), { viewport: active,
    visible: [{ viewport: active }, { viewport: other }] });
}

await test("a window in common leaves mammograms at their chest walls", () => {
  const right = viewport("MG", { lean: 1 }, [0.1, 0.1]);
  const left = viewport("MG", { lean: -1 }, [0.1, 0.1]);
  const panes = panesOf(right, left);
  const links = new Links(panes);
  links.looks = true;
  assert.equal(left.adopted.pop().placed, false);
  panes.dispatchEvent(new Event("view"));
  left.adopted.length = 0;
  // As it is drawn: at its own chest wall, where nobody placed it.
  right.view = { ...right.view, window: { center: 500, width: 900 },
    panX: 70 };
  panes.dispatchEvent(new Event("view"));
  assert.deepEqual(left.adopted,
    [{ window: { center: 500, width: 900 }, invert: false }]);
  right.view = { ...right.view, placed: true, zoom: 2 };
  panes.dispatchEvent(new Event("view"));
  assert.equal(left.adopted[1].placed, true);
  assert.equal(left.adopted[1].zoom, 2);
  right.view = { ...restView(), lean: 1 };
  panes.dispatchEvent(new Event("view"));
  assert.equal(left.adopted[2].placed, false, "reset");
});

await test("a size in common is one that the other can have", () => {
  const one = viewport("CT", { placed: true, zoom: 30 }, [0.2, 0.2]);
  const other = viewport("CT", {}, [1, 1]);
  new Links(panesOf(one, other)).looks = true;
  assert.equal(other.adopted[0].zoom, MAX_ZOOM);
});

await test("no measurement goes that is not seen, or moves on its own", () => {
  const all = new AllMarks();
  const marks = new Marks(() => {}, all);
  const at = (/** @type {number} */ layer) => ({ layer, aspect: 1,
    matrix: [1, 0, 0, 1, 0, 0], spacing: null, regions: [], note: "" });
  const draw = () => {
    marks.grab({ x: 10, y: 10 }, "length");
    marks.move({ x: 60, y: 10 });
    marks.release();
  };
  marks.setSeries("one/0");
  marks.draw(at(5));
  draw();
  const one = all.of("one/0");
  marks.draw(at(6));
  assert.equal(marks.removeOne(), false, "the one chosen is of layer 5");
  assert.equal(one.length, 1);
  marks.draw(at(5));
  // Another series comes while the hand still holds it.
  marks.grab({ x: 60, y: 10 }, "length");
  marks.setSeries("two/0");
  marks.draw(at(5));
  assert.equal(marks.move({ x: 90, y: 90 }), false);
  assert.deepEqual(one[0].points[1], { x: 60, y: 10 });
  draw();
  marks.setSeries("one/0");
  marks.draw(at(5));
  assert.equal(marks.removeOne(), true);
  assert.equal(one.length, 0);
  assert.equal(all.of("two/0").length, 1);
});

await test("an area says what it is of, as late as that is known", () => {
  const all = new AllMarks();
  const marks = new Marks(() => {}, all);
  const at = (/** @type {string} */ note) => ({ layer: 0, aspect: 1,
    matrix: [1, 0, 0, 1, 0, 0], spacing: [1, 1], regions: [], note });
  marks.setSeries("one/0");
  marks.draw(at(""));
  marks.grab({ x: 10, y: 10 }, "ellipse");
  marks.move({ x: 60, y: 40 });
  marks.release();
  const [mark] = all.of("one/0");
  marks.setRoi(mark, { count: 9, mean: 1, sd: 1, min: 0, max: 2, unit: "",
    area_mm2: 1200 });
  assert.equal(mark.label[2], "12 cm²");
  marks.draw(at("at detector"));
  assert.equal(mark.label[2], "12 cm² at detector");
});

await test("a measurement is seen wherever its series is shown", () => {
  const all = new AllMarks();
  const one = new Marks(() => {}, all);
  const other = new Marks(() => {}, all);
  let drawn = 0;
  other.draw = () => drawn++;
  one.setSeries("one/0");
  one.draw({ layer: 5, aspect: 1, matrix: [1, 0, 0, 1, 0, 0], spacing: null,
    regions: [], note: "" });
  one.grab({ x: 10, y: 10 }, "length");
  one.move({ x: 60, y: 10 });
  one.release();
  one.removeOne();
  assert.equal(drawn, 3);
});

await test("another study says so, and whether it may be another's", () => {
  const patient = { id: "1", issuer: null, name: "DOE^JANE^^",
    birth_date: "1970-01-02", sex: "F" };
  const read = { date: "2024-05-06", patient };
  const study = (/** @type {object} */ change) => ({ date: "2019-07-04",
    patient: { ...patient, ...change } });
  for (const [change, note] of [[{}, ""], [{ name: "Doe^Jane" }, ""],
    [{ name: null, birth_date: null, sex: null }, ""],
    [{ name: "ROE^JANE" }, ", other name"],
    [{ name: "ROE^JOHN", birth_date: "1950-01-02", sex: "M" },
      ", other name, birth date, sex"]]) {
    assert.equal(noteOf(study(change), read),
      `Earlier study 2019-07-04${note}`);
  }
  assert.equal(noteOf(read, read), "Other study 2024-05-06");
});

done();
