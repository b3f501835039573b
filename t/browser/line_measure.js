// The viewer on a thin line, by the clock.  SYSTEM (JSON): web, username,
// password, profile, lines: [{down, up, delay, loss}], pictures: {C: study,
// D: study}, steps.  Tells the Perl side each line's result.

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

/** @param {string} study */
async function open(study) {
  await page.evaluate(() => {
    location.hash = "#/studies";
  });
  const link = page.locator(`.row-link[href*="${study}"]`);
  await link.waitFor();
  await page.waitForLoadState("networkidle").catch(() => {});
  await pause(500);
  const start = await clock.start();
  await link.click();
  return { first: await clock.shown() - start,
    full: await clock.shown({ full: true }) - start };
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

/** One step onto an image not seen before, and rest. */
async function rest(/** @type {string} */ key) {
  await page.locator(".viewport").focus();
  await clock.start();
  await page.keyboard.press(key);
  const { inputs } = await clock.kept();
  const { at, layer } = inputs[0];
  return { first: await clock.shown({ layer }) - at,
    full: await clock.shown({ layer, full: true }) - at };
}

async function outage() {
  await ask("cut");
  await pause(2000);
  await page.keyboard.press("i");
  await pause(3000);
  const mended = await clock.start();
  await ask("mend");
  return await clock.shown() - mended;
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

  result.worklist = await open(system.pictures.C);
  say("worklist", result.worklist);
  await resize(512, 512);
  await pause(1500);
  await reader.settled();
  await page.keyboard.press("Home");
  await clock.shown({ full: true, layer: 0 });
  await pause(1000);
  await clock.start();
  await scroll("ArrowDown", system.steps);
  const last = (await clock.kept()).inputs.at(-1);
  result.C = {
    rest: await clock.shown({ layer: last?.layer, full: true })
      - (last?.at ?? NaN),
    ...await clock.scrolling(1),
  };
  say("C", result.C);
  await pause(1000);
  await clock.start();
  await scroll("ArrowUp", Math.min(60, system.steps));
  result.back = await clock.scrolling(-1);
  await page.keyboard.press("End");
  await clock.shown({ full: true });
  await pause(2500);
  result.outage = await outage();
  await clock.shown({ full: true });

  say("outage", result.outage);
  await open(system.pictures.D);
  await resize(1996, 2457);
  await clock.shown({ full: true });
  await pause(3000);
  result.D = await rest("End");
  await page.setViewportSize({ width: 1280, height: 800 });
  return result;
}

for (const line of system.lines) {
  const result = await measure(line);
  await ask(`result ${JSON.stringify(result)}`);
  await page.evaluate(() => sessionStorage.clear());
}
await reader.context.close();
answers.close();
