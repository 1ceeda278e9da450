// On sites where the visitor wants it: a badge on every large picture that comes into view.

import { make } from "../web/card.js";
import { ask, listen } from "./messages.js";
import { inWords, voice } from "./more-words.js";
import { bytes, drawn } from "./taking.js";

// Sides in pixels of the page below which a picture gets no badge.
const LARGE = 160;
const COLOURS = { fake: "#a83a22", real: "#1f5c99", inconclusive: "#755600" };

const seen = new WeakSet();

async function start() {
  const say = await voice();
  const watch = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      const { width, height } = target.getBoundingClientRect();
      if (!isIntersecting || Math.min(width, height) < LARGE || seen.has(target)) continue;
      seen.add(target);
      watch.unobserve(target);
      badge(say, target);
    }
  });
  const look = () => document.querySelectorAll("img").forEach((image) => seen.has(image) || watch.observe(image));
  look();
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
}

async function badge(say, image) {
  await image.decode().catch(() => {});
  const host = document.createElement("span");
  host.style.cssText = "all: initial; position: absolute; z-index: 2147483646; pointer-events: none";
  const label = make("span", { role: "status" }, "…");
  label.style.cssText = "font: 600 12px/1.6 system-ui, sans-serif; color: #fff; background: #57575c; padding: 0 6px; border-radius: 3px";
  host.attachShadow({ mode: "closed" }).append(label);
  place(host, image);
  document.documentElement.append(host);
  const url = image.currentSrc || image.src;
  try {
    const { answer } = await ask("background", "picture", { url, box: null });
    label.textContent = say(answer.verdict);
    label.style.background = COLOURS[answer.verdict];
  } catch (problem) {
    label.textContent = "–";
    label.title = inWords(say, { code: problem.code, detail: problem.message });
  }
}

function place(host, image) {
  const put = () => {
    const { left, top } = image.getBoundingClientRect();
    host.style.left = `${left + scrollX + 6}px`;
    host.style.top = `${top + scrollY + 6}px`;
    host.style.display = image.isConnected ? "block" : "none";
  };
  put();
  new ResizeObserver(put).observe(document.documentElement);
  new ResizeObserver(put).observe(image);
}

listen("page", { bytes, drawn });
start();
