// What happens on a click, and who is asked: the only part that talks to all others.

import { Problem } from "../web/service.js";
import { ask, listen, opened, toText } from "./messages.js";
import { record } from "./records.js";
import { grant, pattern, refresh, refuse, stopBadges, wish } from "./sites.js";
import { errandOf, forget, issue, keep } from "./tickets.js";

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
async function check({ base64, box, notes, source, badge = false }) {
  const judged = await judge("check", { base64, box, notes });
  await record({ source, marked: Boolean(box), badge, ...judged });
  return judged;
}

/** Ask what was put into a page; null where nothing was. */
async function page({ tab, frame }, what, message) {
  let reply;
  try {
    reply = await chrome.tabs.sendMessage(tab, { to: "page", ask: what, ...message }, { frameId: frame });
  } catch {
    return null;
  }
  return opened(reply);
}

/** A picture that a page shows, from wherever its bytes can be had. */
async function take(errand) {
  const { url, problem } = errand;
  if (problem) throw new Problem(problem, "");
  const theirs = await page(errand, "bytes", { url });
  if (theirs?.base64 != null) return { base64: theirs.base64, notes: [], source: url };
  let gone = theirs?.gone ?? false;
  if (/^(https?|data):/.test(url)) {
    try {
      const response = await fetch(url, { referrerPolicy: "no-referrer", cache: "force-cache" });
      gone ||= !response.ok;
      if (response.ok) {
        return { base64: toText(new Uint8Array(await response.arrayBuffer())), notes: [], source: url };
      }
    } catch (error) {
      // No permission for that place, or no such place: the pixels may still be had.
      if (!(error instanceof TypeError)) throw error;
    }
  }
  const drawn = await page(errand, "drawn", { url });
  if (drawn) return { base64: drawn, notes: ["from_canvas"], source: url };
  throw new Problem(gone ? "gone" : "unreachable", url);
}

/** Judge a picture of a page: over the page, or in a window where nothing can be put into it. */
async function checkOnPage(url, tab, frame) {
  const ticket = await issue({ kind: "panel", url, tab, frame });
  try {
    await chrome.scripting.executeScript({
      target: { tabId: tab, frameIds: [frame] },
      files: ["/extension/content.js"],
    });
    opened(await chrome.tabs.sendMessage(tab, { to: "page", ask: "open", ticket }, { frameId: frame }));
  } catch (error) {
    console.info("A window instead of a panel:", error.message);
    const address = chrome.runtime.getURL(`extension/frame.html#${ticket}`);
    await chrome.windows.create({ url: address, type: "popup", width: 460, height: 780 });
  }
}

chrome.runtime.onInstalled.addListener(() => {
  const title = chrome.i18n.getMessage("menu");
  chrome.contextMenus.create({ id: MENU, title, contexts: ["image"] });
});

chrome.contextMenus.onClicked.addListener(async ({ menuItemId, srcUrl, frameId, frameUrl, pageUrl }, tab) => {
  if (menuItemId !== MENU) return;
  // Of the page itself a click gives leave; for pictures and frames from elsewhere the visitor is
  // asked, and a no still leaves what that place gives to every page.
  const own = pattern(tab?.url ?? pageUrl);
  const origins = [srcUrl, frameUrl].map(pattern).filter((origin) => origin && origin !== own);
  if (origins.length) await chrome.permissions.request({ origins }).catch(() => false);
  await checkOnPage(srcUrl, tab?.id ?? -1, frameId ?? 0);
});

chrome.tabs.onRemoved.addListener(forget);
chrome.runtime.onStartup.addListener(refresh);
chrome.permissions.onRemoved.addListener(refresh);
chrome.permissions.onAdded.addListener(grant);

listen("background", {
  check,
  // From frames of the extension, by their tickets.
  kind: async ({ ticket }) => (await errandOf(ticket)).kind,
  take: async ({ ticket }) => take(await errandOf(ticket)),
  close: async ({ ticket }) => page(await errandOf(ticket), "close", {}),
  badge: async ({ ticket }) => {
    const errand = await errandOf(ticket);
    if (errand.said) return errand.said;
    const { answer } = await check({ ...(await take(errand)), badge: true });
    const said = { verdict: answer.verdict };
    await keep(ticket, { ...errand, said });
    return said;
  },
  // From what stands on sites with badges.
  ticket: ({ url }, { tab, frameId }) => issue({ kind: "badge", url, tab: tab.id, frame: frameId }),
  status: () => judge("status", {}),
  progress: () => judge("progress", {}),
  // From the pop-up, around the browser's question for leave.
  wish,
  grant,
  refuse,
  stopBadges: ({ origin }) => stopBadges(origin),
});
