// The page: takes pictures in, asks the service, shows cards.

import { make, picture, verdict, worthSaid } from "./card.js";
import { isFilm, persons, player } from "./film.js";
import { intake } from "./intake.js";
import { Problem, Service } from "./service.js";
import { explanation, frame } from "./why.js";
import { WORDS, sayAll, speaker } from "./words.js";

const AT_ONCE = 2;
const byId = (id) => document.getElementById(id);
const service = new Service(document.baseURI);
const cards = [];
let status = null;
let say = speaker("en");
let busy = 0;

class Card {
  constructor(file) {
    this.file = file;
    this.name = file.name || "image";
    this.source = URL.createObjectURL(file);
    this.faces = byId("faces").value || "auto";
    this.film = isFilm(file);
    this.state = "waiting";
    this.element = make("li", { className: "card" });
    byId("cards").append(this.element);
    this.show();
  }

  async judge() {
    this.state = "judging";
    this.show();
    try {
      const waiting = () => this.tell("waiting");
      this.answer = await (this.film
        ? this.judgeFilm(waiting)
        : service.predict(this.file, this.faces, waiting));
      this.state = "judged";
      news(say("said", { name: this.name, verdict: say(this.answer.verdict) }));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.problem = problem;
      this.state = "failed";
      news(say("failed", { name: this.name, error: inWords(problem) }));
    }
    this.show();
  }

  judgeFilm(waiting) {
    // Said here already, because browsers do not hear an answer before all of a file is sent.
    if (this.file.size > status.limits.video_bytes) throw new Problem("too_large", "");
    return service.film(this.file, this.faces, waiting);
  }

  show() {
    const prevalence = 10 ** byId("prevalence").value;
    const buttons = make("div", { className: "buttons" });
    const parts = [make("h3", {}, this.name)];
    if (this.state === "judged" && this.film) {
      this.player = player(say, this.drawn ?? this.source, this.name);
      this.words = make("div", { className: "words" }, ...persons(say, this.answer, status));
      parts.push(this.player, this.words);
      if (!this.drawn && this.answer.tracks.length) buttons.append(button("draw", this.name, () => this.draw()));
    } else if (this.state === "judged") {
      parts.push(picture(say, this.answer, this.source, this.name));
      this.words = make("div", { className: "words" }, ...verdict(say, this.answer, status, prevalence));
      parts.push(this.words, this.why());
      buttons.append(button("report", this.name, () => this.report()));
    } else if (this.state === "failed") {
      parts.push(make("p", { className: "error" }, inWords(this.problem)));
      buttons.append(make("button", { type: "button", onclick: () => this.retry() }, say("again")));
    } else {
      this.progress = make("p", { className: "progress" }, say(this.film ? "watching" : "judging"));
      parts.push(this.progress);
    }
    this.complaint = make("p", { className: "error", hidden: true });
    buttons.append(button("remove", this.name, () => this.remove()));
    this.element.replaceChildren(...parts, this.complaint, buttons);
    this.element.setAttribute("aria-busy", String(this.state === "judging"));
  }

  // What opens on the question why; the service is asked when it does for the first time.
  why() {
    this.reasons = make("div", { className: "reasons" });
    const summary = make("summary", { ariaLabel: say("why.of", { name: this.name }) }, say("why"));
    // Asked of the one before, because its event comes later than its change.
    const open = this.details?.open ?? false;
    const details = make("details", { className: "why", open }, summary, this.reasons);
    details.addEventListener("toggle", () => {
      if (details.open && !this.asked) this.explain();
    });
    this.details = details;
    if (this.explained) this.tellWhy();
    else if (this.asked) this.tellReason("explaining");
    return details;
  }

  async explain() {
    this.asked = true;
    this.tellReason("explaining");
    try {
      this.explained = await service.explain(this.file, this.faces, () => this.tellReason("waiting"));
      this.tellWhy();
      news(say("explained", { name: this.name }));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.asked = false;
      const retry = () => {
        // The button goes away; what has the focus stays.
        this.element.querySelector("summary").focus();
        this.explain();
      };
      const again = make("button", { type: "button", onclick: retry }, say("again"));
      this.reasons.replaceChildren(make("p", { className: "error" }, inWords(problem)), again);
      news(say("failed", { name: this.name, error: inWords(problem) }));
    }
  }

  tellReason(key) {
    this.reasons.replaceChildren(make("p", { className: "progress" }, say(key)));
  }

  tellWhy() {
    const highlight = (box, words) => frame(this.element, box, words);
    this.reasons.replaceChildren(...explanation(say, this.explained, highlight));
  }

  // Say it again for another prevalence, without touching what may have the focus.
  revalue() {
    if (this.state !== "judged" || this.film) return;
    const said = this.words.querySelector(".worth");
    const prevalence = 10 ** byId("prevalence").value;
    if (said) said.textContent = worthSaid(say, status.calibration, prevalence);
  }

