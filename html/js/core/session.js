/**
 * The user's session: the token, its renewal, its end.
 *
 * Events: "change" (user came or went), "ended" (log in again to go on).
 * Requests that need a token wait in refresh() until there is a new one, so
 * that nothing on the page is lost when a session ends.
 */

import { HttpError } from "./http.js";

/** @typedef {import("../types.js").User} User */
/** @typedef {import("../types.js").LoginAnswer} LoginAnswer */

const KEY = "dicom.session";
const RENEW_PART = 0.4;         /* of a token's life: 2 of 5 minutes */
const RETRY_MS = 5000;

export class Session extends EventTarget {
  /** @type {import("./http.js").Http} */
  #http;

  /** @type {string} */
  #base;

  /** @type {string | null} */
  #token = null;

  /** @type {User | null} */
  #user = null;

  #life = 300;
  #issued = 0;

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @type {Promise<void> | null} */
  #renewal = null;

  /** @type {Set<() => void>} */
  #waiting = new Set();

  /**
   * @param {import("./http.js").Http} http
   * @param {string} base  of the top-level server
   */
  constructor(http, base) {
    super();
    this.#http = http;
    this.#base = base;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#token && this.#age() > this.#pause()) {
        void this.#renew();
      }
    });
  }

  get token() {
    return this.#token;
  }

  get user() {
    return this.#user;
  }

  /** @param {...string} roles */
  may(...roles) {
    return roles.some((role) => this.#user?.roles.includes(role));
  }

  /** Takes up the session of a page that was reloaded. */
  async restore() {
    const kept = readKept();
    if (!kept) {
      return false;
    }
    this.#token = kept.token;
    this.#user = kept.user;
    try {
      this.#accept(await this.#post("token"));
      return true;
    } catch (error) {
      if (error instanceof HttpError) {
        this.#forget();
        return false;
      }
      // No line yet: the kept token may still do.
      this.#schedule(RETRY_MS);
      return true;
    }
  }

  /**
   * @param {string} username
   * @param {string} password
   */
  async login(username, password) {
    /** @type {LoginAnswer} */
    const answer = await this.#http.json(`${this.#base}/api/v1/login`, {
      method: "POST", json: { username, password }, anonymous: true,
    });
    const before = this.#user?.id;
    const another = before !== undefined && before !== answer.user.id;
    if (another) {
      sessionStorage.clear();
    }
    this.#accept(answer);
    if (another) {
      // Another person: nothing of the former one may stay on the screen.
      location.hash = "";
      location.reload();
    }
  }

  logout() {
    this.#forget();
    location.hash = "";
    location.reload();
  }

  /**
   * Resolves when there is another token than the one that was refused.
   *
   * @param {string | null} used
   * @returns {Promise<void>}
   */
  async refresh(used) {
    if (this.#token && this.#token !== used) {
      return;
    }
    if (this.#token) {
      await this.#renew();
      if (this.#token && this.#token !== used) {
        return;
      }
    }
    await new Promise((/** @type {(value: void) => void} */ resolve) => {
      this.#waiting.add(resolve);
    });
  }

  /** A new token now: what the user may do has changed. */
  async renew() {
    await this.#renew();
  }

  /** Renews, once for all who ask meanwhile. */
  #renew() {
    this.#renewal ??= this.#tryRenewal().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  async #tryRenewal() {
    try {
      this.#accept(await this.#post("token"));
    } catch (error) {
      if (error instanceof HttpError
        && (error.status === 401 || error.status === 403)) {
        this.#end();
      } else {
        this.#schedule(RETRY_MS);
      }
    }
  }

  /**
   * @param {string} what
   * @returns {Promise<LoginAnswer>}
   */
  #post(what) {
    // Without the renewal at 401 that this very request serves.
    return this.#http.json(`${this.#base}/api/v1/${what}`, {
      method: "POST", anonymous: true, timeout: 10000,
      headers: { Authorization: `Bearer ${this.#token}` },
    });
  }

  /** @param {LoginAnswer} answer */
  #accept(answer) {
    this.#token = answer.token;
    this.#user = answer.user;
    this.#life = answer.expires_in > 0 ? answer.expires_in : 300;
    this.#issued = Date.now();
    sessionStorage.setItem(KEY,
      JSON.stringify({ token: answer.token, user: answer.user }));
    this.#schedule(this.#pause());
    for (const resolve of this.#waiting) {
      resolve();
    }
    this.#waiting.clear();
    this.dispatchEvent(new Event("change"));
  }

  #end() {
    clearTimeout(this.#timer);
    this.#token = null;
    sessionStorage.removeItem(KEY);
    this.dispatchEvent(new Event("ended"));
  }

  #forget() {
    clearTimeout(this.#timer);
    this.#token = null;
    this.#user = null;
    // All that this tab kept was this user's.
    sessionStorage.clear();
  }

  /** @param {number} milliseconds */
  #schedule(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#renew(), milliseconds);
  }

  #pause() {
    return this.#life * 1000 * RENEW_PART;
  }

  #age() {
    return Date.now() - this.#issued;
  }
}

/** @returns {{token: string, user: User} | null} */
function readKept() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    return kept && typeof kept.token === "string" ? kept : null;
  } catch {
    return null;
  }
}
