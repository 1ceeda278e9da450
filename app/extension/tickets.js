// For what picture of what page a frame is. Only the background gives tickets out and takes them;
// they outlive it, because browsers stop it when it has nothing to do.

import { Problem } from "../web/service.js";

const KEY = (ticket) => `ticket ${ticket}`;

/**
 * @typedef {Object} Errand
 * @property {"panel" | "badge"} kind
 * @property {string} url of the picture.
 * @property {number} tab
 * @property {number} frame of the page.
 * @property {string} [problem] why it cannot be done, a code.
 * @property {{verdict: string}} [said] of a badge that was drawn before.
 */

/**
 * @param {Errand} errand
 * @returns {Promise<string>} what no page can guess.
 */
export async function issue(errand) {
  const ticket = crypto.randomUUID();
  try {
    await keep(ticket, errand);
  } catch {
    // An address that is a picture in itself (`data:`), and more than a browser keeps for us.
    await keep(ticket, { ...errand, url: "", problem: "too_large" });
  }
  return ticket;
}

/** Write down what has become of an errand. */
export async function keep(ticket, errand) {
  await chrome.storage.session.set({ [KEY(ticket)]: errand });
}

/**
 * @returns {Promise<Errand>}
 * @throws {Problem} nobody gave that ticket out.
 */
export async function errandOf(ticket) {
  const errand = (await chrome.storage.session.get(KEY(ticket)))[KEY(ticket)];
  if (!errand) throw new Problem("unexpected", "no such ticket");
  return errand;
}

/** Forget the tickets of a tab that was closed. */
export async function forget(tab) {
  const known = Object.entries(await chrome.storage.session.get(null));
  const gone = known.filter(([key, errand]) => key.startsWith(KEY("")) && errand.tab === tab);
  await chrome.storage.session.remove(gone.map(([key]) => key));
}
