// A reader before the viewer: the page, what it asks for, and what stands on
// its canvas.

import { createHash } from "node:crypto";
import { chromium } from "playwright-core";
import { readPng } from "./png.js";

const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--force-color-profile=srgb", "--no-proxy-server",
];

export class Reader {
  /**
   * @param {string} folder  for the browser's profile
   * @param {{width: number, height: number}} size
   * @param {string[]} [more]  of the browser's arguments
   */
  static async start(folder, size, more = []) {
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      headless: true, args: [...ARGUMENTS, ...more], viewport: size,
      ignoreHTTPSErrors: true,
    });
    context.setDefaultTimeout(90000);
    return new Reader(context, await context.newPage());
  }

  /**
   * @param {import("playwright-core").BrowserContext} context
   * @param {import("playwright-core").Page} page
   */
  constructor(context, page) {
    this.context = context;
    this.page = page;
    /** Errors of the page that no answer of a server explains. */
    this.errors = /** @type {string[]} */ ([]);
    /** Newest last. */
    this.pictures = /** @type {{url: string, headers: Record<string, string>,
      token: string}[]} */ ([]);
    /** The page's newest. */
    this.token = "";
    /** Those and the small ones: previews, thumbnails. */
    this.all = /** @type {{url: string, bytes: number}[]} */ ([]);
    /** Requests without an answer. */
    this.failures = /** @type {string[]} */ ([]);
    this.renewals = 0;
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error"
        && !message.text().startsWith("Failed to load resource")) {
        this.errors.push(message.text());
      }
    });
    page.on("requestfailed", (request) => {
      this.failures.push(`${request.failure()?.errorText} ${request.url()}`);
    });
    page.on("response", (response) => this.#note(response));
  }

  /** @param {import("playwright-core").Response} response */
  #note(response) {
    const asked = response.request().headers();
    const target = asked["dicom-target"];
    if (response.ok() && asked.authorization) {
      this.token = asked.authorization;
    }
    const url = new URL(response.url() + (target ? `/${target}` : ""));
    if (url.pathname.endsWith("/api/v1/token") && response.ok()) {
      this.renewals++;
    }
    if (!/\/layers\/\d+$/.test(url.pathname) || !response.ok()) {
      return;
    }
    this.all.push({ url: url.href,
      bytes: Number(response.headers()["content-length"]) });
    if (Number(url.searchParams.get("width")) > 320) {
      this.pictures.push({
        url: url.href, headers: response.headers(),
        token: response.request().headers().authorization ?? "",
      });
    }
  }

  /**
   * @param {string} username
   * @param {string} password
   */
  async login(username, password) {
    await this.page.fill("#username", username);
    await this.page.fill("#password", password);
    await this.page.keyboard.press("Enter");
  }

  /** What was done has reached the screen: events, sizes, drawing. */
  async frames() {
    await this.page.evaluate(async () => {
      for (let n = 0; n < 4; n++) {
        await new Promise(requestAnimationFrame);
      }
    });
  }

  /** Waits until the wanted picture stands there at full quality. */
  async settled() {
    await this.page.waitForTimeout(60);
    await this.frames();
    await this.page.waitForSelector(
      '.viewport[data-shown][aria-busy="false"]', { timeout: 120000 });
  }

  /** @param {"tl" | "tr" | "bl" | "br"} name */
  async corner(name) {
    return this.page.locator(`.corner-${name}`).innerText();
  }

  /** Number of the image that is shown, from 1. */
  async image() {
    const text = await this.corner("bl");
    return Number(/(\d+) \/ \d+/.exec(text)?.[1]);
  }

  async letters() {
    return this.page.locator(".letter").allInnerTexts();
  }

  /** The canvas as RGBA. */
  async canvas() {
    const { width, height, data } = await this.page.evaluate(() => {
      const canvas = /** @type {HTMLCanvasElement} */ (
        document.querySelector(".viewport canvas"));
      const { width, height } = canvas;
      const { data } = /** @type {CanvasRenderingContext2D} */ (
        canvas.getContext("2d")).getImageData(0, 0, width, height);
      let text = "";
      for (let at = 0; at < data.length; at += 32768) {
        text += String.fromCharCode(...data.subarray(at, at + 32768));
      }
      return { width, height, data: btoa(text) };
    });
    return { width, height, pixels: Buffer.from(data, "base64") };
  }

  /**
   * Asks the API for what the canvas should show and compares every pixel;
   * returns what is wrong, or "".
   *
   * @param {string} [token]
   */
  async difference(token) {
    await this.settled();
    const number = await this.image();
    const key = await this.page.locator(".viewport")
      .getAttribute("data-shown") ?? "";
    const shown = this.pictures.findLast(({ url }) =>
      url.endsWith(`/layers/${key}`));
    if (!shown || !key.startsWith(`${number - 1}?`)) {
      return `image ${number} was not asked for: ${key}`;
    }
    const response = await this.context.request.get(shown.url, {
      headers: { Authorization: token ? `Bearer ${token}` : this.token },
    });
    if (!response.ok()) {
      return `the API answers ${response.status()} to ${shown.url}`;
    }
    const headers = response.headers();
    if (headers["dicom-view"] !== shown.headers["dicom-view"]) {
      return `other view: ${headers["dicom-view"]}`;
    }
    const png = readPng(await response.body());
    const hash = createHash("sha256").update(png.pixels).digest("hex");
    if (hash !== headers["dicom-pixel-hash"]) {
      return `the pixels' hash is ${hash}, not ${headers["dicom-pixel-hash"]}`;
    }
    const canvas = await this.canvas();
    if (canvas.width !== png.width || canvas.height !== png.height) {
      return `canvas ${canvas.width} × ${canvas.height}, picture `
        + `${png.width} × ${png.height}`;
    }
    let lit = 0;
    for (let n = 0; n < png.width * png.height; n++) {
      for (let c = 0; c < 3; c++) {
        const wanted = png.pixels[n * png.samples + (png.samples > 1 ? c : 0)];
        if (canvas.pixels[n * 4 + c] !== wanted) {
          return `pixel ${n % png.width}, ${Math.floor(n / png.width)} is `
            + `${canvas.pixels[n * 4 + c]}, not ${wanted}`;
        }
        lit += wanted > 0 ? 1 : 0;
      }
    }
    return lit === 0 ? "the picture is all black" : "";
  }

  /** Middle of the viewport. */
  async middle() {
    const box = await this.page.locator(".viewport").boundingBox();
    if (!box) {
      throw new Error("no viewport");
    }
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  }

  /**
   * @param {"left" | "middle" | "right"} button
   * @param {number} dx
   * @param {number} dy
   * @param {number} [below]  of the middle, where it starts
   */
  async drag(button, dx, dy, below = 0) {
    const middle = await this.middle();
    const x = middle.x;
    const y = middle.y + below;
    await this.page.mouse.move(x, y);
    await this.page.mouse.down({ button });
    await this.page.mouse.move(x + dx, y + dy, { steps: 8 });
    await this.page.mouse.up({ button });
  }
}