  tell(key) {
    this.progress.textContent = say(key);
  }

  retry() {
    this.state = "waiting";
    this.show();
    work();
  }

  // Show the video with its heatmaps instead of the video itself.
  async draw() {
    const pressed = this.element.querySelector(".buttons button");
    pressed.disabled = true;
    this.complain("drawing", "progress");
    try {
      const waiting = () => this.complain("waiting", "progress");
      this.drawn = URL.createObjectURL(await service.drawn(this.file, this.faces, waiting));
      this.show();
      this.player.firstElementChild.focus();
      news(say("annotated", { name: this.name }));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      pressed.disabled = false;
      this.complaint.className = "error";
      this.complaint.textContent = inWords(problem);
      news(inWords(problem));
    }
  }

  complain(key, className) {
    this.complaint.className = className;
    this.complaint.textContent = say(key);
    this.complaint.hidden = false;
  }

  async report() {
    // Opened at once: after an answer has been waited for, browsers block new windows.
    const opened = window.open("", "_blank");
    try {
      if (!opened) throw new Problem("popup", "");
      const report = await service.report(this.file, this.faces);
      opened.location = URL.createObjectURL(report);
    } catch (problem) {
      opened?.close();
      if (!(problem instanceof Problem)) throw problem;
      this.complaint.textContent = inWords(problem);
      this.complaint.hidden = false;
      news(inWords(problem));
    }
  }

  remove() {
    const at = cards.indexOf(this);
    cards.splice(at, 1);
    this.element.remove();
    URL.revokeObjectURL(this.source);
    if (this.drawn) URL.revokeObjectURL(this.drawn);
    byId("none").hidden = cards.length > 0;
    const next = cards[Math.min(at, cards.length - 1)];
    (next?.element.querySelector(".buttons button:last-child") ?? byId("files")).focus();
  }
}

function button(key, name, onclick) {
  return make("button", { type: "button", onclick, ariaLabel: say(`${key}.of`, { name }) }, say(key));
}

function inWords(problem) {
  const key = `error.${problem.code}`;
  return say.knows(key) ? say(key) : problem.message;
}

/** Have it read out, after what came a moment before. */
function news(text) {
  byId("news").append(make("p", {}, text));
}

async function work() {
  if (!status) await greet();
  while (status && busy < AT_ONCE) {
    const next = cards.find((card) => card.state === "waiting");
    if (!next) return;
    busy++;
    next.judge().finally(() => {
      busy--;
      work();
    });
  }
}

function take(files) {
  for (const file of files) cards.push(new Card(file));
  byId("none").hidden = cards.length > 0;
  work();
}

// Ask the service what it is, and say so.
async function greet() {
  try {
    status = await service.status();
    byId("warning").hidden = true;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    warn(inWords(problem));
  }
  speak();
}

function warn(text) {
  byId("warning").textContent = text;
  byId("warning").hidden = false;
}

// Say everything in the language that was chosen.
function speak() {
  say = speaker(byId("language").value);
  sayAll(say);
  if (status) describe();
  value();
  for (const card of cards) card.show();
}

function describe() {
  const { model, limits, engine, precision } = status;
  byId("about").textContent = say("about", { ...model, engine, precision });
  const megabytes = new Intl.NumberFormat(say.language, { style: "unit", unit: "megabyte" });
  const [size, film] = [limits.bytes, limits.video_bytes].map((bytes) => megabytes.format(bytes / 1e6));
  const minutes = say.number(limits.video_seconds / 60, 0);
  byId("limits").textContent = say("limits", { size, pixels: limits.pixels / 1e6, film, minutes });
  byId("key-field").hidden = !status.key;
  byId("prevalence-field").hidden = !status.calibration;
  const chosen = byId("faces").value;
  const choices = status.faces.map((way) => make("option", { value: way }, say(`faces.${way}`)));
  byId("faces").replaceChildren(...choices);
  if (chosen) byId("faces").value = chosen;
  if (status.drawn_sample) warn(say("drawn"));
}

function value() {
  const prevalence = 10 ** byId("prevalence").value;
  byId("prevalence-said").textContent = say.share(prevalence);
  byId("prevalence").setAttribute("aria-valuetext", say.share(prevalence));
  if (status) byId("worth").textContent = worthSaid(say, status.calibration, prevalence);
  for (const card of cards) card.revalue();
}

function start() {
  const wanted = navigator.language.slice(0, 2);
  byId("language").value = wanted in WORDS ? wanted : "en";
  byId("language").addEventListener("change", speak);
  byId("prevalence").addEventListener("input", value);
  byId("key").addEventListener("input", () => (service.key = byId("key").value.trim()));
  intake(take);
  greet();
}

start();
