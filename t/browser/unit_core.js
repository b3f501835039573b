// What all pages share, without a browser: requests and their patience, lists,
// drafts.

import assert from "node:assert/strict";
import { done, test, until } from "./tap.js";

const html = new URL("../../html/js/", import.meta.url);
/** @param {string} name */
const load = (name) => import(new URL(name, html).href);

// What the modules want of a page.
Object.assign(globalThis, {
  addEventListener: () => {},
  location: new URL("https://viewer.test/"),
});

const { Latest, sleep } = await load("core/latest.js");
const format = await load("core/format.js");
const { Http, HttpError, Unreachable } = await load("core/http.js");
const { Connectivity } = await load("core/connectivity.js");
const { Lanes } = await load("core/lanes.js");
const { Draft } = await load("report/draft.js");
const { Stack } = await load("viewer/stack.js");
const { Merge } = await load("core/merge.js");

await test("lists of several servers are one, in the order of all", () => {
  const merge = new Merge((/** @type {string} */ item) => item);
  const take = (/** @type {number} */ n) => merge.take(n).rows
    .map((/** @type {any} */ { item, source }) => `${item}${source}`).join(" ");
  assert.equal(take(9), "");
  merge.add("a", ["9", "5"], true);
  // "b" has not answered: it holds nobody up.
  assert.equal(take(9), "9a 5a");
  assert.deepEqual(merge.take(9).wanting, ["a"]);
  merge.add("b", ["8", "6", "4", "1"], false);
  // 4 stays back, as "a" may have something before it.
  assert.equal(take(9), "9a 8b 6b 5a");
  assert.deepEqual(merge.take(4).wanting, []);
  merge.add("a", ["4", "3"], true);
  assert.equal(take(9), "9a 8b 6b 5a 4a 4b 3a");
  merge.stop("a");
  assert.equal(take(9), "9a 8b 6b 5a 4a 4b 3a 1b");
  assert.equal(take(3), "9a 8b 6b");
  merge.remove("b");
  assert.equal(take(9), "9a 5a 4a 3a");
  assert.equal(merge.count("a"), 4);
  merge.add("c", ["7"], false);
  assert.equal(take(9), "9a 7c 5a 4a 3a");
  assert.deepEqual(merge.take(9).wanting, []);
});

await test("names, ages, numbers", () => {
  assert.equal(format.dicomName("NOVAK^MARIJA^ANA^^"), "NOVAK, MARIJA ANA");
  assert.equal(format.dicomName("Yamada^Tarou=山田^太郎"), "Yamada, Tarou");
  assert.equal(format.dicomName("=山田^太郎"), "山田, 太郎");
  assert.equal(format.dicomName(null), "Name unknown");
  assert.equal(format.age("1968-03-14", "2026-03-13"), "57 y");
  assert.equal(format.age("2026-01-30", "2026-03-01"), "1 mo");
  assert.equal(format.age("2026-02-20", "2026-03-01"), "9 d");
  assert.equal(format.age(null, "2026-03-01"), "");
  assert.equal(format.number(-600), "-600");
  assert.equal(format.number(0.123456), "0.1235");
  assert.equal(format.size(1234567), "1.2 MB");
});

await test("only the newest wish waits", async () => {
  /** @type {number[]} */
  const seen = [];
  const queue = new Latest(async (/** @type {number} */ n) => {
    await sleep(5);
    seen.push(n);
  });
  for (let n = 0; n < 50; n++) {
    queue.push(n);
  }
  await until(() => !queue.busy);
  assert.deepEqual(seen, [0, 49]);
  assert.equal(queue.busy, false);
});

/** @param {((url: string, token: string) => Response | Error)[]} answers */
function fakeLine(...answers) {
  /** @type {string[]} */
  const asked = [];
  globalThis.fetch = /** @type {typeof fetch} */ (async (url, init) => {
    const token = new Headers(init?.headers).get("Authorization") ?? "";
    asked.push(token);
    const next = answers.length > 1 ? answers.shift() : answers[0];
    const result = next?.(String(url), token) ?? new TypeError("no line");
    if (result instanceof Error) {
      throw result;
    }
    return result;
  });
  return asked;
}

await test("the answer that makes the second connection is read", async () => {
  const answers = /** @type {[RequestCredentials, Response][]} */ ([]);
  globalThis.fetch = /** @type {typeof fetch} */ (async (_url, init) => {
    const response = new Response("{}");
    answers.push([init?.credentials ?? "omit", response]);
    return response;
  });
  const http = new Http(new Connectivity());
  await http.json("https://node/api/v1/stacks",
    { lanes: true, anonymous: true });
  await until(() => answers.length > 1);
  await sleep(1);
  const [lane, response] = answers[1];
  assert.equal(lane, "include");
  assert.ok(response.bodyUsed);
});

