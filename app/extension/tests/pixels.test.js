// What is taken for a picture is given back, also where it cannot be decoded.

import { afterEach, expect, test, vi } from "vitest";
import { transformTo } from "../colour.js";
import { read } from "../pixels.js";

vi.mock("../colour.js", () => ({ transformTo: vi.fn() }));
afterEach(() => vi.unstubAllGlobals());

const JPEG = Uint8Array.from([0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9]);

test.each([
  ["undecodable", () => Promise.reject(new DOMException("damaged"))],
  ["too_many_pixels", async () => ({ width: 10_000, height: 10_000, close() {} })],
])("colours of a picture that is %s are let go", async (code, decode) => {
  const open = new Set();
  transformTo.mockImplementation(async () => {
    const transform = { close: () => open.delete(transform) };
    open.add(transform);
    return transform;
  });
  vi.stubGlobal("createImageBitmap", decode);
  await expect(read(JPEG)).rejects.toMatchObject({ code });
  expect(open.size).toBe(0);
});
