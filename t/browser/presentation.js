// Presentation states in the viewer: chosen, applied by the node, checked, and
// their graphics drawn where they belong.
// SYSTEM (JSON): web, username, password, study, out, profile.

import assert from "node:assert/strict";
import fs from "node:fs";
import { Reader } from "./reader.js";
import { done, ok, test } from "./tap.js";

const system = JSON.parse(process.env.SYSTEM ?? "{}");
const reader = await Reader.start(system.profile,
  { width: 1100, height: 760 });
const { page } = reader;
const menu = page.getByLabel("Presentation state");
const badge = page.locator(".badge-state");
fs.mkdirSync(system.out, { recursive: true });

/** What was asked for the picture that is shown, and what came. */
async function asked() {
  const key = await page.locator(".viewport").getAttribute("data-shown");
  const shown = reader.pictures.findLast(({ url }) =>
    url.endsWith(`/layers/${key}`));
  assert.ok(shown, `${key} was asked for`);
  return { query: new URL(shown.url).searchParams,
    view: new Map(shown.headers["dicom-view"].split(";").map((part) =>
      /** @type {[string, string]} */ (part.split("=")))) };
}

/** @param {string} name */
async function sameAsApi(name) {
  const difference = await reader.difference().catch(String);
  ok(difference === "", name, difference);
}

/** @param {string} label */
async function choose(label) {
  const viewport = page.locator(".viewport");
  const before = await viewport.getAttribute("data-shown");
  await menu.selectOption({ label });
  await page.waitForFunction((shown) => document.querySelector(".viewport")
    ?.getAttribute("data-shown") !== shown, before);
  await reader.settled();
}

/** Of an element in the graphics, in CSS pixels of the viewport. */
async function boxes(/** @type {string} */ selector) {
  return page.evaluate((found) => {
    const port = /** @type {Element} */ (document.querySelector(".viewport"))
      .getBoundingClientRect();
    return [...document.querySelectorAll(found)].map((one) => {
      const { left, top, width, height } = one.getBoundingClientRect();
      return { x: left - port.left + width / 2,
        y: top - port.top + height / 2, width, height,
        portWidth: port.width, portHeight: port.height };
    });
  }, `.graphics ${selector}`);
}

/** @param {number} a @param {number} b @param {string} what */
const near = (a, b, what) =>
  assert.ok(Math.abs(a - b) < 1.5, `${what}: ${a} is not ${b}`);

await page.goto(system.web);
await reader.login(system.username, system.password);
await page.locator(`.row-link[href*="${system.study}"]`).click();
await reader.settled();

await test("the states are offered", async () => {
  const [none, ...states] = await menu.locator("option").allInnerTexts();
  assert.equal(none, "Presentation state: none");
  assert.deepEqual(states.sort(), ["FINDING – Lesion", "LARGE"]);
  assert.equal(await badge.isVisible(), false);
  assert.equal((await asked()).view.has("presentation"), false);
  assert.match(await reader.corner("br"), /C 2,?000 +W 4,?000/);
});

await test("a state's own values apply, and nothing else is said", async () => {
  await choose("FINDING – Lesion");
  const { query, view } = await asked();
  assert.equal(`${view.get("rotate")} ${view.get("flip")}`, "270 h");
  assert.deepEqual([...query.keys()].sort(),
    ["format", "height", "presentation", "width"]);
  assert.equal(view.get("presentation"), "2.25.7.9.1");
  assert.equal(view.get("shutter"), "1");
  assert.notEqual(view.get("zoom"), "1");
  assert.equal(await badge.innerText(), "FINDING – Lesion");
  assert.match(await reader.corner("br"), /C 2,?100 +W 3,?000/);
  assert.match(await reader.corner("br"), /270° +flipped/);
  await page.screenshot({ path: `${system.out}/presentation.png` });
});
await sameAsApi("the canvas is the node's picture");

