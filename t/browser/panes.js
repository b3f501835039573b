// Several viewports: layout, what is active, what goes together, what does not.
// SYSTEM (JSON): web, username, password, study, mammograms, out, profile.

import assert from "node:assert/strict";
import fs from "node:fs";
import { Reader } from "./reader.js";
import { done, ok, test } from "./tap.js";

const system = JSON.parse(process.env.SYSTEM ?? "{}");
const reader = await Reader.start(system.profile,
  { width: 1280, height: 800 });
const { page } = reader;
fs.mkdirSync(system.out, { recursive: true });

/** @param {number} n  from 0 */
const pane = (n) => page.locator(".pane").nth(n);

/** All that are on the screen show what they should, at full quality. */
async function settled() {
  await reader.frames();
  await page.waitForFunction(() => {
    const shown = [...document.querySelectorAll(".pane:not([hidden])")]
      .filter((one) => one.querySelector(".viewport[data-shown]"));
    return shown.length > 0 && shown.every((one) =>
      one.querySelector('.viewport[aria-busy="false"]'));
  });
}

/** @param {string} name */
async function shot(name) {
  await page.screenshot({ path: `${system.out}/panes-${name}.png` });
}

/** @param {string} name @param {() => Promise<void>} body */
async function step(name, body) {
  if (!await test(name, body)) {
    await shot(`failed-${name.replace(/\W+/g, "-")}`).catch(() => {});
  }
}

/** @param {number} n @param {string} corner */
const corner = (n, corner) => pane(n).locator(`.corner-${corner}`).innerText();

/** Image number and place of a pane. @param {number} n */
async function place(n) {
  const text = await corner(n, "bl");
  return { image: Number(/(\d+) \/ \d+/.exec(text)?.[1]),
    at: Number(/L (-?[\d.]+) mm/.exec(text)?.[1]) };
}

/** @param {number} n */
async function window(n) {
  return /C \S+ +W \S+/.exec(await corner(n, "br"))?.[0] ?? "";
}

/** @param {number} n */
const zoom = async (n) =>
  Number(/Zoom (\d+) %/.exec(await corner(n, "br"))?.[1]);

const visible = () => page.locator(".pane:visible").count();

/** Which pane is framed, from 0. */
const framed = () => page.evaluate(() =>
  [...document.querySelectorAll(".pane")].flatMap((one, n) =>
    getComputedStyle(one, "::after").borderTopStyle === "solid"
      && getComputedStyle(one, "::after").borderTopColor !== "rgba(0, 0, 0, 0)"
      ? [n] : []));

/** @param {number} n */
async function click(n) {
  const box = await pane(n).locator(".viewport").boundingBox();
  assert.ok(box);
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
}

/** @param {string} uid */
async function open(uid) {
  await page.locator(`.row-link[href*="${uid}"]`).click();
  await reader.settled();
}

await page.goto(system.web);
await reader.login(system.username, system.password);

await step("at first there is one viewport, and it has no frame", async () => {
  await open(system.study);
  assert.equal(await visible(), 1);
  assert.deepEqual(await framed(), []);
  await shot("one-1280");
});

await step("a key makes two, the second shows the next series", async () => {
  await page.keyboard.press("d");
  await pane(1).locator(".viewport[data-shown]").waitFor();
  await settled();
  assert.equal(await visible(), 2);
  assert.match(await corner(1, "bl"), /SECOND/);
  // From now on it is known where the images of both lie.
  await pane(1).locator(".badge-link").waitFor();
  await settled();
  assert.doesNotMatch(await corner(0, "bl"), /SECOND/);
  assert.deepEqual(await framed(), [0]);
  assert.equal(await page.getByRole("button", { name: /^Two/ })
    .getAttribute("aria-pressed"), "true");
  await shot("two-1280");
});

