/**
 * Asks for the reason of an emergency access.
 */

import { h } from "../core/dom.js";
import { formDialog } from "../shell/form_dialog.js";

/** What the top level asks of a reason. */
const SHORTEST = 10;
const LONGEST = 400;

/**
 * Resolves with what was opened, null when the user gave up.
 *
 * @param {import("../app.js").AppContext} context
 * @param {object} wish
 * @param {import("../api/registry.js").Facility} wish.facility
 * @param {{id: string, name: string,
 *     identifiers: import("../types.js").Identifier[]}} wish.patient
 * @param {string | null} wish.study
 * @param {string} [wish.reason]
 * @returns {Promise<import("./emergencies.js").Grant | null>}
 */
export async function openInEmergency(context,
  { facility, patient, study, reason = "" }) {
  const numbers = [...patient.identifiers].sort((a, b) =>
    Number(b.issuer === facility.issuer) - Number(a.issuer === facility.issuer));
  /** @type {import("./emergencies.js").Grant | null} */
  let grant = null;
  await formDialog({
    title: "Open in an emergency",
    yes: study ? "Open the study" : "Open the list",
    danger: true,
    intro: [
      h("p", {}, h("strong", {}, patient.name), " · ", facility.name,
        numbers.length === 1 ? ` · ${titleOf(numbers[0])}` : ""),
      h("p", { class: "warning-text" },
        "These images belong to another facility. Your name, the time and "
        + "your reason are recorded, and the patient can see them. What you "
        + "open stays open for 15 minutes, for reading only."),
    ],
    fields: [
      ...numbers.length > 1 ? [{ name: "number", label: "Patient number",
        value: "0", options: numbers.map((number, n) =>
          ({ value: String(n), title: titleOf(number) })) }] : [],
      { name: "reason", label: "Reason", type: "textarea", required: true,
        minlength: SHORTEST, maxlength: LONGEST, value: reason,
        hint: `At least ${SHORTEST} characters` },
    ],
    submit: async (values) => {
      const number = numbers[Number(values.number ?? 0)];
      if (!number) {
        throw new Error("This patient has no number to ask by.");
      }
      if (values.reason.length < SHORTEST) {
        throw new Error(`Give a reason of at least ${SHORTEST} characters.`);
      }
      grant = await context.emergencies.open({
        facility: facility.id, patient: patient.id, name: patient.name,
        issuer: number.issuer, number: number.value, study,
        reason: values.reason,
      });
    },
  });
  return grant;
}

/** @param {import("../types.js").Identifier} number */
function titleOf({ issuer, value }) {
  return `${value} (${issuer})`;
}
