// The translation of the verdict says what Python says.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decideByFrames, pValue, putTogether, rejected, standOut, together } from "../../web/verdict.js";

const path = new URL("vectors/verdict.json", import.meta.url);
const { calibrations, reasons, cases, persons } = JSON.parse(readFileSync(path, "utf-8"));

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

  test.each(persons)("person $calibration $logit $among_real $among_fake", (person) => {
    const { calibration, logit, among_real: real, among_fake: fake, expected } = person;
    const used = calibrations.find(({ name }) => name === calibration) ?? null;
    const found = decideByFrames(logit, real, fake, used, person.reasons);
    expect(found).toEqual(expected);
    const standsOut = used ? standOut([real, 1], used) : [true, true];
    expect(together([found, { word: "real", reasons: [] }], standsOut)).toEqual(person.beside);
    for (const [among, value] of Object.entries(person.among ?? {})) {
      expect(pValue(logit, 2, used, among)).toBe(value);
    }
  });

  test("every reason is among them", () => {
    const said = [...cases, ...persons].flatMap(({ expected }) => expected.reasons);
    expect([...new Set(said)].sort()).toEqual([...reasons].sort());
  });
});
