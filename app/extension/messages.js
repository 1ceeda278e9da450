// Messages between the extension's parts. They are JSON, so bytes travel as base64.

import { Problem } from "../web/service.js";

// What a message can hold, with room for what is around it.
export const MAX_SENT = 45_000_000;
const PIECE = 32_768;

/** @param {Uint8Array} bytes */
export function toText(bytes) {
  if (bytes.length > MAX_SENT) throw new Problem("too_large", "");
  let found = "";
  for (let start = 0; start < bytes.length; start += PIECE) {
    found += String.fromCharCode(...bytes.subarray(start, start + PIECE));
  }
  return btoa(found);
}

/** @param {string} text */
export function toBytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/**
 * Answer the messages to one part of the extension.
 * @param {string} part
 * @param {Object<string, (message: Object, sender: Object) => any>} answers by what is asked.
 */
export function listen(part, answers) {
  chrome.runtime.onMessage.addListener((message, sender, reply) => {
    if (message.to !== part || !(message.ask in answers)) return false;
    Promise.resolve()
      .then(() => answers[message.ask](message, sender))
      .then(
        (value) => reply({ value: value ?? null }),
        (error) => {
          reply({ problem: { code: error.code ?? "unexpected", detail: String(error.message ?? error) } });
          if (!(error instanceof Problem)) throw error;
        },
      );
    return true;
  });
}

/**
 * Return what came as an answer.
 * @throws {Problem} the other part had one.
 */
export function opened(reply) {
  if (!reply) throw new Problem("unexpected", "no answer");
  if (reply.problem) throw new Problem(reply.problem.code, reply.problem.detail);
  return reply.value;
}

/** Ask another part of the extension. */
export async function ask(part, what, message = {}) {
  return opened(await chrome.runtime.sendMessage({ to: part, ask: what, ...message }));
}
