// Those who manage people: users, their roles and passwords, and who looked at a
// patient.  SYSTEM (JSON): web, password, patient (id), out, profile.

import assert from "node:assert/strict";
import { Walk } from "./walk.js";
import { done } from "./tap.js";

const walk = await Walk.start("users");
const { page, reader, system, step, shot, ask } = walk;
const dialog = page.locator("dialog[open]");

const login = (/** @type {string} */ name,
  /** @type {string} */ password = system.password) =>
  walk.login(name, password);
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
  assert.deepEqual(await places(), ["Studies", "Patients", "Reports"]);
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

walk.end();
await reader.context.close();
done();