await test("its graphics lie where they belong", async () => {
  // The displayed area, 90 × 80 and turned, fills the viewport's height; its
  // middle is the viewport's.
  const [ellipse] = await boxes("ellipse");
  const { portWidth, portHeight } = ellipse;
  const scale = Math.min(portWidth / 80, portHeight / 90);
  // 130, 70 of the image; flipped and turned columns become rows.
  near(ellipse.y, portHeight / 2 + (130 - 145) * scale, "down");
  near(ellipse.x, portWidth / 2 + (70 - 60) * scale, "across");
  near(ellipse.height, 40 * scale, "long axis");
  near(ellipse.width, 20 * scale, "short axis");
  const [circle] = await boxes("circle");
  near(circle.x, portWidth / 2 - 20 * scale, "a quarter of the area");
  near(circle.y, portHeight / 2 - 22.5 * scale, "and its height");
  assert.deepEqual(await page.locator(".graphics text").allTextContents(),
    ["a lesion", "of 2 cm"]);
});

await test("they are hidden and shown by key", async () => {
  await page.locator(".viewport").focus();
  await page.keyboard.press("g");
  await page.locator(".graphics").waitFor({ state: "hidden" });
  assert.equal(await page.getByLabel("Graphics").isChecked(), false);
  await page.keyboard.press("g");
  await page.locator(".graphics").waitFor({ state: "visible" });
});

await test("what the reader changes is said, the rest is not", async () => {
  const [before] = await boxes("ellipse");
  await page.keyboard.press("+");
  await reader.settled();
  let { query } = await asked();
  assert.ok(query.has("zoom") && query.has("pan") && !query.has("rotate"));
  const [after] = await boxes("ellipse");
  near(after.height, 1.25 * before.height, "zoom");
  await page.keyboard.press("r");
  await reader.settled();
  ({ query } = await asked());
  assert.ok(query.has("rotate") && query.get("flip") === "h");
  await page.keyboard.press("i");
  await reader.settled();
  assert.equal((await asked()).view.get("invert"), "1");
});
await sameAsApi("and the picture follows");

await test("each layer has its own area, and others none", async () => {
  await page.keyboard.press(" ");
  await reader.settled();
  const { zoom } = Object.fromEntries((await asked()).view);
  await page.keyboard.press("ArrowUp");
  await reader.settled();
  assert.notEqual((await asked()).view.get("zoom"), zoom);
  assert.equal((await boxes("ellipse")).length, 0);
  assert.equal((await boxes("circle")).length, 1);
  await page.keyboard.press("End");
  await reader.settled();
  assert.equal(await badge.innerText(),
    "Not in presentation state FINDING – Lesion");
  assert.equal((await boxes("circle")).length, 0);
  assert.match(await reader.corner("br"), /C 2,?000 +W 4,?000/);
});
await sameAsApi("they are shown without it");

await test("a magnified area is as large as it says", async () => {
  await page.keyboard.press("Home");
  await reader.settled();
  await choose("LARGE");
  assert.match(await reader.corner("br"), /Zoom 250 %/);
});
await sameAsApi("and is the node's picture");

await test("a picture of another state is not shown", async () => {
  await page.route(/\/stacks$/, async (route) => {
    try {
      if (!/\/layers\/\d+\?/.test(
        route.request().headers()["dicom-target"] ?? "")) {
        await route.continue();
        return;
      }
      const response = await route.fetch();
      await route.fulfill({ response, headers: { ...response.headers(),
        "dicom-presentation": "2.25.7.9.1" } });
    } catch {
      // The page no longer wants it.
    }
  });
  await page.keyboard.press("i");
  await page.locator(".notice", { hasText: "presentation state 2.25.7.9.1" })
    .waitFor();
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await choose("Presentation state: none");
  assert.equal((await asked()).view.has("presentation"), false);
  assert.equal(await badge.isVisible(), false);
});

await test("a state refused for a layer that it names is said", async () => {
  await page.route(/\/stacks$/, (route) => /presentation=/.test(
    route.request().headers()["dicom-target"] ?? "") ? route.fulfill({
      status: 422, contentType: "application/problem+json",
      headers: { "Access-Control-Allow-Origin": "*" },
      body: JSON.stringify({
        type: "urn:dicom-node:presentation-not-applicable", status: 422 }),
    }) : route.continue());
  await choose("LARGE");
  await page.keyboard.press("+");
  await page.locator(".badge-state", { hasText: "Not in" }).waitFor();
  await reader.settled();
  assert.equal((await asked()).view.has("presentation"), false);
});

ok(reader.errors.length === 0, "the page has no errors of its own",
  reader.errors.join("\n"));
await reader.context.close();
done();
