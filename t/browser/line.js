// The viewer on a thin line: previews are small and said to be previews, the
// lossless picture follows, the newest wish wins, a cut line comes back.
// SYSTEM (JSON): web, username, password, study, profile.

import assert from "node:assert/strict";
import readline from "node:readline";
import { Clock, recorder } from "./clock.js";
import { Reader } from "./reader.js";
import { done, ok, test } from "./tap.js";

const system = JSON.parse(process.env.SYSTEM ?? "{}");
const answers = readline.createInterface({ input: process.stdin });

/** Of a moving picture: what crosses 4 Mbit/s in a thirtieth of a second. */
const PREVIEW_BYTES = 16384;

/** @param {string} what  asked of the Perl side */
function ask(what) {
  return new Promise((resolve) => {
    answers.once("line", resolve);
    console.log(`do: ${what}`);
  });
}

const reader = await Reader.start(system.profile,
  { width: 1100, height: 760 });
const { page } = reader;
const clock = new Clock(page);
await page.addInitScript(recorder);
// Whether each picture shown was said to be a preview, for anybody to see.
await page.addInitScript(() => {
  /** @type {{shown: string, preview: boolean}[]} */
  const said = [];
  const isMarked = () => {
    const frame = document.querySelector(".viewport")?.getBoundingClientRect();
    const badge = document.querySelector(".viewport .badge-info");
    if (!frame || !badge?.checkVisibility({ visibilityProperty: true })
      || badge.textContent !== "preview") {
      return false;
    }
    const box = badge.getBoundingClientRect();
    return box.width > 20 && box.height > 8 && box.left >= frame.left
      && box.right <= frame.right && box.top >= frame.top
      && box.bottom <= frame.bottom;
  };
  Object.assign(globalThis, { said });
  new MutationObserver(() => requestAnimationFrame(() => {
    const viewport = /** @type {HTMLElement} */ (
      document.querySelector(".viewport"));
    said.push({ shown: viewport.dataset.shown ?? "", preview: isMarked() });
  })).observe(document, { subtree: true, attributes: true,
    attributeFilter: ["data-shown"] });
});

/** Bodies of requests that open a stack and want a picture. */
const looks = /** @type {string[]} */ ([]);
page.on("request", (request) => {
  if (request.postData()?.includes('"picture"')) {
    looks.push(request.postData() ?? "");
  }
});

/** Pictures asked for. @type {{at: number, target: string}[]} */
const asked = [];
page.on("request", (request) => {
  const target = request.headers()["dicom-target"] ?? "";
  if (/\/layers\/\d+\?/.test(target)) {
    asked.push({ at: Date.now(), target });
  }
});

await page.goto(system.web);
await reader.login(system.username, system.password);
await page.locator(`.row-link[href*="${system.study}"]`).waitFor();

await test("a preview comes first, and then the lossless picture", async () => {
  await page.locator(`.row-link[href*="${system.study}"]`).click();
  await clock.shown({ full: true });
  const { shown } = await clock.kept();
  assert.equal(shown[0].full, false);
  await reader.settled();
  assert.equal(await page.locator(".badge-info").isVisible(), false);
});

await test("the first one came with the opening of the study", async () => {
  assert.equal(looks.length, 1);
  const said = await page.evaluate(() => /** @type {any} */ (globalThis).said);
  assert.match(said[0].shown, /format=jpeg/);
  assert.ok(said[0].preview);
  assert.ok(!reader.all.some(({ url }) =>
    url.replace(/&max_bytes=\d+/, "").endsWith(said[0].shown)));
  const { picture } = JSON.parse(looks[0]);
  assert.match(picture, /&max_bytes=\d+$/);
  // Of the viewport that it is for: smaller, and of the same shape.
  const asked = new URLSearchParams(picture);
  const { width, height } = await reader.canvas();
  const shrink = width / Number(asked.get("width"));
  assert.ok(Math.abs(height / Number(asked.get("height")) - shrink) < 0.1,
    `${picture} for ${width}x${height}`);
});

ok(await reader.difference() === "", "which is the API's, pixel by pixel");

