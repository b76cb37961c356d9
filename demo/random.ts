/**
 * Uniform numbers in [0, 1) from a 32-bit seed. The same seed gives the same numbers on every
 * machine, so a picture stays the same (mulberry32, Tommy Ettinger, public domain).
 */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Smooth random landscape over the plane, in [0, 1]. */
export type Noise = (x: number, y: number) => number;

/** Fractal value noise of `octaves` octaves, each twice as fine and half as strong. */
export function fractalNoise(random: () => number, octaves: number): Noise {
  const size = 256;
  const lattice = Float32Array.from({ length: size * size }, random);
  const at = (x: number, y: number) => lattice[((y & 255) << 8) | (x & 255)]!;
  const single = (x: number, y: number) => {
    const left = Math.floor(x);
    const top = Math.floor(y);
    const across = smooth(x - left);
    const down = smooth(y - top);
    const upper = mix(at(left, top), at(left + 1, top), across);
    const lower = mix(at(left, top + 1), at(left + 1, top + 1), across);
    return mix(upper, lower, down);
  };
  return (x, y) => {
    let sum = 0;
    let weight = 0.5;
    let scale = 1;
    for (let octave = 0; octave < octaves; octave++) {
      // The offset keeps the octaves' lattice lines from falling on one another.
      sum += weight * single(x * scale + octave * 17.3, y * scale + octave * 31.7);
      weight /= 2;
      scale *= 2;
    }
    return sum / (1 - weight * 2);
  };
}

export function mix(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}

/** 0 below `low`, 1 above `high`, smooth between. */
export function smoothstep(low: number, high: number, value: number): number {
  return smooth(Math.min(1, Math.max(0, (value - low) / (high - low))));
}

function smooth(share: number): number {
  return share * share * (3 - 2 * share);
}
