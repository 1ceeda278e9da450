// The extension's own window: a file that is dropped or pasted, the verdicts of record, badges.

import { make } from "../web/card.js";
import { ask, toText } from "./messages.js";
import { inWords, settings, voice } from "./more-words.js";
import { records } from "./records.js";
import { hasBadges } from "./sites.js";
import { verdictView } from "./verdict-view.js";

const byId = (id) => document.getElementById(id);
let say;
let source;

async function check(file) {
  if (!file) return;
  byId("verdict").replaceChildren(make("p", { className: "progress" }, say("judging")));
  try {
    const base64 = toText(new Uint8Array(await file.arrayBuffer()));
    const judged = await ask("background", "check", { base64, notes: [], source: file.name });
    URL.revokeObjectURL(source);
    source = URL.createObjectURL(file);
    const { prevalence } = await settings();
    byId("verdict").replaceChildren(...verdictView(say, judged, source, file.name, prevalence));
  } catch (problem) {
    const words = inWords(say, { code: problem.code, detail: problem.message });
    byId("verdict").replaceChildren(make("p", { className: "error" }, words));
  }
  await list();
}

async function list() {
  const known = await records();
  byId("none").hidden = known.length > 0;
  const time = (at) => new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" }).format(at);
  byId("records").replaceChildren(
    ...known.map((entry) =>
      make("li", {},
        make("div", { className: `verdict ${entry.verdict}` }, say(entry.verdict)),
        say("record", { time: time(entry.time), verdict: say(entry.verdict), p: say.number(entry.p_fake) }),
        make("div", { className: "source" }, entry.source)),
    ),
  );
}

/** Badges on the site that the visitor looks at. */
async function site() {
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  // Known only because the visitor has just opened this window over it.
  if (!/^https?:/.test(tab?.url ?? "")) {
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
      await chrome.permissions.remove({ origins: [`${origin}/*`] });
      return;
    }
    if (await chrome.permissions.request({ origins: [`${origin}/*`] })) {
      await ask("background", "startBadges", { origin });
      await chrome.tabs.reload(tab.id);
    } else {
      byId("badges").checked = false;
      byId("badges-said").textContent = say("badges.refused", { site: host });
    }
  });
}

async function start() {
  say = await voice();
  document.documentElement.lang = (await settings()).language;
  document.title = say("title");
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = say(element.dataset.word);
  }
  byId("files").addEventListener("change", () => check(byId("files").files[0]));
  document.addEventListener("paste", (event) => check(event.clipboardData.files[0]));
  const over = (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", event.type === "dragover");
  };
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, over);
  document.addEventListener("drop", (event) => check(event.dataTransfer.files[0]));
  await list();
  await site();
}

start();
