// How a frame of the extension's own is put into a page: in a closed shadow root, so that the page
// can neither reach the frame nor style it, under a host that takes no room and says nothing.

// Above whatever the page says of it, `!important` or not.
const HOST = "all: initial !important; display: block !important; position: absolute !important; " +
  "left: 0 !important; top: 0 !important; width: 0 !important; height: 0 !important; z-index: 2147483647 !important";

/**
 * @param {string} ticket what the frame shows by the background's books; no page sees it.
 * @param {Object<string, string>} style of the frame: the same whatever it shows.
 * @returns {{host: HTMLElement, style: CSSStyleDeclaration}} what to put into the page, and the
 *   style of the frame.
 */
export function framed(ticket, style) {
  const host = document.createElement("div");
  host.style.cssText = HOST;
  const sheet = document.createElement("style");
  sheet.textContent = `:host { ${HOST} }`;
  const frame = document.createElement("iframe");
  frame.src = chrome.runtime.getURL("extension/frame.html");
  Object.assign(frame.style, { border: "0", colorScheme: "normal", ...style });
  // The frame's address is another in every session, and only a way to this one.
  const { origin } = new URL(chrome.runtime.getURL(""));
  frame.addEventListener("load", () => {
    frame.contentWindow.postMessage(ticket, origin);
    if (style.position === "fixed") frame.focus();
  }, { once: true });
  host.attachShadow({ mode: "closed" }).append(sheet, frame);
  return { host, style: frame.style };
}