await step("only the active one fetches what may be wanted next", async () => {
  const asked = () => {
    /** @type {Map<string, Set<string>>} */
    const layers = new Map();
    for (const { url } of reader.pictures) {
      const [, stack, layer, width] =
        /stacks\/(\w+)\/layers\/(\d+)\?width=(\d+)/.exec(url) ?? [];
      if (Number(width) < 500) {
        layers.set(stack, (layers.get(stack) ?? new Set()).add(layer));
      }
    }
    return [...layers.values()].map(({ size }) => size).sort((a, b) => a - b);
  };
  for (let n = 0; n < 250 && asked()[1] < 8; n++) {
    await page.waitForTimeout(100);
  }
  const [other, active] = asked();
  // The middle, and where the active one is.
  assert.ok(active >= 8 && other <= 2, `${active} and ${other} layers`);
});

await step("the second goes to the same place in the patient", async () => {
  await page.keyboard.press("Home");
  await settled();
  for (let n = 0; n < 4; n++) {
    await page.keyboard.press("ArrowDown");
  }
  await settled();
  const [one, other] = [await place(0), await place(1)];
  assert.deepEqual([one.image, other.image], [5, 3]);
  assert.equal(one.at, other.at);
  assert.equal(await pane(1).locator(".badge-link").innerText(), "linked");
});

await step("a click makes it active: keys and frame go there", async () => {
  await click(1);
  assert.deepEqual(await framed(), [1]);
  await page.keyboard.press("ArrowDown");
  await settled();
  const [one, other] = [await place(0), await place(1)];
  assert.deepEqual([one.image, other.image], [7, 4]);
  assert.equal(one.at, other.at);
  assert.equal(await page.locator(".series[aria-current]").innerText()
    .then((text) => /SECOND/.test(text)), true);
});

await step("window, zoom and turn are each viewport's own", async () => {
  const before = [await window(0), await zoom(0), await page
    .locator(".pane").first().locator(".letter").allInnerTexts()];
  await page.keyboard.press("6");
  await page.keyboard.press("+");
  await page.keyboard.press("r");
  await settled();
  assert.equal(await window(1), "C -600  W 1500");
  assert.deepEqual([await window(0), await zoom(0), await page
    .locator(".pane").first().locator(".letter").allInnerTexts()], before);
  await page.keyboard.press(" ");
  await settled();
});

await step("without the link each scrolls alone", async () => {
  await page.keyboard.press("k");
  const before = await place(0);
  await page.keyboard.press("End");
  await settled();
  assert.equal((await place(1)).image, 14);
  assert.deepEqual(await place(0), before);
  assert.equal(await pane(1).locator(".badge-link").isVisible(), false);
  await page.keyboard.press("k");
  await settled();
  assert.equal((await place(0)).at, (await place(1)).at);
});

await step("a series passed over gets nothing of the one before", async () => {
  await page.keyboard.press("6");
  await settled();
  let open = () => {};
  const gate = new Promise((resolve) => {
    open = () => resolve(null);
  });
  await page.route(/\/stacks$/, async (route) => {
    if (!route.request().headers()["dicom-target"]) {
      await gate;
    }
    await route.continue();
  });
  await page.keyboard.press("PageDown");
  await pane(1).locator(".notice", { hasText: "Opening" }).waitFor();
  assert.match(await corner(1, "bl"), /SAGITTAL/);
  await page.keyboard.press("PageUp");
  open();
  await settled();
  assert.match(await corner(1, "bl"), /SECOND/);
  assert.equal(await window(1), "C -600  W 1500");
  await page.unroute(/\/stacks$/);
  await page.keyboard.press("PageDown");
  await pane(1).locator(".corner-bl", { hasText: /SAGITTAL[^]* \/ 5/ })
    .waitFor();
  await settled();
  assert.notEqual(await window(1), "C -600  W 1500");
  await page.keyboard.press("PageUp");
  await settled();
  await page.keyboard.press(" ");
  await settled();
});

await step("window and zoom go together where that is wanted", async () => {
  await page.keyboard.press("s");
  await page.keyboard.press("5");
  await page.keyboard.press("+");
  await settled();
  assert.equal(await window(0), "C 40  W 400");
  assert.equal(await window(1), "C 40  W 400");
  assert.equal(await zoom(0), await zoom(1));
  await page.keyboard.press("s");
  await page.keyboard.press(" ");
  await settled();
  assert.notEqual(await zoom(0), await zoom(1));
});

