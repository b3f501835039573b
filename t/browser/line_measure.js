// The viewer on a thin line, by the clock.  SYSTEM (JSON): web, username,
// password, profile, lines: [{down, up, delay, loss, outages: [s]}], pictures:
// {C: study, D: study, first: [study]}, steps.  Tells the Perl side each line's
// result.
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

const reader = await Reader.start(system.profile,
  { width: 1280, height: 800 });
const { page } = reader;
const clock = new Clock(page);
await page.addInitScript(recorder);

/** @param {number} ms */
const pause = (ms) => page.waitForTimeout(ms);

/**
 * The window so that the picture has exactly this size.
 *
 * @param {number} width
 * @param {number} height
 */
async function resize(width, height) {
  for (let n = 0; n < 3; n++) {
    const { box, window } = await page.evaluate(() => {
      const { width, height } = /** @type {HTMLCanvasElement} */ (
        document.querySelector(".viewport canvas")).getBoundingClientRect();
      return { box: { width, height },
        window: { width: innerWidth, height: innerHeight } };
    });
    await page.setViewportSize({
      width: Math.round(window.width + width - box.width),
      height: Math.round(window.height + height - box.height),
    });
    await pause(200);
  }
}

const LOOK_MS = 300;

/** @param {string} study */
async function open(study) {
  await page.evaluate(() => {
    location.hash = "#/studies";
  });
  const link = page.locator(`.row-link[href*="${study}"]`);
  await link.waitFor();
  await page.waitForLoadState("networkidle").catch(() => {});
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

/** Each makes a look that none before it was. */
const BETWEEN_MS = 6000;
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
  // What TCP still repeats of this one is no part of the next.
  await pause(BETWEEN_MS);
  return back;
}

/** @param {any} line */
async function measure(line) {
  /** @param {string} what @param {unknown} [value] */
  const say = (what, value) => process.env.LINE_TALK
    && console.error(`# ${what} ${JSON.stringify(value) ?? ""}`);
  await ask(`shape ${JSON.stringify(line)}`);
  await page.goto("about:blank");
  await page.goto(system.web);
  await reader.login(system.username, system.password);
  await page.locator(".study-table tbody tr").first().waitFor(
    { timeout: 120000 });
  /** @type {Record<string, unknown>} */
  const result = { line };

  const firsts = [];
  for (const study of [...system.pictures.first, system.pictures.C]) {
    firsts.push((await open(study)).first);
  }
  result.firsts = firsts;
  say("firsts", firsts);
  await resize(512, 512);
  await pause(1500);
  await reader.settled();
  await page.keyboard.press("Home");
  await clock.shown({ full: true, layer: 0 });
  await pause(500);
  await clock.start();
  await page.keyboard.press("i");
  await scroll("ArrowDown", system.steps);
  const last = (await clock.kept()).inputs.at(-1);
  result.C = {
    rest: await clock.shown({ layer: last?.layer, full: true })
      - (last?.at ?? NaN),
    ...await clock.scrolling(1),
  };
  say("C", result.C);
  await pause(1500);
  const outages = [];
  for (const [n, after] of line.outages.entries()) {
    outages.push(await outage(after, LOOKS[n]));
  }
  result.outages = outages;
  say("outages", outages);
  await open(system.pictures.D);
  await resize(1996, 2457);
  await clock.shown({ full: true });
  result.D = await rest();
  await page.setViewportSize({ width: 1280, height: 800 });
  return result;
}

for (const line of system.lines) {
  const result = await measure(line).catch((error) =>
    ({ line, error: String(error) }));
  await ask(`result ${JSON.stringify(result)}`);
  await page.evaluate(() => sessionStorage.clear());
}
await reader.context.close();
answers.close();
