// Many answers at once over one connection of HTTP/2: t/http2.t has the servers.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import { createInterface } from "node:readline";
import { done, test } from "./tap.js";

const system = JSON.parse(process.env.SYSTEM ?? "");
const ca = readFileSync(system.ca);
const authorization = `Bearer ${system.token}`;
const agent = new https.Agent({ ca, keepAlive: true });
const lines = createInterface({ input: process.stdin });
const answers = lines[Symbol.asyncIterator]();

const { NGHTTP2_CANCEL } = http2.constants;
const SMALL = 65535;              // octets of a stream's window, RFC 9113 6.9.2

/** @param {string} what  that the test's other side does */
async function ask(what) {
  console.log(`do: ${what}`);
  assert.equal((await answers.next()).value, "done");
}

/** @param {http2.SecureClientSessionOptions} [options] */
async function connect(options) {
  const session = http2.connect(system.node, { ca, ...options });
  session.on("error", () => {});  // the streams say it, too
  await new Promise((resolve, reject) => {
    session.once("remoteSettings", resolve);
    session.once("close", () => reject(new Error("no connection")));
  });
  return session;
}

/**
 * A stream, and its answer: {status, headers, body}, rejected when it is reset.
 *
 * @param {http2.ClientHttp2Session} session
 * @param {string} path
 * @param {{ headers?: object, method?: string, body?: Buffer, hold?: boolean,
 *   open?: boolean }} [options]  hold: nothing is read until the stream is
 *   resumed; open: the body does not end yet
 */
function request(session, path, { headers, method = "GET", body, hold, open }
  = {}) {
  const stream = session.request({ ":method": method, ":path": path,
    authorization, ...headers }, { endStream: !body && !open });
  const parts = [];
  const answer = new Promise((resolve, reject) => {
    let head;
    stream.on("response", (fields) => { head = fields; });
    stream.on("error", reject);
    stream.on("close", () => stream.rstCode === 0 && head
      ? resolve({ status: head[":status"], headers: head,
        body: Buffer.concat(parts) })
      : reject(new Error(`reset with ${stream.rstCode}`)));
    if (hold) {
      stream.on("end", () => {});
      stream.pause();
    }
    stream.on("data", (part) => parts.push(part));
    if (hold) {
      stream.pause();
    }
  });
  answer.catch(() => {});         // who wants to know awaits it
  if (body) {
    open ? stream.write(body) : stream.end(body);
  }
  return { stream, answer };
}

/** The same by HTTP/1.1. @param {string} path @param {object} [headers] */
function plainly(path, headers) {
  return new Promise((resolve, reject) => {
    https.get(system.node + path, { agent, headers: { authorization,
      ...headers } }, (message) => {
      const parts = [];
      message.on("data", (part) => parts.push(part));
      message.on("end", () => resolve({ status: message.statusCode,
        headers: message.headers, body: Buffer.concat(parts) }));
    }).on("error", reject);
  });
}

/** What an answer is when it is not as it should be. @param {any} answer */
const told = ({ status, headers, body }) => `${status} ${headers["retry-after"]
  ?? ""} ${status === 200 ? body.length : body}`;

/**
 * All of these are answered as HTTP/1.1 answers them.
 *
 * @param {{ answer: Promise<any> }[]} requests
 * @param {string[]} paths
 */
async function same(requests, paths) {
  for (const [i, { answer }] of requests.entries()) {
    const got = await answer;
    const wanted = await plainly(paths[i]);
    assert.equal(told(got), told(wanted),
      `${paths[i]}: ${told(got)}, not ${told(wanted)}`);
    assert.equal(got.status, 200, told(got));
    assert.ok(got.body.equals(wanted.body), `${paths[i]} differs`);
  }
}

/** Small pictures, each another. @param {number} count */
const small = (count) => Array.from({ length: count }, (_, i) =>
  `${system.stack}/layers/${i % system.layers}?width=200&height=200&rotate=${i}`);

/** Pictures of a MB or more, each another. @param {number} count */
const large = (count) => Array.from({ length: count }, (_, i) =>
  `${system.stack}/layers/${i % system.layers}?width=3000&height=3000`
    + `&rotate=${i + 1}`);

await test("pictures at once, each its own", async () => {
  const session = await connect();
  const paths = small(60);
  await same(paths.map((path) => request(session, path)), paths);
  session.close();
});

await test("pictures given up before they are drawn", async () => {
  const session = await connect();
  const paths = small(20);
  const given = large(40).map((path) => request(session, path));
  const kept = paths.map((path) => request(session, path));
  for (const { stream } of given) {
    stream.close(NGHTTP2_CANCEL);
  }
  await same(kept, paths);
  session.close();
});

await test("pictures given up halfway", async () => {
  const session = await connect();
  const paths = small(20);
  const given = large(6).map((path) => request(session, path));
  const kept = paths.map((path) => request(session, path));
  await Promise.all(given.map(({ stream }) => new Promise((resolve) => {
    stream.once("data", () => {
      stream.close(NGHTTP2_CANCEL);
      resolve(undefined);
    });
  })));
  await same(kept, paths);
  session.close();
});

