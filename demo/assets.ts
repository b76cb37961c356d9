import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { makePhoto, type PhotoOptions } from './photo.ts';

/** One file of the demo site, as the origin serves it. */
export interface Asset {
  /** Absolute path on the origin, for example `/assets/forest.jpg`. */
  path: string;
  /** What the page's panel calls it. */
  name: string;
  type: string;
  body: Uint8Array;
  /** Value of `data-zf-hash`. */
  hash: string;
}

/** The paper's picture: 768 KB (section 4). */
export const PHOTO: PhotoOptions = { width: 1600, height: 1067, seed: 8, bytes: 768 * 1024 };
const SECOND_VIEW: PhotoOptions = { width: 1200, height: 800, seed: 5, bytes: 150 * 1024 };

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

const SITE = join(import.meta.dirname, 'site', 'assets');
const CACHE = join(import.meta.dirname, '.site');

/** Every asset of the site, in the order the panel lists them, hashed from the bytes at hand. */
export async function loadAssets(): Promise<Asset[]> {
  const [photo, second] = [await photoFile(PHOTO), await photoFile(SECOND_VIEW)];
  return [
    asset('forest.jpg', 'Picture', photo, 'sha1'),
    asset('site.css', 'Stylesheet', await siteFile('site.css')),
    asset('rings.svg', 'Background image', await siteFile('rings.svg')),
    asset('fraunces-400.woff2', 'Font, upright', await fontFile('400-normal')),
    asset('fraunces-400-italic.woff2', 'Font, italic', await fontFile('400-italic')),
    asset('phases.svg', 'Drawing', await siteFile('phases.svg')),
    asset('palette.js', 'First script', await siteFile('palette.js')),
    asset('gallery.js', 'Second script', await siteFile('gallery.js')),
    asset('dawn.jpg', 'Second view, on request', second),
  ];
}

function asset(
  file: string,
  name: string,
  body: Uint8Array,
  form: 'sha1' | 'sha256' = 'sha256',
): Asset {
  const digest = createHash(form).update(body);
  const hash = form === 'sha1' ? digest.digest('hex') : `sha256-${digest.digest('base64')}`;
  return { path: `/assets/${file}`, name, type: TYPES[extname(file)]!, body, hash };
}

function siteFile(name: string): Promise<Uint8Array> {
  return readFile(join(SITE, name));
}

function fontFile(face: string): Promise<Uint8Array> {
  const require = createRequire(import.meta.url);
  return readFile(require.resolve(`@fontsource/fraunces/files/fraunces-latin-${face}.woff2`));
}

/** A picture takes seconds to make, so it is kept in `.site` until the code that makes it changes. */
async function photoFile(options: PhotoOptions): Promise<Uint8Array> {
  const recipe = createHash('sha256').update(JSON.stringify([options, process.version]));
  for (const source of ['photo.ts', 'forest.ts', 'firs.ts', 'random.ts']) {
    recipe.update(await readFile(join(import.meta.dirname, source)));
  }
  const file = join(CACHE, `${recipe.digest('hex').slice(0, 16)}.jpg`);
  const cached = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (cached?.length === options.bytes) return cached;
  const photo = makePhoto(options);
  await mkdir(CACHE, { recursive: true });
  // Written aside and renamed: a demo started at the same time never reads half a picture.
  const aside = `${file}.${process.pid}`;
  await writeFile(aside, photo);
  await rename(aside, file);
  return photo;
}
