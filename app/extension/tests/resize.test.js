// Scaling and cutting give the very pixels that Python's give.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cropBox, rounded, views } from "../framing.js";
import { cut, resize } from "../resize.js";

const read = (name) => JSON.parse(readFileSync(new URL(`vectors/${name}.json`, import.meta.url), "utf-8"));
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));

describe("resize", () => {
  test.each(read("resize").small)("$name", ({ width, height, size, image, expected }) => {
    const found = resize({ width, height, data: bytes(image) }, size);
    expect([found.width, found.height]).toEqual([size, size]);
    expect(Buffer.from(found.data).equals(Buffer.from(expected, "base64"))).toBe(true);
  });

  test.each(read("resize").large)("$width × $height to $size", ({ width, height, size, sha256 }) => {
    const data = new Uint8Array(3 * width * height);
    for (let i = 0; i < data.length; i++) {
      const [x, y, colour] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
      data[i] = Math.floor((x * x + 3 * x * y + 5 * y + 40 * colour) / 7) % 256;
    }
    const found = resize({ width, height, data }, size);
    expect(createHash("sha256").update(found.data).digest("hex")).toBe(sha256);
  });

  test("a part is cut out where it stands", () => {
    const data = Uint8Array.from({ length: 3 * 4 * 3 }, (_, i) => i);
    const part = cut({ width: 4, height: 3, data }, [1, 1, 2, 2]);
    expect([...part.data]).toEqual([15, 16, 17, 18, 19, 20, 27, 28, 29, 30, 31, 32]);
  });
});

describe("framing", () => {
  test.each(read("crop"))("$columns × $rows, face $box", ({ rows, columns, box, share, expected }) => {
    expect(cropBox({ width: columns, height: rows }, box, share)).toEqual(expected);
  });

  test("halves go to the even neighbour", () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map(rounded).map((x) => x + 0)).toEqual([0, 2, 2, 0, -2, 2, 3]);
  });

  const picture = { width: 100, height: 100 };
  const face = (width) => ({ box: [20, 20, width, width], score: 1, landmarks: [] });

  test("a picture that is framed already is judged whole", () => {
    expect(views(picture, 0.5, [face(50)])[0].box).toEqual([0, 0, 100, 100]);
    expect(views(picture, 0.5, [face(30)])[0].box).toEqual([5, 5, 60, 60]);
    expect(views(picture, 0.5, [face(62)])[0].box).toEqual([0, 0, 100, 100]);
    // What is framed far more tightly is cut out, though no more of it can be had.
    expect(views({ width: 100, height: 95 }, 0.5, [face(63)])[0].box).toEqual([4, 0, 95, 95]);
    expect(views({ width: 100, height: 120 }, 0.5, [face(50)])[0].box[3]).toBe(100);
  });

  test("without a face the whole picture, and it says so", () => {
    expect(views(picture, 0.5, [])).toEqual([{ box: [0, 0, 100, 100], face: null, reasons: ["no_face"] }]);
    expect(views(picture, null, [])[0].reasons).toEqual([]);
  });
});
