// Sites on which the visitor has turned badges on; each is a permission that can be taken back.

const WISH = "wish";
let granting = Promise.resolve();
// One for a host, as its permission is: with one a port, each picture would have several badges.
const SCRIPT = (origin) => `badges ${pattern(origin).slice(0, -2)}`;

/** What a browser calls all pages of a host, whatever the port; null for what is no site. */
export function pattern(url) {
  if (!/^https?:/.test(url ?? "")) return null;
  const { protocol, hostname } = new URL(url);
  return `${protocol}//${hostname}/*`;
}

/**
 * Remember what leave is being asked for: badges on a site. The window that asks may be closed
 * before the visitor answers.
 * @param {{origin: string, tab: number}} wished the site, and where it is shown.
 */
export async function wish({ origin, tab }) {
  await chrome.storage.session.set({ [WISH]: { origin, tab } });
}

/** Fulfil the wish where leave is there now; once, though both the browser and the pop-up say so. */
export function grant() {
  granting = granting.then(fulfil, fulfil);
  return granting;
}

async function fulfil() {
  const wished = (await chrome.storage.session.get(WISH))[WISH];
  if (!wished || !(await chrome.permissions.contains({ origins: [pattern(wished.origin)] }))) return;
  await refuse();
  await startBadges(wished.origin);
  await chrome.tabs.reload(wished.tab);
}

/** Forget the wish. */
export async function refuse() {
  await chrome.storage.session.remove(WISH);
}

export async function startBadges(origin) {
  await stopBadges(origin);
  await chrome.scripting.registerContentScripts([
    // From the root, because Firefox takes a path as seen from this file.
    { id: SCRIPT(origin), matches: [pattern(origin)], js: ["/extension/badges.js"], runAt: "document_idle" },
  ]);
}

export async function stopBadges(origin) {
  const ids = (await chrome.scripting.getRegisteredContentScripts()).map(({ id }) => id);
  if (ids.includes(SCRIPT(origin))) {
    await chrome.scripting.unregisterContentScripts({ ids: [SCRIPT(origin)] });
  }
}

/** Whether badges are on for a site. */
export async function hasBadges(origin) {
  const scripts = await chrome.scripting.getRegisteredContentScripts();
  return scripts.some(({ id }) => id === SCRIPT(origin));
}

/** Turn badges off where the permission is gone. */
export async function refresh() {
  for (const { id, matches } of await chrome.scripting.getRegisteredContentScripts()) {
    if (await chrome.permissions.contains({ origins: matches })) continue;
    await chrome.scripting.unregisterContentScripts({ ids: [id] });
  }
}