/** @param {number} status @param {string} slug */
const problem = (status, slug) => () => Response.json(
  { type: `urn:dicom:problem:${slug}`, title: slug }, { status });

await test("401 renews once and repeats; a second one is final", async () => {
  const http = new Http(new Connectivity());
  let token = "old";
  let renewals = 0;
  http.authority = {
    get token() {
      return token;
    },
    async refresh() {
      renewals++;
      token = `new${renewals}`;
    },
  };
  const asked = fakeLine(problem(401, "unauthorized"),
    () => Response.json({ good: 1 }));
  assert.deepEqual(await http.json("https://a.test/x"), { good: 1 });
  assert.deepEqual(asked, ["Bearer old", "Bearer new1"]);
  fakeLine(problem(401, "unauthorized"));
  await assert.rejects(http.json("https://a.test/x"), HttpError);
  assert.equal(renewals, 3);
});

await test("503 and a lost line are tried again, 4xx is not", async () => {
  const connectivity = new Connectivity();
  const http = new Http(connectivity);
  const asked = fakeLine(problem(503, "busy"), () => new TypeError("gone"),
    () => Response.json(1));
  /** @type {string[]} */
  const kinds = [];
  connectivity.addEventListener("change", () =>
    kinds.push(connectivity.troubles[0]?.kind ?? "none"));
  assert.equal(await http.json("https://a.test/x"), 1);
  assert.deepEqual(kinds, ["busy", "lost", "none"]);
  assert.equal(asked.length, 3);
  assert.equal(connectivity.troubles.length, 0);
  fakeLine(problem(422, "no-pixels"));
  await assert.rejects(http.json("https://a.test/x"),
    (/** @type {any} */ error) => error.slug === "no-pixels");
  fakeLine(() => new TypeError("gone"));
  await assert.rejects(http.json("https://a.test/x", { method: "PUT" }),
    Unreachable);
});

/**
 * A line and two connections on it, by a clock of its own.  Answers take 40 ms,
 * a new connection 120; "stuck" connections give none even when the line is
 * there.
 */
class FakeLanes {
  time = 0;
  there = true;
  stuck = new Set();
  checks = 0;
  probes = 0;
  limits = /** @type {number[]} */ ([]);

  /** @type {{at: number, go: () => void}[]} */
  #timers = [];

  lanes = new Lanes({
    now: () => this.time,
    sleep: (/** @type {number} */ ms, /** @type {AbortSignal} */ signal) =>
      this.#sleep(ms, signal),
    check: (/** @type {string} */ lane, /** @type {AbortSignal} */ signal) => {
      this.checks++;
      return this.#sleep(this.there && !this.stuck.has(lane) ? 40 : Infinity,
        signal);
    },
    probe: (/** @type {number} */ limit, /** @type {AbortSignal} */ signal) => {
      this.probes++;
      this.limits.push(limit);
      return this.there && limit > 120 ? this.#sleep(120, signal)
        : this.#sleep(limit, signal).then(() => Promise.reject(new Error()));
    },
  });

  /** @param {number} ms @param {AbortSignal} [signal] */
  #sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const go = () => {
        signal?.removeEventListener("abort", abort);
        resolve(undefined);
      };
      const abort = () => reject(signal?.reason);
      this.#timers.push({ at: this.time + ms, go });
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** @param {number} ms */
  async pass(ms) {
    const end = this.time + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#timers.filter(({ at }) => at <= end)
        .sort((a, b) => a.at - b.at)[0];
      if (!next) {
        break;
      }
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.time = Math.max(this.time, next.at);
      next.go();
    }
    this.time = end;
  }

  /** A request that was answered: the trip is known. */
  async answered() {
    const flight = await this.lanes.begin();
    await this.pass(40);
    flight.heard();
    flight.end();
    return flight;
  }
}

await test("a line that comes back is used on the other connection", async () => {
  const fake = new FakeLanes();
  void fake.lanes.open();
  await fake.pass(200);
  fake.probes = 0;
  assert.equal((await fake.answered()).lane, "omit");
  await fake.pass(1000);
  fake.there = false;
  fake.stuck.add("omit");
  const sent = await fake.lanes.begin();
  await fake.pass(1000);
  // Known to be gone by now: nothing more is sent.
  let held = null;
  void fake.lanes.begin().then((/** @type {any} */ flight) => {
    held = flight;
  });
  await fake.pass(4000);
  assert.equal(held, null);
  assert.ok(!sent.moved && fake.probes > 5);
  fake.there = true;
  await fake.pass(650);
  assert.ok(sent.moved && sent.signal.aborted);
  assert.equal(/** @type {any} */ (held)?.lane, "include");
  assert.equal((await fake.answered()).lane, "include");
});

