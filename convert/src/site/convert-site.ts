import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convertPage } from '../html/convert-page.ts';
import type { Asset, Mark, PageOptions, Skip } from '../html/types.ts';
import type { SiteUrls } from '../html/urls.ts';
import type { Sink } from './sinks.ts';
import { COMPRESSED, PAGE, SiteFiles } from './site-files.ts';
import { CLIENT_FOLDER, makeStamp, readStamp, STAMP, WORKER_FILE } from './stamp.ts';
import { type Entry, type LeftOut, walk } from './walk.ts';

/** What a built client has to have; each may be there compressed as well. */
const CLIENT_FILES = ['zauberflote.js', 'zauberflote-css.mjs', 'zauberflote-hash.mjs'];
const MEDIA_FILE = 'zauberflote-media.mjs';
const CLIENT = fileURLToPath(new URL('../../../client/dist/', import.meta.url));

export interface SiteOptions {
  /** Absolute. */
  readonly site: string;
  /** From where files are hashed: a copy that nobody changes, or the site itself. */
  readonly root: string;
  readonly urls: SiteUrls;
  readonly page: PageOptions;
  readonly excluded: readonly string[];
  /** The client's files go with the site. */
  readonly withClient: boolean;
}

export interface PageReport {
  readonly page: string;
  readonly marks: readonly Mark[];
  readonly skips: readonly Skip[];
}

export interface SiteReport {
  readonly pages: readonly PageReport[];
  readonly leftOut: readonly LeftOut[];
  /** Files that were added. */
  readonly generated: readonly string[];
}

/**
 * Converts a site into a sink.
 * @throws {Error} in words, if a file cannot be read or written
 */
export async function convertSite(options: SiteOptions, sink: Sink): Promise<SiteReport> {
  const { site, root, urls, excluded, withClient } = options;
  const walked = await walk(site);
  const earlier = new Set([...((await readStamp(site)) ?? []), STAMP]);
  const isKept = ({ path }: Entry) => !earlier.has(path);
  // A folder of ours in which somebody put something is the site's.
  const entries = walked.entries.filter(
    (entry) =>
      isKept(entry) ||
      walked.entries.some((other) => other.path.startsWith(`${entry.path}/`) && isKept(other)),
  );
  const leftOut = [...walked.leftOut];
  const pages: { path: string; mode: number }[] = [];
  const compressed: string[] = [];
  const files = new SiteFiles(root, entries, excluded);
  for (const entry of entries) {
    const { path } = entry;
    if (entry.kind === 'folder') await sink.folder(path, entry.mode);
    else if (entry.kind === 'link') await sink.link(path, entry.to);
    else if (PAGE.test(path) && !files.isExcluded(path)) pages.push(entry);
    else if (COMPRESSED.test(path)) compressed.push(path);
    else await sink.copy(path);
  }
  const reports: PageReport[] = [];
  const beside = new Map<string, Asset>();
  const changed = new Set<string>();
  for (const { path, mode } of pages) {
    const bytes = await readFile(join(site, path));
    const page = await convertPage(bytes, path, urls, options.page, files);
    if (bytes.equals(page.bytes)) await sink.copy(path);
    else await sink.write(path, page.bytes, mode);
    if (page.marks.length > 0) changed.add(path);
    for (const asset of page.beside) beside.set(`${asset.path}.zf`, asset);
    reports.push({ page: path, marks: page.marks, skips: page.skips });
  }
  for (const path of compressed)
    if (changed.has(path.replace(/\.\w+$/, ''))) {
      leftOut.push({ path, why: 'it is the page as it was; compress the new one' });
      await sink.drop?.(path);
    } else await sink.copy(path);
  const generated: string[] = [];
  const generate = async (path: string, bytes: Uint8Array) => {
    await sink.write(path, bytes, 0o644);
    generated.push(path);
  };
  for (const [path, { manifest }] of beside) if (!files.has(path)) await generate(path, manifest);
  if (changed.size > 0 && withClient) {
    if (entries.some(({ path }) => path === CLIENT_FOLDER))
      throw new Error(
        `the site has a ${CLIENT_FOLDER}/ of its own, where the client would go; say with --script where the client is`,
      );
    await sink.folder(CLIENT_FOLDER, 0o755);
    generated.push(CLIENT_FOLDER);
    const wanted = options.page.worker ? [...CLIENT_FILES, MEDIA_FILE] : CLIENT_FILES;
    for (const [name, bytes] of await clientFiles(wanted))
      await generate(`${CLIENT_FOLDER}/${name}`, bytes);
  }
  if (changed.size > 0 && options.page.worker) {
    if (files.has(WORKER_FILE))
      throw new Error(`the site has a ${WORKER_FILE} of its own, where that of --worker would go`);
    for (const [name, bytes] of await clientFiles([WORKER_FILE])) await generate(name, bytes);
  }
  await sink.write(STAMP, makeStamp(generated), 0o644);
  return { pages: reports, leftOut, generated: [...generated, STAMP] };
}

/** @throws {Error} if it is not built */
async function clientFiles(files: readonly string[]): Promise<[string, Buffer][]> {
  const names = await readdir(CLIENT).catch((): string[] => []);
  for (const name of files)
    if (!names.includes(name))
      throw new Error(
        `client/dist/${name} is missing: run "npm run build" in the checkout, or say with --script where the client is`,
      );
  const wanted = names.filter((name) => files.includes(name.replace(/\.(?:gz|br)$/, '')));
  return Promise.all(
    wanted
      .toSorted()
      .map(async (name): Promise<[string, Buffer]> => [name, await readFile(join(CLIENT, name))]),
  );
}

/** @throws {Error} if it is none */
export async function needFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) throw new Error(`${path} is no folder`);
}
