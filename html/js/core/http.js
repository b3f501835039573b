/**
 * Requests with the session's token: one renewal at 401, patience at 503 and
 * when the line is gone, errors as objects.
 */

import { browserTools, Lanes } from "./lanes.js";
import { sleep } from "./latest.js";

/** An answer that is a problem (RFC 9457). */
export class HttpError extends Error {
  /**
   * @param {number} status
   * @param {Record<string, unknown>} problem
   * @param {number} retryAfter  seconds, 0: not said
   */
  constructor(status, problem, retryAfter = 0) {
    const title = typeof problem.title === "string" ? problem.title : "";
    const detail = typeof problem.detail === "string" ? problem.detail : "";
    super(detail || title || `The server answered ${status}`);
    this.name = "HttpError";
    this.status = status;
    this.retryAfter = retryAfter;
    this.slug = String(problem.type ?? "").split(":").pop() ?? "";
    /** @type {{field?: string, detail?: string}[]} */
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
  }
}

/** No answer at all: the line, the server, or its certificate. */
export class Unreachable extends Error {
  /** @param {string} origin */
  constructor(origin) {
    super(`${origin} does not answer`);
    this.name = "Unreachable";
    this.origin = origin;
  }
}

/** Of no consequence: to be asked for again on another connection. */
export class Moved extends Unreachable {}

/**
 * @typedef {object} Authority  who gives tokens; see session.js
 * @property {string | null} token
 * @property {(used: string | null) => Promise<void>} refresh
 *
 * @typedef {object} RequestOptions
 * @property {string} [method]
 * @property {unknown} [json]
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {number} [retries]  after no answer or 503; default: no end for
 *     GET, none for the others
 * @property {boolean} [anonymous]  without a token
 * @property {boolean} [quiet]  the caller says itself who does not answer
 * @property {number} [timeout]  ms for one try
 * @property {RequestPriority} [priority]
 * @property {boolean} [lanes]  it may be asked for twice: see lanes.js
 */

const FIRST_WAIT = 400;
const LONGEST_WAIT = 8000;

/** A line that is gone is tried again this often while somebody looks. */
const LOOKING_WAIT = 700;

/** The second connection is made when the first has rested for so long. */
const SECOND_MS = 1000;

export class Http {
  /** @type {Authority | null} */
  #authority = null;

  /** @type {import("./connectivity.js").Connectivity} */
  #connectivity;

  /** By origin. @type {Map<string, Lanes>} */
  #lanes = new Map();

  /** @param {import("./connectivity.js").Connectivity} connectivity */
  constructor(connectivity) {
    this.#connectivity = connectivity;
  }

  /** @param {Authority} authority */
  set authority(authority) {
    this.#authority = authority;
  }

  /**
   * Resolves with a 2xx answer; rejects with HttpError, Unreachable (only
   * when the tries are used up) or the signal's reason.
   *
   * @param {string} url
   * @param {RequestOptions} [options]
   * @returns {Promise<Response>}
   */
  async request(url, options = {}) {
    const method = options.method ?? "GET";
    const retries = options.retries ?? (method === "GET" ? Infinity : 0);
    let renewals = 0;
    for (let tries = 0; ; tries++) {
      const token = options.anonymous ? null : this.#authority?.token ?? null;
      try {
        return await this.#once(url, method, token, options);
      } catch (error) {
        if (options.signal?.aborted) {
          throw options.signal.reason;
        }
        if (error instanceof Moved) {
          tries--;
          continue;
        }
        if (error instanceof HttpError && error.status === 401
          && !options.anonymous && this.#authority && renewals < 2) {
          renewals++;
          tries--;
          await this.#authority.refresh(token);
          continue;
        }
        if (tries >= retries || !this.#isPassing(error)) {
          throw error;
        }
        await this.#wait(error, tries, options.signal);
      }
    }
  }

  /**
   * @template T
   * @param {string} url
   * @param {RequestOptions} [options]
   * @returns {Promise<T>}
   */
  async json(url, options) {
    return this.jsonOf(() => this.request(url, options), options);
  }

  /**
   * The JSON of an answer; of a GET that broke off it is fetched again.
   *
   * @template T
   * @param {() => Promise<Response>} ask
   * @param {RequestOptions} [options]
   * @returns {Promise<T>}
   */
  async jsonOf(ask, options) {
    const repeatable = (options?.method ?? "GET") === "GET";
    for (let tries = 0; ; tries++) {
      const response = await ask();
      try {
        return await response.json();
      } catch (error) {
        // The line broke within the answer.
        if (!repeatable || tries >= 3 || options?.signal?.aborted) {
          throw error;
        }
        if (!(error instanceof Moved)) {
          await sleep(FIRST_WAIT, options?.signal);
        }
      }
    }
  }

  /**
   * The GET of what target names below a URL, asked by a POST to that URL:
   * the browser asks for its permission (CORS) once, and not for every target.
   *
   * @param {string} url
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  get(url, target, options = {}) {
    return this.request(url, {
      retries: Infinity, ...options, method: "POST",
      headers: { "Dicom-Target": target },
    });
  }

  /**
   * A request has been waiting for long, and nothing says why.
   *
   * @param {string} url
   */
  silent(url) {
    this.#connectivity.lost(new URL(url, location.href).origin);
  }

