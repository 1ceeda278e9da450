// Sites on which the visitor has turned badges on; each is a permission that can be taken back.

const SCRIPT = (origin) => `badges ${origin}`;

export async function startBadges(origin) {
  await stopBadges(origin);
  await chrome.scripting.registerContentScripts([
    { id: SCRIPT(origin), matches: [`${origin}/*`], js: ["extension/badges.js"], runAt: "document_idle" },
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
