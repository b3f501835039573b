/**
 * The records of a filter as a file of JSON lines.
 *
 * @typedef {import("../types.js").AuditEvent} AuditEvent
 */

import { h } from "../core/dom.js";

/** The browser holds them all: no more than this. */
export const MOST_EXPORTED = 100000;

/**
 * @param {(cursor: string | null) =>
 *     Promise<import("../types.js").Page<AuditEvent>>} fetch
 * @param {(count: number) => void} progress
 * @param {AbortSignal} signal
 * @returns {Promise<{blob: Blob, count: number, complete: boolean}>}
 */
export async function collect(fetch, progress, signal) {
  /** @type {string[]} */
  const parts = [];
  /** @type {string | null} */
  let next = null;
  let count = 0;
  do {
    /** @type {import("../types.js").Page<AuditEvent>} */
    const page = await fetch(next);
    signal.throwIfAborted();
    parts.push(page.items.map((one) => `${JSON.stringify(one)}\n`).join(""));
    count += page.items.length;
    next = page.next;
    progress(count);
  } while (next && count < MOST_EXPORTED);
  return { count, complete: next === null,
    blob: new Blob(parts, { type: "application/jsonl" }) };
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
