// What part of a picture the network judges, as `src.detector.framing` says.

/** @typedef {import("./resize.js").Picture} Picture */
/**
 * A face: left, top, width and height in pixels, which may stick out of the picture.
 * @typedef {{box: number[], score: number, landmarks: number[][]}} Face
 */
/** @typedef {{box: number[], face: Face | null, reasons: string[]}} View */

// As in Python: a face is framed as in training where it fills the frame to within this factor,
// and a frame is a square where its sides differ by no more.
const ALIKE = 1.25;
const SQUARE = 1.1;

/**
 * The parts of a picture to judge, the largest face first; at least one.
 * @param {{width: number, height: number}} picture
 * @param {number | null} share of a frame's width that the face fills; null takes all of it.
 * @param {Face[]} faces the largest first; ignored where there is no share.
 * @returns {View[]}
 */
export function views(picture, share, faces) {
  const whole = [0, 0, picture.width, picture.height];
  if (share === null) return [{ box: whole, face: null, reasons: [] }];
  if (!faces.length) return [{ box: whole, face: null, reasons: ["no_face"] }];
  const found = faces.map((face) => ({ box: cropBox(picture, face.box, share), face, reasons: [] }));
  if (fits(picture, share, faces[0])) found[0].box = whole;
  return found;
}

/** The rectangle that a visitor drew around a face, framed like one that was found. */
export function drawn(picture, share, box) {
  const face = { box, score: 1, landmarks: [] };
  const whole = [0, 0, picture.width, picture.height];
  return { box: share === null ? whole : cropBox(picture, box, share), face, reasons: [] };
}

function fits(picture, share, face) {
  const sides = [picture.width, picture.height].sort((a, b) => a - b);
  const ratio = face.box[2] / picture.width / share;
  return sides[1] <= SQUARE * sides[0] && 1 / ALIKE <= ratio && ratio <= ALIKE;
}

/**
 * Where a face is cut out: a square around it, shifted into the picture where it would stick out,
 * and the largest that fits where the picture is too small.
 * @returns {number[]} left, top, width, height in whole pixels.
 */
export function cropBox({ width: columns, height: rows }, [left, top, width, height], share) {
  const side = Math.min(Math.max(1, rounded(width / share)), rows, columns);
  const x = rounded(left + (width - side) / 2);
  const y = rounded(top + (height - side) / 2);
  return [within(x, columns - side), within(y, rows - side), side, side];
}

const within = (at, last) => Math.min(Math.max(at, 0), last);

/** Round as Python does: a half goes to the even neighbour. */
export function rounded(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
