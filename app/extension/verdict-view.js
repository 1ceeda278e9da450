// A verdict as the page of the service draws it, with what the extension has to add.

import { make, picture, verdict } from "../web/card.js";

/**
 * @param {Function} say
 * @param {{answer: Object, status: Object}} judged
 * @param {string} source of the picture.
 * @param {string} name of the picture.
 * @param {number} prevalence share of fakes among what is checked.
 * @returns {HTMLElement[]}
 */
export function verdictView(say, { answer, status }, source, name, prevalence) {
  const words = make("div", { className: "words" }, ...verdict(say, answer, status, prevalence));
  const notes = answer.notes.map((code) => make("p", { className: "note" }, say(`note.${code}`)));
  const warning = status.drawn_sample ? [make("p", { className: "warning" }, say("drawn"))] : [];
  const caveat = make("p", { className: "limits" }, say("caveat"));
  return [...warning, picture(say, answer, source, name), words, ...notes, caveat];
}
