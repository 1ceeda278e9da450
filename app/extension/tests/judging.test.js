// Of two pictures that are given one after the other, the last is judged and shown.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Judging } from "../judging.js";
import { verdictView } from "../verdict-view.js";

vi.mock("../verdict-view.js", () => ({ verdictView: vi.fn(() => []) }));

const asked = [];
const place = { replaceChildren() {} };
const taken = (source) => ({ base64: btoa(source), notes: [], source });

beforeEach(() => {
  const sendMessage = async (message) => {
    if (message.ask === "check") asked.push(message.source);
    return { value: message.ask === "check" ? { judged: message.source } : 1 };
  };
  vi.stubGlobal("navigator", { language: "en" });
  vi.stubGlobal("chrome", {
    runtime: { sendMessage },
    storage: { local: { get: async () => ({}) } },
  });
  const element = () => ({ append() {}, setAttribute() {}, addEventListener() {} });
  vi.stubGlobal("document", { createElement: element });
});

afterEach(() => vi.unstubAllGlobals());

test("a picture that was slower to read does not take the place of the one after it", async () => {
  const judging = new Judging(place, (key) => key);
  let give;
  const first = judging.start(() => new Promise((resolve) => (give = resolve)));
  const second = judging.start(async () => taken("second"));
  give(taken("first"));
  await Promise.all([first, second]);
  expect(asked).toEqual(["second"]);
  expect(verdictView.mock.calls.map(([, judged, , name]) => [judged.judged, name])).toEqual([["second", "second"]]);
});
