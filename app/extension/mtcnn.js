// The cascade of MTCNN, as `src.data.mtcnn`: P-Net proposes windows at every scale of a pyramid,
// R-Net rejects most of them, O-Net decides and places the landmarks; each corrects the boxes, and
// overlapping ones are merged after it. (Zhang, Zhang, Li & Qiao, IEEE Signal Processing Letters
// 23(10), 2016.)
//
// Boxes are left, top, right and bottom in pixels, counted from the outer edge of the picture.

import { rounded } from "./framing.js";
import { halvings, level, linear, sample } from "./sampling.js";

/** @typedef {import("./resize.js").Picture} Picture */
/**
 * The most probable has the highest rank.
 * @typedef {{box: number[], rank: number, score?: number, landmarks?: number[][]}} Window
 */
/**
 * Takes (n, H, W, 3) RGB and gives the outputs by name.
 * @typedef {(data: Uint8Array, shape: number[]) => Promise<Object<string, {data: Float32Array, dims: number[]}>>} Network
 */

const WINDOW = 12; // side of P-Net's window in pixels
const STRIDE = 2; // pixels between its windows
const FACTOR = 0.709; // between two scales of the pyramid: half the area
// Probabilities below which a stage rejects.
const PROPOSE = 0.6;
const REFINE = 0.7;
const DECIDE = 0.85;
// Overlaps above which the less probable of two boxes goes: within a scale, between scales, and
// of R-Net as intersection over union, of O-Net as the share of the smaller box.
const SAME_SCALE = 0.5;
const ALL_SCALES = 0.7;
const REFINED = 0.7;
const DECIDED = 0.7;
// The smallest face that is looked for, as a share of the longer side and in pixels.
const SMALLEST_SHARE = 0.04;
const SMALLEST = 20;

/**
 * Find the faces in a picture.
 * @param {Picture} picture upright.
 * @param {{pnet: Network, rnet: Network, onet: Network}} networks
 * @returns {Promise<import("./framing.js").Face[]>} the largest first.
 */
export async function find(picture, networks) {
  const smallest = Math.max(SMALLEST, SMALLEST_SHARE * Math.max(picture.width, picture.height));
  const levels = halvings(picture, 2 * WINDOW);
  const proposed = await propose(levels, networks.pnet, smallest);
  const refined = suppress(await look(levels, proposed, networks.rnet, 24, REFINE), REFINED);
  const decided = suppress(await look(levels, refined, networks.onet, 48, DECIDE), DECIDED, true);
  return decided
    .map(({ box: [left, top, right, bottom], score, landmarks }) => ({
      box: [left, top, right - left, bottom - top],
      score,
      landmarks,
    }))
    .sort((one, other) => other.box[2] * other.box[3] - one.box[2] * one.box[3]);
}

/** The scales of the pyramid, down to where the picture is as small as P-Net's window. */
export function scales(width, height, smallest) {
  const found = [];
  for (let scale = WINDOW / smallest; Math.min(width, height) * scale >= WINDOW; scale *= FACTOR) {
    found.push(scale);
  }
  return found;
}

/** @returns {Promise<Window[]>} */
async function propose(levels, pnet, smallest) {
  const { width, height } = levels[0];
  const found = [];
  for (const scale of scales(width, height, smallest)) {
    const [across, down] = [rounded(width * scale), rounded(height * scale)];
    const scaled = linear(level(levels, scale), across, down);
    const output = await pnet(scaled.data, [1, down, across, 3]);
    const [x, y] = [width / across, height / down];
    const windows = proposals(output).map(({ box, rank }) => ({
      box: [box[0] * x, box[1] * y, box[2] * x, box[3] * y],
      rank,
    }));
    found.push(...suppress(windows, SAME_SCALE));
  }
  return suppress(found, ALL_SCALES);
}

/** The boxes that P-Net proposes at one scale, in its pixels. */
function proposals(output) {
  const { data: probability, dims } = output.probability;
  const [, , columns] = dims;
  const offsets = output.offsets.data;
  const rank = ranks(output);
  const found = [];
  probability.forEach((value, i) => {
    if (value <= PROPOSE) return;
    const left = STRIDE * (i % columns);
    const top = STRIDE * Math.floor(i / columns);
    const box = [left, top, left + WINDOW, top + WINDOW].map(
      (side, k) => side + WINDOW * offsets[k * probability.length + i],
    );
    found.push({ box, rank: rank[i] });
  });
  return found;
}

/**
 * By what windows are ranked: their logits, where the networks give them. Probabilities near 1 are
 * alike to the last bit, so that a rounding of the runtime would choose the box.
 */
function ranks({ logits, probability }) {
  return (logits ?? probability).data;
}

/**
 * Run R-Net or O-Net on squares around the boxes, all at once; return those that it accepts,
 * corrected.
 * @returns {Promise<Window[]>}
 */
async function look(levels, windows, network, side, threshold) {
  if (!windows.length) return [];
  const squares = windows.map(({ box }) => square(box));
  const bytes = 3 * side * side;
  const patches = new Uint8Array(bytes * squares.length);
  squares.forEach((box, i) => {
    sample(levels, box, patches.subarray(i * bytes, (i + 1) * bytes), side);
  });
  const output = await network(patches, [squares.length, side, side, 3]);
  const rank = ranks(output);
  return squares.flatMap((box, i) => {
    const score = output.probability.data[i];
    if (score <= threshold) return [];
    const [width, height] = [box[2] - box[0], box[3] - box[1]];
    const offsets = output.offsets.data.subarray(4 * i, 4 * i + 4);
    const corrected = box.map((at, k) => at + offsets[k] * (k % 2 ? height : width));
    const placed = output.landmarks?.data.subarray(10 * i, 10 * i + 10);
    const landmarks = placed && [0, 1, 2, 3, 4].map((k) => [
      box[0] + placed[k] * width,
      box[1] + placed[k + 5] * height,
    ]);
    return [{ box: corrected, rank: rank[i], score, landmarks }];
  });
}

/** Widen a box around its centre to a square, of one pixel at least. */
function square([left, top, right, bottom]) {
  const half = Math.max(right - left, bottom - top, 1) / 2;
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  return [x - half, y - half, x + half, y + half];
}

/**
 * Keep the most probable of overlapping boxes, greedily (non-maximum suppression).
 * @param {Window[]} windows
 * @param {number} overlap a box goes when it overlaps a better one by more than this.
 * @param {boolean} ofSmaller measure the intersection against the smaller box, not the union.
 * @returns {Window[]} the best first.
 */
export function suppress(windows, overlap, ofSmaller = false) {
  const kept = [];
  let left = [...windows].sort((one, other) => other.rank - one.rank);
  while (left.length) {
    const [best, ...others] = left;
    kept.push(best);
    left = others.filter(({ box }) => {
      const shared = area(intersection(best.box, box));
      const [one, other] = [area(best.box), area(box)];
      return shared <= overlap * (ofSmaller ? Math.min(one, other) : one + other - shared);
    });
  }
  return kept;
}

const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);

function intersection(one, other) {
  const [left, top] = [Math.max(one[0], other[0]), Math.max(one[1], other[1])];
  const right = Math.max(left, Math.min(one[2], other[2]));
  return [left, top, right, Math.max(top, Math.min(one[3], other[3]))];
}
