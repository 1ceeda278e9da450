// Verdicts of record: where a page can neither read nor alter them, until the browser ends.

const KEPT = 20;
const KEY = "records";

/** @param {{source: string, answer: Object, status: Object}} judged */
export async function record({ source, answer, status }) {
  const { verdict, p_fake, reasons, sha256 } = answer;
  const entry = { source: shortened(source), time: Date.now(), verdict, p_fake, reasons, sha256, model: status.model };
  await chrome.storage.session.set({ [KEY]: [entry, ...(await records())].slice(0, KEPT) });
}

/** The latest first. */
export async function records() {
  return (await chrome.storage.session.get(KEY))[KEY] ?? [];
}

function shortened(source) {
  return source.length > 200 ? `${source.slice(0, 199)}…` : source;
}
