import { coverColumn, drawFir, type Mask } from './firs.ts';
import { fractalNoise, mix, type Noise, seeded, smoothstep } from './random.ts';

type Colour = readonly [red: number, green: number, blue: number];

interface Mood {
  zenith: Colour;
  sky: Colour;
  mist: Colour;
  near: Colour;
  moon: Colour;
}

const MOODS: readonly Mood[] = [
  {
    zenith: [0.02, 0.055, 0.1],
    sky: [0.09, 0.19, 0.27],
    mist: [0.47, 0.61, 0.65],
    near: [0.008, 0.022, 0.03],
    moon: [1, 0.96, 0.86],
  },
  {
    zenith: [0.1, 0.1, 0.2],
    sky: [0.36, 0.27, 0.37],
    mist: [0.86, 0.66, 0.58],
    near: [0.045, 0.035, 0.06],
    moon: [1, 0.9, 0.76],
  },
];

interface Scene {
  width: number;
  height: number;
  /** Red, green, blue of each pixel, 0 to 1, row by row. */
  pixels: Float32Array;
  mood: Mood;
  moonX: number;
  moonY: number;
  noise: Noise;
  random: () => number;
}

const LAYERS = 8;

/**
 * Paints a misty fir forest under the moon. Even seeds are night, odd ones the hour before sunrise;
 * the seed also places the moon, the ridges and every tree.
 *
 * @returns red, green, blue of each pixel, 0 to 1, row by row
 */
export function paintForest(width: number, height: number, seed: number): Float32Array {
  const random = seeded(seed);
  const moonOnRight = random() < 0.5;
  const scene: Scene = {
    width,
    height,
    pixels: new Float32Array(width * height * 3),
    mood: MOODS[(seed >>> 0) % MOODS.length]!,
    moonX: width * (moonOnRight ? 0.66 + 0.08 * random() : 0.26 + 0.08 * random()),
    moonY: height * (0.2 + 0.06 * random()),
    noise: fractalNoise(random, 5),
    random,
  };
  paintSky(scene);
  paintStars(scene);
  paintMoon(scene);
  const mask: Mask = { width, height, cover: new Float32Array(width * height) };
  for (let layer = 0; layer < LAYERS; layer++) paintLayer(scene, mask, layer / (LAYERS - 1));
  return scene.pixels;
}

/** Moonlight scattered towards the viewer, 0 to 1, by the distance from the moon. */
function glow({ moonX, moonY, height }: Scene, x: number, y: number): number {
  const distance = Math.hypot(x - moonX, y - moonY) / height;
  return 0.55 * Math.exp(-distance / 0.07) + 0.45 * Math.exp(-distance / 0.34);
}

function paintSky(scene: Scene): void {
  const { width, height, pixels, mood, noise } = scene;
  for (let y = 0; y < height; y++) {
    const down = y / height;
    const upper = smoothstep(0, 0.36, down);
    const lower = smoothstep(0.2, 0.62, down);
    for (let x = 0; x < width; x++) {
      const light = glow(scene, x, y);
      const cloud = smoothstep(0.42, 0.78, noise((x / height) * 2.1, down * 8 + 3));
      const at = (y * width + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const clear = mix(
          mix(mood.zenith[channel]!, mood.sky[channel]!, upper),
          mood.mist[channel]!,
          lower * 0.8,
        );
        const veil = cloud * (0.05 + 0.36 * light) * mood.moon[channel]!;
        pixels[at + channel] = clear + light * 0.55 * mood.moon[channel]! * (1 - clear) + veil;
      }
    }
  }
}

function paintStars({ width, height, pixels, moonX, moonY, random }: Scene): void {
  for (let star = 0; star < 260; star++) {
    const x = Math.floor(random() * (width - 1));
    const y = Math.floor(random() ** 1.6 * height * 0.42);
    const nearMoon = Math.exp(-Math.hypot(x - moonX, y - moonY) / (height * 0.16));
    const bright = 0.6 * random() ** 2.5 * (1 - nearMoon) * (1 - y / (height * 0.42));
    for (const [dx, dy, part] of [
      [0, 0, 1],
      [1, 0, 0.35],
      [0, 1, 0.35],
    ] as const) {
      const at = ((y + dy) * width + x + dx) * 3;
      for (let channel = 0; channel < 3; channel++) {
        pixels[at + channel] = Math.min(1, pixels[at + channel]! + bright * part);
      }
    }
  }
}

