// What is taken out of a file before a browser sees it.

import { describe, expect, test } from "vitest";
import { format, plain } from "../container.js";
import { turned } from "../pixels.js";

const bytes = (...parts) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...part].map((c) => c.charCodeAt(0)) : part)));
const exif = (value, little = true) =>
  little
    ? bytes("II*\0", [8, 0, 0, 0], [1, 0], [0x12, 1, 3, 0, 1, 0, 0, 0, value, 0, 0, 0], [0, 0, 0, 0])
    : bytes("MM\0*", [0, 0, 0, 8], [0, 1], [1, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0], [0, 0, 0, 0]);
const segment = (marker, ...content) => {
  const body = bytes(...content);
  return bytes([0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 255], [...body]);
};
const jpeg = (...segments) => bytes([0xff, 0xd8], ...segments.map((s) => [...s]), [0xff, 0xda, 0, 2, 7, 0xff, 0xd9]);
const chunk = (name, content = []) => bytes([0, 0, content.length >> 8, content.length & 255], name, [...content], [1, 2, 3, 4]);
const png = (...chunks) => bytes("\x89PNG\r\n\x1a\n", ...chunks.map((c) => [...c]));

describe("format", () => {
  test.each([
    ["jpeg", bytes([0xff, 0xd8, 0xff, 0xe0])],
    ["png", png()],
    ["webp", bytes("RIFF", [0, 0, 0, 0], "WEBPVP8 ")],
    ["gif", bytes("GIF89a")],
    ["tiff", bytes("II*\0")],
    ["avif", bytes([0, 0, 0, 32], "ftypavif")],
    ["heic", bytes([0, 0, 0, 32], "ftypheic")],
    ["svg", bytes('<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="http://www.w3.org/2000/svg"/>')],
    [null, bytes("<html><svg></svg></html>")],
    [null, bytes("")],
  ])("%s", (expected, content) => expect(format(content)).toBe(expected));
});

describe("orientation", () => {
  test.each([true, false])("of a JPEG is read and taken out, little end first: %s", (little) => {
    const file = jpeg(segment(0xe0, "JFIF\0"), segment(0xe1, "Exif\0\0", [...exif(6, little)]));
    const { bytes: left, orientation } = plain(file, "jpeg");
    expect(orientation).toBe(6);
    expect(left.length).toBe(file.length);
    expect(plain(left, "jpeg").orientation).toBe(1);
    expect(plain(file, "jpeg").orientation).toBe(6);
  });

  test("of XMP counts where EXIF has none", () => {
    const xmp = segment(0xe1, "http://ns.adobe.com/xap/1.0/\0", '<x tiff:Orientation="8"/>');
    expect(plain(jpeg(xmp), "jpeg").orientation).toBe(8);
    expect(plain(jpeg(xmp, segment(0xe1, "Exif\0\0", [...exif(3)])), "jpeg").orientation).toBe(3);
  });

  test("of broken EXIF is none", () => {
    expect(plain(jpeg(segment(0xe1, "Exif\0\0", "II*\0", [200, 1, 0, 0])), "jpeg").orientation).toBe(1);
    expect(plain(jpeg(segment(0xe1, "Exif\0\0")), "jpeg").orientation).toBe(1);
  });

  test("of a PNG and a WebP", () => {
    expect(plain(png(chunk("eXIf", exif(5))), "png").orientation).toBe(5);
    const webp = bytes("RIFF", [0, 0, 0, 0], "WEBP", "EXIF", [26, 0, 0, 0], [...exif(7)]);
    expect(plain(webp, "webp").orientation).toBe(7);
  });
});

test("a PNG keeps its profile and loses other colours and frames", () => {
  const file = png(chunk("IHDR"), chunk("gAMA"), chunk("iCCP"), chunk("acTL"), chunk("fcTL"), chunk("IDAT"), chunk("fdAT"), chunk("IEND"));
  const { bytes: left, animated } = plain(file, "png");
  expect([...left]).toEqual([...png(chunk("IHDR"), chunk("iCCP"), chunk("IDAT"), chunk("IEND"))]);
  expect(animated).toBe(true);
});

test("turning puts each pixel where it belongs", () => {
  const drawn = { width: 3, height: 2, data: Uint8ClampedArray.from([1, 2, 3, 4, 5, 6].flatMap((v) => [v, v, v, 255])) };
  const rows = (orientation) => {
    const { width, data } = turned(drawn, orientation);
    const values = [...data].filter((_, i) => i % 3 === 0).join("");
    return values.match(new RegExp(`.{${width}}`, "g")).join("/");
  };
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9].map(rows)).toEqual([
    "123/456", "321/654", "654/321", "456/123", "14/25/36", "41/52/63", "63/52/41", "36/25/14", "123/456",
  ]);
});
