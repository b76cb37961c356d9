/** How much of each pixel one layer of trees covers, 0 to 1, row by row. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly cover: Float32Array;
}

/** One fir: where it stands, in pixels. */
export interface Fir {
  x: number;
  foot: number;
  height: number;
}

/** Draws a fir into the mask, branch by branch, as a silhouette with soft edges. */
export function drawFir(mask: Mask, fir: Fir, random: () => number): void {
  const { x, foot, height } = fir;
  const top = foot - height;
  const reach = height * (0.15 + 0.08 * random());
  const lean = (random() - 0.5) * 0.02;

  for (let y = Math.max(0, Math.floor(top)); y < Math.min(mask.height, foot); y++) {
    const share = (y - top) / height;
    const half = Math.max(0.35, height * 0.008 * share);
    const middle = x + lean * (foot - y);
    coverRow(mask, y, middle - half, middle + half);
  }

  const whorls = Math.round(Math.min(64, Math.max(12, height / 5)));
  for (let whorl = 0; whorl < whorls; whorl++) {
    const share = (whorl + random()) / whorls;
    const y = top + height * (0.02 + 0.92 * share);
    for (const side of [-1, 1]) {
      const length = reach * (0.05 + 0.95 * share ** 0.85) * (0.6 + 0.5 * random());
      // Young branches at the top point up, old ones below hang down.
      const droop = -0.35 + 0.85 * share ** 0.7 + 0.2 * (random() - 0.5);
      const thick = Math.max(0.9, height * 0.014) * (0.5 + share);
      drawBranch(mask, x + lean * (foot - y), y, side, length, droop, thick, random);
    }
  }
}

function drawBranch(
  mask: Mask,
  x: number,
  y: number,
  side: number,
  length: number,
  droop: number,
  thick: number,
  random: () => number,
): void {
  const upturn = 0.25 * length;
  for (let out = 0; out <= length; out++) {
    const share = out / length;
    const middle = y + droop * out - upturn * share ** 3;
    const needles = thick * (1 - share ** 2) * (0.4 + 1.1 * random());
    coverColumn(mask, Math.round(x + side * out), middle - needles * 0.35, middle + needles);
  }
}

/** Covers the pixels of column `x` from `upper` to `lower`, the ends in part. */
export function coverColumn(mask: Mask, x: number, upper: number, lower: number): void {
  if (x < 0 || x >= mask.width) return;
  const from = Math.max(0, Math.floor(upper));
  const to = Math.min(mask.height - 1, Math.floor(lower));
  for (let y = from; y <= to; y++) {
    const part = Math.min(y + 1, lower) - Math.max(y, upper);
    const at = y * mask.width + x;
    mask.cover[at] = Math.min(1, mask.cover[at]! + part);
  }
}

function coverRow(mask: Mask, y: number, left: number, right: number): void {
  const from = Math.max(0, Math.floor(left));
  const to = Math.min(mask.width - 1, Math.floor(right));
  for (let x = from; x <= to; x++) {
    const part = Math.min(x + 1, right) - Math.max(x, left);
    const at = y * mask.width + x;
    mask.cover[at] = Math.min(1, mask.cover[at]! + part);
  }
}
