/**
 * Asks servers how they are, as this browser reaches them.
 *
 * @typedef {object} Health
 * @property {"asked" | "ok" | "degraded" | "silent" | "barred"} state
 *     barred: this page may not ask it (Content-Security-Policy)
 * @property {number} [ms]    until the answer
 * @property {string} [text]
 */

import { sleep } from "../core/latest.js";

const EVERY_MS = 10000;
const PATIENCE_MS = 5000;

/**
 * Works again and again until the signal aborts; pauses while nobody looks.
 *
 * @param {() => Promise<unknown>} work
 * @param {AbortSignal} signal
 */
export async function keepWatch(work, signal) {
  try {
    for (;;) {
      if (!document.hidden) {
        await work();
      }
      await sleep(EVERY_MS, signal);
    }
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

/**
 * @param {() => string[]} urls  base URLs
 * @param {(url: string, health: Health) => void} report
 * @param {AbortSignal} signal
 */
export function watchHealth(urls, report, signal) {
  /** @type {Set<string>} */
  const barred = new Set();
  document.addEventListener("securitypolicyviolation", (event) => {
    barred.add(originOf(event.blockedURI));
  }, { signal });
  return keepWatch(() => Promise.all(urls().map(async (url) => {
    const health = await ask(url, signal);
    // The event of a violation comes after the refusal.
    await sleep(0, signal);
    report(url, health.state === "silent" && barred.has(originOf(url))
      ? { state: "barred" } : health);
  })), signal);
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 * @returns {Promise<Health>}
 */
async function ask(url, signal) {
  const began = performance.now();
  try {
    const response = await fetch(`${url}/api/v1/health`, {
      cache: "no-store", credentials: "omit",
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    const ms = Math.round(performance.now() - began);
    const answer = await response.json();
    return answer.status === "ok" ? { state: "ok", ms }
      : { state: "degraded", ms, text: typeof answer.detail === "string"
        ? answer.detail : `answers ${response.status}` };
  } catch {
    return { state: "silent" };
  }
}

/** @param {string} url */
function originOf(url) {
  try {
    return new URL(url, location.href).origin;
  } catch {
    return url;
  }
}

/** @param {Health} health */
export function healthText({ state, ms, text }) {
  return {
    asked: "Asked …",
    ok: `Answers, ${ms} ms`,
    degraded: `Answers, but is not well: ${text}`,
    silent: "Does not answer this browser",
    barred: "This page may not ask it: the web server’s “connect” does not "
      + "name it",
  }[state];
}