await step("four by the button; lines show where images cross", async () => {
  await page.getByRole("button", { name: /^Four/ }).click();
  await pane(2).locator(".viewport[data-shown]").waitFor();
  await settled();
  assert.equal(await visible(), 4);
  assert.match(await corner(2, "bl"), /SAGITTAL/);
  // A level line has no height, by which visible ones are told.
  await pane(2).locator(".reference line:not([hidden])")
    .waitFor({ state: "attached" });
  assert.equal(await pane(1).locator(".reference line").isVisible(), false);
  assert.match(await pane(3).locator(".notice").innerText(), /Drag a series/);
  assert.deepEqual(await page.locator(".slice-slider")
    .evaluateAll((all) => all.map((one) => one.checkVisibility(
      { visibilityProperty: true }))), [true, true, true, false]);
  assert.equal(await pane(3).locator(".badge-demo").isVisible(), false);
  const line = pane(2).locator(".reference line");
  const before = Number(await line.getAttribute("y1"));
  await page.keyboard.press("PageUp");
  await settled();
  assert.doesNotMatch(await corner(1, "bl"), /SECOND/);
  assert.match(await pane(3).locator(".notice").innerText(), /Drag a series/);
  await page.keyboard.press("Home");
  await settled();
  // A plane further down lies lower in a picture that has the head above.
  assert.ok(Number(await line.getAttribute("y1")) > before + 5);
  await shot("four-1280");
});

