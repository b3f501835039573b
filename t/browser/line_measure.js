// The viewer on thin lines, by the clock.  SYSTEM (JSON): web, username,
// password, profile, pictures: {C: study, D: study, first: [study]}, lines:
// [{down, up, delay, loss, firsts, steps, outages: [s]}].  Tells the Perl side
// each line's result; what failed is its error, and what was measured before
// that is there, too.
//
// What is measured was never seen before: inverting makes a new look of all
// images, and nothing of it is fetched ahead before the reader rests.

import readline from "node:readline";
import { Clock, recorder } from "./clock.js";
import { Reader } from "./reader.js";

const system = JSON.parse(process.env.SYSTEM ?? "{}");
const answers = readline.createInterface({ input: process.stdin });

/** @param {string} what  asked of the Perl side */
function ask(what) {
  return new Promise((resolve) => {
    answers.once("line", resolve);
    console.log(`do: ${what}`);
  });
}

const WINDOW = { width: 1280, height: 800 };

const reader = await Reader.start(system.profile, WINDOW);
const { page } = reader;
const clock = new Clock(page);
await page.addInitScript(recorder);

/** @param {number} ms */
const pause = (ms) => page.waitForTimeout(ms);

/** The window in which the viewport is 512 by 512, and as large as D. */
const windows = { C: WINDOW, D: WINDOW };

/**
 * The window in which the viewport has this size.
 *
 * @param {number} width
 * @param {number} height
 */
async function windowFor(width, height) {
  const window = { ...WINDOW };
  for (let n = 0; n < 6; n++) {
    await page.setViewportSize(window);
    await pause(200);
    const { canvas } = await page.evaluate(() => {
      const { width, height } = /** @type {HTMLCanvasElement} */ (
        document.querySelector(".viewport canvas"));
      return { canvas: { width, height } };
    });
    if (canvas.width === width && canvas.height === height) {
      return window;
    }
    window.width += width - canvas.width;
    window.height += height - canvas.height;
  }
  throw new Error(`no viewport of ${width} by ${height}`);
}

const LOOK_MS = 300;

function toStudies() {
  return page.evaluate(() => {
    location.hash = "#/studies";
  });
}

/** @param {string} study */
async function open(study) {
  await toStudies();
  const link = page.locator(`.row-link[href*="${study}"]`);
  await link.waitFor();
  await page.waitForLoadState("networkidle", { timeout: 3000 })
    .catch(() => {});
  await pause(500);
  await clock.start();
  await link.click();
  // Looking costs the page time that the picture needs.
  await pause(LOOK_MS);
  const first = await clock.shown();
  const full = await clock.shown({ full: true });
  // From the press of the button, not from when the script wanted it.
  const { at } = (await clock.kept()).inputs[0];
  return { first: first - at, full: full - at };
}

/**
 * Scrolls with a key held down, 30 steps a second.
 *
 * @param {string} key
 * @param {number} steps
 */
async function scroll(key, steps) {
  await page.locator(".viewport").focus();
  const begin = Date.now();
  for (let n = 0; n < steps; n++) {
    await page.keyboard.down(key);
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(0, begin + (n + 1) * 33.3 - Date.now())));
  }
  await page.keyboard.up(key);
}

/** A look not seen before, and rest. */
async function rest() {
  await page.locator(".viewport").focus();
  await clock.start();
  await page.keyboard.press("i");
  const { at, layer } = (await clock.kept()).inputs[0];
  return { first: await clock.shown({ layer }) - at,
    full: await clock.shown({ layer, full: true }) - at };
}

/** What TCP still repeats of an outage is no part of the next one. */
const BETWEEN_MS = 6000;

/** Each makes a look that none before it was. */
const LOOKS = [..."iriririhiririri"];

/**
 * The line is gone for five seconds, and the reader asks for something.
 *
 * @param {number} after  seconds; 0: just before
 * @param {string} key  for a look not seen before
 */
async function outage(after, key) {
  if (after === 0) {
    await page.keyboard.press(key);
  }
  await ask("cut");
  await pause(after * 1000);
  if (after > 0) {
    await page.keyboard.press(key);
  }
  await pause((5 - after) * 1000);
  const mended = await clock.start();
  await ask("mend");
  const back = await clock.shown() - mended;
  await clock.shown({ full: true });
  return back;
}

/** Lines on which D takes longer than this are given one picture of it, s. */
const D_LONG = 5;

/** Bits of a lossless D, roughly. */
const D_BITS = 10e6;

/**
 * The page new on this line, as somebody finds it who comes to work there.
 *
 * @param {any} line
 */
async function arrive(line) {
  await ask(`shape ${JSON.stringify(line)}`);
  await page.setViewportSize(WINDOW);
  await page.goto("about:blank");
  await page.goto(system.web);
  const rows = page.locator(".study-table tbody tr");
  await page.locator("#username").or(rows.first()).first().waitFor();
  if (await rows.count() === 0) {
    await reader.login(system.username, system.password);
  }
  await rows.first().waitFor();
}

/**
 * @param {any} line
 * @param {Record<string, any>} result  is filled
 */
async function measure(line, result) {
  const begun = Date.now();
  /** @param {string} what */
  const say = (what) => process.env.LINE_TALK && console.error(
    `# ${((Date.now() - begun) / 1000).toFixed(1)} s: ${what} `
    + `${JSON.stringify({ ...result[what], waits: undefined })}`);
  await arrive(line);
  say("arrived");

  result.firsts = [];
  for (const study of [
    ...system.pictures.first.slice(0, line.firsts - 1), system.pictures.C]) {
    result.firsts.push((await open(study)).first);
  }
  say("firsts");

  await page.setViewportSize(windows.C);
  await reader.settled();
  await page.keyboard.press("Home");
  await clock.shown({ full: true, layer: 0 });
  await pause(500);
  await clock.start();
  await page.keyboard.press("i");
  await scroll("ArrowDown", line.steps);
  const last = (await clock.kept()).inputs.at(-1);
  result.C = {
    rest: await clock.shown({ layer: last?.layer, full: true })
      - (last?.at ?? NaN),
    ...await clock.scrolling(1),
  };
  say("C");

  await pause(1000);
  result.outages = [];
  for (const [n, after] of line.outages.entries()) {
    await pause(n > 0 ? BETWEEN_MS : 0);
    result.outages.push(await outage(after, LOOKS[n]));
  }
  say("outages");

  // At its full size before it is opened: where a picture of it takes long
  // there is one only, and its time that from the click.
  await toStudies();
  await page.setViewportSize(windows.D);
  result.D = await open(system.pictures.D);
  result.D.opening = D_BITS / line.down / 1e6 > D_LONG;
  if (!result.D.opening) {
    result.D = { ...await rest(), opening: false };
  }
  result.D.bytes = reader.all.findLast(({ url }) =>
    url.includes("format=png"))?.bytes;
  say("D");
  result.seconds = (Date.now() - begun) / 1000;
}

await arrive({ down: 1000, up: 1000, delay: 0, loss: 0 });
await open(system.pictures.C);
windows.C = await windowFor(512, 512);
await open(system.pictures.D);
windows.D = await windowFor(1996, 2457);
await reader.settled();

for (const line of system.lines) {
  /** @type {Record<string, unknown>} */
  const result = { line };
  await measure(line, result).catch((error) => {
    result.error = String(error);
  });
  await ask(`result ${JSON.stringify(result)}`);
}
await reader.context.close();
answers.close();
