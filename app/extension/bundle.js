// The bundle that was packed with the extension: its card, and its files with their hashes.

import { Problem } from "../web/service.js";
import { probability } from "../web/verdict.js";

/**
 * What `pack.py` wrote about the files beside it.
 * @typedef {Object} Packed
 * @property {Object} card what is told of the bundle's card, and how it frames faces.
 * @property {string} version of the bundle: start of the SHA-256 of its card and weights, as the service gives it.
 * @property {string} precision the graph's.
 * @property {number} temperature of the graph.
 * @property {Object | null} calibration of the graph.
 * @property {Object<string, string>} reasons what the codes mean.
 * @property {Object<string, string>} sha256 by file.
 * @property {Object<string, number>} bytes by file.
 * @property {number} probe the logit of `probePicture`.
 */

/**
 * Read what is known about the bundle.
 * @param {URL} folder
 * @returns {Promise<Packed>}
 */
export async function about(folder) {
  const response = await fetch(new URL("packed.json", folder));
  return response.json();
}

/**
 * Read a file of the bundle, and refuse it where it is not the one that was packed.
 * @param {URL} folder
 * @param {string} name
 * @param {Packed} packed
 * @param {(bytes: number) => void} progress told how many more have been read.
 * @returns {Promise<Uint8Array>}
 */
export async function file(folder, name, packed, progress = () => {}) {
  const response = await fetch(new URL(name, folder));
  const parts = [];
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    progress(value.length);
  }
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  const digest = await sha256(bytes);
  if (digest !== packed.sha256[name]) throw new Problem("damaged", `${name}: ${digest}`);
  return bytes;
}

/** The SHA-256 of bytes, in hexadecimal. */
export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What is told about the detector to whoever draws a verdict, as the service's status does.
 * @param {Packed} packed
 */
export function status(packed) {
  const { card, version, precision, reasons, calibration } = packed;
  const model = { name: card.name, version };
  return { model, precision, drawn_sample: card.drawn_sample, reasons, calibration: told(calibration) };
}

function told(calibration) {
  if (!calibration) return null;
  const { temperature, t_fake, t_real, false_fake, false_real, scores } = calibration;
  const found = Object.values(scores.fake).map(
    (logits) => logits.filter((logit) => logit / temperature > t_fake).length / logits.length,
  );
  return {
    t_real: probability(t_real),
    t_fake: probability(t_fake),
    false_fake,
    false_real,
    true_fake: Math.min(...found),
  };
}
