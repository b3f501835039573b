/**
 * What the web server says of the system around it.
 *
 * @typedef {object} Config
 * @property {string} name
 * @property {string} toplevel  base URL
 * @property {boolean} demo
 */

import { sleep } from "./latest.js";

/** A question that hangs is asked anew. */
const PATIENCE_MS = 10000;

/**
 * Waits for as long as the web server does not answer.
 *
 * @param {(trouble: string) => void} report
 * @returns {Promise<Config>}
 */
export async function loadConfig(report) {
  for (let tries = 0; ; tries++) {
    try {
      const response = await fetch("config.json",
        { cache: "no-cache", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (response.ok) {
        return read(await response.json());
      }
      report(`The web server answers ${response.status}; trying again …`);
    } catch {
      report("The web server does not answer; trying again …");
    }
    await sleep(Math.min(500 * 2 ** tries, 8000));
  }
}

/**
 * @param {Record<string, unknown>} json
 * @returns {Config}
 */
function read(json) {
  const name = typeof json.name === "string" ? json.name : "";
  const toplevel = typeof json.toplevel === "string"
    ? json.toplevel : location.origin;
  return {
    name: name || "Radiology",
    toplevel: toplevel.replace(/\/+$/, ""),
    demo: typeof json.demo === "boolean" ? json.demo : /\bdemo\b/i.test(name),
  };
}