await test("scrolling shows small pictures, the last one lossless", async () => {
  await page.locator(".viewport").focus();
  await page.keyboard.press("Home");
  await reader.settled();
  // A look of which nothing was fetched ahead.
  await page.keyboard.press("i");
  await reader.settled();
  // Learning what pictures of this series weigh is over by now.
  const before = reader.all.length;
  await page.keyboard.press("ArrowDown");
  const begin = Date.now();
  for (let n = 1; n < 30; n++) {
    await page.waitForTimeout(30);
    await page.keyboard.press("ArrowDown");
  }
  const end = Date.now();
  await reader.settled();
  assert.equal(await reader.image(), 31);

  const moving = asked.filter(({ at }) => at > begin && at <= end)
    .map(({ target }) => new URLSearchParams(target.split("?")[1]));
  const previews = moving.filter((query) => query.get("format") === "jpeg");
  assert.ok(previews.length >= 8, `${previews.length} previews`);
  // A slow machine rests now and then.
  assert.ok(moving.length - previews.length <= previews.length / 4,
    `${moving.length - previews.length} others`);
  assert.ok(previews.every((query) =>
    Number(query.get("max_bytes") ?? Infinity) <= PREVIEW_BYTES));

  const sizes = reader.all.slice(before)
    .filter(({ url }) => url.includes("format=jpeg")).map(({ bytes }) => bytes);
  assert.ok(sizes.length >= 8
    && sizes.every((size) => size > 0 && size <= PREVIEW_BYTES),
  `previews of ${sizes} bytes`);
});

await test("each preview was said to be one, and nothing else", async () => {
  /** @type {{shown: string, preview: boolean}[]} */
  const said = await page.evaluate(() => /** @type {any} */ (globalThis).said);
  assert.ok(said.filter(({ shown }) => shown.includes("format=jpeg"))
    .length > 5);
  const silent = said.filter(({ shown, preview }) =>
    shown.includes("format=jpeg") && !preview);
  assert.deepEqual(silent, []);
});

await test("scrolling back asks for nothing that is here", async () => {
  const before = reader.all.length;
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowDown");
  await reader.settled();
  assert.equal(await reader.image(), 31);
  const again = reader.all.slice(before)
    .filter(({ url }) => /\/layers\/30\?/.test(url));
  assert.deepEqual(again, []);
});

await test("of many wishes at once only few are asked for", async () => {
  await page.keyboard.press("i");
  await reader.settled();
  const before = reader.all.length;
  await page.locator(".slice-slider").evaluate((slider) => {
    const input = /** @type {HTMLInputElement} */ (slider);
    for (let n = Number(input.max); n >= 1; n--) {
      input.value = String(n);
      input.dispatchEvent(new Event("input"));
    }
  });
  await reader.settled();
  assert.equal(await reader.image(), 1);
  assert.ok(reader.all.length - before < 36,
    `${reader.all.length - before} pictures`);
});

await test("zooming moves the picture that is there at once", async () => {
  const before = await reader.canvas();
  const moved = await page.evaluate(async () => {
    const canvas = /** @type {HTMLCanvasElement} */ (
      document.querySelector(".viewport canvas"));
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "+" }));
    await new Promise((resolve) => requestAnimationFrame(() =>
      requestAnimationFrame(resolve)));
    const { data } = /** @type {CanvasRenderingContext2D} */ (
      canvas.getContext("2d")).getImageData(0, 0, canvas.width,
      canvas.height);
    return data.reduce((sum, value) => sum + value, 0);
  });
  assert.notEqual(before.pixels.reduce((sum, value) => sum + value, 0), moved);
  await reader.settled();
});

await test("a line that was cut comes back by itself, and says so", async () => {
  await ask("cut");
  await page.keyboard.press("i");
  await page.locator(".status-line", { hasText: /lost/ })
    .waitFor({ timeout: 20000 });
  await clock.start();
  await ask("mend");
  await clock.shown();
  await reader.settled();
  await page.locator(".status-line").waitFor({ state: "hidden" });
});

ok(reader.errors.length === 0, "the page has no errors of its own",
  reader.errors.join("\n"));
await reader.context.close();
answers.close();
done();
