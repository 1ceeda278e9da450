// Pillow's antialiased bicubic scaling of 8-bit pictures, to the last bit: the filter widens with
// the scale when it shrinks, its weights are rounded to fixed point, and each of its two passes
// rounds to 8 bits.

/**
 * A picture: RGB in [0, 255], row by row.
 * @typedef {{width: number, height: number, data: Uint8Array | Uint8ClampedArray}} Picture
 */

const SUPPORT = 2;
// Of the 31 bits of an integer, 8 hold the pixel and 1 what bicubic weights overshoot.
const PRECISION = 22;

/** Keys' cubic convolution with a = -0.5. */
function bicubic(x) {
  const a = -0.5;
  const at = Math.abs(x);
  if (at < 1) return ((a + 2) * at - (a + 3)) * at * at + 1;
  if (at < 2) return (((at - 5) * at + 8) * at - 4) * a;
  return 0;
}

/**
 * For each pixel of the result: the first one that it is made of, and their weights.
 * @param {number} from pixels.
 * @param {number} to pixels.
 * @returns {{first: number, weights: Int32Array}[]}
 */
export function weighting(from, to) {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = SUPPORT * stretch;
  const found = [];
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = new Float64Array(last - first);
    let sum = 0;
    for (let k = 0; k < weights.length; k++) {
      weights[k] = bicubic((k + first - centre + 0.5) * (1 / stretch));
      sum += weights[k];
    }
    const fixed = Int32Array.from(weights, (weight) => {
      const exact = weight * (1 / sum) * 2 ** PRECISION;
      return Math.trunc(exact < 0 ? exact - 0.5 : exact + 0.5);
    });
    found.push({ first, weights: fixed });
  }
  return found;
}

/**
 * Scale along one direction.
 * @param {Uint8Array} source
 * @param {Uint8Array} target
 * @param {number} lines that are scaled alike.
 * @param {number} line bytes from one line to the next, of the source.
 * @param {number} step bytes from one pixel of a line to the next, of the source.
 * @param {number} targetLine the same of the target.
 * @param {number} targetStep
 * @param {{first: number, weights: Int32Array}[]} pixels what the result is made of.
 */
function pass(source, target, lines, line, step, targetLine, targetStep, pixels) {
  for (let i = 0; i < pixels.length; i++) {
    const { first, weights } = pixels[i];
    for (let at = 0; at < lines; at++) {
      let red = 2 ** (PRECISION - 1);
      let green = red;
      let blue = red;
      let place = at * line + first * step;
      for (let k = 0; k < weights.length; k++) {
        const weight = weights[k];
        red += source[place] * weight;
        green += source[place + 1] * weight;
        blue += source[place + 2] * weight;
        place += step;
      }
      const to = at * targetLine + i * targetStep;
      target[to] = clamped(red >> PRECISION);
      target[to + 1] = clamped(green >> PRECISION);
      target[to + 2] = clamped(blue >> PRECISION);
    }
  }
}

const clamped = (value) => (value < 0 ? 0 : value > 255 ? 255 : value);

/**
 * Scale a picture to the square that the network takes; the aspect is not kept.
 * @param {Picture} picture
 * @param {number} size side of the result in pixels.
 * @returns {Picture} the picture itself where it has that size already.
 */
export function resize(picture, size) {
  const { width, height } = picture;
  if (width === size && height === size) return picture;
  // Pillow (from 13 on) begins with the height where that shrinks by far more pixels.
  const downFirst = height > size && height - size > 2 * (width - size);
  return downFirst ? across(down(picture, size), size) : down(across(picture, size), size);
}

/** @returns {Picture} */
function across({ width, height, data }, size) {
  if (width === size) return { width, height, data };
  const target = new Uint8Array(3 * size * height);
  pass(data, target, height, 3 * width, 3, 3 * size, 3, weighting(width, size));
  return { width: size, height, data: target };
}

/** @returns {Picture} */
function down({ width, height, data }, size) {
  if (height === size) return { width, height, data };
  const target = new Uint8Array(3 * width * size);
  pass(data, target, width, 3, 3 * width, 3, 3 * width, weighting(height, size));
  return { width, height: size, data: target };
}

/**
 * Cut a part out of a picture.
 * @param {Picture} picture
 * @param {number[]} box left, top, width and height in whole pixels, inside the picture.
 * @returns {Picture} a copy.
 */
export function cut(picture, [left, top, width, height]) {
  const data = new Uint8Array(3 * width * height);
  for (let row = 0; row < height; row++) {
    const start = 3 * ((top + row) * picture.width + left);
    data.set(picture.data.subarray(start, start + 3 * width), 3 * row * width);
  }
  return { width, height, data };
}
