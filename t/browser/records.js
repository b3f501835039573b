// Duplicates of a patient, and reports by their words.
// SYSTEM (JSON): web, password, ana, twin, other (ids), out, profile.

import assert from "node:assert/strict";
import { Walk } from "./walk.js";
import { done } from "./tap.js";

const walk = await Walk.start("records");
const { page, reader, system, step, shot, ask } = walk;
const dialog = page.locator("dialog[open]");
const studies = () => page.locator(".study-table .row-link").allInnerTexts();

await step("a duplicate is searched, and never the record itself",
  async () => {
    await page.goto(system.web);
    await reader.login("facadmin", system.password);
    await page.locator(".study-table .row-link").first().waitFor();
    await page.goto(`${system.web}#/patients/${system.ana}`);
    await page.locator(".row-link", { hasText: "Study of P-1" }).waitFor();
    await page.getByRole("button", { name: "Merge …" }).click();
    await dialog.getByLabel("The other record").fill("babi");
    await dialog.locator(".merge-choice").nth(1).waitFor();
    assert.equal(await dialog.locator(".merge-choice").count(), 2);
    assert.ok(await dialog.getByRole("button", { name: "Merge" })
      .isDisabled());
    await shot("merge-search");
  });

await step("both stand beside each other, and a reason is given", async () => {
  await dialog.locator(".merge-choice", { hasText: "Babic, Anna" }).click();
  await dialog.getByText("Which record lives on?").waitFor();
  assert.ok(await dialog.getByRole("radio", { name: "Babić, Ana" })
    .isChecked());
  await dialog.getByLabel("Why they are").fill("Same person, typed twice");
  await shot("merge-pair");
});

await step("a change that crosses it is said, and nothing is merged",
  async () => {
    await ask("touch");
    await dialog.getByRole("button", { name: "Merge" }).click();
    await dialog.getByText("Nothing was merged yet").waitFor();
    await dialog.locator(".merge-record", { hasText: "Other" }).waitFor();
  });

await step("the merged person has the studies of both", async () => {
  await dialog.getByRole("button", { name: "Merge" }).click();
  await page.locator(".merged-records", { hasText: "Same person, typed" })
    .waitFor();
  await page.locator(".row-link", { hasText: "Study of P-2" }).waitFor();
  assert.deepEqual((await studies()).sort(),
    ["Study of P-1", "Study of P-2"]);
  assert.match(await page.locator(".patient-head").innerText(),
    /P-1 \(TEST\), P-2 \(TEST\)/);
  await shot("merged");
});

await step("the other record leads there, and is in no list", async () => {
  await page.goto(`${system.web}#/patients/${system.twin}`);
  await page.getByText("This record was merged").waitFor();
  assert.equal(await page.getByRole("button", { name: "Change" }).count(), 0);
  await page.getByRole("link", { name: "another one" }).click();
  await page.getByRole("heading", { name: "Babić, Ana" }).waitFor();
  await page.getByRole("link", { name: "Patients", exact: true }).click();
  await page.locator(".search").fill("babic ann");
  await page.locator(".patient-table tbody tr:only-child",
    { hasText: "Babić, Ana" }).waitFor();
});

await step("a merge is undone", async () => {
  await page.goto(`${system.web}#/patients/${system.ana}`);
  await page.getByRole("button", { name: "Undo the merge of Babic, Anna" })
    .click();
  await dialog.getByRole("button", { name: "Undo" }).click();
  await page.locator(".merged-records").waitFor({ state: "hidden" });
  await page.waitForFunction(() =>
    document.querySelectorAll(".study-table tbody tr").length === 1);
  assert.deepEqual(await studies(), ["Study of P-1"]);
});

await step("reports are found by their words", async () => {
  await page.getByRole("link", { name: "Reports" }).click();
  await page.locator(".report-table tbody tr").first().waitFor();
  await page.getByLabel("Search reports").fill("fractur");
  await page.locator(".report-table tbody tr:nth-child(2):last-child")
    .waitFor();
  await shot("reports");
  await page.getByLabel("Search reports").fill("sprain wrist");
  await page.locator(".report-table tbody tr:only-child",
    { hasText: "Study of P-2" }).waitFor();
  await page.getByLabel("Author").selectOption("me");
  await page.getByText("No reports match.").waitFor();
});

await step("Enter opens the study with its report", async () => {
  await page.getByLabel("Author").selectOption("");
  await page.locator(".report-table tbody tr:only-child").waitFor();
  await page.getByLabel("Search reports").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.locator(".report-body", { hasText: "a sprained wrist" })
    .waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".report-table").waitFor();
  assert.equal(await page.getByLabel("Search reports").inputValue(),
    "sprain wrist");
});

await step("drafts and finals are told apart", async () => {
  await page.evaluate(() => sessionStorage.clear());
  await page.goto("about:blank");
  await page.goto(`${system.web}#/reports`);
  await reader.login("physician", system.password);
  await page.locator(".chip-draft").waitFor();
  await page.getByLabel("State").selectOption("final");
  await page.locator(".chip-draft").waitFor({ state: "detached" });
  assert.equal(await page.locator(".chip-final").count(), 2);
  assert.equal(await page.getByRole("link", { name: "Users" }).count(), 0);
});

walk.end();
await reader.context.close();
done();
