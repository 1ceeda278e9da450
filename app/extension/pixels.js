// From the bytes of a picture to upright sRGB, as `src.data.pixels` reads it.

import { Problem } from "../web/service.js";
import { transformTo } from "./colour.js";
import { format, plain } from "./container.js";

/** @typedef {import("./resize.js").Picture} Picture */

// As in Python: what is larger is not decoded, or not judged.
export const MAX_BYTES = 200_000_000;
const MAX_PIXELS = 89_000_000;
// Of the known picture by which a canvas is tried.
const TRIED = 64;

let trying = null;

/**
 * Decode a picture, turn it upright and bring its colours to sRGB; transparency is laid over white.
 * @param {Uint8Array} bytes of the file.
 * @returns {Promise<{picture: Picture, notes: string[]}>} the picture, and what is to be said of
 *   how it was read (codes).
 * @throws {Problem} it is no picture, or none that this browser can read.
 */
export async function read(bytes) {
  if (!bytes.length) throw new Problem("no_file", "");
  if (bytes.length > MAX_BYTES) throw new Problem("too_large", "");
  const kind = format(bytes);
  if (!kind) throw new Problem("not_an_image", "");
  if (kind === "svg") throw new Problem("svg", "");
  const file = plain(bytes, kind);
  // What a browser does with a profile differs from Python in the last bit; but only a browser has
  // the inks of a CMYK picture, and the profile of an AVIF.
  const theirs = file.colours === "cmyk" || kind === "avif";
  const bitmap = await decoded(file.bytes, kind, theirs ? "default" : "none");
  let transform = null;
  try {
    if (!theirs) transform = await transformTo(file.profile, file.colours, kind === "png");
    const notes = file.animated ? ["first_frame"] : [];
    // Browsers stretch the opacity of an AVIF, and what they clip cannot be had back.
    if (kind === "avif" && isVeiled(drawn(bitmap, null))) notes.push("veiled");
    if (await changesPixels()) notes.push("disturbed");
    const image = transform ? transformed(bitmap, transform) : onWhite(bitmap);
    return { picture: turned(image, file.orientation), notes };
  } finally {
    bitmap.close();
    transform?.close();
  }
}

async function decoded(bytes, kind, colorSpaceConversion) {
  const options = { premultiplyAlpha: "none", colorSpaceConversion };
  try {
    const bitmap = await createImageBitmap(new Blob([bytes]), options);
    if (bitmap.width * bitmap.height <= MAX_PIXELS) return bitmap;
    bitmap.close();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    const unread = ["tiff", "heic", "avif"].includes(kind);
    throw new Problem(unread ? "format" : "undecodable", String(error));
  }
  throw new Problem("too_many_pixels", "");
}

/** Whether this browser disturbs what is read from a canvas, as some do against fingerprinting. */
function changesPixels() {
  trying ??= tried();
  return trying;
}

async function tried() {
  const known = new ImageData(TRIED, TRIED);
  known.data.forEach((_, i) => (known.data[i] = i % 4 === 3 ? 255 : (37 * i + (i >> 6)) % 256));
  const bitmap = await createImageBitmap(known, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  const read = drawn(bitmap, null);
  bitmap.close();
  return read.data.some((value, i) => value !== known.data[i]);
}

function isVeiled({ data }) {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return true;
  return false;
}

/** A canvas on which a browser drew, over a colour or over nothing. */
function drawn(bitmap, ground) {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) throw new Problem("too_many_pixels", "");
  if (ground) {
    context.fillStyle = ground;
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, width, height);
}

/** @returns {ImageData} laid over white. */
function onWhite(bitmap) {
  return drawn(bitmap, "#fff");
}

/**
 * In sRGB, then laid over white. Where a pixel is nearly transparent, the canvas has rounded its
 * colour, which its opacity then hides.
 * @returns {ImageData}
 */
function transformed(bitmap, transform) {
  const image = drawn(bitmap, null);
  transform.apply(image.data);
  const { data } = image;
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3];
    if (alpha === 255) continue;
    for (let i = at; i < at + 3; i++) {
      data[i] = Math.round((data[i] * alpha + 255 * (255 - alpha)) / 255);
    }
  }
  return image;
}

/**
 * Turn a picture as its EXIF orientation says.
 * @param {{width: number, height: number, data: Uint8ClampedArray}} drawn RGBA.
 * @param {number} orientation 1 to 8; anything else is 1.
 * @returns {Picture}
 */
export function turned({ width: columns, height: rows, data }, orientation) {
  const [across, down] = [columns - 1, rows - 1];
  // Where the pixel that ends up at (x, y) comes from.
  const sources = {
    2: (x, y) => y * columns + across - x,
    3: (x, y) => (down - y) * columns + across - x,
    4: (x, y) => (down - y) * columns + x,
    5: (x, y) => x * columns + y,
    6: (x, y) => (down - x) * columns + y,
    7: (x, y) => (down - x) * columns + across - y,
    8: (x, y) => x * columns + across - y,
  };
  const source = sources[orientation] ?? ((x, y) => y * columns + x);
  const lying = orientation >= 5 && orientation <= 8;
  const [width, height] = lying ? [rows, columns] : [columns, rows];
  const found = new Uint8Array(3 * width * height);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 4 * source(x, y);
      found[to++] = data[from];
      found[to++] = data[from + 1];
      found[to++] = data[from + 2];
    }
  }
  return { width, height, data: found };
}
