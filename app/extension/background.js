// What happens on a click, and who is asked: the only part that talks to all others.

import { Problem } from "../web/service.js";
import { ask, listen, opened, toText } from "./messages.js";
import { record } from "./records.js";
import { refresh, startBadges, stopBadges } from "./sites.js";

const MENU = "check";
let making = null;

/** Make sure that there is somebody to judge. */
async function judge(what, message) {
  // In Firefox the judge lives beside this module, where messages to oneself do not arrive.
  if (!chrome.offscreen) return (await import("./judge.js")).answers[what](message);
  making ??= makeOffscreen().finally(() => (making = null));
  await making;
  return ask("judge", what, message);
}

async function makeOffscreen() {
  const contexts = await chrome.runtime.getContexts({ contextTypes: ["OFFSCREEN_DOCUMENT"] });
  if (contexts.length) return;
  await chrome.offscreen.createDocument({
    url: "extension/offscreen.html",
    reasons: ["WORKERS"],
    justification: "Runs the neural network on threads of its own.",
  });
}

/** Judge bytes, and write the verdict down where no page can reach it. */
async function check({ base64, box, notes, source }) {
  const judged = await judge("check", { base64, box, notes });
  await record({ source, ...judged });
  return judged;
}

/** The bytes of a picture that a page shows, from wherever they can be had. */
async function bytesOf(url, page) {
  const theirs = await page("bytes", { url });
  if (theirs) return { base64: theirs, notes: [] };
  if (/^https?:/.test(url)) {
    try {
      const response = await fetch(url, { referrerPolicy: "no-referrer", cache: "force-cache" });
      if (response.ok) return { base64: toText(new Uint8Array(await response.arrayBuffer())), notes: [] };
    } catch (error) {
      // No permission for that place, or no such place: the pixels may still be had.
      if (!(error instanceof TypeError)) throw error;
    }
  }
  const drawn = await page("drawn", { url });
  if (drawn) return { base64: drawn, notes: ["from_canvas"] };
  throw new Problem("unreachable", url);
}

/** Judge a picture of a page, and show the verdict over it. */
async function checkOnPage(url, tab, frame) {
  const page = async (what, message) => {
    const target = { frameId: frame };
    return opened(await chrome.tabs.sendMessage(tab, { to: "page", ask: what, ...message }, target));
  };
  await chrome.scripting.executeScript({
    target: { tabId: tab, frameIds: [frame] },
    files: ["extension/content.js"],
  });
  await page("open", { url });
  try {
    const found = await bytesOf(url, page);
    const judged = await check({ ...found, source: url });
    await page("show", { url, ...judged });
  } catch (error) {
    if (!(error instanceof Problem)) console.error(error);
    const { code = "unexpected", message } = error;
    await page("fail", { url, problem: { code, detail: message } });
  }
}

function originOf(url) {
  return url && /^https?:/.test(url) ? `${new URL(url).origin}/*` : null;
}

chrome.runtime.onInstalled.addListener(() => {
  const title = chrome.i18n.getMessage("menu");
  chrome.contextMenus.create({ id: MENU, title, contexts: ["image"] });
});

chrome.contextMenus.onClicked.addListener(async ({ menuItemId, srcUrl, frameId, frameUrl, pageUrl }, tab) => {
  if (menuItemId !== MENU) return;
  const origin = originOf(srcUrl);
  // Of its own pages a click gives leave; for pictures from elsewhere the visitor is asked, and a
  // no still leaves what that place gives to every page.
  if (origin && origin !== originOf(frameUrl ?? pageUrl)) {
    await chrome.permissions.request({ origins: [origin] }).catch(() => false);
  }
  await checkOnPage(srcUrl, tab.id, frameId ?? 0);
});

chrome.runtime.onStartup.addListener(refresh);
chrome.permissions.onRemoved.addListener(refresh);

listen("background", {
  check: (message) => check(message),
  // From a page's own frame, whose content script is ours: again, with a rectangle or for a badge.
  picture: async ({ url, box }, { tab, frameId }) => {
    const page = async (what, message) =>
      opened(await chrome.tabs.sendMessage(tab.id, { to: "page", ask: what, ...message }, { frameId }));
    return check({ ...(await bytesOf(url, page)), box, source: url });
  },
  status: () => judge("status", {}),
  progress: () => judge("progress", {}),
  startBadges: ({ origin }) => startBadges(origin),
  stopBadges: ({ origin }) => stopBadges(origin),
});
