// Draw evidence over a picture: blue speaks for real, red for fake.

const REAL = [47, 111, 176];
const FAKE = [200, 68, 43];
const LARGEST = 640;

// What was judged in an answer of the service: its faces, or the picture as a whole.
export function regions(answer) {
  return answer.faces.length ? answer.faces : [answer.whole];
}

// Paint the evidence of all regions; one scale, so that faces can be compared.
export function paint(canvas, answer) {
  const scale = Math.min(1, LARGEST / Math.max(answer.width, answer.height));
  const width = (canvas.width = Math.max(1, Math.round(answer.width * scale)));
  const height = (canvas.height = Math.max(1, Math.round(answer.height * scale)));
  const heat = new Float32Array(width * height);
  for (const { region, evidence } of regions(answer)) {
    spread(heat, width, height, region.map((side) => side * scale), evidence);
  }
  const highest = heat.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  heat.forEach((value, i) => {
    image.data.set(value > 0 ? FAKE : REAL, 4 * i);
    image.data[4 * i + 3] = (255 * Math.abs(value)) / highest;
  });
  context.putImageData(image, 0, 0);
}

// Spread a small map over its region, linearly between the centres of its cells.
function spread(heat, width, height, [left, top, across, down], evidence) {
  const right = Math.min(width, Math.round(left + across));
  const bottom = Math.min(height, Math.round(top + down));
  for (let y = Math.max(0, Math.round(top)); y < bottom; y++) {
    const [above, below, v] = between(y, top, down, evidence.length);
    for (let x = Math.max(0, Math.round(left)); x < right; x++) {
      const [before, after, u] = between(x, left, across, evidence[0].length);
      const upper = evidence[above][before] * (1 - u) + evidence[above][after] * u;
      const lower = evidence[below][before] * (1 - u) + evidence[below][after] * u;
      const value = upper * (1 - v) + lower * v;
      const i = y * width + x;
      if (Math.abs(value) > Math.abs(heat[i])) heat[i] = value;
    }
  }
}

// The two cells around a pixel, and how far it is from the first to the second.
function between(pixel, start, length, cells) {
  const at = Math.min(cells - 1, Math.max(0, ((pixel + 0.5 - start) / length) * cells - 0.5));
  const first = Math.floor(at);
  return [first, Math.min(first + 1, cells - 1), at - first];
}

// Where in the picture the evidence for a class is strongest: 0 to 8, row by row of a 3 × 3 grid.
export function strongest(answer, sign) {
  let most = -Infinity;
  let place = 4;
  for (const { region, evidence } of regions(answer)) {
    const [left, top, across, down] = region;
    evidence.forEach((row, i) =>
      row.forEach((value, j) => {
        if (sign * value <= most) return;
        most = sign * value;
        const x = (left + ((j + 0.5) / row.length) * across) / answer.width;
        const y = (top + ((i + 0.5) / evidence.length) * down) / answer.height;
        place = 3 * third(y) + third(x);
      }),
    );
  }
  return place;
}

const third = (share) => Math.min(2, Math.max(0, Math.floor(3 * share)));
