// Two hospitals, a clinic that is open to everybody, a practice without a
// server; one browser that asks each itself.
// SYSTEM (JSON): web, password, patient (id), study (UID at the other
// hospital), other (its id), facility, clinic (URLs), out, profile.

import assert from "node:assert/strict";
import { Walk } from "./walk.js";
import { done, ok } from "./tap.js";

const walk = await Walk.start("facilities");
const { page, reader, system, step, shot, ask } = walk;

await step("the worklist begins with the own facility", async () => {
  await page.goto(system.web);
  await reader.login("physician", system.password);
  await page.locator(".study-table .row-link").first().waitFor();
  assert.equal(await page.locator("select[aria-label=Facility]")
    .evaluate((one) => /** @type {HTMLSelectElement} */ (one)
      .selectedOptions[0].textContent), "Test hospital");
  await shot("worklist-own");
});

await step("all facilities are one list by date, each row with its facility",
  async () => {
    await page.selectOption("select[aria-label=Facility]", "all");
    await page.locator(".col-facility", { hasText: "Open clinic" }).first()
      .waitFor();
    await page.locator(".col-facility", { hasText: "Test hospital" }).first()
      .waitFor();
    const rows = await page.locator(".study-table tbody tr").evaluateAll(
      (all) => all.map((row) => ({
        date: row.querySelector(".col-date")?.textContent ?? "",
        facility: row.querySelector(".col-facility")?.textContent })));
    const dates = rows.map(({ date }) => date.slice(0, 10));
    assert.deepEqual(dates, [...dates].sort().reverse());
    const facilities = new Set(rows.slice(0, 8).map((one) => one.facility));
    assert.deepEqual([...facilities].sort(),
      ["Open clinic", "Test hospital"], "they alternate");
    await shot("worklist-all");
  });

await step("who refuses and who has no server is named", async () => {
  await page.locator(".quiet-note", { hasText: "Other hospital" }).waitFor();
  await page.locator(".silent-note", { hasText: "Village practice" })
    .waitFor();
});

await step("each facility's next pages come as one scrolls", async () => {
  const count = () => page.locator(".study-table tbody tr").count();
  for (let n = 0; n < 40 && await count() < 292; n++) {
    await page.locator(".list-scroll").evaluate((list) => {
      list.scrollTop = list.scrollHeight;
    });
    await page.waitForTimeout(150);
  }
  assert.equal(await count(), 292, "1 + 140 here, 150 + 1 at the clinic");
  const dates = await page.locator(".study-table .col-date").evaluateAll(
    (all) => all.slice(1).map((one) => one.textContent?.slice(0, 10) ?? ""));
  assert.deepEqual(dates, [...dates].sort().reverse());
});

await step("one that fails half way is named, and goes on when asked again",
  async () => {
    let fail = true;
    await page.route(`${system.clinic}/**`, async (route) => {
      const target = route.request().headers()["dicom-target"] ?? "";
      await (fail && /cursor=/.test(target) ? route.abort()
        : route.continue()).catch(() => {});
    });
    await page.reload();
    const note = page.locator(".silent-note", { hasText: "Open clinic" });
    const deadline = Date.now() + 90000;
    while (await note.count() === 0 && Date.now() < deadline) {
      await page.locator(".list-scroll").evaluate((list) => {
        list.scrollTop = list.scrollHeight;
      });
      await page.waitForTimeout(100);
    }
    assert.match(await note.innerText(), /older studies are not in this list/);
    fail = false;
    await note.getByRole("button", { name: "Ask Open clinic again" }).click();
    await note.waitFor({ state: "detached" });
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });

await step("a patient's studies come from several facilities", async () => {
  await page.goto(`${system.web}#/patients/${system.patient}`);
  await page.locator(".row-link", { hasText: "Head here" }).waitFor();
  await page.locator(".row-link", { hasText: "Foot" }).waitFor();
  assert.deepEqual(await page.locator(".study-table .row-link")
    .allInnerTexts(), ["Head here", "Foot"]);
  await page.locator(".silent-note", { hasText: "Village practice" })
    .waitFor();
  const other = page.locator(`.other[data-facility="${system.other}"]`);
  assert.match(await other.innerText(), /Other hospital\s*Number there: O-9/);
  await shot("patient");
});

