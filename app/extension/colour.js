// Colours by their ICC profile to sRGB, by the engine that Python uses too (Little CMS): where two
// engines round differently, a crop may shift by a pixel and a score by more than it should.

const PERCEPTUAL = 0;
// Little CMS' names of pixel layouts: colour space, bytes to pass over, channels, bytes a channel.
const layout = (space, extra, channels) => (space << 16) | (extra << 7) | (channels << 3) | 1;
const GREY = { signature: 0x47524159, layout: layout(3, 0, 1), channels: 1 };
const RGB = { signature: 0x52474220, layout: layout(4, 0, 3), channels: 3 };
// As in Python: rounding between the many versions of the sRGB profile.
const ROUNDING = 2;
const STEP = 15;
// Pixels that are transformed at once.
const PIECE = 65_536;

let loading = null;

/** Load the engine, once. */
function engine() {
  loading ??= import("../lcms/lcms.js").then(({ instantiate }) =>
    instantiate({ locateFile: (name) => new URL(`../lcms/${name}`, import.meta.url).href }),
  );
  return loading;
}

/**
 * Return what transforms pixels to sRGB; null where there is nothing to do: no profile, a broken
 * one, one that does not belong to the picture's colours, or sRGB itself.
 * @param {Uint8Array | null} profile
 * @param {"grey" | "rgb"} colours of the picture.
 * @param {boolean} compressed as in a PNG.
 */
export async function transformTo(profile, colours, compressed) {
  const bytes = profile && compressed ? await inflated(profile) : profile;
  if (!bytes?.length) return null;
  const lcms = await engine();
  const transform = Transform.open(lcms, bytes, colours === "grey" ? GREY : RGB);
  if (!transform) return null;
  if (transform.changes()) return transform;
  transform.close();
  return null;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (error) {
    // Broken metadata says nothing about the pixels.
    if (!(error instanceof TypeError)) throw error;
    return null;
  }
}

class Transform {
  constructor(lcms, handle, from) {
    this.lcms = lcms;
    this.handle = handle;
    this.from = from;
    this.input = lcms._malloc(PIECE * from.channels);
    this.output = lcms._malloc(PIECE * RGB.channels);
  }

  /** @returns {Transform | null} null where the profile is broken or of other colours. */
  static open(lcms, bytes, from) {
    const memory = lcms._malloc(bytes.length);
    lcms.HEAPU8.set(bytes, memory);
    const profile = lcms._cmsOpenProfileFromMem(memory, bytes.length);
    lcms._free(memory);
    if (!profile) return null;
    const srgb = lcms._cmsCreate_sRGBProfile();
    const fits = lcms._cmsGetColorSpace(profile) >>> 0 === from.signature;
    const handle = fits && lcms._cmsCreateTransform(profile, from.layout, srgb, RGB.layout, PERCEPTUAL, 0);
    lcms._cmsCloseProfile(profile);
    lcms._cmsCloseProfile(srgb);
    return handle ? new Transform(lcms, handle, from) : null;
  }

  /**
   * Transform pixels where they are.
   * @param {Uint8ClampedArray} data RGBA; of grey pictures, three times the same.
   */
  apply(data) {
    const { lcms, input, output, from } = this;
    for (let start = 0; start < data.length; start += 4 * PIECE) {
      const count = Math.min(PIECE, (data.length - start) / 4);
      for (let i = 0; i < count; i++) {
        for (let colour = 0; colour < from.channels; colour++) {
          lcms.HEAPU8[input + i * from.channels + colour] = data[start + 4 * i + colour];
        }
      }
      lcms._cmsDoTransform(this.handle, input, output, count);
      for (let i = 0; i < count; i++) {
        for (let colour = 0; colour < 3; colour++) {
          data[start + 4 * i + colour] = lcms.HEAPU8[output + 3 * i + colour];
        }
      }
    }
  }

  /** Whether it moves any of a grid of colours by more than rounding. */
  changes() {
    const steps = this.from === GREY ? 256 : Math.floor(255 / STEP) + 1;
    const at = (i) =>
      this.from === GREY
        ? [i, i, i]
        : [i % steps, Math.floor(i / steps) % steps, Math.floor(i / steps ** 2)].map((n) => STEP * n);
    const count = steps ** this.from.channels;
    const values = Array.from({ length: count }, (_, i) => [...at(i), 255]).flat();
    const before = Uint8ClampedArray.from(values);
    const after = before.slice();
    this.apply(after);
    return after.some((value, i) => Math.abs(value - before[i]) > ROUNDING);
  }

  close() {
    this.lcms._cmsDeleteTransform(this.handle);
    this.lcms._free(this.input);
    this.lcms._free(this.output);
  }
}