await test("a server that takes its time is waited for", async () => {
  const fake = new FakeLanes();
  void fake.lanes.open();
  await fake.pass(200);
  fake.probes = 0;
  await fake.answered();
  const slow = await fake.lanes.begin();
  await fake.pass(10000);
  assert.ok(!slow.moved);
  assert.equal(fake.probes, 0);
  assert.ok(fake.checks > 2 && fake.checks < 10, `${fake.checks} checks`);
  assert.equal((await fake.answered()).lane, "omit");
});

await test("a full line is not taken for a long one", async () => {
  const fake = new FakeLanes();
  void fake.lanes.open();
  await fake.pass(200);
  await fake.answered();
  // Scrolling: each answer waits for those before it.
  for (let n = 0; n < 20; n++) {
    const flights = await Promise.all([...Array(8)].map(() =>
      fake.lanes.begin()));
    await fake.pass(40);
    for (const flight of flights) {
      await fake.pass(50);
      flight.heard();
      flight.end();
    }
  }
  fake.there = false;
  fake.stuck.add("omit");
  fake.limits = [];
  const sent = await fake.lanes.begin();
  // A first answer takes 90 ms: the line is missed after about a second.
  await fake.pass(1100);
  assert.ok(fake.limits.length > 0 && Math.max(...fake.limits) < 500,
    `${fake.limits}`);
  sent.end();
});

await test("nobody asks whether the line is there without need", async () => {
  const fake = new FakeLanes();
  const alone = await fake.lanes.begin();
  await fake.pass(5000);
  // There is no other connection yet.
  assert.equal(fake.checks, 0);
  alone.end();
  void fake.lanes.open();
  await fake.pass(5000);
  assert.equal(fake.checks, 0);
  fake.there = false;
  const flight = await fake.lanes.begin();
  await fake.pass(3000);
  const { probes } = fake;
  assert.ok(probes > 1);
  flight.end();
  await fake.pass(5000);
  assert.equal(fake.probes, probes);
  // Given up while it is held.
  const aborter = new AbortController();
  const first = await fake.lanes.begin();
  await fake.pass(3000);
  const held = fake.lanes.begin(aborter.signal);
  aborter.abort(new Error("left"));
  await assert.rejects(held, /left/);
  first.end();
});

await test("a stack that is gone is opened again, once for all", async () => {
  let opened = 0;
  const info = () => ({ id: `s${++opened}`, state: "ready", loaded: 5,
    layers: 5 });
  const stack = new Stack({
    openStack: async () => info(), stack: async () => info(),
    layers: async () => ({ items: [] }), releaseStack: async () => {},
  }, { study: "1", series: "2" });
  await stack.open();
  const work = async (/** @type {string} */ id) => {
    if (id === "s1") {
      throw new HttpError(410, { type: "urn:dicom:problem:stack-expired" });
    }
    return id;
  };
  assert.deepEqual(await Promise.all([stack.with(3, work),
    stack.with(4, work), stack.with(3, work)]), ["s2", "s2", "s2"]);
  await assert.rejects(stack.with(0, async () => {
    throw new HttpError(404, { type: "urn:dicom:problem:layer-out-of-range" });
  }), HttpError);
  assert.equal(opened, 2);
});

await test("a draft saves itself and never over another's text", async () => {
  const report = { id: "r", status: "draft", text: "mine", version: 1,
    updated_at: "2026-01-01T00:00:00Z" };
  let etag = '"1"';
  /** @type {string[]} */
  const saved = [];
  const server = {
    report: async () => ({ report: { ...report }, etag }),
    saveReport: async (/** @type {string} */ _id, /** @type {string} */ text,
      /** @type {string} */ match) => {
      if (match !== etag) {
        throw new HttpError(412, {});
      }
      saved.push(text);
      report.text = text;
      etag = `"${++report.version}"`;
      return { report: { ...report }, etag };
    },
  };
  const draft = new Draft(server, "1.2", { report, etag });
  draft.edit("mine a");
  assert.equal(draft.state, "dirty");
  assert.ok(await draft.flush());
  assert.deepEqual(saved, ["mine a"]);
  report.text = "theirs";
  etag = '"9"';
  report.version = 9;
  draft.edit("mine b");
  assert.equal(await draft.flush(), false);
  assert.equal(draft.state, "conflict");
  assert.equal(draft.theirs?.text, "theirs");
  await draft.keepMine();
  await draft.flush();
  assert.deepEqual(saved, ["mine a", "mine b"]);
  assert.equal(draft.state, "clean");
});

done();
// Timers of forgotten troubles need not keep the process.
process.exit();
