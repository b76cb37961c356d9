import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Says that a folder was written by the converter, and which of its files are no part of the site. */
export const STAMP = '.zauberflote-convert.json';

/** Where the client goes, in the site. */
export const CLIENT_FOLDER = 'zauberflote';

/** The service worker, at the top, as it answers for pages beside and below it only. */
export const WORKER_FILE = 'zauberflote-sw.js';

export function makeStamp(generated: readonly string[]): Buffer {
  const stamp = { writtenBy: 'zauberflote-convert', generated: generated.toSorted() };
  return Buffer.from(`${JSON.stringify(stamp, null, 2)}\n`);
}

/** What a folder's stamp names; undefined without one. */
export async function readStamp(folder: string): Promise<string[] | undefined> {
  try {
    const stamp: unknown = JSON.parse(await readFile(join(folder, STAMP), 'utf8'));
    const { writtenBy, generated } = stamp as { writtenBy?: unknown; generated?: unknown };
    if (writtenBy !== 'zauberflote-convert' || !Array.isArray(generated)) return undefined;
    // Whatever else it names is the site's own.
    return generated
      .filter((path) => /\.zf$|^zauberflote(?:-sw\.js(?:\.gz|\.br)?|\/[^/]+)?$/.test(String(path)))
      .map(String);
  } catch {
    return undefined;
  }
}
