// Reads the PNG files of this system (8 bits, gray or RGB, not interlaced),
// apart from the browser's own decoder.

import { inflateSync } from "node:zlib";

/**
 * @param {Buffer} png
 * @returns {{width: number, height: number, samples: number, pixels: Buffer}}
 */
export function readPng(png) {
  if (png.readUInt32BE(0) !== 0x89504e47) {
    throw new Error("not a PNG");
  }
  let width = 0;
  let height = 0;
  let samples = 1;
  /** @type {Buffer[]} */
  const data = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") {
      width = body.readUInt32BE(0);
      height = body.readUInt32BE(4);
      if (body[8] !== 8 || ![0, 2].includes(body[9]) || body[12] !== 0) {
        throw new Error(`PNG of depth ${body[8]}, colour ${body[9]}`);
      }
      samples = body[9] === 2 ? 3 : 1;
    } else if (type === "IDAT") {
      data.push(body);
    }
    at += 12 + length;
  }
  return {
    width, height, samples,
    pixels: unfilter(inflateSync(Buffer.concat(data)), width * samples,
      height, samples),
  };
}

/**
 * @param {Buffer} raw
 * @param {number} row  bytes
 * @param {number} height
 * @param {number} step bytes of a pixel
 */
function unfilter(raw, row, height, step) {
  const out = Buffer.alloc(row * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)];
    for (let x = 0; x < row; x++) {
      const at = y * row + x;
      const left = x >= step ? out[at - step] : 0;
      const up = y > 0 ? out[at - row] : 0;
      const corner = x >= step && y > 0 ? out[at - row - step] : 0;
      out[at] = raw[y * (row + 1) + 1 + x]
        + predict(filter, left, up, corner);
    }
  }
  return out;
}

/**
 * @param {number} filter
 * @param {number} left
 * @param {number} up
 * @param {number} corner
 */
function predict(filter, left, up, corner) {
  switch (filter) {
  case 0: return 0;
  case 1: return left;
  case 2: return up;
  case 3: return (left + up) >> 1;
  case 4: {
    const p = left + up - corner;
    const a = Math.abs(p - left);
    const b = Math.abs(p - up);
    const c = Math.abs(p - corner);
    return a <= b && a <= c ? left : b <= c ? up : corner;
  }
  default: throw new Error(`PNG filter ${filter}`);
  }
}
