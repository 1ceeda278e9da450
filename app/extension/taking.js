// How a picture is taken out of the page that shows it.

import { make } from "../web/card.js";
import { toText } from "./messages.js";

/** The bytes of a picture, where the page itself may have them; else null. */
export async function bytes({ url }) {
  try {
    const response = await fetch(url, { cache: "force-cache" });
    return response.ok ? toText(new Uint8Array(await response.arrayBuffer())) : null;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** The pixels of a picture as PNG, where the page shows it and may read it; else null. */
export async function drawn({ url }) {
  const image = [...document.images].find((one) => one.currentSrc === url || one.src === url);
  if (!image?.naturalWidth) return null;
  const canvas = make("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  canvas.getContext("2d").drawImage(image, 0, 0);
  try {
    const blob = await new Promise((resolve) => canvas.toBlob(resolve));
    return blob && toText(new Uint8Array(await blob.arrayBuffer()));
  } catch (error) {
    // It comes from elsewhere, and its site keeps it to itself.
    if (error.name === "SecurityError") return null;
    throw error;
  }
}
