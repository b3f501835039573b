// A doctor's way through the system, in a real browser.
// SYSTEM (JSON): web, username, password, patient, upload [files], out,
// profile, facility; control: true where "do:" lines are answered.

import fs from "node:fs";
import readline from "node:readline";
import { Reader } from "./reader.js";
import { done, ok, test } from "./tap.js";
import assert from "node:assert/strict";

const system = JSON.parse(process.env.SYSTEM ?? "{}");
const answers = readline.createInterface({ input: process.stdin });

/** @param {string} what  asked of the Perl side */
function ask(what) {
  return new Promise((resolve) => {
    answers.once("line", resolve);
    console.log(`do: ${what}`);
  });
}

fs.mkdirSync(system.out, { recursive: true });
const reader = await Reader.start(system.profile,
  { width: 1280, height: 800 });
const { page } = reader;
let shots = 0;
let failures = 0;
const MOST_FAILURES = 3;

/** @param {import("playwright-core").Route} route */
function isPicture(route) {
  return /\/layers\/\d+\?/.test(
    route.request().headers()["dicom-target"] ?? "");
}

/** @param {string} name */
async function shot(name) {
  const number = String(++shots).padStart(2, "0");
  await page.screenshot({ path: `${system.out}/${number}-${name}.png` });
}

/** @param {string} name */
async function sameAsApi(name) {
  const difference = await reader.difference().catch(String);
  ok(difference === "", name, difference);
}

/** @param {string} name @param {() => Promise<void>} body */
async function step(name, body) {
  if (await test(name, body)) {
    return;
  }
  await shot(`failed-${name.replace(/\W+/g, "-")}`).catch(() => {});
  if (++failures === MOST_FAILURES) {
    console.log(`# given up; without an answer: ${reader.failures}`);
    process.exit(1);
  }
}

await page.goto(system.web);

await step("a wrong password is refused in words", async () => {
  await reader.login(system.username, "not-this-one");
  await page.locator(".form-message", { hasText: "wrong" }).waitFor();
  await shot("login");
});

await step("login leads to the worklist", async () => {
  await reader.login(system.username, system.password);
  await page.locator(".study-table tbody tr").first().waitFor();
  await shot("studies");
});

await step("the search finds the imported study as one types", async () => {
  await page.locator(".search").pressSequentially("zzzz-nobody");
  await page.locator(".list-foot", { hasText: "No studies match" }).waitFor();
  await page.fill(".search", "");
  await page.locator(".search").pressSequentially(
    system.patient.slice(0, 5).toLowerCase());
  await page.locator(".row-link", { hasText: system.patient }).first()
    .waitFor();
  await shot("search");
});

await step("Enter on the row opens the study", async () => {
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await reader.settled();
  assert.match(await reader.corner("tl"), new RegExp(system.patient));
  assert.match(await page.locator(".identity").innerText(),
    new RegExp(system.patient));
  await page.locator(".thumb[data-drawn]").first().waitFor();
  await page.locator(".loading").waitFor({ state: "hidden" });
  const wide = await page.evaluate(() =>
    Math.max(document.documentElement.scrollWidth,
      document.querySelector("main")?.getBoundingClientRect().right ?? 0));
  assert.equal(wide, 1280, "nothing sticks out of the window");
  await shot("viewer");
});
await sameAsApi("the canvas is the API's PNG, pixel by pixel");

const middle = await reader.middle();
await page.mouse.move(middle.x, middle.y);

await step("the probe shows the stored value's own", async () => {
  await page.mouse.move(middle.x + 3, middle.y + 3);
  await page.locator(".probe", { hasText: /\d+, \d+ +-?\d/ }).waitFor();
});

await step("the wheel scrolls image by image", async () => {
  const before = await reader.image();
  for (let n = 0; n < 3; n++) {
    await page.mouse.wheel(0, 120);
  }
  await reader.settled();
  assert.equal(await reader.image(), before + 3);
});
await sameAsApi("and the canvas follows");

