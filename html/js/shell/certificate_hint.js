/**
 * What to do when a server is silent because the browser does not know its
 * certificate: a page cannot ask for that, only the user can.
 */

import { h } from "../core/dom.js";

/**
 * @param {string} origin
 * @returns {HTMLElement}
 */
export function certificateHint(origin) {
  return h("span", {}, "If this browser does not know its certificate, open ",
    h("a", { href: `${origin}/api/v1/health`, target: "_blank",
      rel: "noopener" }, origin), " once and accept it.");
}
