// The extension's own window: a file that is dropped or pasted, the verdicts of record, badges.

import { make, reason } from "../web/card.js";
import { intake } from "../web/intake.js";
import { sayAll } from "../web/words.js";
import { Judging } from "./judging.js";
import { ask, toText } from "./messages.js";
import { voice } from "./more-words.js";
import { records } from "./records.js";
import { hasBadges, pattern } from "./sites.js";

const byId = (id) => document.getElementById(id);
let say;
let judging;

async function check(file) {
  if (!file) {
    judging.tell(say("no_picture"), "error");
    return;
  }
  await judging.start(async () => {
    const base64 = toText(new Uint8Array(await file.arrayBuffer()));
    return { base64, notes: [], source: file.name };
  });
}

async function list() {
  const [known, ofBadges] = [await records(), await records(true)];
  byId("none").hidden = known.length > 0;
  byId("records").replaceChildren(...known.map(entryOf));
  byId("of-badges").hidden = !ofBadges.length;
  byId("badge-records").replaceChildren(...ofBadges.map(entryOf));
}

function entryOf(entry) {
  const time = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" }).format(entry.time);
  const why = Object.keys(entry.reasons).map((code) => reason(say, code, entry));
  if (entry.marked) why.unshift(say("marked"));
  return make("li", {},
    make("div", { className: `verdict ${entry.verdict}` }, say(entry.verdict)),
    say("record", { time, verdict: say(entry.verdict), p: say.probability(entry.p_fake) }),
    ...why.map((sentence) => make("div", { className: "why" }, sentence)),
    make("div", { className: "source" }, entry.source));
}

/** Badges on the site that the visitor looks at. */
async function site() {
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  // Known only because the visitor has just opened this window over it.
  if (!pattern(tab?.url)) {
    byId("badges-said").textContent = say("badges.nowhere");
    return;
  }
  const { origin, host } = new URL(tab.url);
  byId("badges-said").textContent = say("badges", { site: host });
  byId("badges").checked = await hasBadges(origin);
  byId("badges").disabled = false;
  byId("badges").addEventListener("change", async () => {
    if (!byId("badges").checked) {
      await ask("background", "stopBadges", { origin });
      await chrome.permissions.remove({ origins: [pattern(origin)] });
    } else if (!(await leave([pattern(origin)], { origin, tab: tab.id }))) {
      byId("badges").checked = false;
      byId("badges-said").textContent = say("badges.refused", { site: host });
    }
    await elsewhere(tab, origin);
  });
  await elsewhere(tab, origin);
}

/**
 * Ask for leave. What it is for is told to the background beforehand, because a browser may close
 * this window under its question.
 */
async function leave(origins, wish) {
  ask("background", "wish", wish);
  const given = await chrome.permissions.request({ origins });
  await ask("background", given ? "grant" : "refuse");
  return given;
}

/** Where the site's pictures come from, if not from itself: that takes leave of its own. */
async function elsewhere(tab, origin) {
  const hosts = byId("badges").checked ? await foreign(tab, origin) : [];
  byId("elsewhere").hidden = !hosts.length;
  const names = hosts.map((host) => new URL(host.replace("*", "")).hostname).join(", ");
  byId("elsewhere-said").textContent = say("badges.elsewhere", { sites: names });
  byId("elsewhere-ask").onclick = async () => {
    await leave(hosts, { origin, tab: tab.id });
    await elsewhere(tab, origin);
  };
}

async function foreign(tab, origin) {
  let shown;
  try {
    [{ result: shown }] = await chrome.scripting.executeScript({
      target: { tabId: tab.id },
      func: () => Array.from(document.images, (image) => image.currentSrc || image.src),
    });
  } catch {
    // A page that nobody may look into, such as the browser's own shop.
    return [];
  }
  const hosts = new Set(shown.map(pattern).filter((host) => host && host !== pattern(origin)));
  const known = (await chrome.permissions.getAll()).origins ?? [];
  return [...hosts].filter((host) => !known.includes(host));
}

async function start() {
  say = await voice();
  judging = new Judging(byId("verdict"), say);
  sayAll(say);
  intake(([file]) => check(file));
  chrome.storage.session.onChanged.addListener(list);
  await list();
  await site();
}

start();
