// What the viewer takes from headers, and small windows, in a real browser.
// SYSTEM (JSON): web, username, password, out, profile.

import assert from "node:assert/strict";
import fs from "node:fs";
import { Reader } from "./reader.js";
import { done, ok, test } from "./tap.js";

const system = JSON.parse(process.env.SYSTEM ?? "{}");

fs.mkdirSync(system.out, { recursive: true });
const reader = await Reader.start(system.profile,
  { width: 1600, height: 1000 });
const { page } = reader;

/** @param {string} name */
const shot = (name) => page.screenshot(
  { path: `${system.out}/hanging-${name}.png` });

/** @param {string} name @param {() => Promise<void>} body */
async function step(name, body) {
  if (!await test(name, body)) {
    await shot(`failed-${name.replace(/\W+/g, "-")}`).catch(() => {});
    // The others are about something else.
    await page.goto(`${system.web}#/studies`);
  }
}

/** @param {number} n */
const pane = (n) => page.locator(".pane").nth(n);

/** @param {number} n @param {string} name */
const corner = (n, name) => pane(n).locator(`.corner-${name}`).innerText();

async function settled() {
  await page.waitForTimeout(60);
  await reader.frames();
  await page.waitForFunction(() => [...document.querySelectorAll(
    ".pane:not([hidden]) .viewport")].every((one) =>
    one.getAttribute("aria-busy") !== "true"
      && !/Opening/.test(one.querySelector(".notice")?.textContent ?? "")));
}

/** @param {string} uid */
async function open(uid) {
  await page.locator(`.row-link[href$="/${uid}"]`).click();
  await reader.settled();
  await settled();
}

/** Edges to which the pictures lean. */
async function leans() {
  const all = [];
  for (let n = 0; n < 4; n++) {
    const shown = await pane(n).locator(".viewport").getAttribute("data-shown");
    all.push(Math.sign(Number(/pan=(-?[\d.]+)/.exec(shown ?? "")?.[1])));
  }
  return all;
}

/** What the headers say of the pictures, and dates of other studies. */
async function views() {
  const all = [];
  for (let n = 0; n < 4; n++) {
    const view = /^[RL] (CC|MLO)$/m.exec(await corner(n, "bl"))?.[0];
    const note = pane(n).locator(".badge-note");
    all.push([view, await note.isVisible()
      ? /\d{4}/.exec(await note.innerText())?.[0] : "now"].join(" "));
  }
  return all;
}

/** What badges cover of who it is, when there are many of them. */
async function covered() {
  return page.evaluate(() => {
    const rooms = (/** @type {string} */ which) =>
      [...document.querySelectorAll(which)].map((one) => {
        const range = document.createRange();
        range.selectNodeContents(one);
        return { text: one.textContent, box: range.getBoundingClientRect() };
      }).filter(({ box }) => box.width > 0);
    const hidden = [...document.querySelectorAll(
      ".badge-demo[hidden], .badges > .badge-warn[hidden]")];
    hidden.forEach((one) => one.removeAttribute("hidden"));
    const badges = rooms(".badges > .badge");
    const found = rooms(".corner-tl .lines > div, .corner-tr .lines > div")
      .filter(({ box }) => badges.some(({ box: badge }) =>
        badge.left < box.right && badge.right > box.left
          && badge.top < box.bottom && badge.bottom > box.top));
    hidden.forEach((one) => one.setAttribute("hidden", ""));
    return found.map(({ text }) => text);
  });
}

/** @param {number} fromX @param {number} toX  of the image's columns */
async function measure(fromX, toX) {
  const box = await page.locator(".pane .viewport").first().boundingBox();
  assert.ok(box);
  const scale = Math.min(box.width, box.height) / 96;
  const at = (/** @type {number} */ x) =>
    box.x + box.width / 2 + (x - 48) * scale;
  const y = box.y + box.height / 2 + 37;
  await page.mouse.move(at(fromX), y);
  await page.mouse.down();
  await page.mouse.move(at(toX), y, { steps: 4 });
  await page.mouse.up();
}

/** @returns {Promise<string>} */
async function label() {
  return (await page.locator(".mark text").allTextContents()).join(" ");
}

