// What is put into a page when the visitor asks about a picture: it hands the picture over, and
// gives a place to the frame in which the extension says what it found.

import { framed } from "./framed.js";
import { listen } from "./messages.js";
import { bytes, drawn } from "./taking.js";

// As large as it may become, whatever it says.
const PANEL = { position: "fixed", top: "0", right: "0", width: "min(27rem, 100vw)", height: "min(46rem, 100vh)" };

// A second click puts this file into the page again.
if (!globalThis.deepfakePanel) {
  let host = null;
  globalThis.deepfakePanel = true;
  const close = () => host?.remove();
  listen("page", {
    bytes,
    drawn,
    close,
    open: ({ ticket }) => {
      close();
      ({ host } = framed(ticket, PANEL));
      document.documentElement.append(host);
    },
  });
}
