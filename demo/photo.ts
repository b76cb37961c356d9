import jpeg from 'jpeg-js';
import { paintForest } from './forest.ts';
import { seeded } from './random.ts';

/** A picture of `width` x `height` pixels in exactly `bytes` bytes. */
export interface PhotoOptions {
  width: number;
  height: number;
  /** 32-bit; even seeds are night, odd ones the hour before sunrise. */
  seed: number;
  bytes: number;
}

/** Marker and length of a JPEG comment segment (ITU-T T.81, B.2.4.5). */
const COMMENT_HEADER = 4;
/** The 16-bit length counts its own two bytes. */
const COMMENT_MAX = COMMENT_HEADER + 65533;

/**
 * A JPEG of a misty fir forest, the same bytes for the same options and JavaScript engine. The best
 * quality that fits is chosen, then comment segments bring the file to exactly `bytes`.
 *
 * @throws RangeError if a size is not a positive integer or even the lowest quality takes more
 *   than `bytes`
 */
export function makePhoto({ width, height, seed, bytes }: PhotoOptions): Uint8Array {
  for (const [name, value] of Object.entries({ width, height, bytes })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`${name} is ${value}; give a positive whole number`);
    }
  }
  const data = develop(paintForest(width, height, seed), width, height, seed);
  const fits = (candidate: Uint8Array) =>
    candidate.length === bytes || candidate.length + COMMENT_HEADER <= bytes;

  let best: Uint8Array | undefined;
  let low = 1;
  let high = 100;
  let smallest = Number.POSITIVE_INFINITY;
  while (low <= high) {
    const quality = (low + high) >> 1;
    const encoded = jpeg.encode({ data, width, height }, quality).data;
    smallest = Math.min(smallest, encoded.length);
    if (fits(encoded)) {
      best = encoded;
      low = quality + 1;
    } else {
      high = quality - 1;
    }
  }
  if (!best) {
    throw new RangeError(
      `a ${width}x${height} picture takes at least ${smallest} bytes, ${bytes} are too few; ` +
        'ask for more bytes or fewer pixels',
    );
  }
  return pad(best, bytes, seed);
}

/** Darkens the corners and adds the grain of fast film: strongest in the middle tones. */
function develop(light: Float32Array, width: number, height: number, seed: number): Uint8Array {
  const random = seeded(seed ^ 0x9e3779b9);
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const corner = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2;
      const shade = 1 - 0.34 * corner * corner - 0.1 * corner;
      // Three uniform numbers make a good enough bell curve, of standard deviation 1/2.
      const bell = random() + random() + random() - 1.5;
      const tone = light[at * 3 + 1]!;
      const grain = bell * (0.01 + 0.04 * Math.sqrt(Math.max(0, tone * (1 - tone))));
      for (let channel = 0; channel < 3; channel++) {
        const value = light[at * 3 + channel]! * shade + grain;
        data[at * 4 + channel] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
      data[at * 4 + 3] = 255;
    }
  }
  return data;
}

/** Puts comment segments right behind the start-of-image marker, where every decoder skips them. */
function pad(encoded: Uint8Array, bytes: number, seed: number): Uint8Array {
  const random = seeded(~seed);
  const padded = new Uint8Array(bytes);
  padded.set(encoded.subarray(0, 2));
  let at = 2;
  for (let missing = bytes - encoded.length; missing > 0; ) {
    // A remainder too short for a segment of its own is avoided by leaving it a header's room.
    const rest = missing - COMMENT_MAX;
    const size = rest > 0 ? COMMENT_MAX - (rest < COMMENT_HEADER ? COMMENT_HEADER : 0) : missing;
    padded.set([0xff, 0xfe, (size - 2) >> 8, (size - 2) & 0xff], at);
    for (let i = at + COMMENT_HEADER; i < at + size; i++)
      padded[i] = 97 + Math.floor(random() * 26);
    at += size;
    missing -= size;
  }
  padded.set(encoded.subarray(2), at);
  return padded;
}
