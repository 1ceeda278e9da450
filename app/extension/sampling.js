// How the face finder looks at a picture: halved again and again, and read between its pixels, as
// Python does by OpenCV.

import { rounded } from "./framing.js";

/** @typedef {import("./resize.js").Picture} Picture */

// What a window sees beyond the picture: zero, after scaling.
const OUTSIDE = 127;

/**
 * The picture, half of it, a quarter ..., while both sides have so many pixels.
 * @param {Picture} picture
 * @param {number} least pixels.
 * @returns {Picture[]}
 */
export function halvings(picture, least) {
  const levels = [picture];
  for (let last = picture; Math.min(last.width, last.height) >= least; levels.push(last)) {
    last = half(last);
  }
  return levels;
}

/** The smallest of the halvings that need not be enlarged for a scale. */
export function level(levels, scale) {
  const halved = Math.floor(-Math.log2(Math.min(scale, 1)) + 1e-9);
  return levels[Math.min(halved, levels.length - 1)];
}

/**
 * Half of a picture, each pixel the mean of the area that it covers.
 * @param {Picture} picture
 * @returns {Picture}
 */
export function half({ width, height, data }) {
  const columns = covered(width);
  const rows = covered(height);
  const found = new Uint8Array(3 * columns.length * rows.length);
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let y = 0; y < row.shares.length; y++) {
        for (let x = 0; x < column.shares.length; x++) {
          const share = row.shares[y] * column.shares[x];
          const at = 3 * ((row.first + y) * width + column.first + x);
          red += share * data[at];
          green += share * data[at + 1];
          blue += share * data[at + 2];
        }
      }
      found[to++] = red + 0.5;
      found[to++] = green + 0.5;
      found[to++] = blue + 0.5;
    }
  }
  return { width: columns.length, height: rows.length, data: found };
}

/** For each pixel of a halved side: the first that it covers, and the shares of all. */
function covered(side) {
  const count = (side + 1) >> 1;
  const scale = side / count;
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i * scale, (i + 1) * scale];
    const first = Math.floor(from + 1e-6);
    const last = Math.min(side, Math.ceil(to - 1e-6));
    const shares = Array.from({ length: last - first }, (_, k) => {
      return (Math.min(to, first + k + 1) - Math.max(from, first + k)) / scale;
    });
    return { first, shares };
  });
}

/**
 * Scale a picture, linearly between the centres of its pixels, in OpenCV's fixed point: shares of
 * 11 bits, and what is below is cut off. The faces hang on it: in floating point some boxes are
 * others.
 * @param {Picture} picture
 * @param {number} width pixels.
 * @param {number} height pixels.
 * @returns {Picture}
 */
export function linear(picture, width, height) {
  if (width === picture.width && height === picture.height) return picture;
  const columns = between(picture.width, width);
  const rows = between(picture.height, height);
  const data = new Uint8Array(3 * width * height);
  const line = 3 * picture.width;
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      for (let colour = 0; colour < 3; colour++) {
        const across = (start) =>
          picture.data[start + 3 * column.before + colour] * column.rest +
          picture.data[start + 3 * column.after + colour] * column.share;
        const upper = (row.rest * (across(row.before * line) >> 4)) >> 16;
        const lower = (row.share * (across(row.after * line) >> 4)) >> 16;
        data[to++] = (upper + lower + 2) >> 2;
      }
    }
  }
  return { width, height, data };
}

/** For each pixel of the result: the two that it lies between, and their shares of 2048. */
function between(from, to) {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.fround((i + 0.5) * (from / to) - 0.5);
    const first = Math.floor(at);
    const share = rounded(Math.fround(at - first) * 2048);
    const inside = (pixel) => Math.min(Math.max(pixel, 0), from - 1);
    const rest = rounded(Math.fround(1 - Math.fround(at - first)) * 2048);
    return { before: inside(first), after: inside(first + 1), share, rest };
  });
}

/**
 * Scale what is inside a square box into a square patch.
 * @param {Picture[]} levels of `halvings`.
 * @param {number[]} box left, top, right and bottom; it may stick out of the picture.
 * @param {Uint8Array} patch `(side, side, 3)`, filled here.
 * @param {number} side pixels.
 */
export function sample(levels, [left, top, right, bottom], patch, side) {
  const source = level(levels, side / (right - left));
  const across = ((right - left) * source.width) / levels[0].width / side;
  const down = ((bottom - top) * source.height) / levels[0].height / side;
  const startX = (left * source.width) / levels[0].width + across / 2 - 0.5;
  const startY = (top * source.height) / levels[0].height + down / 2 - 0.5;
  let to = 0;
  for (let row = 0; row < side; row++) {
    const y = startY + row * down;
    const above = Math.floor(y);
    const v = y - above;
    for (let column = 0; column < side; column++) {
      const x = startX + column * across;
      const before = Math.floor(x);
      const u = x - before;
      for (let colour = 0; colour < 3; colour++) {
        const upper =
          pixel(source, before, above, colour) * (1 - u) + pixel(source, before + 1, above, colour) * u;
        const lower =
          pixel(source, before, above + 1, colour) * (1 - u) +
          pixel(source, before + 1, above + 1, colour) * u;
        patch[to++] = upper * (1 - v) + lower * v + 0.5;
      }
    }
  }
}

function pixel({ width, height, data }, x, y, colour) {
  if (x < 0 || y < 0 || x >= width || y >= height) return OUTSIDE;
  return data[3 * (y * width + x) + colour];
}
