// On sites where the visitor wants it: a badge on every large picture that is in view.

import { framed } from "./framed.js";
import { ask, listen } from "./messages.js";
import { bytes, drawn } from "./taking.js";

// Sides in pixels of the page below which a picture gets no badge.
const LARGE = 160;
// The same whatever is said, so that a page cannot tell by it.
const BADGE = { position: "absolute", width: "7.5rem", height: "1.4rem" };

/** By picture in view, of what address it is and where its badge stands. */
const badges = new Map();
/** By picture, the last ticket and for what address. */
const tickets = new WeakMap();
const addressOf = (image) => image.currentSrc || image.src;

const inView = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) isIntersecting ? put(target) : drop(target);
});
const sizes = new ResizeObserver(() => place());

async function put(image) {
  const url = addressOf(image);
  const { width, height } = image.getBoundingClientRect();
  // What is not loaded yet is looked at again when it is.
  if (badges.get(image)?.url === url || Math.min(width, height) < LARGE || !image.naturalWidth) return;
  drop(image);
  const badge = { url };
  badges.set(image, badge);
  if (tickets.get(image)?.url !== url) {
    tickets.set(image, { url, ticket: await ask("background", "ticket", { url }) });
  }
  if (badges.get(image) !== badge) return;
  Object.assign(badge, framed(tickets.get(image).ticket, BADGE));
  sizes.observe(image);
  place();
  document.documentElement.append(badge.host);
}

function drop(image) {
  badges.get(image)?.host?.remove();
  badges.delete(image);
  sizes.unobserve(image);
}

function place() {
  for (const [image, { style }] of badges) {
    if (!style) continue;
    const { left, top } = image.getBoundingClientRect();
    style.left = `${left + scrollX + 6}px`;
    style.top = `${top + scrollY + 6}px`;
  }
}

const look = () => document.querySelectorAll("img").forEach((image) => inView.observe(image));
look();
new MutationObserver(() => {
  look();
  place();
}).observe(document.documentElement, { childList: true, subtree: true });
sizes.observe(document.documentElement);
// Of boxes that scroll within the page too.
document.addEventListener("scroll", place, { capture: true, passive: true });
// A picture that loads late, or takes the place of another.
document.addEventListener("load", ({ target }) => {
  if (target.localName !== "img") return;
  inView.unobserve(target);
  inView.observe(target);
}, true);

listen("page", { bytes, drawn });