await step("one that keeps silent is named, the others are there", async () => {
  await ask("stop-other");
  await page.reload();
  await page.locator(".row-link", { hasText: "Head here" }).waitFor();
  const note = page.locator(".silent-note",
    { hasText: "Open clinic does not answer" });
  await note.waitFor();
  await page.locator(".other", { hasText: "Other hospital" }).waitFor();
  await shot("patient-silent");
  await ask("start-other");
  await note.getByRole("button", { name: "Ask Open clinic again" }).click();
  await page.locator(".row-link", { hasText: "Foot" }).waitFor();
  await note.waitFor({ state: "detached" });
});

await step("an emergency needs a reason", async () => {
  await page.getByRole("button",
    { name: "Open studies of Other hospital in an emergency" }).click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByText("the patient can see them").waitFor();
  await dialog.getByLabel("Reason").fill("too short");
  await dialog.getByRole("button", { name: "Open the list" }).click();
  assert.ok(await dialog.isVisible());
  await shot("emergency-dialog");
  await dialog.getByLabel("Reason")
    .fill("Unconscious, came without papers");
  await dialog.getByRole("button", { name: "Open the list" }).click();
  await page.locator(".row-link", { hasText: "Second there" }).waitFor();
  assert.deepEqual(await page.locator(".study-table .row-link")
    .allInnerTexts(), ["Second there", "Head there", "Head here", "Foot"]);
  assert.equal(await page.locator(".chip-emergency").count(), 2);
  await page.locator(".other", { hasText: "2 studies in the list above" })
    .waitFor();
  await shot("patient-emergency");
});

await step("a study is opened in the viewer, under a banner", async () => {
  await page.locator(".row-link", { hasText: "Head there" }).click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByText("Unconscious, came without papers").waitFor();
  await dialog.getByRole("button", { name: "Open the study" }).click();
  await page.locator(".emergency-banner",
    { hasText: /Emergency access.*Other hospital/ }).waitFor();
  assert.match(await page.locator(".emergency-left").innerText(),
    /^1[45]:[0-5]\d left$/);
  await reader.settled();
  assert.match(await reader.corner("tl"), /KOVAC/);
  await page.getByText("No report has been written").waitFor();
  assert.equal(await page.getByRole("button", { name: "Write report" })
    .isVisible(), false);
  await shot("emergency-viewer");
});
const difference = await reader.difference().catch(String);
ok(difference === "", "its picture is the API's", difference);

await step("a reload goes on where one was", async () => {
  await page.reload();
  await page.locator(".emergency-banner").waitFor();
  await reader.settled();
});

await step("when the time is over, it says so", async () => {
  await page.evaluate(() => {
    const kept = JSON.parse(sessionStorage.getItem("dicom.emergencies")
      ?? "[]");
    for (const grant of kept) {
      grant.until = Date.now() + 3500;
    }
    sessionStorage.setItem("dicom.emergencies", JSON.stringify(kept));
  });
  await page.reload();
  await page.locator(".emergency-banner[data-soon]").waitFor();
  await page.getByRole("heading", { name: "Emergency access has ended" })
    .waitFor();
  assert.equal(await page.locator(".viewport").count(), 0);
  await shot("emergency-over");
  await page.getByRole("link", { name: "Back to the patient" }).click();
  await page.locator(".row-link", { hasText: "Head here" }).waitFor();
  assert.equal(await page.locator(".chip-emergency").count(), 0);
  await page.goto(`${system.web}#/emergency/${system.other}/${system.study}`);
  await page.getByText("This study is not open here").waitFor();
});

await step("who may not is not offered it", async () => {
  await page.evaluate(() => sessionStorage.clear());
  await page.goto(`${system.web}#/patients/${system.patient}`);
  await page.reload();
  await reader.login("radiographer", system.password);
  await page.locator(".other", { hasText: "A physician may open them" })
    .waitFor();
});

walk.end();
await reader.context.close();
done();
