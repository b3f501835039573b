// One way through the system: named steps, pictures of the screen, requests to
// the Perl side.  SYSTEM (JSON) has at least out and profile.

import fs from "node:fs";
import readline from "node:readline";
import { Reader } from "./reader.js";
import { ok, test } from "./tap.js";

const MOST_FAILURES = 3;
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 390, height: 844 };

export class Walk {
  /** @param {string} name  of the pictures' folder */
  static async start(name) {
    const system = JSON.parse(process.env.SYSTEM ?? "{}");
    const folder = `${system.out}/${name}`;
    fs.rmSync(folder, { recursive: true, force: true });
    fs.mkdirSync(folder, { recursive: true });
    return new Walk(system, folder, await Reader.start(system.profile, WIDE));
  }

  /**
   * @param {Record<string, any>} system
   * @param {string} folder
   * @param {Reader} reader
   */
  constructor(system, folder, reader) {
    this.system = system;
    this.reader = reader;
    this.page = reader.page;
    this.answers = readline.createInterface({ input: process.stdin });
    let shots = 0;
    let failures = 0;

    // On their own, so that a script takes them apart.
    /** @param {string} name  seen wide and narrow */
    this.shot = async (name) => {
      const number = String(++shots).padStart(2, "0");
      const path = `${folder}/${number}-${name}`;
      await this.page.screenshot({ path: `${path}.png` });
      await this.page.setViewportSize(NARROW);
      await this.page.waitForTimeout(80);
      const wide = await this.page.evaluate(overhang);
      await this.page.screenshot({ path: `${path}-narrow.png` });
      await this.page.setViewportSize(WIDE);
      await this.page.waitForTimeout(80);
      ok(wide === "", `${name}: nothing sticks out at 390 pixels`, wide);
    };

    /** @param {string} name @param {() => Promise<void>} body */
    this.step = async (name, body) => {
      if (await test(name, body)) {
        return;
      }
      await this.page.screenshot({
        path: `${folder}/failed-${name.replace(/\W+/g, "-")}.png`,
      }).catch(() => {});
      console.log([...new Set(reader.errors)].map((error) => `# ${error}`).join("\n"));
      if (++failures === MOST_FAILURES) {
        console.log(`# given up; without an answer: ${reader.failures}`);
        process.exit(1);
      }
    };

    /** @param {string} what  asked of the Perl side */
    this.ask = (what) => new Promise((resolve) => {
      this.answers.once("line", resolve);
      console.log(`do: ${what}`);
    });
  }

  /**
   * Out, and in as somebody.
   *
   * @param {string} username
   * @param {string} [password]
   */
  async login(username, password = this.system.password) {
    await this.page.evaluate(() => sessionStorage.clear()).catch(() => {});
    await this.page.goto("about:blank");
    await this.page.goto(this.system.web);
    await this.page.locator("#username").waitFor();
    await this.reader.login(username, password);
  }

  /** @param {RegExp} [expected]  errors that belong to the test */
  end(expected) {
    const errors = this.reader.errors.filter((error) =>
      !expected?.test(error));
    ok(errors.length === 0, "the page has no errors of its own",
      errors.join("\n"));
    this.answers.close();
  }
}

/**
 * In the page: what is wider than the window, or scrolls sideways though it is
 * no bar that may; "" when all fits.
 */
function overhang() {
  const bars = "nav, .spans, .toolbar";
  const scrolls = (/** @type {Element} */ one) =>
    ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
  for (const one of document.querySelectorAll("header *, main, main *")) {
    if (one.closest(bars) || one.closest("svg, .unseen, thead")) {
      continue;
    }
    const box = one.getBoundingClientRect();
    if (box.width > 0 && box.right > innerWidth + 1) {
      return `${one.tagName} ${one.className}: to ${box.right}`;
    }
    if (scrolls(one) && one.scrollWidth > one.clientWidth + 1) {
      return `${one.className} scrolls: ${one.scrollWidth}`;
    }
  }
  return "";
}