function paintMoon({ width, height, pixels, mood, moonX, moonY, noise }: Scene): void {
  const radius = height * 0.038;
  for (let y = Math.floor(moonY - radius - 2); y <= moonY + radius + 2; y++) {
    for (let x = Math.floor(moonX - radius - 2); x <= moonX + radius + 2; x++) {
      const distance = Math.hypot(x - moonX, y - moonY);
      const cover = Math.min(1, Math.max(0, (radius - distance) / 1.6 + 0.5));
      const seas = smoothstep(0.44, 0.66, noise(x / radius / 1.1 + 40, y / radius / 1.1 + 90));
      const bright = 1.06 - 0.13 * seas - 0.08 * (distance / radius) ** 3;
      const at = (y * width + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        pixels[at + channel] = mix(pixels[at + channel]!, mood.moon[channel]! * bright, cover);
      }
    }
  }
}

/** One ridge with its trees and the mist at their feet; `depth` 0 is the farthest, 1 the nearest. */
function paintLayer(scene: Scene, mask: Mask, depth: number): void {
  const { width, height, noise, random } = scene;
  const offset = 10 + depth * 60;
  const tree = height * mix(0.03, 0.5, depth ** 1.7);
  const base = height * mix(0.53, 1.06, depth ** 1.15);
  const swing = height * mix(0.2, 0.16, depth);
  const ridge = (x: number) => {
    const hills = noise((x / height) * mix(1.1, 1.5, depth) + offset, offset) - 0.5;
    // Near ridges sink towards the moon, so that the valley lies open below it.
    const open = Math.min(1, ((x - scene.moonX) / (width * 0.7)) ** 2);
    return base + swing * hills * 1.4 + height * depth * mix(0.16, -0.14, open);
  };

  mask.cover.fill(0);
  for (let x = 0; x < width; x++) coverColumn(mask, x, ridge(x), height);
  for (let x = -tree * 0.2; x < width + tree * 0.2; ) {
    const grown = tree * (0.4 + 0.8 * random() ** 1.5);
    drawFir(mask, { x, foot: ridge(x) + grown * 0.06, height: grown }, random);
    const dense = noise((x / height) * 3 + offset, offset + 50);
    x +=
      tree *
      mix(0.34, 0.09, smoothstep(0.25, 0.5, dense)) *
      mix(0.55, 1.1, depth) *
      (0.3 + 1.4 * random());
  }
  compositeLayer(scene, mask, depth, tree, ridge);
}

function compositeLayer(
  scene: Scene,
  mask: Mask,
  depth: number,
  tree: number,
  ridge: (x: number) => number,
): void {
  const { width, height, pixels, mood, noise } = scene;
  const haze = (1 - depth) ** 1.25 * 0.82;
  const thickest = mix(0.95, 0.25, depth ** 2);
  const bank = height * mix(0.06, 0.22, depth);
  const seam = depth * 90;
  for (let x = 0; x < width; x++) {
    const ground = ridge(x) - tree * 0.35;
    const lit = Math.exp(-Math.abs(x - scene.moonX) / (height * 0.75));
    for (let y = Math.max(0, Math.floor(ground - tree * 1.4)); y < height; y++) {
      const cover = mask.cover[y * width + x]!;
      if (cover === 0) continue;
      const drift = noise((x / height) * 2.6 + seam, (y / height) * 7 + seam);
      const mist = smoothstep(0, 1, (y - ground) / bank + (drift - 0.5) * 0.9) * thickest;
      const at = (y * width + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const air = mood.mist[channel]! * mix(0.62, 1.14, lit) * mix(1, 0.75, depth);
        const wood = mix(mood.near[channel]!, air, haze);
        pixels[at + channel] = mix(pixels[at + channel]!, mix(wood, air, mist), cover);
      }
    }
  }
}
