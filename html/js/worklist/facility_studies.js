/**
 * The lists of one facility, to be merged with those of others.
 *
 * @typedef {import("../types.js").StudyItem} StudyItem
 * @typedef {import("../api/registry.js").Facility} Facility
 * @typedef {import("./merged_list.js").Source<StudyItem>} StudySource
 */

import { HttpError } from "../core/http.js";

/** Beside others, whoever does not answer within this is silent. */
const TIMEOUT_MS = 8000;

/** How one is asked beside others: the page says itself who is silent. */
export const BESIDE = { retries: 1, timeout: TIMEOUT_MS, quiet: true };

/** @param {StudyItem} study */
export function studyKey({ date, time }) {
  return `${date ?? ""} ${time ?? ""}`;
}

/**
 * @param {import("../app.js").AppContext} context
 * @param {Facility} facility
 * @param {import("../api/facility.js").StudyFilter} filter
 * @param {boolean} alone  no other is asked: it is waited for
 * @returns {StudySource}
 */
export function studySource(context, facility, filter, alone) {
  return facilitySource(context, facility, alone, (api, cursor, options) =>
    api.studies({ ...filter, cursor }, options));
}

/**
 * A list of a facility.  One that said that this user is another one's is not
 * asked again: each refusal is recorded there as one.
 *
 * @template T
 * @param {import("../app.js").AppContext} context
 * @param {Facility} facility
 * @param {boolean} alone  no other is asked: it is waited for
 * @param {(api: import("../api/facility.js").FacilityApi,
 *     cursor: string | null,
 *     options: import("../core/http.js").RequestOptions) =>
 *     Promise<import("../types.js").Page<T>>} ask
 * @returns {import("./merged_list.js").Source<T>}
 */
export function facilitySource(context, facility, alone, ask) {
  const { closed } = context;
  return {
    id: facility.id,
    name: facility.name,
    fetch: async (cursor, signal) => {
      const api = context.facility(facility.id);
      if (!api) {
        throw new Error("It has no server any more");
      }
      if (closed.has(facility.id)) {
        throw otherFacility();
      }
      try {
        return await ask(api, cursor,
          alone ? { signal } : { signal, ...BESIDE });
      } catch (error) {
        if (isOtherFacility(error)) {
          closed.add(facility.id);
        }
        throw error;
      }
    },
  };
}

/** @param {unknown} error */
function isOtherFacility(error) {
  return error instanceof HttpError && error.slug === "other-facility";
}

function otherFacility() {
  return new HttpError(403, { type: "urn:dicom:problem:other-facility",
    title: "This server belongs to another facility than yours." });
}