await step("keys and the slider reach both ends", async () => {
  await page.keyboard.press("Home");
  await reader.settled();
  assert.equal(await reader.image(), 1);
  await page.keyboard.press("End");
  await reader.settled();
  const last = await reader.image();
  assert.ok(last > 3);
  await page.locator(".slice-slider").fill("2");
  await reader.settled();
  assert.equal(await reader.image(), 2);
  await page.locator(".viewport").focus();
  await page.keyboard.press("ArrowDown");
  await reader.settled();
  assert.equal(await reader.image(), 3);
});

await step("fast scrolling keeps only the newest wish", async () => {
  await page.keyboard.press("Home");
  await reader.settled();
  await page.locator(".slice-slider").evaluate((slider) => {
    const input = /** @type {HTMLInputElement} */ (slider);
    for (let n = 1; n <= Number(input.max); n++) {
      input.value = String(n);
      input.dispatchEvent(new Event("input"));
    }
  });
  await reader.settled();
  assert.equal(await reader.image(),
    Number(await page.locator(".slice-slider").getAttribute("max")));
});
await sameAsApi("and what stands there is the last image");

await step("a left drag changes the window", async () => {
  const before = await reader.corner("br");
  await reader.drag("left", 60, 25);
  await reader.settled();
  const after = await reader.corner("br");
  assert.notEqual(/C \S+ +W \S+/.exec(after)?.[0],
    /C \S+ +W \S+/.exec(before)?.[0]);
});
await sameAsApi("and the canvas has that window");

await step("presets, zoom, pan, turns and flips", async () => {
  await page.keyboard.press("5");
  await reader.drag("right", 0, -60);
  await reader.drag("middle", 70, 30);
  await reader.settled();
  assert.match(await reader.corner("br"), /C 40 +W 400/);
});
await sameAsApi("zoomed and moved");
await step("turned and flipped, the letters turn with it", async () => {
  const rest = await reader.letters();
  await page.keyboard.press("r");
  await reader.settled();
  const turned = await reader.letters();
  assert.deepEqual(turned, [rest[3], rest[0], rest[1], rest[2]]);
  await page.keyboard.press("h");
  await page.keyboard.press("i");
  await reader.settled();
  assert.deepEqual(await reader.letters(),
    [turned[0], turned[3], turned[2], turned[1]]);
  await shot("turned");
});
await sameAsApi("turned, flipped and inverted");
await step("Space resets", async () => {
  await page.keyboard.press(" ");
  await reader.settled();
  assert.equal(await page.locator(".preset").inputValue(), "");
});
await sameAsApi("at rest again");

await step("lengths, angles and regions are measured", async () => {
  await page.keyboard.press("m");
  await reader.drag("left", 120, 0);
  await page.locator(".mark text", { hasText: /^[\d.]+ mm$/ }).waitFor();
  const length = await page.locator(".mark text").first().textContent();
  await page.keyboard.press("e");
  await reader.drag("left", -70, 60, 40);
  await page.locator(".mark text", { hasText: /mean -?[\d.]+/ }).waitFor();
  await page.keyboard.press("a");
  await reader.drag("left", -90, -20, -60);
  await page.mouse.move(middle.x - 60, middle.y - 170);
  await page.mouse.click(middle.x - 60, middle.y - 170);
  await page.locator(".mark text", { hasText: /^[\d.]+°$/ }).waitFor();
  await page.keyboard.press("r");
  await page.keyboard.press("+");
  await reader.settled();
  await shot("measured");
  assert.equal(await page.locator(".mark text").first().textContent(), length);
  await page.keyboard.press("ArrowUp");
  await reader.settled();
  assert.equal(await page.locator(".mark").count(), 0);
  await page.keyboard.press("ArrowDown");
  await reader.settled();
  assert.equal(await page.locator(".mark").count(), 3);
  for (let n = 0; n < 3; n++) {
    await page.keyboard.press("Delete");
  }
  assert.equal(await page.locator(".mark").count(), 0);
  await page.keyboard.press("w");
  await page.keyboard.press(" ");
});

