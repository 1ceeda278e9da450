// A loaded detector: the bytes of a picture in; verdict, evidence and reasons out.

import { Problem } from "../web/service.js";
import { probability, putTogether } from "../web/verdict.js";
import { about, file, sha256, status } from "./bundle.js";
import { drawn, views } from "./framing.js";
import { find } from "./mtcnn.js";
import { read } from "./pixels.js";
import { cut, resize } from "./resize.js";
import { open } from "./runtime.js";

/** @typedef {import("./resize.js").Picture} Picture */
/** @typedef {import("./bundle.js").Packed} Packed */

const GRAPH = "model.onnx";
const FACES = ["pnet", "rnet", "onet"];
// Faces that the network takes at once: more only take memory.
const BATCH = 4;
// What the probability of the probe may differ by, as what an export may.
const PROBE = 0.01;

export class Detector {
  /**
   * @param {Packed} packed
   * @param {Function} network runs the graph.
   * @param {Object | null} networks of the face finder; null where no faces are looked for.
   */
  constructor(packed, network, networks) {
    this.packed = packed;
    this.network = network;
    this.networks = networks;
    this.status = status(packed);
  }

  /**
   * Load what was packed, and verify its hashes.
   * @param {Object} ort the runtime's module.
   * @param {URL} folder
   * @param {string[]} providers of execution, the preferred first.
   * @param {(bytes: number) => void} progress told how many more bytes have been read.
   */
  static async load(ort, folder, providers, progress) {
    const packed = await about(folder);
    const graph = await file(folder, GRAPH, packed, progress);
    const network = await open(ort, graph, providers);
    if (packed.card.framing === null) return new Detector(packed, network, null);
    const networks = {};
    for (const name of FACES) {
      const bytes = await file(folder, `faces/${name}.onnx`, packed, progress);
      // So small that a graphics processor would take longer to be asked.
      networks[name] = await open(ort, bytes);
    }
    return new Detector(packed, network, networks);
  }

  /**
   * Judge a picture by the bytes of its file.
   * @param {Uint8Array} bytes
   * @param {{box?: number[] | null, notes?: string[]}} more the box of a face that the visitor
   *   drew (left, top, width and height in pixels of the upright picture), and what is to be said
   *   of how the bytes were come by (codes).
   * @throws {Problem} it cannot be read.
   */
  async judge(bytes, { box = null, notes = [] } = {}) {
    const milliseconds = {};
    let began = performance.now();
    const lap = (name) => {
      const now = performance.now();
      milliseconds[name] = Math.round(now - began);
      began = now;
    };
    const { picture, notes: more } = await read(bytes);
    const digest = await sha256(bytes);
    lap("decoding");
    const share = this.packed.card.framing;
    const faces = share === null || box ? [] : await find(picture, this.networks);
    lap("faces");
    const seen = box ? [drawn(picture, share, box)] : views(picture, share, faces);
    const framed = seen.map((view) => resize(cut(picture, view.box), this.side));
    lap("framing");
    const outputs = await this.score(framed);
    lap("network");
    const rest = { notes: [...notes, ...more], sha256: digest, milliseconds };
    return answer(this.packed, picture, seen, outputs, rest);
  }

  /**
   * Judge a known picture, so that a runtime that computes something else is not believed.
   * @throws {Problem} the score is not that of the bundle.
   */
  async probe() {
    const [{ logit }] = await this.score([probePicture(this.side)]);
    const { probe, temperature } = this.packed;
    const away = Math.abs(probability(logit, temperature) - probability(probe, temperature));
    if (!(away <= PROBE)) throw new Problem("damaged", `the probe has ${logit}, not ${probe}`);
  }

  get side() {
    return this.packed.card.image_size;
  }

  /**
   * Run the network.
   * @param {Picture[]} pictures of its size.
   * @returns {Promise<{logit: number, bias: number, evidence: number[][], unfamiliarity: number | null}[]>}
   */
  async score(pictures) {
    const found = [];
    for (let start = 0; start < pictures.length; start += BATCH) {
      const batch = pictures.slice(start, start + BATCH);
      const values = new Float32Array(3 * this.side ** 2 * batch.length);
      batch.forEach(({ data }, i) => values.set(data, i * data.length));
      const output = await this.network(values, [batch.length, this.side, this.side, 3]);
      batch.forEach((_, i) => found.push(one(output, i)));
    }
    return found;
  }
}

/** The picture by which a runtime is checked, as `pack.probe_picture` makes it. */
export function probePicture(side) {
  const data = new Uint8Array(3 * side * side);
  for (let i = 0; i < data.length; i++) {
    const [x, y, colour] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side), i % 3];
    data[i] = Math.floor((x * x + 3 * x * y + 5 * y + 40 * colour) / 7) % 256;
  }
  return { width: side, height: side, data };
}

/** The outputs of one picture out of a batch. */
function one({ logit, bias, evidence, unfamiliarity }, i) {
  if (!Number.isFinite(logit.data[i])) throw new Problem("damaged", `logit ${logit.data[i]}`);
  const [, rows, columns] = evidence.dims;
  const map = evidence.data.subarray(i * rows * columns, (i + 1) * rows * columns);
  return {
    logit: logit.data[i],
    bias: bias.data[i],
    evidence: Array.from({ length: rows }, (_, row) => [...map.subarray(row * columns, (row + 1) * columns)]),
    unfamiliarity: unfamiliarity ? unfamiliarity.data[i] : null,
  };
}

/** What is said of a picture, in the words of the service's answer. */
function answer(packed, picture, seen, outputs, rest) {
  const { calibration, temperature } = packed;
  const said = putTogether(seen, outputs, calibration, temperature);
  const parts = seen.map(({ box, face }, i) => ({
    box: face?.box,
    region: box,
    p_fake: probability(outputs[i].logit, temperature),
    verdict: said.parts[i].word,
    reasons: said.parts[i].reasons,
    logit: outputs[i].logit,
    bias: outputs[i].bias,
    evidence: outputs[i].evidence,
  }));
  const faced = parts.filter((part) => part.box);
  return {
    p_fake: said.p_fake,
    verdict: said.verdict,
    reasons: said.reasons,
    faces: faced,
    whole: faced.length ? null : parts[0],
    width: picture.width,
    height: picture.height,
    model: { name: packed.card.name, version: packed.version },
    ...rest,
  };
}
