// The one translation of `src.detector.verdict`, and of what it stands on in `prediction` and
// `calibration`. Python writes the vectors that hold it to the original.

/** @typedef {"fake" | "real" | "inconclusive"} Word */
/** @typedef {{word: Word, reasons: string[]}} Verdict */
/**
 * What is judged: left, top, width and height in pixels, and why it cannot be (codes).
 * @typedef {{box: number[], reasons: string[]}} View
 */
/**
 * What the network says of a view: the raw logit, those of mild re-encodings, and the distance to
 * the training faces where the bundle has a measure of it.
 * @typedef {{logit: number, again?: number[], unfamiliarity?: number | null}} Output
 */
/** The card's `calibration`, as `Calibration.to_dict` writes it. @typedef {Object} Calibration */

// Products such as 100 * 0.99 must not fall on the wrong side of an integer.
const ROUNDING = 1e-9;

/** The probability of fake, in [0, 1]. */
export function probability(logit, temperature = 1) {
  return 0.5 * (1 + Math.tanh((0.5 * logit) / temperature));
}

/**
 * Judge one face by its logit.
 * @param {number} logit the network's raw output.
 * @param {Calibration | null} calibration without it a face is fake from a logit of 0 on.
 * @param {string[]} reasons why it cannot be judged; any makes it inconclusive.
 * @returns {Verdict}
 */
export function decide(logit, calibration = null, reasons = []) {
  if (reasons.length) return { word: "inconclusive", reasons: [...reasons] };
  if (!calibration) return { word: logit >= 0 ? "fake" : "real", reasons: [] };
  const score = logit / calibration.temperature;
  if (score > calibration.t_fake) return { word: "fake", reasons: [] };
  if (score < calibration.t_real) return { word: "real", reasons: [] };
  return { word: "inconclusive", reasons: ["between_thresholds"] };
}

/**
 * Judge one person by several frames of a video.
 * @param {number} logit the mean over the frames; it decides alone where there is no calibration.
 * @param {number | null} amongReal how unusual they are for a real person, a p-value; null where
 *   there are too few calibration images for one.
 * @param {number | null} amongFake the same for a fake.
 * @param {Calibration | null} calibration
 * @param {string[]} reasons why it cannot be judged.
 * @returns {Verdict}
 */
export function decideByFrames(logit, amongReal, amongFake, calibration = null, reasons = []) {
  if (reasons.length || !calibration) return decide(logit, null, reasons);
  const fake = amongReal !== null && passes(amongReal, calibration, "real");
  const real = amongFake !== null && passes(amongFake, calibration, "fake");
  // Between all fakes and all real faces is one threshold, and either answer keeps its promise.
  if (fake && real) return decide(logit, calibration);
  if (fake || real) return { word: fake ? "fake" : "real", reasons: [] };
  const few = [amongReal, amongFake].includes(null);
  return { word: "inconclusive", reasons: [few ? "too_few_for_video" : "between_thresholds"] };
}

/**
 * Judge an image by its faces.
 * @param {Verdict[]} faces what was said of each, at least one.
 * @param {number[]} logits of the same faces.
 * @param {Calibration | null} calibration
 * @returns {Verdict}
 */
export function combine(faces, logits, calibration = null) {
  const all = () => faces.map(() => true);
  return together(faces, !calibration || faces.length === 1 ? all() : rejected(logits, calibration));
}

/**
 * Judge an image by its faces, or a video by its persons, so that the error rate does not grow with
 * their number.
 * @param {Verdict[]} faces what was said of each, at least one.
 * @param {boolean[] | null} standsOut which do among all, see `standOut`; null: they are too many.
 * @returns {Verdict}
 */
export function together(faces, standsOut) {
  if (faces.every((face) => face.word === "real")) return { word: "real", reasons: [] };
  const reasons = [...new Set(faces.flatMap((face) => face.reasons))];
  if (!faces.some((face) => face.word === "fake")) return { word: "inconclusive", reasons };
  if (!standsOut) return { word: "inconclusive", reasons: [...reasons, "too_many_faces"] };
  if (faces.some((face, i) => face.word === "fake" && standsOut[i])) {
    return { word: "fake", reasons: [] };
  }
  return { word: "inconclusive", reasons: [...reasons, "among_many_faces"] };
}

