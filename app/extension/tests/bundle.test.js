import { afterEach, expect, test, vi } from "vitest";
import { file, sha256 } from "../bundle.js";
import { Detector } from "../detector.js";

const FOLDER = new URL("https://extension.test/bundle/");
const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i % 251);

afterEach(() => vi.unstubAllGlobals());

function serve(content) {
  vi.stubGlobal("fetch", async () => new Response(content));
}

test("a file is given whole, and how far it has been read is told", async () => {
  serve(bytes);
  let read = 0;
  const packed = { sha256: { "model.onnx": await sha256(bytes) } };
  expect(await file(FOLDER, "model.onnx", packed, (more) => (read += more))).toEqual(bytes);
  expect(read).toBe(bytes.length);
});

test("a file that is not the one that was packed is refused", async () => {
  const packed = { sha256: { "model.onnx": await sha256(bytes) } };
  const damaged = bytes.slice();
  damaged[2500] ^= 1;
  serve(damaged);
  await expect(file(FOLDER, "model.onnx", packed)).rejects.toMatchObject({ code: "damaged" });
});

function detectorThatSays(logit) {
  const packed = {
    card: { name: "made", image_size: 8, framing: null, drawn_sample: false },
    probe: 1.5, temperature: 1, calibration: null, reasons: {}, version: "0", precision: "float16",
  };
  const evidence = { data: new Float32Array(4), dims: [1, 2, 2] };
  const network = async () => ({ logit: { data: [logit] }, bias: { data: [0] }, evidence });
  return new Detector(packed, network, null);
}

test("a runtime that computes what was packed is believed", async () => {
  await detectorThatSays(1.51).probe();
});

test.each([1.7, -1.5, NaN, Infinity])("one that says %d is not", async (logit) => {
  await expect(detectorThatSays(logit).probe()).rejects.toMatchObject({ code: "damaged" });
});
