// On sites where the visitor wants it: a badge on every large picture that comes into view.

import { make } from "../web/card.js";
import { ask, listen } from "./messages.js";
import { inWords, voice } from "./more-words.js";
import { bytes, drawn } from "./taking.js";

// Sides in pixels of the page below which a picture gets no badge.
const LARGE = 160;
const COLOURS = { fake: "#a83a22", real: "#1f5c99", inconclusive: "#755600" };

/** What was judged: its address, and the badge's element. */
const judged = new WeakMap();
const addressOf = (image) => image.currentSrc || image.src;

async function start() {
  const say = await voice();
  const watch = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      const { width, height } = target.getBoundingClientRect();
      // What is not loaded yet is looked at again when it is.
      if (!isIntersecting || Math.min(width, height) < LARGE || !target.naturalWidth) continue;
      watch.unobserve(target);
      badge(say, target);
    }
  });
  const look = () => document.querySelectorAll("img").forEach((image) => judged.has(image) || watch.observe(image));
  look();
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
  // A picture that loads late, or takes the place of another.
  document.addEventListener("load", ({ target }) => {
    if (target.localName !== "img" || judged.get(target)?.url === addressOf(target)) return;
    watch.unobserve(target);
    watch.observe(target);
  }, true);
}

async function badge(say, image) {
  const url = addressOf(image);
  if (judged.get(image)?.url === url) return;
  judged.get(image)?.host.remove();
  const host = document.createElement("span");
  judged.set(image, { url, host });
  host.style.cssText = "all: initial; position: absolute; z-index: 2147483646; pointer-events: none";
  const label = make("span", { role: "status" }, "…");
  label.style.cssText = "font: 600 12px/1.6 system-ui, sans-serif; color: #fff; background: #57575c; padding: 0 6px; border-radius: 3px";
  host.attachShadow({ mode: "closed" }).append(label);
  place(host, image);
  document.documentElement.append(host);
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
