// Verdicts of record: where a page can neither read nor alter them, until the browser ends.

const KEPT = 20;
// Those of badges apart: a page has so many that they would push out what the visitor asked for.
const KEY = (badge) => (badge ? "badges" : "records");

/** @param {{source: string, marked: boolean, badge: boolean, answer: Object, status: Object}} judged */
export async function record({ source, marked, badge, answer, status }) {
  const { verdict, p_fake, reasons, sha256 } = answer;
  const { model, reasons: meanings } = status;
  const entry = { source: shortened(source), time: Date.now(), verdict, p_fake, marked, sha256, model };
  entry.reasons = Object.fromEntries(reasons.map((code) => [code, meanings[code] ?? code]));
  await chrome.storage.session.set({ [KEY(badge)]: [entry, ...(await records(badge))].slice(0, KEPT) });
}

/** The latest first, those of badges or all others. */
export async function records(badge = false) {
  return (await chrome.storage.session.get(KEY(badge)))[KEY(badge)] ?? [];
}

function shortened(source) {
  return source.length > 200 ? `${source.slice(0, 199)}…` : source;
}
