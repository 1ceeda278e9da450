// What is put into a page when the visitor asks about a picture: a panel that the page can neither
// read nor alter, in a closed shadow root and a world of its own.

import { make } from "../web/card.js";
import style from "../web/style.css";
import { ask, listen } from "./messages.js";
import { inWords, settings, voice } from "./more-words.js";
import panelStyle from "./panel.css";
import { rectangle } from "./rectangle.js";
import { bytes, drawn } from "./taking.js";
import { verdictView } from "./verdict-view.js";

class Panel {
  constructor(say, prevalence) {
    this.say = say;
    this.prevalence = prevalence;
    this.host = document.createElement("div");
    // Nothing that the page styles or hides by name.
    this.host.style.cssText = "all: initial; position: fixed; inset: 0 0 auto auto; z-index: 2147483647";
    this.shadow = this.host.attachShadow({ mode: "closed" });
    this.shadow.append(sheet(style.replaceAll(":root", ":host") + panelStyle));
    this.body = make("div", { className: "body" });
    const close = make("button", { type: "button", className: "close", onclick: () => this.close() }, say("close"));
    const heading = make("h2", {}, say("title"));
    const lookalike = make("p", { className: "limits" }, say("lookalike"));
    this.element = make("section", { className: "panel", role: "dialog", ariaLabel: say("title"), tabIndex: -1 },
      make("div", { className: "head" }, heading, close), this.body, lookalike);
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.shadow.append(this.element);
  }

  open() {
    document.documentElement.append(this.host);
    this.element.focus();
    this.tell(this.say("judging"));
    this.wait();
  }

  /** Say how far the detector is loaded, while that takes its time. */
  async wait() {
    this.waiting = true;
    while (this.waiting) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      if (!this.waiting) return;
      const share = await ask("background", "progress");
      if (this.waiting && share < 1) this.tell(this.say("loading", { share: this.say.share(share) }));
      else if (this.waiting) this.tell(this.say("judging"));
    }
  }

  close() {
    this.waiting = false;
    this.host.remove();
  }

  tell(text, className = "progress") {
    if (className !== "progress") this.waiting = false;
    this.body.replaceChildren(make("p", { className, role: "status" }, text));
  }

  show(url, judged) {
    this.waiting = false;
    const name = url.startsWith("data:") ? "" : url.split(/[?#]/)[0].split("/").pop();
    const parts = verdictView(this.say, judged, url, name, this.prevalence);
    const frame = parts.flatMap((part) => [...part.querySelectorAll(".frame")])[0];
    const mark = make("button", { type: "button" }, this.say("mark"));
    mark.addEventListener("click", async () => {
      mark.textContent = this.say("marking");
      const box = await rectangle(frame, judged.answer);
      this.tell(this.say("judging"));
      try {
        this.show(url, await ask("background", "picture", { url, box }));
      } catch (problem) {
        this.tell(inWords(this.say, { code: problem.code, detail: problem.message }), "error");
      }
    });
    this.body.replaceChildren(...parts, make("div", { className: "buttons" }, mark));
  }
}

/** A style that the page's content security policy does not forbid. */
function sheet(text) {
  const element = document.createElement("style");
  element.textContent = text;
  return element;
}

// A second click puts this file into the page again.
if (!globalThis.deepfakePanel) {
  let panel = null;
  globalThis.deepfakePanel = true;
  listen("page", {
    bytes,
    drawn,
    open: async () => {
      panel?.close();
      panel = new Panel(await voice(), (await settings()).prevalence);
      panel.open();
    },
    show: ({ url, answer, status }) => panel.show(url, { answer, status }),
    fail: ({ problem }) => panel.tell(inWords(panel.say, problem), "error"),
  });
}
