import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** What the clients under test load, served from `/lib/`, by name. */
const FILES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['zauberflote.js', 'zauberflote.mjs', 'zauberflote-css.mjs', 'zauberflote-hash.mjs'].map(
      (name) => [name, fileURLToPath(new URL(`../../client/dist/${name}`, import.meta.url))],
    ),
  ),
  'webtorrent.min.js': fileURLToPath(
    new URL('dist/webtorrent.min.js', import.meta.resolve('webtorrent/package.json')),
  ),
};

/** @throws {Error} naming what is not built */
export function copyScripts(root: string): void {
  for (const [name, path] of Object.entries(FILES))
    try {
      cpSync(path, join(root, 'lib', name));
    } catch (cause) {
      throw new Error(`${name} is missing: run npm ci and npm run build`, { cause });
    }
}

/** Bytes of the client scripts that a page names, compressed as nginx does here. */
export function scriptBytes(page: string): number {
  const names = new Set([...page.matchAll(/\/lib\/([\w.-]+)/g)].map(([, name]) => name as string));
  return [...names].reduce(
    (sum, name) => sum + gzipSync(readFileSync(FILES[name] as string)).length,
    0,
  );
}
