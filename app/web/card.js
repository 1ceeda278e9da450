// The card of a verdict, out of an answer of the service. It decides nothing.

import { paint, strongest } from "./heatmap.js";

const SVG = "http://www.w3.org/2000/svg";
// Thresholds nearer than this on the line from 0 to 1 would be printed over one another.
const NEAR = 0.15;

// Make an element with properties and children; strings become text, never HTML.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Make a part of a drawing.
export function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// What is said of a p_fake, from where to where.
export function zones({ t_real: low, t_fake: high }) {
  return [["real", 0, low], ["inconclusive", low, high], ["fake", high, 1]];
}

// How many of those that are called fake are fake, by Bayes' rule; null where nothing is known.
export function worth(calibration, prevalence) {
  const found = prevalence * calibration.true_fake;
  return found ? found / (found + (1 - prevalence) * calibration.false_fake.rate) : null;
}

export function worthSaid(say, calibration, prevalence) {
  if (!calibration) return say("uncalibrated");
  const value = worth(calibration, prevalence);
  if (value === null) return say("nothing");
  return say("worth", {
    prevalence: say.share(prevalence),
    value: say.share(value),
    found: say.share(calibration.true_fake),
  });
}

// What a verdict says, in words: the heading, the scale, reasons, error rate and faces.
export function verdict(say, answer, status, prevalence) {
  const parts = [
    make("p", { className: `verdict ${answer.verdict}` }, say(answer.verdict)),
    scale(say, answer.p_fake, status.calibration),
    make("p", { className: "p" }, say("probability", { p: say.probability(answer.p_fake) })),
  ];
  const said = [
    ...answer.reasons.map((code) => reason(say, code, status)),
    ...rates(say, answer.verdict, status.calibration),
  ];
  parts.push(make("ul", {}, ...said.map((sentence) => make("li", {}, sentence))));
  if (answer.verdict === "fake" && status.calibration) {
    parts.push(make("p", { className: "worth" }, worthSaid(say, status.calibration, prevalence)));
  }
  if (answer.faces.length > 1) parts.push(faces(say, answer.faces));
  return parts;
}

export function reason(say, code, status) {
  const key = `reason.${code}`;
  return say.knows(key) ? say(key) : (status.reasons[code] ?? code);
}

export function rates(say, word, calibration) {
  if (!calibration) return [say("uncalibrated")];
  const promised = { fake: calibration.false_fake, real: calibration.false_real };
  return Object.entries(promised)
    .filter(([called]) => word === called || word === "inconclusive")
    .map(([called, { rate, count, source }]) =>
      say(`rate.${called}`, { rate: say.share(rate), count, source }),
    );
}

function faces(say, found) {
  const item = (face, i) =>
    make("li", {}, say("face", { number: i + 1, verdict: say(face.verdict), p: say.probability(face.p_fake) }));
  return make("ul", { className: "faces" }, ...found.map(item));
}

// A line from 0 to 1 with the two thresholds and a mark at p_fake.
function scale(say, p, calibration) {
  const bar = make("div", { className: "bar" });
  const values = { p: say.probability(p) };
  if (calibration) {
    Object.assign(values, { real: say.number(calibration.t_real), fake: say.number(calibration.t_fake) });
    for (const [word, from, to] of zones(calibration)) {
      const zone = make("span", { className: `zone ${word}` });
      zone.style.left = `${100 * from}%`;
      zone.style.width = `${100 * (to - from)}%`;
      bar.append(zone);
    }
  }
  const mark = make("span", { className: "mark" });
  mark.style.left = `${100 * p}%`;
  bar.append(mark);
  const ends = make("div", { className: "ends" });
  const tell = (text, at, className = "") => {
    const label = make("span", { className }, text);
    label.style.left = `${100 * at}%`;
    ends.append(label);
  };
  // They are one where nothing lies between them.
  const thresholds = calibration ? [...new Set([calibration.t_real, calibration.t_fake])] : [];
  const near = thresholds[1] - thresholds[0] < NEAR;
  // An end gives way to a threshold that stands where it would.
  for (const end of [0, 1]) {
    if (!thresholds.some((at) => Math.abs(end - at) < (near ? 0.25 : 0.08))) tell(String(end), end);
  }
  thresholds.forEach((value, i) => {
    // Near each other they stand side by side, and not beyond the line.
    if (near) tell(say.number(value), Math.min(Math.max(value, 0.14), 0.86), ["lower", "upper"][i]);
    else tell(say.number(value), value);
  });
  const label = say(calibration ? "scale" : "scale.plain", values);
  return make("div", { className: "scale", role: "img", ariaLabel: label }, bar, ends);
}

// The picture with its boxes and a heatmap whose opacity a slider sets.
export function picture(say, answer, source, name) {
  const towards = answer.p_fake >= 0.5 ? "fake" : "real";
  const place = say(`place.${strongest(answer, towards === "fake" ? 1 : -1)}`);
  const where = say("where", { verdict: say(towards), place });
  const canvas = make("canvas", { className: "heat" });
  paint(canvas, answer);
  const image = make("img", { src: source, alt: say("picture", { name, where }) });
  const frame = make("div", { className: "frame" }, image, canvas, boxes(answer));
  frame.style.aspectRatio = `${answer.width} / ${answer.height}`;
  frame.style.width = `min(100%, ${(30 * answer.width) / answer.height}rem)`;
  const missing = make("p", { className: "unseen-format", hidden: true }, say("unseen"));
  image.addEventListener("error", () => {
    missing.hidden = false;
    frame.classList.add("blank");
  });
  const slider = make("input", { type: "range", min: 0, max: 100, value: 60, className: "opacity" });
  const shade = () => (canvas.style.opacity = slider.value / 100);
  slider.addEventListener("input", shade);
  shade();
  // Says what was measured in a part of the picture while that is framed.
  const told = make("p", { className: "told", role: "status" });
  const legend = make("span", { className: "legend" }, say("legend"));
  const control = make("label", { className: "control" }, make("span", {}, say("heatmap")), slider, legend);
  return make("div", { className: "picture" }, frame, told, missing, control);
}

function boxes(answer) {
  const drawing = shape("svg", { viewBox: `0 0 ${answer.width} ${answer.height}`, "aria-hidden": "true" });
  answer.faces.forEach(({ box: [x, y, width, height], verdict: word }, i) => {
    drawing.append(shape("rect", { class: word, x, y, width, height }));
    if (answer.faces.length === 1) return;
    const size = answer.width / 25;
    const place = { x: Math.max(0, x) + size / 4, y: Math.max(0, y) + size, "font-size": size };
    const number = shape("text", place);
    number.textContent = i + 1;
    drawing.append(number);
  });
  return drawing;
}
