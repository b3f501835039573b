/**
 * The roles as people read them, and who may give which.
 */

/** @type {{value: string, title: string, high: boolean}[]} */
export const ROLES = [
  { value: "physician", title: "Physician", high: false },
  { value: "radiographer", title: "Radiographer", high: false },
  { value: "facility_admin", title: "Facility administrator", high: true },
  { value: "auditor", title: "Auditor", high: true },
  { value: "admin", title: "Administrator", high: true },
];

/** @param {string} role */
export function roleTitle(role) {
  return ROLES.find(({ value }) => value === role)?.title
    ?? role.replace("_", " ");
}

/**
 * The roles that somebody may give: those of a facility's people, and by
 * administrators all.
 *
 * @param {import("../types.js").Rights} rights
 */
export function rolesToGive(rights) {
  return ROLES.filter(({ high }) => !high || rights.may("admin"));
}

/**
 * @param {import("../types.js").Rights} rights
 * @param {import("../types.js").Account} account
 */
export function mayManage(rights, account) {
  const given = rolesToGive(rights).map(({ value }) => value);
  return account.roles.every((role) => given.includes(role));
}
