// What a picture's file says beside its pixels. Browsers differ in what they make of it, and Python
// reads the colour profile and the orientation alone; so the file is handed to the browser without
// the rest, and those two are applied here.

/** @typedef {"jpeg" | "png" | "webp" | "gif" | "bmp" | "avif" | "tiff" | "heic" | "svg"} Format */
/**
 * @typedef {Object} Plain
 * @property {Uint8Array} bytes of the file without orientation and animation, and of a PNG without
 *   colours but its profile.
 * @property {number} orientation of EXIF, 1 to 8.
 * @property {Uint8Array | null} profile of its colours (ICC), in a PNG compressed.
 * @property {"grey" | "rgb" | "cmyk"} colours that the profile would have to be of.
 * @property {boolean} animated there is more than the first frame.
 */

const ORIENTATION = 0x0112;
const SHORT = 3;
// Colours and animation; a PNG's default image is what is judged.
const DROPPED = ["gAMA", "cHRM", "sRGB", "cICP", "mDCV", "cLLI", "eXIf", "acTL", "fcTL", "fdAT"];
const HEIF_BRANDS = "heic heix heim heis hevc hevx hevm hevs mif1 msf1".split(" ");

const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));
const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Tell the format from the content, never from the name; null where it is none that is known.
 * @param {Uint8Array} bytes
 * @returns {Format | null}
 */
export function format(bytes) {
  const start = text(bytes, 0, 12);
  if (start.startsWith("\xff\xd8\xff")) return "jpeg";
  if (start.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (start.startsWith("RIFF") && start.endsWith("WEBP")) return "webp";
  if (start.startsWith("GIF8")) return "gif";
  if (start.startsWith("BM")) return "bmp";
  if (start.startsWith("II*\0") || start.startsWith("MM\0*")) return "tiff";
  if (start.slice(4, 8) === "ftyp") {
    const brand = start.slice(8);
    if (brand === "avif" || brand === "avis") return "avif";
    if (HEIF_BRANDS.includes(brand)) return "heic";
  }
  const head = new TextDecoder().decode(bytes.subarray(0, 1000)).trimStart();
  return /^(<\?xml[^]*?|<!--[^]*?|<!DOCTYPE svg[^]*?)*<svg[\s>]/i.test(head) ? "svg" : null;
}

/**
 * Take what a browser might act on out of a file.
 * @param {Uint8Array} bytes
 * @param {Format} kind
 * @returns {Plain}
 */
export function plain(bytes, kind) {
  if (kind === "jpeg") return plainJpeg(bytes.slice());
  if (kind === "png") return plainPng(bytes);
  if (kind === "webp") return plainWebp(bytes.slice());
  const animated = kind === "gif" && frames(bytes) > 1;
  return { bytes, orientation: 1, profile: null, colours: "rgb", animated };
}

function plainJpeg(bytes) {
  const view = viewOf(bytes);
  let found = null;
  let packet = null;
  let colours = "rgb";
  const profile = [];
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0xda) break;
    const end = Math.min(bytes.length, at + 2 + view.getUint16(at + 2));
    if (marker === 0xe1) {
      if (text(bytes, at + 4, at + 10) === "Exif\0\0") found ??= upright(bytes.subarray(at + 10, end));
      else if (text(bytes, at + 4, at + 33) === "http://ns.adobe.com/xap/1.0/\0") {
        packet ??= orientationOfXmp(bytes.subarray(at + 33, end));
      }
    }
    if (marker === 0xe2 && text(bytes, at + 4, at + 16) === "ICC_PROFILE\0") {
      profile[bytes[at + 16]] = bytes.subarray(at + 18, end);
    }
    if (isFrame(marker)) colours = { 1: "grey", 4: "cmyk" }[bytes[at + 9]] ?? "rgb";
    at = end;
  }
  const whole = profile.length ? joined(profile.filter(Boolean)) : null;
  return { bytes, orientation: found ?? packet ?? 1, profile: whole, colours, animated: false };
}

/** Whether a JPEG's marker begins what says how many colours there are. */
const isFrame = (marker) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

function joined(parts) {
  const found = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let to = 0;
  for (const part of parts) {
    found.set(part, to);
    to += part.length;
  }
  return found;
}

function plainPng(bytes) {
  const view = viewOf(bytes);
  const kept = [bytes.subarray(0, 8)];
  let found = null;
  let packet = null;
  let animated = false;
  let profile = null;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at);
    const name = text(bytes, at + 4, at + 8);
    const content = bytes.subarray(at + 8, end - 4);
    if (name === "eXIf") found ??= upright(content.slice());
    if (name === "iTXt" && text(content, 0, 18) === "XML:com.adobe.xmp\0") {
      packet ??= orientationOfXmp(content);
    }
    // A name, a zero and the method come before the compressed profile.
    if (name === "iCCP") profile ??= content.subarray(content.indexOf(0) + 2);
    animated ||= name === "acTL";
    if (!DROPPED.includes(name)) kept.push(bytes.subarray(at, end));
    at = end;
  }
  // Colour types 0 and 4 are grey.
  const colours = bytes[25] % 4 ? "rgb" : "grey";
  const orientation = found ?? packet ?? 1;
  return { bytes: joined(kept), orientation, profile, colours, animated };
}

function plainWebp(bytes) {
  const view = viewOf(bytes);
  let found = null;
  let packet = null;
  let animated = false;
  let profile = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = text(bytes, at, at + 4);
    const size = view.getUint32(at + 4, true);
    const content = bytes.subarray(at + 8, at + 8 + size);
    if (name === "EXIF") {
      const prefix = text(content, 0, 6) === "Exif\0\0" ? 6 : 0;
      found ??= upright(content.subarray(prefix));
    }
    if (name === "ICCP") profile ??= content;
    if (name === "XMP ") packet ??= orientationOfXmp(content);
    animated ||= name === "ANIM";
    at += 8 + size + (size % 2);
  }
  return { bytes, orientation: found ?? packet ?? 1, profile, colours: "rgb", animated };
}

/**
 * Return the orientation that EXIF gives, and write 1 in its place.
 * @param {Uint8Array} exif from its TIFF header on; changed here.
 * @returns {number | null} null where it gives none, or is broken, which says nothing about pixels.
 */
function upright(exif) {
  const view = viewOf(exif);
  try {
    const little = text(exif, 0, 2) === "II";
    const start = view.getUint32(4, little);
    const entries = view.getUint16(start, little);
    for (let i = 0; i < entries; i++) {
      const at = start + 2 + 12 * i;
      if (view.getUint16(at, little) !== ORIENTATION) continue;
      if (view.getUint16(at + 2, little) !== SHORT) return null;
      const value = view.getUint16(at + 8, little);
      view.setUint16(at + 8, 1, little);
      return value;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}

function orientationOfXmp(packet) {
  const found = /tiff:Orientation(?:="|>)([0-9])/.exec(new TextDecoder().decode(packet));
  return found ? Number(found[1]) : null;
}

/** Count the frames of a GIF, two at most. */
function frames(bytes) {
  const table = (flags) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let count = 0;
  for (let at = 13 + table(bytes[10]); at < bytes.length && count < 2; ) {
    const kind = bytes[at];
    if (kind === 0x2c) {
      count += 1;
      at += 11 + table(bytes[at + 9]);
    } else if (kind === 0x21) at += 2;
    else break;
    while (bytes[at]) at += bytes[at] + 1;
    at += 1;
  }
  return count;
}
