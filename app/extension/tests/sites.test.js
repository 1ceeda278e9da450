// Badges are turned on and off for a host, as the permission is.

import { afterEach, expect, test, vi } from "vitest";
import { hasBadges, startBadges, stopBadges } from "../sites.js";

afterEach(() => vi.unstubAllGlobals());

test("two ports of a host have one badge on each picture", async () => {
  let scripts = [];
  vi.stubGlobal("chrome", {
    scripting: {
      getRegisteredContentScripts: async () => scripts,
      registerContentScripts: async (more) => scripts.push(...more),
      unregisterContentScripts: async ({ ids }) => {
        scripts = scripts.filter(({ id }) => !ids.includes(id));
      },
    },
  });
  await startBadges("http://faces.test:8000");
  await startBadges("http://faces.test:9000");
  expect(scripts.map(({ matches }) => matches)).toEqual([["http://faces.test/*"]]);
  expect(await hasBadges("http://faces.test:8000")).toBe(true);
  await stopBadges("http://faces.test:9000");
  expect(scripts).toEqual([]);
});