await step("a picture that is another one is not shown", async () => {
  await page.route(/\/stacks$/, async (route) => {
    try {
      if (!isPicture(route)) {
        await route.continue();
        return;
      }
      const response = await route.fetch();
      await route.fulfill({ response, headers: {
        ...response.headers(), "dicom-instance": "1.2.3.4.5" } });
    } catch {
      // A picture fetched ahead that the page no longer wants.
    }
  });
  await page.keyboard.press("6");
  await page.locator(".notice", { hasText: "does not show what was asked" })
    .waitFor();
  const { pixels } = await reader.canvas();
  assert.ok(pixels.every((value, n) => n % 4 === 3 || value === 0));
  await shot("refused-picture");
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.keyboard.press("0");
  await page.keyboard.press("Home");
  await reader.settled();
  assert.equal(await page.locator(".notice").isVisible(), false);
});

await step("a stack that is gone comes back at the same image", async () => {
  await page.keyboard.press("ArrowDown");
  await reader.settled();
  const before = await reader.image();
  const { url, token } = /** @type {{url: string, token: string}} */ (
    reader.pictures.at(-1));
  const gone = await reader.context.request.delete(
    url.replace(/\/layers\/.*/, ""), { headers: { Authorization: token } });
  assert.equal(gone.status(), 204);
  await page.keyboard.press("2");
  await reader.settled();
  assert.equal(await reader.image(), before);
  assert.equal(await page.locator(".notice").isVisible(), false);
});
await sameAsApi("with the true picture");

if (system.control) {
  await step("a render worker that died is waited for", async () => {
    await ask("stop-worker");
    await page.keyboard.press("End");
    await page.locator(".status-line", { hasText: /busy|answer|lost/ })
      .waitFor();
    await shot("worker-gone");
    await ask("start-worker");
    await reader.settled();
    await page.locator(".status-line").waitFor({ state: "hidden" });
  });
  await sameAsApi("and then the picture is there");
}

await step("a session that ended goes on after login", async () => {
  await page.locator(".viewport").focus();
  await page.route("**/api/v1/token", (route) => route.fulfill({
    status: 401, contentType: "application/problem+json",
    headers: { "Access-Control-Allow-Origin": "*" }, body: "{}",
  }));
  let refusals = 1;
  await page.route(/\/stacks$/, (route) => isPicture(route) && refusals-- > 0
    ? route.fulfill({
      status: 401, contentType: "application/problem+json",
      headers: { "Access-Control-Allow-Origin": "*" }, body: "{}",
    }) : route.continue());
  await page.keyboard.press("3");
  await page.locator("dialog.login[open]").waitFor();
  assert.equal(await page.inputValue("#username"), system.username);
  await shot("session-ended");
  await page.unroute("**/api/v1/token");
  await page.fill("#password", system.password);
  await page.keyboard.press("Enter");
  await page.locator("dialog.login[open]").waitFor({ state: "hidden" });
  await reader.settled();
  assert.match(await reader.corner("br"), /C 35 +W 40/);
});
await sameAsApi("on the same picture");

if (system.renewals) {
  await step("the token is renewed without the user", async () => {
    const before = reader.renewals;
    for (let n = 0; n < 240 && reader.renewals === before; n++) {
      await page.waitForTimeout(500);
    }
    assert.ok(reader.renewals > before);
  });
}

const text = "No acute haemorrhage. Ventricles of normal width.\n\n"
  + "Impression: normal study, čšž.";

await step("a draft saves itself", async () => {
  await page.getByRole("button", { name: "Write report" }).click();
  await page.locator(".editor textarea").pressSequentially(text);
  await page.locator('.save-state[data-state="clean"]', { hasText: "Saved" })
    .waitFor();
  await shot("draft");
});