await test("nobody waits for a stream that is not read", async () => {
  const session = await connect({ settings: { initialWindowSize: SMALL } });
  const stalled = large(8);
  const held = stalled.map((path) => request(session, path, { hold: true }));
  await Promise.all(held.map(({ stream }) => new Promise((resolve) => {
    stream.once("response", resolve);
  })));
  const paths = small(40);
  await same(paths.map((path) => request(session, path)), paths);
  await ask("stalled");
  for (const { stream } of held) {
    stream.resume();
  }
  await same(held, stalled);
  session.close();
});

await test("one octet at a time", async () => {
  const session = await connect({ settings: { initialWindowSize: 1 } });
  const path = `${system.stack}/layers/0?width=16&height=16`;
  await same([request(session, path)], [path]);
  session.close();
});

const instance = `${system.rs}/instances/${system.instance}`;
for (const [what, path, accept] of [
  ["a frame", `${instance}/frames/1`, "application/octet-stream"],
  ["frames", `${instance}/frames/1,2`, 'multipart/related;'
    + ' type="application/octet-stream"'],
  ["a study", system.rs.replace(/\/series.*/, ""), 'multipart/related;'
    + ' type="application/dicom"; transfer-syntax=*'],
  ["metadata", `${system.rs}/metadata`, "application/dicom+json"],
]) {
  await test(`${what}, eight times at once`, async () => {
    const session = await connect();
    const all = Array.from({ length: 8 }, () =>
      request(session, path, { headers: { accept } }));
    // parts are divided by another string each time
    const parted = /boundary="?([^";]+)/;
    const told = (/** @type {any} */ got) => {
      const [, boundary] = parted.exec(got.headers["content-type"]) ?? [];
      return boundary
        ? got.body.toString("latin1").replaceAll(boundary, "") : got.body;
    };
    const wanted = await plainly(path, { accept });
    assert.equal(wanted.status, 200, String(wanted.body));
    assert.ok(wanted.body.length > 500, "it is not empty");
    for (const { answer } of all) {
      const got = await answer;
      assert.equal(got.status, 200, String(got.body));
      assert.deepEqual(told(got), told(wanted));
    }
    session.close();
  });
}

await test("a head alone", async () => {
  const session = await connect();
  const path = small(1)[0];
  const { status, headers, body } =
    await request(session, path, { method: "HEAD" }).answer;
  const wanted = await plainly(path);
  assert.equal(status, 200);
  assert.equal(body.length, 0);
  assert.equal(headers["content-length"], wanted.headers["content-length"]);
  session.close();
});

await test("an upload whose end comes late, among pictures", async () => {
  const session = await connect();
  const file = readFileSync(system.upload);
  const half = file.length >> 1;
  const upload = request(session, "/api/v1/instances", { method: "PUT",
    headers: { "content-type": "application/dicom" },
    body: file.subarray(0, half), open: true });
  const paths = small(10);
  await same(paths.map((path) => request(session, path)), paths);
  upload.stream.write(file.subarray(half));
  await same(paths.map((path) => request(session, path)), paths);
  upload.stream.end();
  const { status, body } = await upload.answer;
  assert.equal(status, 201, String(body));
  session.close();
});

await test("an upload given up halfway", async () => {
  const session = await connect();
  const file = readFileSync(system.other);
  const upload = request(session, "/api/v1/instances", { method: "PUT",
    headers: { "content-type": "application/dicom" },
    body: file.subarray(0, file.length >> 1), open: true });
  const paths = small(4);
  await same(paths.map((path) => request(session, path)), paths);
  upload.stream.close(NGHTTP2_CANCEL);
  await assert.rejects(upload.answer);
  await same(paths.map((path) => request(session, path)), paths);
  // nothing of it was kept: now it is new
  const again = await request(session, "/api/v1/instances", { method: "PUT",
    headers: { "content-type": "application/dicom" }, body: file }).answer;
  assert.equal(again.status, 201, String(again.body));
  session.close();
});

await test("a connection that goes with all its streams", async () => {
  const gone = await connect();
  const open = [...large(10), ...small(10)].map((path) =>
    request(gone, path, { hold: true }));
  await new Promise((resolve) => open[19].stream.once("response", resolve));
  gone.destroy();
  const session = await connect();
  const paths = small(20);
  await same(paths.map((path) => request(session, path)), paths);
  session.close();
});

await test("nginx reads its configuration anew meanwhile", async () => {
  const session = await connect();
  const paths = [...small(20), ...large(2)];
  const requests = paths.map((path) => request(session, path));
  // nginx knows of all of them: what it has not read it may refuse, RFC 9113 6.8
  await Promise.all(requests.slice(0, 20).map(({ answer }) => answer));
  const more = small(20).map((path) => `${path}&invert=1`);
  requests.push(...more.map((path) => request(session, path)));
  await new Promise((resolve) => requests[41].stream.once("response", resolve));
  await ask("reload");
  agent.destroy();  // nginx closes what is idle: a request could cross with it
  await same(requests, [...paths, ...more]);
  session.close();
});

agent.destroy();
lines.close();
done();
