// Those who run the system: users, servers, the audit trail, accesses.
// SYSTEM (JSON): web, password, silent (URL where nobody listens), node (URL),
// patient (id), out, profile.

import assert from "node:assert/strict";
import fs from "node:fs";
import { Walk } from "./walk.js";
import { done } from "./tap.js";

const walk = await Walk.start("admin");
const { page, reader, system, step, shot, ask } = walk;
const dialog = page.locator("dialog[open]");

/** @param {string} username @param {string} [password] */
async function login(username, password = system.password) {
  await page.evaluate(() => sessionStorage.clear()).catch(() => {});
  await page.goto("about:blank");
  await page.goto(system.web);
  await page.locator("#username").waitFor();
  await reader.login(username, password);
}

const places = () => page.locator(".list-bar nav a").allInnerTexts();
let oneDay = "";

await step("an administrator finds users and servers only", async () => {
  await login("admin");
  await page.locator(".user-table tbody tr").first().waitFor();
  assert.deepEqual(await places(), ["Users", "Servers"]);
  assert.equal(await page.locator(".user-table tbody tr").count(), 5);
  await shot("users");
});

await step("users are found as one types", async () => {
  await page.getByLabel("Search users").fill("petra");
  await page.locator(".user-table tbody tr:only-child",
    { hasText: "Dr. Petra Physician" }).waitFor();
  await page.getByLabel("Search users").fill("nobody-at-all");
  await page.getByText("No users match.").waitFor();
  await page.getByLabel("Search users").fill("");
});

await step("a facility's administrator manages its people", async () => {
  await login("facadmin");
  await page.getByRole("link", { name: "Users" }).click();
  await page.locator('tr[data-user="physician"]').waitFor();
  assert.deepEqual(await places(), ["Studies", "Patients", "Users"]);
  assert.equal(await page.locator('tr[data-user="auditor"]').count(), 0);
  assert.equal(await page.locator('tr[data-user="facadmin"] button').count(),
    0, "not himself");
});

await step("a user is created, with a password for one day", async () => {
  await page.getByRole("button", { name: "New user" }).click();
  assert.deepEqual(await dialog.locator(".check").allInnerTexts(),
    ["Physician", "Radiographer"]);
  await dialog.getByLabel("Name", { exact: true }).fill("Mara Novak");
  await dialog.getByLabel("User name").fill("ma ra");
  await dialog.getByLabel("Radiographer").check();
  await shot("user-form");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.locator(".form-message", { hasText: "username" }).waitFor();
  await dialog.getByLabel("User name").fill("mara");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.locator(".one-time").waitFor();
  oneDay = await dialog.locator(".one-time").innerText();
  assert.match(oneDay, /^[a-z2-9]{12,}$/);
  await shot("one-time");
  await page.keyboard.press("Escape");
  assert.ok(await dialog.isVisible(), "not closed by mistake");
  await dialog.getByRole("button", { name: "passed it on" }).click();
  await page.locator('tr[data-user="mara"]').waitFor();
  assert.doesNotMatch(await page.content(), new RegExp(oneDay));
});

await step("who has it must choose an own one, and is in then", async () => {
  await login("mara", oneDay);
  await page.getByRole("heading", { name: "Choose your own password" })
    .waitFor();
  assert.deepEqual(await places(), []);
  await shot("own-password");
  await page.getByRole("button", { name: "Change password" }).last().click();
  await dialog.getByLabel("Password now").fill(oneDay);
  await dialog.getByLabel("New password, at least").fill("my own password");
  await dialog.getByLabel("New password again").fill("my own password");
  await dialog.getByRole("button", { name: "Change" }).click();
  await page.locator(".study-table .row-link").first().waitFor();
  assert.deepEqual(await places(), ["Studies", "Patients"]);
});

await step("a change that crosses another is shown, not lost", async () => {
  await login("facadmin");
  await page.getByRole("link", { name: "Users" }).click();
  await page.locator('tr[data-user="mara"] .row-link').click();
  await dialog.getByLabel("Name", { exact: true }).fill("Mara Horvat");
  await ask("rename");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Stands there now: Mara Married").waitFor();
  await dialog.getByText("Somebody else changed this meanwhile").waitFor();
  await shot("conflict");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.locator('tr[data-user="mara"]', { hasText: "Mara Horvat" })
    .waitFor();
});

await step("roles are given and taken", async () => {
  await page.locator('tr[data-user="mara"] .row-link').click();
  await dialog.getByLabel("Physician").check();
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.locator('tr[data-user="mara"] .role-chip',
    { hasText: "Physician" }).waitFor();
  await page.locator('tr[data-user="mara"] .row-link').click();
  await dialog.getByLabel("Physician").uncheck();
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.locator('tr[data-user="mara"] .role-chip:only-child',
    { hasText: "Radiographer" }).waitFor();
});

await step("a user is deactivated, and found among those", async () => {
  await page.getByRole("button", { name: "Deactivate mara" }).click();
  await dialog.getByText("logged out within five minutes").waitFor();
  await dialog.getByRole("button", { name: "Deactivate" }).click();
  await page.locator('tr[data-user="mara"]').waitFor({ state: "detached" });
  await page.getByLabel("State").selectOption("false");
  await page.getByRole("button", { name: "Activate mara" }).waitFor();
});

await step("who looked at a patient, for a facility's administrator",
  async () => {
    await page.goto(`${system.web}#/patients/${system.patient}`);
    await page.getByRole("link", { name: "Who looked" }).click();
    await page.locator(".event-table tr", { hasText: "Patient registered" })
      .waitFor();
    await page.locator(".event-table tr", { hasText: "Study looked at" })
      .waitFor();
    const by = await page.locator(".event-table td.col-recorded-by")
      .allInnerTexts();
    assert.deepEqual([...new Set(by)].sort(),
      ["Test hospital", "Top level"]);
    await shot("patient-accesses");
  });

await step("servers are asked how they are by the browser itself",
  async () => {
    await login("admin");
    await page.getByRole("link", { name: "Servers" }).click();
    const server = (/** @type {string} */ url) =>
      page.locator(`.server[data-url="${url}"] .health`);
    await page.locator('.health[data-state="ok"]').nth(3).waitFor();
    assert.match(await server(system.node).innerText(), /^Answers, \d+ ms$/);
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

await step("an auditor finds the audit trail", async () => {
  await login("auditor");
  await page.locator(".event-table tbody tr").first().waitFor();
  assert.deepEqual(await places(), ["Audit trail", "Accesses"]);
  await page.locator("tr[data-event=refused]").first().waitFor();
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
await reader.context.close();
done();
