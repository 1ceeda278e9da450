// An explanation in words, out of an answer of the service: every sentence with what it rests on.

import { make, shape } from "./card.js";

const PARTS = ["verdict", "background"];

// Paragraphs whose footnotes show what was measured, or open a source. `highlight` is called with
// a measurement's box and words, or with null.
export function explanation(say, found, highlight) {
  const cited = [...new Set(found.sentences.flatMap(({ citations }) => citations))];
  const press = pressing(say, found, highlight);
  const mark = (id, told) => {
    const number = cited.indexOf(id) + 1;
    const note = found.notes[id];
    return note ? source(note, String(number), say("source.mark", { number, source: note.source })) :
      make("button", {
        type: "button", className: "note", ariaPressed: "false",
        ariaLabel: say("measured.mark", { number }),
        onclick: (event) => press(event.currentTarget, id, told),
      }, String(number));
  };
  const paragraph = (part) => {
    const said = found.sentences.filter((sentence) => sentence.part === part);
    if (!said.length) return [];
    // There before it says something, so that screen readers notice when it does.
    const told = make("p", { className: "told", role: "status" });
    const sentences = said.flatMap(({ text, citations }) => {
      return [make("span", { lang: "en" }, text), make("sup", {}, ...citations.map((id) => mark(id, told))), " "];
    });
    return [make("p", {}, ...sentences), told];
  };
  const notes = cited.filter((id) => id in found.notes).map((id) => {
    const note = found.notes[id];
    return make("li", { value: cited.indexOf(id) + 1, lang: "en" }, source(note, note.source));
  });
  return [
    ...(say.language === "en" ? [] : [make("p", { className: "soft" }, say("in_english"))]),
    ...PARTS.flatMap(paragraph),
    ...(notes.length ? [make("h4", {}, say("sources")), make("ol", {}, ...notes)] : []),
    make("h4", {}, say("measured.all")),
    make("ul", { lang: "en" }, ...Object.values(found.measurements).map(({ brief }) => make("li", {}, brief))),
    make("p", { className: "soft" }, say(`written.${found.source}`, found)),
  ];
}

function source(note, text, label) {
  const named = label ? { className: "note", ariaLabel: label } : {};
  return make("a", { href: note.url, target: "_blank", rel: "noopener", ...named }, text);
}

// Return what shows a measurement when its footnote is pressed, and hides it when pressed again.
function pressing(say, found, highlight) {
  let pressed = null;
  let shown = null;
  return (button, id, told) => {
    const again = pressed === button;
    pressed?.setAttribute("aria-pressed", "false");
    shown?.replaceChildren();
    highlight(null);
    [pressed, shown] = again ? [null, null] : [button, told];
    if (again) return;
    const { sentence, box } = found.measurements[id];
    const words = [`${say("measured")} `, make("span", { lang: "en" }, sentence)];
    button.setAttribute("aria-pressed", "true");
    if (box) highlight(box, words);
    else told.replaceChildren(...words);
  };
}

// Frame a part of the picture and say what was measured there, or nothing.
export function frame(card, box, words = []) {
  card.querySelector(".picture .told").replaceChildren(...words);
  const drawing = card.querySelector(".frame svg");
  drawing.querySelectorAll(".shown").forEach((rectangle) => rectangle.remove());
  if (!box) return;
  // Twice, dark under light, so that it is seen over every picture.
  const [x, y, width, height] = box;
  for (const name of ["shown under", "shown"]) {
    drawing.append(shape("rect", { class: name, x, y, width, height }));
  }
  card.querySelector(".frame").scrollIntoView({ block: "nearest" });
}
