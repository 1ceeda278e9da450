// The faces that Python finds in the same pixels. FACES names a folder that pytest fills: the
// networks belong to a bundle and are not kept here.

import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";
import { beforeAll, describe, expect, test } from "vitest";
import { find, scales, suppress } from "../mtcnn.js";
import { open } from "../runtime.js";
import { half, halvings } from "../sampling.js";

const folder = process.env.FACES;

function overlap(one, other) {
  const side = (k) => Math.max(0, Math.min(one[k] + one[k + 2], other[k] + other[k + 2]) - Math.max(one[k], other[k]));
  const shared = side(0) * side(1);
  return shared / (one[2] * one[3] + other[2] * other[3] - shared);
}

describe.runIf(folder)("faces", () => {
  const cases = folder ? JSON.parse(readFileSync(`${folder}/faces.json`, "utf-8")) : [];
  const networks = {};

  beforeAll(async () => {
    ort.env.wasm.numThreads = 1;
    for (const name of ["pnet", "rnet", "onet"]) {
      networks[name] = await open(ort, new Uint8Array(readFileSync(`${folder}/${name}.onnx`)));
    }
  });

  test.each(cases)("$name", async ({ name, width, height, faces }) => {
    const data = new Uint8Array(readFileSync(`${folder}/${name}.rgb`));
    const found = await find({ width, height, data }, networks);
    expect(found.length).toBe(faces.length);
    faces.forEach((face, i) => {
      expect(overlap(found[i].box, face.box)).toBeGreaterThanOrEqual(0.95);
      expect(Math.abs(found[i].score - face.score)).toBeLessThan(0.05);
      face.landmarks.forEach(([x, y], k) => {
        const [u, v] = found[i].landmarks[k];
        expect(Math.hypot(u - x, v - y)).toBeLessThan(0.03 * face.box[2]);
      });
    });
  });
});

describe("mtcnn", () => {
  test("the pyramid ends where the picture fills the window", () => {
    expect(scales(40, 40, 20).length).toBe(3);
    expect(scales(19, 40, 20)).toEqual([]);
  });

  test("the best of each cluster stays", () => {
    const at = (x, rank) => ({ box: [x, 0, x + 10, 10], rank });
    const kept = suppress([at(0, 0.7), at(1, 0.9), at(50, 0.8)], 0.5);
    expect(kept.map(({ rank }) => rank)).toEqual([0.9, 0.8]);
    const inner = { box: [2, 2, 6, 6], rank: 0.6 };
    expect(suppress([at(0, 0.9), inner], 0.7).length).toBe(2);
    expect(suppress([at(0, 0.9), inner], 0.7, true).length).toBe(1);
  });

  test("of two that are certain the more certain one is chosen", async () => {
    const outputs = (probability, logits, offsets) => ({
      probability: { data: Float32Array.from(probability), dims: [1, 1, probability.length] },
      logits: { data: Float32Array.from(logits), dims: [1, 1, logits.length] },
      offsets: { data: Float32Array.from(offsets), dims: [] },
      landmarks: { data: new Float32Array(10 * probability.length), dims: [] },
    });
    const none = outputs([0], [-9], [0, 0, 0, 0]);
    // At the first scale two windows two pixels apart, of which one has a probability as near to 1.
    const proposed = outputs([1, 1], [20, 21], new Array(8).fill(0));
    let asked = 0;
    const boxes = [];
    const look = async (data, [count]) => {
      boxes.push(count);
      return outputs(new Array(count).fill(1), new Array(count).fill(20), new Array(4 * count).fill(0));
    };
    const networks = { pnet: async () => (asked++ ? none : proposed), rnet: look, onet: look };
    const picture = { width: 40, height: 40, data: new Uint8Array(3 * 40 * 40) };
    const found = await find(picture, networks);
    expect(boxes).toEqual([1, 1]);
    // The second of them, in pixels of the picture.
    expect(found[0].box[0]).toBeCloseTo((2 * 40) / 24);
  });

  test("a half is the mean of what it covers", () => {
    const grey = (values) => Uint8Array.from(values.flatMap((value) => [value, value, value]));
    const even = half({ width: 4, height: 2, data: grey([0, 10, 20, 30, 40, 50, 60, 70]) });
    expect([...even.data].filter((_, i) => i % 3 === 0)).toEqual([25, 45]);
    const odd = half({ width: 3, height: 1, data: grey([0, 90, 180]) });
    expect([...odd.data].filter((_, i) => i % 3 === 0)).toEqual([30, 150]);
    expect(halvings({ width: 50, height: 24, data: new Uint8Array(3 * 50 * 24) }, 24).length).toBe(2);
  });
});
