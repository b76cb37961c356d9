import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { Unsupported } from '../net/unsupported.ts';
import type { Asset } from './assets.ts';
import { GZIP_FROM_BYTES, GZIP_LEVEL, TEXT_ASSETS } from './nginx.ts';

/** A file of an npm package; a path where nothing is if the package is not installed. */
export function packageFile(name: string, file: string): string {
  try {
    return fileURLToPath(new URL(file, import.meta.resolve(`${name}/package.json`)));
  } catch {
    return fileURLToPath(new URL(`../../node_modules/${name}/${file}`, import.meta.url));
  }
}

/** What the clients under test load, served from `/lib/`, by name. */
const FILES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['zauberflote.js', 'zauberflote.mjs', 'zauberflote-css.mjs', 'zauberflote-hash.mjs'].map(
      (name) => [name, fileURLToPath(new URL(`../../client/dist/${name}`, import.meta.url))],
    ),
  ),
  'webtorrent.min.js': packageFile('webtorrent', 'dist/webtorrent.min.js'),
};

/**
 * As small as gzip gets them, for all alike: the build's own where there is one. The rival's script
 * takes Zopfli a second.
 */
const compressed = new Map<string, Promise<Uint8Array>>();

function compress(name: string): Promise<Uint8Array> {
  const path = FILES[name] as string;
  const made =
    compressed.get(name) ?? readFile(`${path}.gz`).catch(async () => zopfli(await readFile(path)));
  compressed.set(name, made);
  return made;
}

async function zopfli(data: Uint8Array): Promise<Uint8Array> {
  const worker = new Worker(new URL('zopfli.ts', import.meta.url), { workerData: data });
  const [gzip] = await once(worker, 'message');
  return gzip;
}

/** @throws {Unsupported} naming what is not built; to be asked before anything is set up */
export function checkScripts(files = FILES): void {
  for (const [name, path] of Object.entries(files))
    if (!existsSync(path))
      throw new Unsupported(`${name} is missing: run npm ci, and then npm run build`);
}

/** Puts each into `lib` below the root, and beside it what nginx's gzip_static looks for. */
export async function copyScripts(root: string): Promise<void> {
  await mkdir(join(root, 'lib'), { recursive: true });
  for (const [name, path] of Object.entries(FILES)) {
    await copyFile(path, join(root, 'lib', name));
    await writeFile(join(root, 'lib', `${name}.gz`), await compress(name));
  }
}

/** Bytes of a page, compressed as nginx sends it here. */
export function pageBytes(page: string): number {
  return gzipSync(page, { level: GZIP_LEVEL }).length;
}

/** Bytes of a file of the site as nginx sends all of it here. */
export function sentBytes({ path, body }: Asset): number {
  const compressed = body.length >= GZIP_FROM_BYTES && new RegExp(TEXT_ASSETS).test(path);
  return compressed ? gzipSync(body, { level: GZIP_LEVEL }).length : body.length;
}

/** Bytes of the client scripts that a page names, compressed as nginx sends them here. */
export async function scriptBytes(page: string): Promise<number> {
  const names = new Set([...page.matchAll(/\/lib\/([\w.-]+)/g)].map(([, name]) => name as string));
  const sizes = await Promise.all([...names].map(async (name) => (await compress(name)).length));
  return sizes.reduce((sum, size) => sum + size, 0);
}
