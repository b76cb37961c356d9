import { createHash } from 'node:crypto';
import { loadAssets } from '../../demo/assets.ts';
import { makePhoto } from '../../demo/photo.ts';
import { seeded } from '../../demo/random.ts';

/** A file of the site under test. */
export interface Asset {
  /** Absolute path on the origin. */
  readonly path: string;
  /** `file`: for the client's interface, no element shows it. `film`: the same, taken in order and played. */
  readonly kind: 'img' | 'script' | 'stylesheet' | 'file' | 'film';
  readonly body: Uint8Array;
}

/** What is loaded: the paper's picture, a page of many files, one large file, one that is played. */
export type Site = 'photo' | 'page' | 'bulk' | 'film';

/** Of the film, in bytes per second: 1 Mbit/s, and how long it is. */
export const FILM_RATE = 125_000;
export const FILM_SECONDS = 20;

/** 100 MiB. */
export const BULK_BYTES = 104_857_600;

/** The paper's picture: 768 KB. */
export const PHOTO_BYTES = 786_432;

/** The paper's site (section 4): one picture of 786 432 bytes. */
export async function photoSite(): Promise<Asset[]> {
  const photo = (await loadAssets()).find(({ path }) => path.endsWith('/forest.jpg'));
  if (photo?.body.length !== PHOTO_BYTES)
    throw new Error(`the demo's photo should have ${PHOTO_BYTES} bytes, not ${photo?.body.length}`);
  return [{ path: '/assets/photo.jpg', kind: 'img', body: photo.body }];
}

/** One large file of chance. */
export function bulkSite(): Asset[] {
  return [{ path: '/assets/bulk.bin', kind: 'file', body: chance(BULK_BYTES) }];
}

/** What a film is to a network: bytes that are needed in order, so many a second. */
export function filmSite(): Asset[] {
  return [{ path: '/assets/film.bin', kind: 'film', body: chance(FILM_RATE * FILM_SECONDS) }];
}

function chance(bytes: number): Uint8Array {
  const random = seeded(100);
  const body = Uint32Array.from({ length: bytes / 4 }, () => random() * 2 ** 32);
  return new Uint8Array(body.buffer);
}

export async function siteOf(name: Site): Promise<Asset[]> {
  return { photo: photoSite, page: pageSite, bulk: bulkSite, film: filmSite }[name]();
}

/**
 * A page as many are: 30 files of 1 to 40 KB, 430 KB together. They depend on nothing but this code.
 */
export function pageSite(): Asset[] {
  const random = seeded(30);
  const between = (low: number, high: number) => Math.round(low + random() * (high - low));
  const assets: Asset[] = [];
  const text = (path: string, kind: Asset['kind'], start: string, bytes: number) => {
    let body = start;
    for (let line = 0; body.length < bytes; line++)
      body += `/* ${line}: ${Math.floor(random() * 2 ** 32).toString(36)} */\n`;
    assets.push({ path, kind, body: Buffer.from(body) });
  };
  for (let n = 1; n <= 3; n++)
    text(
      `/assets/style-${n}.css`,
      'stylesheet',
      `.card-${n} { color: #12${n}; }\n`,
      between(3e3, 2e4),
    );
  for (let n = 1; n <= 3; n++)
    text(
      `/assets/part-${n}.js`,
      'script',
      `window.parts = (window.parts ?? 0) + ${n};\n`,
      between(8e3, 4e4),
    );
  for (let n = 1; n <= 8; n++)
    assets.push({ path: `/assets/icon-${n}.svg`, kind: 'img', body: Buffer.from(icon(random)) });
  for (let n = 1; n <= 16; n++) {
    const options = { width: 150, height: 100, seed: n, bytes: between(14e3, 24e3) };
    assets.push({ path: `/assets/view-${n}.jpg`, kind: 'img', body: makePhoto(options) });
  }
  return assets;
}

function icon(random: () => number): string {
  const dots = Array.from({ length: 24 }, () => {
    const [x, y, r, hue] = [64, 64, 9, 360].map((most) => Math.floor(random() * most));
    return `<circle cx="${x}" cy="${y}" r="${r}" fill="hsl(${hue} 60% 50%)"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">${dots.join('')}</svg>\n`;
}

/** Value of `data-zf-hash` for an asset. */
export function contentId({ body }: Asset): string {
  return `sha256-${createHash('sha256').update(body).digest('base64')}`;
}

export function totalBytes(assets: readonly Asset[]): number {
  return assets.reduce((sum, { body }) => sum + body.length, 0);
}
