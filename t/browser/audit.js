// Those who watch the system: servers and their health, the audit trail, who
// looked at a patient anywhere.
// SYSTEM (JSON): web, password, silent (URL where nobody listens), node (URL),
// out, profile.

import assert from "node:assert/strict";
import fs from "node:fs";
import { Walk } from "./walk.js";
import { done } from "./tap.js";

const walk = await Walk.start("audit");
const { page, system, step, shot } = walk;
const dialog = page.locator("dialog[open]");
const login = (/** @type {string} */ name) => walk.login(name);
const places = () => page.locator(".list-bar nav a").allInnerTexts();

await step("servers are asked how they are by the browser itself",
  async () => {
    await login("admin");
    await page.getByRole("link", { name: "Servers" }).click();
    const server = (/** @type {string} */ url) =>
      page.locator(`.server[data-url="${url}"] .health`);
    await page.locator('.health[data-state="ok"]').nth(3).waitFor();
    assert.match(await server(system.node).innerText(), /^Answers, \d+ ms$/);
    await page.locator(".beats .health[data-state=ok]",
      { hasText: /Test node on .*: lives since/ }).waitFor();
    await page.getByRole("button", { name: "New server", exact: true })
      .click();
    await dialog.getByLabel("Name").fill("Second node");
    await dialog.getByLabel("Kind").selectOption("node");
    await dialog.getByLabel("Public address").fill(system.silent);
    await dialog.getByLabel("Facility").selectOption(
      { label: "Test hospital" });
    await dialog.getByRole("button", { name: "Create" }).click();
    await server(system.silent).filter({ hasText: "Does not answer" })
      .waitFor();
    await page.getByRole("button", { name: "New server", exact: true })
      .click();
    await dialog.getByLabel("Name").fill("Stranger");
    await dialog.getByLabel("Public address").fill("https://127.0.0.1:9");
    await dialog.getByRole("button", { name: "Create" }).click();
    await server("https://127.0.0.1:9").filter({ hasText: "may not ask it" })
      .waitFor();
    await shot("servers");
    await page.getByRole("button", { name: "Remove Stranger" }).click();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await server("https://127.0.0.1:9").waitFor({ state: "detached" });
  });

await step("a facility is created and changed", async () => {
  await page.getByRole("button", { name: "New facility" }).click();
  await dialog.getByLabel("Name").fill("New clinic");
  await dialog.getByLabel("Code").fill("NEW");
  await dialog.getByLabel("Issuer of its patient numbers").fill("NEW");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.locator(".server-group", { hasText: "New clinic" })
    .getByText("its studies cannot be reached").waitFor();
  await page.getByRole("button", { name: "Change New clinic" }).click();
  await dialog.getByLabel("City").fill("Split");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.locator(".server-group header", { hasText: "Split" }).waitFor();
});

await step("a modality is created, deactivated and activated", async () => {
  const row = page.locator('.server[data-modality="OPV"]');
  await page.getByRole("button", { name: "New modality" }).click();
  await dialog.getByLabel("Code").fill("OPV");
  await dialog.getByLabel("Name").fill("Perimetry");
  await dialog.getByRole("button", { name: "Create" }).click();
  await row.filter({ hasText: "Perimetry" }).waitFor();
  await page.getByRole("button", { name: "Deactivate OPV" }).click();
  await row.getByText("Not active").waitFor();
  await shot("modalities");
  await page.getByRole("button", { name: "Activate OPV" }).click();
  await page.getByRole("button", { name: "Deactivate OPV" }).waitFor();
  await page.getByRole("button", { name: "Change OPV" }).click();
  await dialog.getByLabel("Name").fill("Visual field");
  await dialog.getByRole("button", { name: "Save" }).click();
  await row.filter({ hasText: "Visual field" }).waitFor();
});

await step("an auditor finds the audit trail", async () => {
  await login("auditor");
  await page.locator(".event-table tbody tr").first().waitFor();
  assert.deepEqual(await places(), ["Audit trail", "Accesses"]);
  await page.locator("tr[data-event=refused]").first().waitFor();
  await page.locator("tr", { hasText: "Modality deactivated" }).waitFor();
  await shot("audit");
});

await step("it goes on as one scrolls", async () => {
  const count = () => page.locator(".event-table tbody tr").count();
  for (let n = 0; n < 60 && await count() < 255; n++) {
    await page.locator(".list-scroll").evaluate((list) => {
      list.scrollTop = list.scrollHeight;
    });
    await page.waitForTimeout(100);
  }
  assert.ok(await count() >= 255, `${await count()} rows`);
});

await step("a row tells all, and leads to that user's records", async () => {
  await page.locator("tr", { hasText: "Rita Radiographer" }).first().click();
  await dialog.getByText("10.0.0.1").waitFor();
  await shot("audit-details");
  await dialog.getByRole("button", { name: "Only this user" }).click();
  await page.locator(".chip-chosen", { hasText: "Rita Radiographer" })
    .waitFor();
  await page.locator("tr", { hasText: "Rita" }).first().waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll(
    ".event-table td.col-who")].every((one) =>
    one.textContent?.startsWith("Rita")));
  await page.locator(".chip-chosen").click();
  await page.locator("tr[data-event=login]").first().waitFor();
});

await step("kind, result and time narrow it", async () => {
  await page.getByLabel("Result").selectOption("failure");
  await page.waitForFunction(() => document.querySelector(
    "tr[data-outcome=failure]") && !document.querySelector(
    "tr[data-outcome=success]"));
  await page.getByLabel("Result").selectOption("");
  await page.getByLabel("Kind of event").selectOption("user-reset");
  await page.locator("tr[data-event=user-reset]:only-child").waitFor();
  await page.getByLabel("Before").fill("2020-01-01T00:00");
  await page.getByText("Nothing of this kind is recorded.").waitFor();
  await page.getByLabel("Before").fill("");
  await page.locator("tr[data-event=user-reset]").waitFor();
});

await step("what is filtered is exported as JSON lines", async () => {
  await page.getByLabel("Kind of event").selectOption("patient-read");
  await page.locator("tr[data-event=patient-read]").first().waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  const path = await (await download).path();
  const records = fs.readFileSync(path, "utf8").trimEnd().split("\n")
    .map((line) => JSON.parse(line));
  assert.ok(records.length >= 251, `${records.length} records`);
  assert.ok(records.every(({ event }) => event === "patient-read"));
});

await step("a facility has a trail of its own", async () => {
  await page.getByLabel("Kind of event").selectOption("");
  await page.getByLabel("Trail of").selectOption({ label: "Test hospital" });
  await page.locator("tr[data-event=instance-store]").waitFor();
  await page.getByLabel("Patient").fill("TEST|P-7");
  await page.waitForFunction(() => [...document.querySelectorAll(
    ".event-table td.col-on")].every((one) => one.textContent === "TEST|P-7"));
});

await step("who looked at a patient, at every facility", async () => {
  await page.getByRole("link", { name: "Accesses" }).click();
  await page.getByLabel("Patient").fill("P-7");
  await page.getByRole("button", { name: "Ask" }).click();
  assert.equal(await page.locator(".event-table tbody tr").count(), 0);
  await page.getByLabel("Patient").fill("TEST|P-7");
  await page.getByRole("button", { name: "Ask" }).click();
  await page.locator("tr", { hasText: "Study looked at" }).waitFor();
  await page.locator(".silent-note", { hasText: "New clinic" }).waitFor();
  await shot("accesses");
});

// The server that this page may not ask is what one of the steps is about.
walk.end(/Content Security Policy|violates the document/);
await walk.reader.context.close();
done();
