// How a picture is taken out of the page that shows it. In Firefox a page's script may not look
// into what `arrayBuffer` gives; a reader's text belongs to the script itself.

import { make } from "../web/card.js";
import { Problem } from "../web/service.js";
import { MAX_SENT } from "./messages.js";

/**
 * The bytes of a picture, where the page itself may have them.
 * @returns {Promise<{base64: string | null, gone: boolean}>} whether there is nothing at its address.
 */
export async function bytes({ url }) {
  let blob;
  try {
    const response = await fetch(url, { cache: "force-cache" });
    if (!response.ok) return { base64: null, gone: true };
    blob = await response.blob();
  } catch {
    // The page may forbid it, or the picture's site: in each browser it is an error of another kind.
    return { base64: null, gone: false };
  }
  return { base64: await text(blob), gone: false };
}

/** The pixels of a picture as PNG, where the page shows it and may read it; else null. */
export async function drawn({ url }) {
  const image = [...document.images].find((one) => one.currentSrc === url || one.src === url);
  if (!image?.naturalWidth) return null;
  const canvas = make("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  canvas.getContext("2d").drawImage(image, 0, 0);
  try {
    const blob = await new Promise((resolve) => canvas.toBlob(resolve));
    return blob && (await text(blob));
  } catch (error) {
    // It comes from elsewhere, and its site keeps it to itself.
    if (error.name === "SecurityError") return null;
    throw error;
  }
}

/**
 * @returns {Promise<string>} base64.
 * @throws {Problem} a message could not hold it.
 */
function text(blob) {
  if (blob.size > MAX_SENT) throw new Problem("too_large", "");
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(blob.size ? reader.result.slice(reader.result.indexOf(",") + 1) : "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
