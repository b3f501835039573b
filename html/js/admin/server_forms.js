/**
 * Forms of facilities, of their servers, and of modalities.
 *
 * @typedef {import("../types.js").ServerEntry} ServerEntry
 * @typedef {import("../types.js").FacilityEntry} FacilityEntry
 * @typedef {import("../types.js").ModalityEntry} ModalityEntry
 */

import { uuid } from "../core/uuid.js";
import { formDialog } from "../shell/form_dialog.js";

const TYPES = [
  { value: "facility", title: "Facility: studies, reports" },
  { value: "node", title: "Node: images, rendering" },
  { value: "toplevel", title: "Top level" },
  { value: "web", title: "Web" },
];

/**
 * One form of a thing of the registry.
 *
 * @template T
 * @param {object} form
 * @param {import("../api/resource.js").Resource<T>} form.resource
 * @param {{item: T, etag: string} | null} form.existing
 * @param {string} form.kind  "server"
 * @param {import("../shell/form_dialog.js").Field[]} form.fields
 * @returns {Promise<boolean>}
 */
function edit({ resource, existing, kind, fields }) {
  const valueOf = (/** @type {T} */ item, /** @type {string} */ name) =>
    String(/** @type {any} */ (item)[name] ?? "");
  const id = existing ? valueOf(existing.item, "id") : uuid();
  let base = existing;
  return formDialog({
    title: existing ? `Change ${kind}` : `New ${kind}`,
    yes: existing ? "Save" : "Create",
    fields: fields.map((field) => ({ ...field, value: existing
      ? valueOf(existing.item, field.name) : field.value })),
    reread: existing ? async () => {
      const { item, etag } = await resource.read(id);
      base = { item, etag };
      return Object.fromEntries(fields.map(({ name }) =>
        [name, valueOf(item, name)]));
    } : undefined,
    submit: async (values) => {
      const input = Object.fromEntries(fields.map(({ name, required }) =>
        [name, values[name] || (required ? "" : null)]));
      if (base) {
        await resource.change(id, input, base.etag);
      } else {
        await resource.create({ id, ...input });
      }
    },
  });
}

/**
 * @param {import("../app.js").AppContext} context
 * @param {{item: ServerEntry, etag: string} | null} existing
 * @param {string} [facility]  of a new one
 */
export function editServer({ toplevel, registry }, existing, facility = "") {
  return edit({
    resource: toplevel.servers, existing, kind: "server",
    fields: [
      { name: "name", label: "Name", required: true },
      { name: "type", label: "Kind", required: true, value: "facility",
        options: TYPES },
      { name: "url", label: "Public address", type: "url", required: true,
        hint: "As browsers reach it, with its port" },
      { name: "facility", label: "Facility", value: facility,
        options: [{ value: "", title: "None" },
          ...registry.all.map(({ id, name }) =>
            ({ value: id, title: name }))] },
    ],
  });
}

/**
 * @param {import("../app.js").AppContext} context
 * @param {{item: FacilityEntry, etag: string} | null} existing
 */
export function editFacility({ toplevel }, existing) {
  return edit({
    resource: toplevel.facilities, existing, kind: "facility",
    fields: [
      { name: "name", label: "Name", required: true },
      { name: "code", label: "Code", required: true },
      { name: "patient_issuer", label: "Issuer of its patient numbers" },
      { name: "address", label: "Address" },
      { name: "city", label: "City" },
      { name: "country", label: "Country" },
    ],
  });
}

/**
 * @param {import("../api/resource.js").Resource<ModalityEntry>} resource
 * @param {{item: ModalityEntry, etag: string} | null} existing
 */
export function editModality(resource, existing) {
  return edit({
    resource, existing, kind: "modality",
    fields: [
      { name: "code", label: "Code", required: true, maxlength: 16,
        hint: "As it stands in images: CT" },
      { name: "name", label: "Name", required: true },
    ],
  });
}