await page.goto(system.web);
await reader.login(system.username, system.password);

await step("the list offers the modalities that it has", async () => {
  await page.locator('.row-link[href$="/2.25.77.5"]').waitFor();
  const select = page.getByLabel("Modality");
  await select.locator("optgroup option", { hasText: "BMD" })
    .waitFor({ state: "attached" });
  const here = await select.locator(":scope > option").allInnerTexts();
  for (const code of ["MG", "CR", "US", "ZZ"]) {
    assert.ok(here.includes(code), `${code} of ${here}`);
  }
  assert.ok(!here.includes("BMD"));
  await select.selectOption("ZZ");
  await page.locator('.row-link[href$="/2.25.77.1"]')
    .waitFor({ state: "detached" });
  assert.equal(await page.locator(".row-link").count(), 1);
  // What was seen stays to be chosen.
  await select.selectOption("MG");
  await page.locator('.row-link[href$="/2.25.77.1"]').waitFor();
  await select.selectOption("");
});

await step("Esc closes the user's menu, and nothing else", async () => {
  await open("2.25.77.4");
  await page.locator(".user-menu summary").click();
  await page.locator(".user-menu[open]").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".user-menu[open]").count(), 0);
  assert.match(page.url(), /#\/study\//);
  await page.keyboard.press("Escape");
});

await step("lengths are in mm where the ultrasound image has them", async () => {
  await open("2.25.77.4");
  await page.keyboard.press("m");
  await measure(4, 44);
  await page.locator(".mark text", { hasText: /mm/ }).waitFor();
  assert.ok(Math.abs(parseFloat(await label()) - 80) < 1.5, await label());
  await page.keyboard.press("Delete");
  await measure(30, 70);
  assert.match(await label(), /^[\d.]+ px$/, "beyond the region");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Escape");
});

await step("each image of a series has its own scale", async () => {
  await open("2.25.77.3");
  await page.keyboard.press("m");
  await page.keyboard.press("Home");
  await settled();
  await measure(28, 68);
  await page.locator(".mark text", { hasText: "at detector" }).waitFor();
  assert.ok(Math.abs(parseFloat(await label()) - 20) < 0.5, await label());
  await page.keyboard.press("End");
  await settled();
  await measure(28, 68);
  await page.locator(".mark text", { hasText: "at detector" }).waitFor();
  assert.ok(Math.abs(parseFloat(await label()) - 40) < 1, await label());
  assert.match(await page.locator(".scale-label").first().innerText(),
    /at detector$/);
  const [text, bar] = await Promise.all([".warnings-lines", ".scale-bar"].map(
    (one) => page.locator(one).first().boundingBox()));
  assert.ok(text && bar && text.x + text.width < bar.x, "beside each other");
  await shot("detector");
  await page.keyboard.press("w");
  await page.keyboard.press("Escape");
});

await step("four views of one series hang by their headers", async () => {
  await open("2.25.77.1");
  await pane(3).locator(".corner-bl", { hasText: "MLO" }).waitFor();
  await settled();
  assert.deepEqual(await views(),
    ["R CC now", "L CC now", "R MLO now", "L MLO now"]);
  assert.deepEqual(await leans(), [1, -1, 1, -1], "chest walls in the middle");
  const boxes = await page.locator(".pane .viewport").evaluateAll((all) =>
    all.map((one) => one.getBoundingClientRect().toJSON()));
  assert.ok(boxes[1].left - boxes[0].right <= 4
    && boxes[3].left - boxes[2].right <= 4, "nothing lies between them");
  await shot("four");
});

await step("F fills the screen, and once more gives it back", async () => {
  await page.keyboard.press("f");
  await page.waitForFunction(() => document.fullscreenElement !== null);
  await page.keyboard.press("f");
  await page.waitForFunction(() => document.fullscreenElement === null);
  await settled();
});

await step("F does nothing where there is no full screen", async () => {
  const errors = reader.errors.length;
  await page.evaluate(() => Object.defineProperty(document.documentElement,
    "requestFullscreen", { value: undefined, configurable: true }));
  await page.keyboard.press("f");
  await page.evaluate(() =>
    Reflect.deleteProperty(document.documentElement, "requestFullscreen"));
  assert.deepEqual(reader.errors.splice(errors), []);
});

