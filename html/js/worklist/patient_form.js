/**
 * Registering a patient, or changing one.
 *
 * @typedef {import("../types.js").Patient} Patient
 * @typedef {import("../types.js").Identifier} Identifier
 */

import { uuid } from "../core/uuid.js";
import { formDialog } from "../shell/form_dialog.js";

const SEXES = [
  { value: "", title: "not known" }, { value: "F", title: "Female" },
  { value: "M", title: "Male" }, { value: "O", title: "Other" },
];

/**
 * @param {import("../app.js").AppContext} context
 * @param {{patient: Patient, etag: string} | null} existing  null: a new one
 * @param {(id: string) => void} done
 */
export async function editPatient(context, existing, done) {
  const { toplevel, registry, session } = context;
  const patient = existing?.patient;
  const issuer = registry.find(session.user?.facility?.id)?.issuer ?? "";
  const own = patient?.identifiers.find((one) => one.issuer === issuer)
    ?? patient?.identifiers[0];
  const id = patient?.id ?? uuid();
  const saved = await formDialog({
    title: patient ? "Change patient" : "New patient",
    yes: patient ? "Save" : "Register",
    fields: [
      { name: "family", label: "Family name", required: true,
        value: patient?.name.family ?? "" },
      { name: "given", label: "Given name",
        value: patient?.name.given ?? "" },
      { name: "birth_date", label: "Born", type: "date",
        value: patient?.birth_date ?? "" },
      { name: "sex", label: "Sex", options: SEXES,
        value: patient?.sex ?? "" },
      { name: "value", label: "Patient number", value: own?.value ?? "" },
      { name: "issuer", label: "Issuer of the number",
        value: own?.issuer ?? issuer },
    ],
    submit: async (values) => {
      const input = {
        name: { ...patient?.name, family: values.family,
          given: values.given || null },
        birth_date: values.birth_date || null, sex: values.sex || null,
        identifiers: identifiersOf(patient, own, values),
      };
      if (existing) {
        await toplevel.changePatient(id, input, existing.etag);
      } else {
        await toplevel.createPatient({ id, ...dropNull(input) });
      }
    },
  });
  if (saved) {
    done(id);
  }
}

/**
 * All numbers, the one of the form in its place.
 *
 * @param {Patient | undefined} patient
 * @param {Identifier | undefined} own
 * @param {Record<string, string>} values
 */
function identifiersOf(patient, own, values) {
  const others = (patient?.identifiers ?? []).filter((one) => one !== own)
    .map(({ issuer, value }) => ({ issuer, value }));
  return values.value
    ? [{ issuer: values.issuer, value: values.value }, ...others] : others;
}

/**
 * @template {Record<string, unknown>} T
 * @param {T} input
 */
function dropNull(input) {
  return JSON.parse(JSON.stringify(input, (_key, value) =>
    value === null ? undefined : value));
}