  /**
   * @param {string} url
   * @param {string} method
   * @param {string | null} token
   * @param {RequestOptions} options
   */
  async #once(url, method, token, options) {
    /** @type {Record<string, string>} */
    const headers = { ...options.headers };
    if (token) {
      headers.Authorization = `Bearer ${token}`;
    }
    /** @type {string | undefined} */
    let body;
    if (options.json !== undefined) {
      headers["Content-Type"] = "application/json";
      body = JSON.stringify(options.json);
    }
    const origin = new URL(url, location.href).origin;
    const lanes = options.lanes ? this.#lanesOf(origin, url) : null;
    const flight = await lanes?.begin(options.signal);
    const signal = joinSignals(flight?.signal ?? options.signal,
      options.timeout);
    /** @type {Response} */
    let response;
    try {
      response = await fetch(url, {
        method, headers, body, signal, priority: options.priority,
        // A POST is not stored anyway, and "no-store" would have the browser
        // ask for permission (CORS) every time.
        cache: method === "POST" ? "default" : "no-store",
        credentials: flight?.lane ?? "omit", referrerPolicy: "no-referrer",
      });
    } catch {
      flight?.end();
      if (flight?.moved) {
        throw new Moved(origin);
      }
      if (!options.signal?.aborted && !options.quiet) {
        this.#connectivity.lost(origin);
      }
      throw new Unreachable(origin);
    }
    if (flight) {
      flight.heard();
      response = listened(response, flight, origin);
    }
    if (response.status === 503) {
      this.#connectivity.busy(origin);
    } else {
      this.#connectivity.reached(origin);
    }
    if (!response.ok) {
      throw await problemOf(response);
    }
    return response;
  }

  /**
   * @param {string} origin
   * @param {string} url  where the permission (CORS) is needed
   */
  #lanesOf(origin, url) {
    const known = this.#lanes.get(origin);
    if (known) {
      return known;
    }
    const lanes = new Lanes(browserTools(origin));
    this.#lanes.set(origin, lanes);
    // Any answer will do; without one there is one lane only.  The first
    // request goes before.
    sleep(SECOND_MS).then(() => fetch(url, {
      method: "POST", credentials: lanes.other, referrerPolicy: "no-referrer",
      headers: { "Dicom-Target": "ready",
        Authorization: `Bearer ${this.#authority?.token}` },
    })).then(async (response) => {
      // Unread it counts as under way for as long as the page is there.
      await response.arrayBuffer();
      void lanes.open();
    }).catch(() => {});
    return lanes;
  }

  /** @param {unknown} error */
  #isPassing(error) {
    return error instanceof Unreachable
      || (error instanceof HttpError
        && [429, 502, 503, 504].includes(error.status));
  }

  /**
   * @param {unknown} error
   * @param {number} tries
   * @param {AbortSignal} [signal]
   */
  async #wait(error, tries, signal) {
    const backoff = Math.min(FIRST_WAIT * 2 ** tries, LONGEST_WAIT);
    const asked = error instanceof HttpError ? error.retryAfter * 1000 : 0;
    const time = Math.max(Math.min(asked, 4 * LONGEST_WAIT),
      backoff * (0.75 + Math.random() / 2));
    if (error instanceof Unreachable) {
      // A line that comes back is used at once, not after the pause.
      await this.#connectivity.pause(
        globalThis.document?.hidden === false
          ? Math.min(time, LOOKING_WAIT) : time, signal);
    } else {
      await sleep(time, signal);
    }
  }
}

/**
 * The same answer; each part that comes is a sign of life.
 *
 * @param {Response} response
 * @param {import("./lanes.js").Flight} flight
 * @param {string} origin
 */
function listened(response, flight, origin) {
  const reader = response.body?.getReader();
  if (!reader) {
    flight.end();
    return response;
  }
  const body = new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          flight.end();
          controller.close();
        } else {
          flight.heard();
          controller.enqueue(value);
        }
      } catch (error) {
        flight.end();
        controller.error(flight.moved ? new Moved(origin) : error);
      }
    },
    cancel(reason) {
      flight.end();
      return reader.cancel(reason);
    },
  });
  return new Response(body, response);
}

/** @param {Response} response */
async function problemOf(response) {
  /** @type {Record<string, unknown>} */
  let problem = {};
  try {
    const body = await response.json();
    if (body && typeof body === "object") {
      problem = body;
    }
  } catch {
    // Not JSON: the status alone has to do.
  }
  const after = Number(response.headers.get("Retry-After"));
  return new HttpError(response.status, problem,
    Number.isFinite(after) && after > 0 ? after : 0);
}

/**
 * @param {AbortSignal} [signal]
 * @param {number} [timeout]
 */
function joinSignals(signal, timeout) {
  if (!timeout) {
    return signal;
  }
  const limit = AbortSignal.timeout(timeout);
  return signal ? AbortSignal.any([signal, limit]) : limit;
}

/**
 * What to tell the user of any error.
 *
 * @param {unknown} error
 */
export function explain(error) {
  if (error instanceof HttpError) {
    const fields = error.errors
      .map(({ field, detail }) => [field, detail].filter(Boolean).join(": "))
      .filter(Boolean);
    return fields.length > 0
      ? `${error.message} (${fields.join("; ")})` : error.message;
  }
  return error instanceof Error ? error.message : String(error);
}