await step("one projection hangs above that of the study before", async () => {
  const bar = page.getByRole("group", { name: "Mammograms" });
  await bar.getByRole("button", { name: /^CC \/ 2024/ }).click();
  await pane(3).locator(".badge-note", { hasText: "2024" }).waitFor();
  await settled();
  await page.locator(".corner-bl >> text=/^L CC$/").nth(1).waitFor();
  assert.deepEqual(await views(),
    ["R CC now", "L CC now", "R CC 2024", "L CC 2024"]);
  assert.deepEqual(await leans(), [1, -1, 1, -1]);
  await shot("earlier");
  assert.deepEqual(await covered(), []);
  await page.keyboard.press("p");
  await pane(3).locator(".notice", { hasText: "There is no L MLO" }).waitFor();
  await settled();
  assert.deepEqual((await views()).slice(0, 3),
    ["R MLO now", "L MLO now", "R MLO 2024"]);
  assert.equal(await pane(3).locator("canvas.picture").evaluate((one) => {
    const canvas = /** @type {HTMLCanvasElement} */ (one);
    return canvas.getContext("2d")?.getImageData(0, 0, canvas.width,
      canvas.height).data.some((value, n) => n % 4 < 3 && value > 0) ?? true;
  }), false, "nothing of the former picture stays");
  await page.keyboard.press("p");
  await pane(3).locator(".corner-bl", { hasText: "L MLO" }).waitFor();
  await settled();
  assert.deepEqual(await views(),
    ["R CC now", "L CC now", "R MLO now", "L MLO now"]);
  await page.keyboard.press("Escape");
});

await step("a study of one view comes back from beside others", async () => {
  await open("2.25.77.6");
  await page.getByRole("group", { name: "Mammograms" })
    .getByRole("button", { name: /^CC / }).click();
  await pane(1).locator(".notice", { hasText: "There is no L CC" }).waitFor();
  await page.keyboard.press("p");
  await page.keyboard.press("p");
  await page.locator('.panes[data-layout="1"]').waitFor({ timeout: 5000 });
  await settled();
  assert.match(await corner(0, "bl"), /^R CC$/m);
  await page.keyboard.press("Escape");
});

await step("Esc closes warnings before it leaves the study", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open("2.25.77.3");
  const button = page.locator(".warnings-button").first();
  await button.click();
  assert.equal(await button.getAttribute("aria-expanded"), "true");
  await page.keyboard.press("Escape");
  assert.equal(await button.getAttribute("aria-expanded"), "false");
  assert.match(page.url(), /#\/study\//);
  await page.keyboard.press("Escape");
  await page.locator(".row-link").first().waitFor();
});

for (const [width, height] of [[1366, 768], [1000, 800], [820, 1180],
  [390, 844]]) {
  await step(`the first look is of the viewport: ${width}`, async () => {
    await page.setViewportSize({ width, height });
    await page.locator('.row-link[href$="/2.25.77.4"]').waitFor();
    // Measured when the window rests.
    await page.waitForTimeout(700);
    /** @type {URLSearchParams | null} */
    let asked = null;
    const listen = (/** @type {import("playwright-core").Request} */ one) => {
      const { picture } = one.method() === "POST" && /\/stacks$/.test(one.url())
        ? JSON.parse(one.postData() || "{}") : {};
      asked ??= picture ? new URLSearchParams(picture) : null;
    };
    page.on("request", listen);
    await open("2.25.77.4");
    page.off("request", listen);
    await page.waitForTimeout(300);
    const query = /** @type {URLSearchParams | null} */ (asked);
    assert.ok(query);
    const box = await page.locator(".viewport").first().boundingBox();
    assert.ok(box);
    const shape = Number(query.get("width")) / Number(query.get("height"));
    assert.ok(Math.abs(shape / (box.width / box.height) - 1) < 0.02,
      `asked ${query}, drawn ${box.width} × ${box.height}`);
    await shot(`first-${width}`);
    await page.keyboard.press("Escape");
  });
}

ok(reader.errors.length === 0, "the page has no errors of its own",
  reader.errors.join("\n"));
await reader.context.close();
done();