await step("and is there again after a reload", async () => {
  await page.reload();
  await page.locator(".editor textarea").waitFor();
  assert.equal(await page.inputValue(".editor textarea"), text);
  await reader.settled();
});

await step("typing in the report leaves the picture alone", async () => {
  const before = await reader.corner("br");
  await page.locator(".editor textarea").press("End");
  await page.keyboard.type(" ri5");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Backspace");
  assert.equal(await reader.corner("br"), before);
});

await step("it is finalised after a question that names the patient",
  async () => {
    await page.getByRole("button", { name: "Finalise" }).click();
    await page.locator("dialog[open]", { hasText: system.patient }).waitFor();
    await shot("finalise");
    await page.locator("dialog[open]")
      .getByRole("button", { name: "Finalise" }).click();
    await page.locator(".chip-final").waitFor();
    assert.equal(await page.locator(".report-body").first().innerText(),
      text);
  });

await step("an addendum is added", async () => {
  await page.locator(".addendum-new summary").click();
  await page.locator(".addendum-form textarea").fill("Seen with Dr. B.");
  await page.getByRole("button", { name: "Add addendum" }).click();
  await page.locator(".addendum", { hasText: "Seen with Dr. B." }).waitFor();
  await shot("report");
});

await step("the overlay of shortcuts opens and closes by key", async () => {
  await page.locator(".viewport").focus();
  await page.keyboard.press("?");
  await page.locator("dialog.shortcuts[open]").waitFor();
  await shot("keys");
  await page.keyboard.press("Escape");
  await page.locator("dialog.shortcuts").waitFor({ state: "detached" });
});

await step("1920 × 1080", async () => {
  await page.setViewportSize({ width: 1920, height: 1080 });
  await reader.settled();
  await shot("viewer-1920");
});
await sameAsApi("the larger canvas is the API's PNG too");

await step("Esc leads back to the same search", async () => {
  await page.locator(".viewport").focus();
  await page.keyboard.press("Escape");
  await page.locator(".study-table tbody tr").first().waitFor();
  await shot("studies-1920");
});

await step("patients are found, with their studies", async () => {
  await page.getByRole("link", { name: "Patients", exact: true }).click();
  await page.locator(".search").fill(system.patient.toLowerCase());
  await page.locator(".row-link", { hasText: system.patient }).waitFor();
  await shot("patients");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.locator(".study-table .row-link").waitFor();
  await page.locator(".col-facility", { hasText: "Test hospital" }).waitFor();
  await shot("patient");
});

await step("a patient is registered and changed", async () => {
  await page.getByRole("link", { name: "Patients", exact: true }).click();
  await page.getByRole("button", { name: "New patient" }).click();
  await page.getByLabel("Family name").fill("Čosić");
  await page.getByLabel("Given name").fill("Đurđica");
  await page.getByLabel("Patient number").fill("N-77");
  await page.getByRole("button", { name: "Register" }).click();
  await page.getByRole("heading", { name: "Čosić, Đurđica" }).waitFor();
  await page.getByRole("button", { name: "Change" }).click();
  await page.getByLabel("Given name").fill("Dora");
  await shot("patient-form");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Čosić, Dora" }).waitFor();
  await page.getByRole("link", { name: "Patients", exact: true }).click();
  await page.locator(".search").fill("cosic do");
  await page.locator(".row-link", { hasText: "Čosić, Dora" }).waitFor();
});

await step("uploads are counted and refusals explained", async () => {
  await page.getByRole("link", { name: "Studies" }).click();
  await page.getByRole("button", { name: "Upload" }).click();
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose files" }).click();
  await (await chooser).setFiles(system.upload);
  await page.locator(".upload-panel h2", { hasText: "finished" })
    .waitFor();
  assert.match(await page.locator(".upload-summary").innerText(),
    /already there · 1 refused/);
  await shot("upload");
});

ok(reader.errors.length === 0, "the page has no errors of its own",
  reader.errors.join("\n"));
await reader.context.close();
answers.close();
done();