const promise = (calibration, among) =>
  among === "real" ? calibration.false_fake : calibration.false_real;

/**
 * How unusual a logit is among real faces, or among fakes, by the source where it is least so; null
 * where no source is large enough for so many faces.
 * @param {"real" | "fake"} among real faces, where small means fake; or fakes, where it means real.
 * @returns {number | null}
 */
export function pValue(logit, faces, calibration, among = "real") {
  const least = faces / promise(calibration, among).rate - 1 - ROUNDING;
  const asExtreme = among === "real" ? (score) => score >= logit : (score) => score <= logit;
  const values = Object.values(calibration.scores[among])
    .filter((scores) => scores.length >= least)
    .map((scores) => (1 + scores.filter(asExtreme).length) / (scores.length + 1));
  return values.length ? Math.max(...values) : null;
}

/** Whether a p-value is so small that its promise allows to speak. */
export function passes(value, calibration, among = "real") {
  return value <= promise(calibration, among).rate + ROUNDING;
}

/**
 * Which faces of one image cannot pass for real, with one error rate for the image.
 * @returns {boolean[] | null}
 */
export function rejected(logits, calibration) {
  const values = logits.map((logit) => pValue(logit, logits.length, calibration));
  return standOut(values, calibration);
}

/**
 * Which of several p-values among real faces are too small (Holm's step-down procedure); null where
 * one is missing, because there are too many for the calibration set.
 * @param {(number | null)[]} values
 * @returns {boolean[] | null}
 */
export function standOut(values, calibration) {
  if (values.includes(null)) return null;
  const answers = values.map(() => false);
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  for (const [rank, face] of order.entries()) {
    const limit = calibration.false_fake.rate / (values.length - rank);
    if (values[face] > limit + ROUNDING) break;
    answers[face] = true;
  }
  return answers;
}

/**
 * Judge one view by what the network says of it.
 * @param {View} view
 * @param {Output} output
 * @param {Calibration | null} calibration
 * @returns {Verdict}
 */
export function judge(view, output, calibration) {
  const reasons = [...view.reasons];
  if (calibration) {
    const side = Math.min(view.box[2], view.box[3]);
    if (!reasons.length && side < calibration.smallest_side) reasons.push("face_too_small");
    if (isUnfamiliar(output.unfamiliarity, calibration)) reasons.push("unfamiliar");
  }
  const decided = decide(output.logit, calibration, reasons);
  const same = (other) => String([other.word, other.reasons]) === String([decided.word, decided.reasons]);
  if ((output.again ?? []).every((logit) => same(decide(logit, calibration, reasons)))) return decided;
  return decide(output.logit, calibration, [...decided.reasons, "unstable"]);
}

/** Whether a distance to the training faces is larger than nearly all calibration faces have. */
function isUnfamiliar(distance, calibration) {
  if (!calibration.unfamiliar || (distance ?? null) === null) return false;
  // What is no number is not familiar.
  return !(distance <= calibration.unfamiliar.threshold);
}

/**
 * Say of an image what follows from its views, at least one, and their outputs.
 * @param {View[]} views
 * @param {Output[]} outputs
 * @param {Calibration | null} calibration
 * @param {number} temperature of the graph that gave the outputs.
 * @returns {{verdict: Word, reasons: string[], p_fake: number, logit: number, parts: Verdict[]}}
 */
export function putTogether(views, outputs, calibration, temperature = calibration?.temperature ?? 1) {
  const parts = views.map((view, i) => judge(view, outputs[i], calibration));
  const logits = outputs.map((output) => output.logit);
  const { word, reasons } = combine(parts, logits, calibration);
  const logit = Math.max(...logits);
  return { verdict: word, reasons, p_fake: probability(logit, temperature), logit, parts };
}