await step("the overlay of keys tells of them", async () => {
  await page.keyboard.press("?");
  const dialog = page.locator("dialog.shortcuts[open]");
  await dialog.getByText("Link scrolling").waitFor();
  await shot("keys-1280");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

await step("arrows go from viewport to viewport", async () => {
  await page.keyboard.press("ArrowRight");
  assert.deepEqual(await framed(), [2]);
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  assert.deepEqual(await framed(), [0]);
  // Past its warnings, where there are some, and its slider.
  const warns = await pane(0).locator(".warnings-button").isVisible();
  for (let n = warns ? 3 : 2; n > 0; n--) {
    await page.keyboard.press("Tab");
  }
  assert.deepEqual(await framed(), [1]);
});

await step("in little room warnings wait behind a button", async () => {
  await page.evaluate(() => {
    const box = /** @type {HTMLElement} */ (
      document.querySelector(".warnings"));
    box.hidden = false;
    box.querySelector(".warnings-lines")?.append("Something to know");
  });
  const button = pane(0).locator(".warnings-button");
  const text = pane(0).locator(".warnings-lines");
  const before = await pane(0).locator(".viewport").getAttribute("data-shown");
  assert.equal(await text.isVisible(), false);
  await button.click();
  assert.equal(await text.isVisible(), true);
  await button.click();
  assert.equal(await text.isVisible(), false);
  assert.equal(await visible(), 4);
  assert.equal(await pane(0).locator(".viewport").getAttribute("data-shown"),
    before);
  // Nor do they lie over the next series.
  await button.click();
  await page.keyboard.press("PageDown");
  await settled();
  assert.equal(await button.getAttribute("aria-expanded"), "false");
  await page.keyboard.press("PageUp");
  await settled();
  await pane(1).locator(".viewport").focus();
});

await step("who the patient is stands free of all that is said", async () => {
  const overlaps = await page.evaluate(() => {
    const [who, badges] = [".corner-tl", ".badges"].map((one) =>
      document.querySelector(`.pane .viewport ${one}`)?.getBoundingClientRect());
    return who && badges && badges.width > 0 && badges.left < who.right
      && badges.top < who.bottom;
  });
  assert.equal(overlaps, false);
});

await step("a double click makes one large, and all come back", async () => {
  const box = await pane(2).locator(".viewport").boundingBox();
  assert.ok(box);
  await page.mouse.dblclick(box.x + 60, box.y + 60);
  await settled();
  assert.equal(await visible(), 1);
  assert.equal(await pane(2).isVisible(), true);
  await page.mouse.dblclick(box.x + 60, box.y + 60);
  await settled();
  assert.equal(await visible(), 4);
  assert.deepEqual(await framed(), [2]);
});

await step("a series is dragged where it should be", async () => {
  await page.locator(".series", { hasText: "SAGITTAL" })
    .dragTo(pane(0).locator(".viewport"));
  await pane(0).locator(".corner-bl", { hasText: "SAGITTAL" }).waitFor();
  await settled();
  assert.deepEqual(await framed(), [0]);
});

await step("an earlier study stands beside, and says so", async () => {
  await click(3);
  await page.locator(".other-study summary", { hasText: "2019-07-04" }).click();
  await page.locator(".other-study .series").click();
  await pane(3).locator(".corner-bl", { hasText: "BEFORE" }).waitFor();
  await settled();
  assert.match(await pane(3).locator(".badge-note").innerText(), /2019-07-04/);
  assert.equal(await pane(0).locator(".badge-note").isVisible(), false);
  const before = await place(0);
  await page.keyboard.press("Home");
  await settled();
  assert.deepEqual(await place(0), before, "another frame of reference");
  await shot("earlier-1280");
  await page.setViewportSize({ width: 1920, height: 1080 });
  await settled();
  await shot("four-1920");
});

await step("the layout is kept for this user, and nothing else", async () => {
  const kept = await page.evaluate(() => Object.entries(localStorage));
  assert.equal(kept.length, 1);
  assert.match(kept[0][0], /^dicom\.reading\.[0-9a-f-]{36}$/);
  assert.deepEqual(JSON.parse(kept[0][1]),
    { layout: 4, scroll: true, looks: false });
  await page.reload();
  await pane(2).locator(".viewport[data-shown]").waitFor();
  await settled();
  assert.equal(await visible(), 4);
});

await step("mammograms hang with the right ones on the left", async () => {
  await page.getByRole("button", { name: /^One/ }).click();
  await page.keyboard.press("Escape");
  await open(system.mammograms);
  await pane(3).locator(".viewport[data-shown]").waitFor();
  await settled();
  const views = [];
  for (let n = 0; n < 4; n++) {
    views.push(/[RL] (CC|MLO)/.exec(await corner(n, "bl"))?.[0]);
  }
  assert.deepEqual(views, ["R CC", "L CC", "R MLO", "L MLO"]);
  const pans = [];
  for (let n = 0; n < 4; n++) {
    const shown = await pane(n).locator(".viewport").getAttribute("data-shown");
    pans.push(Math.sign(Number(/pan=(-?[\d.]+)/.exec(shown ?? "")?.[1])));
  }
  assert.deepEqual(pans, [1, -1, 1, -1], "chest walls in the middle");
  await shot("mammograms-1920");
});

await step("which is not what other studies then look like", async () => {
  await page.keyboard.press("Escape");
  await open(system.study);
  assert.equal(await visible(), 1);
});
ok(await reader.difference() === "", "with the node's picture");

await step("type of twice the size leaves everything in its place", async () => {
  const large = await Reader.start(`${system.profile}-large`,
    { width: 1366, height: 768 }, ["--blink-settings=defaultFontSize=32"]);
  const box = async (/** @type {string} */ one) => {
    const found = await large.page.locator(one).first().boundingBox();
    assert.ok(found, one);
    return found;
  };
  try {
    await large.page.goto(system.web);
    await large.login(system.username, system.password);
    await large.page.locator(`.row-link[href*="${system.study}"]`).waitFor();
    assert.equal(await large.page.evaluate(() =>
      getComputedStyle(document.documentElement).fontSize), "32px");
    const upload = await box(".bar .bar-end");
    const user = await box(".user-menu");
    assert.ok(upload.x + upload.width <= user.x, "the user's menu is free");
    await large.page.locator(`.row-link[href*="${system.study}"]`).click();
    await large.settled();
    await large.page.screenshot({ path: `${system.out}/panes-large.png` });
    const picture = await box(".viewport");
    assert.ok(picture.width * picture.height > 1366 * 768 / 2,
      `the picture has ${picture.width} × ${picture.height}`);
  } finally {
    await large.context.close();
  }
});

ok(reader.errors.length === 0, "the page has no errors of its own",
  reader.errors.join("\n"));
await reader.context.close();
done();
