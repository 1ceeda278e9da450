// What stands over a page: a panel with a verdict, or a badge, in a frame of the extension's own.
// No page can look into it; and to a page that frames this itself it says nothing, without a ticket.

import { make } from "../web/card.js";
import { sayAll } from "../web/words.js";
import { Judging } from "./judging.js";
import { ask } from "./messages.js";
import { inWords, voice } from "./more-words.js";

/** What the background gave out for this frame; a window of its own has it in its address. */
async function handed() {
  if (location.hash) return location.hash.slice(1);
  return new Promise((resolve) => addEventListener("message", ({ data }) => resolve(String(data)), { once: true }));
}

async function panel(ticket, say) {
  const close = () => (location.hash ? window.close() : ask("background", "close", { ticket }));
  const button = make("button", { type: "button", className: "close", onclick: close }, say("close"));
  const body = make("div", { className: "body" });
  document.body.className = "panel";
  document.body.replaceChildren(
    make("div", { className: "head" }, make("h2", {}, say("title")), button),
    body,
    make("p", { className: "limits" }, say("lookalike")),
  );
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
  button.focus();
  await new Judging(body, say).start(() => ask("background", "take", { ticket }));
}

async function badge(ticket, say) {
  const label = make("p", { className: "badge", role: "status" }, "…");
  document.body.className = "badged";
  document.body.replaceChildren(label);
  try {
    const { verdict } = await ask("background", "badge", { ticket });
    label.classList.add(verdict);
    label.textContent = say(verdict);
    label.title = say("badge.more");
  } catch (problem) {
    label.textContent = "–";
    label.title = inWords(say, { code: problem.code, detail: problem.message });
  }
}

async function start() {
  const ticket = await handed();
  const kind = await ask("background", "kind", { ticket });
  const say = await voice();
  sayAll(say);
  await (kind === "badge" ? badge : panel)(ticket, say);
}

start();
