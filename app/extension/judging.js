// A picture in a window or frame of the extension: how far its judging is, what was said, and the
// visitor's own rectangle around a face.

import { make } from "../web/card.js";
import { ask, toBytes } from "./messages.js";
import { inWords, settings } from "./more-words.js";
import { rectangle } from "./rectangle.js";
import { verdictView } from "./verdict-view.js";

const OFTEN = 400; // milliseconds

/** @typedef {{base64: string, notes: string[], source: string}} Taken a picture and where it is from. */

export class Judging {
  /**
   * @param {HTMLElement} place where it is said.
   * @param {Function} say
   */
  constructor(place, say) {
    this.place = place;
    this.say = say;
    this.address = null;
    this.waiting = null;
  }

  /**
   * Judge a picture.
   * @param {() => Promise<Taken>} take it.
   */
  async start(take) {
    await this.#try(async (mine) => this.#judge(mine, await take(), null));
  }

  /** Say something else in the same place. */
  tell(text, className = "progress") {
    this.place.replaceChildren(make("p", { className, role: "status" }, text));
  }

  async #try(work) {
    // What was begun before, and is not done yet, has nothing more to say.
    const mine = (this.waiting = Symbol());
    this.tell(this.say("judging"));
    this.#wait(mine);
    try {
      await work(mine);
    } catch (problem) {
      if (this.waiting === mine) {
        this.tell(inWords(this.say, { code: problem.code, detail: problem.message }), "error");
      }
    } finally {
      if (this.waiting === mine) this.waiting = null;
    }
  }

  /** Say how far the detector is loaded, while that takes its time. */
  async #wait(mine) {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, OFTEN));
      if (this.waiting !== mine) return;
      const share = await ask("background", "progress");
      if (this.waiting !== mine) return;
      this.tell(share < 1 ? this.say("loading", { share: this.say.share(share) }) : this.say("judging"));
    }
  }

  async #judge(mine, taken, box) {
    if (this.waiting !== mine) return;
    const judged = await ask("background", "check", { ...taken, box });
    const { prevalence } = await settings();
    if (this.waiting === mine) this.#show(taken, judged, prevalence);
  }

  #show(taken, judged, prevalence) {
    URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(new Blob([toBytes(taken.base64)]));
    const name = nameOf(taken.source);
    const parts = verdictView(this.say, judged, this.address, name, prevalence);
    const frame = parts.flatMap((part) => [...part.querySelectorAll(".frame")])[0];
    const mark = make("button", { type: "button" }, this.say("mark"));
    mark.addEventListener("click", async () => {
      mark.textContent = this.say("marking");
      // The button is far below the picture.
      frame.scrollIntoView({ block: "nearest" });
      const box = await rectangle(frame, judged.answer);
      await this.#try((mine) => this.#judge(mine, taken, box));
    }, { once: true });
    this.place.replaceChildren(...parts, make("div", { className: "buttons" }, mark));
  }
}

function nameOf(source) {
  return source.startsWith("data:") ? "" : source.split(/[?#]/)[0].split("/").pop();
}
