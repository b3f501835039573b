/**
 * The stacks of a page: what is shown is open, and a few more stay so, so that
 * going back to a series costs nothing.
 *
 * @typedef {import("../api/node.js").NodeApi} NodeApi
 * @typedef {import("../types.js").SeriesItem} SeriesItem
 */

import { Stack } from "./stack.js";

/** Open at least, shown or not. */
const OPEN_STACKS = 3;

export class OpenStacks {
  /** By series and part, oldest use first. @type {Map<string, Stack>} */
  #stacks = new Map();

  /** Of those that are on their way. @type {Map<Stack, Promise<void>>} */
  #opening = new Map();

  /** @type {() => Set<Stack | null>} */
  #shown;

  /** @param {() => Set<Stack | null>} shown  those may not be closed */
  constructor(shown) {
    this.#shown = shown;
  }

  /** @param {Stack} stack  opened elsewhere, now this page's */
  keep(stack) {
    this.#stacks.set(stackKey(stack), stack);
  }

  /**
   * The stack of a part of a series, or of one instance of it, open.
   *
   * @param {NodeApi} node
   * @param {string} study
   * @param {SeriesItem} series
   * @param {number} part
   * @param {string} instance  "": the part
   */
  async open(node, study, series, part, instance) {
    const key = stackKey({ series: series.uid, part, instance });
    const kept = this.#stacks.get(key);
    const stack = kept ?? new Stack(node, { study, series: series.uid,
      ...(instance ? { instance } : { part }) });
    this.#stacks.delete(key);
    this.#stacks.set(key, stack);
    if (!kept) {
      this.#closeOldest(stack);
      this.#opening.set(stack, stack.open(part === 0 && !instance
        ? Math.floor((series.frame_count - 1) / 2) : undefined));
    }
    try {
      await this.#opening.get(stack);
    } catch (error) {
      if (this.#stacks.get(key) === stack) {
        this.#stacks.delete(key);
      }
      throw error;
    } finally {
      this.#opening.delete(stack);
    }
    return stack;
  }

  close() {
    for (const stack of this.#stacks.values()) {
      stack.close();
    }
    this.#stacks.clear();
  }

  /** @param {Stack} newest */
  #closeOldest(newest) {
    const shown = this.#shown();
    for (const [key, stack] of this.#stacks) {
      if (this.#stacks.size <= OPEN_STACKS) {
        break;
      }
      // One that is on its way is somebody's, too.
      if (stack !== newest && stack.isOpen && !shown.has(stack)) {
        stack.close();
        this.#stacks.delete(key);
      }
    }
  }
}

/** @param {{series: string, part: number, instance: string}} stack */
export function stackKey({ series, part, instance }) {
  return `${series}/${part}/${instance}`;
}
