// Options: the language, how common fakes are, and what the detector is. Thresholds are its own.

import { make, worthSaid } from "../web/card.js";
import { sayAll } from "../web/words.js";
import { about, status } from "./bundle.js";
import { settings, voice } from "./more-words.js";

const byId = (id) => document.getElementById(id);

async function speak(packed) {
  const say = await voice();
  const { language, prevalence } = await settings();
  sayAll(say, "options.title");
  byId("language").value = language;
  byId("prevalence").value = Math.log10(prevalence);
  byId("prevalence-said").textContent = say.share(prevalence);
  const { calibration } = status(packed);
  byId("worth").textContent = worthSaid(say, calibration, prevalence);
  byId("model").replaceChildren(...inWords(say, packed, calibration).map((line) => make("p", {}, line)));
}

/** The card in words. */
function inWords(say, { card, version, precision, sha256 }, calibration) {
  const share = card.framing;
  const framing = share === null ? say("options.whole") : say("options.framed", { share: say.share(share) });
  const lines = [
    say("about", { name: card.name, version, engine: "ONNX Runtime Web", precision }),
    say("options.side", { side: card.image_size, framing }),
  ];
  if (card.sources.length) lines.push(say("options.sources", { sources: card.sources.join(", ") }));
  if (calibration) {
    const { t_real: real, t_fake: fake, false_fake, false_real } = calibration;
    lines.push(say("options.thresholds", { real: say.number(real), fake: say.number(fake) }));
    for (const [called, { rate, count, source }] of [["fake", false_fake], ["real", false_real]]) {
      lines.push(say(`rate.${called}`, { rate: say.share(rate), count, source }));
    }
  }
  if (card.drawn_sample) lines.push(say("drawn"));
  const hashes = Object.entries(sha256).map(([name, hash]) => say("options.sha256", { name, sha256: hash }));
  return [...lines, ...hashes];
}

async function start() {
  const packed = await about(new URL("../bundle/", import.meta.url));
  byId("language").addEventListener("change", async () => {
    await chrome.storage.local.set({ language: byId("language").value });
    await speak(packed);
  });
  byId("prevalence").addEventListener("input", async () => {
    await chrome.storage.local.set({ prevalence: 10 ** byId("prevalence").value });
    await speak(packed);
  });
  await speak(packed);
}

start();
