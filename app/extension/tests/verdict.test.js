// The translation of the verdict says what Python says.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { putTogether, rejected } from "../../web/verdict.js";

const path = new URL("vectors/verdict.json", import.meta.url);
const { calibrations, cases } = JSON.parse(readFileSync(path, "utf-8"));

describe("verdict", () => {
  test.each(cases)("$name", ({ calibration, views, outputs, expected }) => {
    const used = calibrations.find(({ name }) => name === calibration) ?? null;
    const found = putTogether(views, outputs, used);
    expect(found.verdict).toBe(expected.verdict);
    expect(found.reasons).toEqual(expected.reasons);
    expect(found.parts).toEqual(expected.parts);
    if (used) expect(rejected(outputs.map(({ logit }) => logit), used)).toEqual(expected.rejected);
    expect(found.logit).toBe(expected.logit);
    expect(found.p_fake).toBeCloseTo(expected.p_fake, 12);
  });

  test("every reason is among them", () => {
    const said = new Set(cases.flatMap(({ expected }) => expected.reasons));
    const known = [
      "no_face", "face_too_small", "between_thresholds", "unstable", "among_many_faces",
      "too_many_faces", "unfamiliar",
    ];
    expect([...said].sort()).toEqual(known.sort());
  });
});
