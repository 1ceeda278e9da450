// The card of a video: the persons in it over time. It decides nothing.

import { make, rates, reason, shape, zones } from "./card.js";

// What the service says of a detector that only stills calibrated; else the rates and shades of
// stills mean nothing for a person in a video.
const ON_STILLS = "calibrated on stills, not on video";
const NAMES = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|wmv|m?ts|m2ts|flv)$/i;
// The timeline in its own units: the frames stand inside, dots and all.
const WIDE = 320;
const HIGH = 96;
const EDGE = 4;

export function isFilm(file) {
  return file.type.startsWith("video/") || NAMES.test(file.name);
}

// The video itself, or a sentence where the browser cannot play it.
export function player(say, source, name) {
  const missing = make("p", { className: "unseen-format", hidden: true }, say("unplayed"));
  const video = make("video", { src: source, controls: true, muted: true, preload: "metadata" });
  video.setAttribute("aria-label", name);
  video.addEventListener("error", () => {
    missing.hidden = false;
    video.hidden = true;
  });
  return make("div", { className: "film" }, video, missing);
}

// What is said of the video and of each person in it.
export function persons(say, answer, status) {
  const { tracks, calibration } = answer;
  const stills = calibration === ON_STILLS ? status.calibration : null;
  const looked = say("looked", {
    sampled: answer.sampled, frames: answer.frames, duration: seconds(say, answer.duration),
  });
  const judged = [
    ...answer.reasons.map((code) => reason(say, code, status)),
    ...(stills ? [...rates(say, answer.verdict, stills), say("stills")] : [say("rests", { calibration })]),
  ];
  const said = [...(tracks.length ? judged : [say("nobody")]), looked];
  return [
    make("p", { className: `verdict ${answer.verdict}` }, say(answer.verdict)),
    make("ul", {}, ...said.map((sentence) => make("li", {}, sentence))),
    ...tracks.map((track) => person(say, track, answer, status, stills)),
    ...(tracks.length ? [make("p", { className: "soft" }, say(stills ? "together" : "together.plain"))] : []),
  ];
}

function person(say, track, answer, status, stills) {
  const values = { number: track.id, verdict: say(track.verdict), p: say.probability(track.p_fake) };
  // What was said of the video as a whole is not said again.
  const codes = track.reasons.filter((code) => !answer.reasons.includes(code));
  return make("section", { className: `track ${track.verdict}` },
    make("h4", {}, say("person", values)),
    ...codes.map((code) => make("p", {}, reason(say, code, status))),
    timeline(say, track, answer, stills),
    make("p", { className: "soft" }, carried(say, track)),
    frames(say, track),
  );
}

function seconds(say, time) {
  return say.number(time, 1);
}

function carried(say, track) {
  const stretches = track.moments.map(({ start, end }) => {
    const [from, to] = [seconds(say, start), seconds(say, end)];
    return from === to ? from : `${from}–${to}`;
  });
  return stretches.length ? say("carried", { times: stretches.join("; ") }) : say("uncarried");
}

// p_fake over time, in words for those who do not see it; every value stands in the table below.
function timeline(say, track, answer, known) {
  const values = track.frames.map((frame) => frame.p_fake);
  const times = track.frames.map((frame) => frame.time);
  const label = say("timeline", {
    number: track.id, count: values.length,
    from: seconds(say, times[0]), to: seconds(say, times.at(-1)),
    low: say.probability(Math.min(...values)), high: say.probability(Math.max(...values)),
  });
  const drawing = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, "aria-hidden": "true" });
  const x = (time) => EDGE + (time / (answer.duration || 1)) * (WIDE - 2 * EDGE);
  const y = (p) => HIGH - EDGE - p * (HIGH - 2 * EDGE);
  if (known) {
    for (const [word, low, high] of zones(known)) {
      drawing.append(shape("rect", { class: `zone ${word}`, x: 0, width: WIDE, y: y(high), height: y(low) - y(high) }));
    }
  }
  for (const { start, end } of track.moments) {
    const [left, right] = [x(start) - EDGE, x(end) + EDGE];
    drawing.append(shape("rect", { class: "moment", x: left, width: right - left, y: HIGH - EDGE / 2, height: EDGE / 2 }));
  }
  for (const run of runs(track)) {
    const points = run.map(({ time, p_fake }) => `${x(time)},${y(p_fake)}`).join(" ");
    drawing.append(shape("polyline", { points }));
  }
  for (const { time, p_fake } of track.frames) {
    drawing.append(shape("circle", { cx: x(time), cy: y(p_fake), r: values.length > 100 ? 1 : 2 }));
  }
  const ends = make("div", { className: "ends" });
  for (const [at, text] of [[0, `${seconds(say, 0)} s`], [100, `${seconds(say, answer.duration)} s`]]) {
    const end = make("span", {}, text);
    end.style.left = `${at}%`;
    ends.append(end);
  }
  const sides = make("div", { className: "sides" }, make("span", {}, "1"), make("span", {}, "0"));
  return make("div", { className: "timeline", role: "img", ariaLabel: label }, sides, drawing, ends);
}

// The frames of each stretch in which the person was there.
export function runs({ frames, stretches }) {
  return stretches.map(({ start, end }) => frames.filter(({ time }) => time >= start && time <= end));
}

// Every frame in a table, made when it is opened.
function frames(say, track) {
  const details = make("details", { className: "frames" }, make("summary", {}, say("frames", { number: track.id })));
  const row = (tag, ...texts) => make("tr", {}, ...texts.map((text) => make(tag, tag === "th" ? { scope: "col" } : {}, text)));
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    const rows = track.frames.map(({ time, p_fake }) => row("td", seconds(say, time), say.probability(p_fake)));
    details.append(make("table", {}, make("thead", {}, row("th", say("time"), say("p_fake"))), make("tbody", {}, ...rows)));
  });
  return details;
}
