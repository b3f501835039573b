/**
 * Changing one's own password.
 */

import { formDialog } from "./form_dialog.js";

const SHORTEST = 10;

/**
 * Resolves true when it was changed.
 *
 * @param {import("../app.js").AppContext} context
 */
export function changePassword({ toplevel }) {
  return formDialog({
    title: "Change password",
    yes: "Change",
    fields: [
      { name: "current", label: "Password now", type: "password",
        required: true, autocomplete: "current-password" },
      { name: "new", label: `New password, at least ${SHORTEST} characters`,
        type: "password", required: true, minlength: SHORTEST,
        autocomplete: "new-password" },
      { name: "again", label: "New password again", type: "password",
        required: true, autocomplete: "new-password" },
    ],
    submit: async (values) => {
      if (values.new !== values.again) {
        throw new Error("The two new passwords differ.");
      }
      await toplevel.changePassword(values.current, values.new);
    },
  });
}
