import { readFile } from 'node:fs/promises';
import { join, matchesGlob } from 'node:path';
import { typeByExtension } from '@zauberflote/client/src/sources/media-types.ts';
import { EXCLUDED } from '../html/marker.ts';
import type { Asset, Files } from '../html/types.ts';
import { manifestOfFile } from '../manifest.ts';
import type { Entry } from './walk.ts';

/** By the end of a path. */
export const PAGE = /\.html?$/i;

/** Files that servers send in place of a page, to who takes them. */
export const COMPRESSED = /\.html?\.(?:gz|br|zst)$/i;

/** The files of a folder, each hashed once. What is not in its entries is never opened. */
export class SiteFiles implements Files {
  readonly #root: string;
  readonly #files: ReadonlySet<string>;
  /** By the path of a link, what it leads to. */
  readonly #links: ReadonlyMap<string, string>;
  readonly #excluded: readonly string[];
  readonly #assets = new Map<string, Promise<Asset | string | undefined>>();

  /** @param excluded glob patterns */
  constructor(root: string, entries: readonly Entry[], excluded: readonly string[]) {
    this.#root = root;
    this.#files = new Set(entries.flatMap(({ kind, path }) => (kind === 'file' ? [path] : [])));
    this.#links = new Map(
      entries.flatMap((entry) => (entry.kind === 'link' ? [[entry.path, entry.real]] : [])),
    );
    this.#excluded = excluded;
  }

  isExcluded(path: string): boolean {
    return this.#excluded.some((pattern) => matchesGlob(path, pattern));
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  asset(path: string): Promise<Asset | string | undefined> {
    let asset = this.#assets.get(path);
    if (!asset) {
      asset = this.#make(path);
      this.#assets.set(path, asset);
    }
    return asset;
  }

  async bytes(path: string): Promise<Uint8Array> {
    const file = this.#fileOf(path);
    if (file === undefined) throw new Error(`${path} is not in the site`);
    return readFile(join(this.#root, file));
  }

  async #make(path: string): Promise<Asset | string | undefined> {
    if (this.isExcluded(path)) return EXCLUDED;
    const file = this.#fileOf(path);
    if (file === undefined) {
      const isBehind = [...this.#links.keys()].some((link) => path.startsWith(`${link}/`));
      return isBehind ? 'it is behind a link to a folder' : undefined;
    }
    if (PAGE.test(file) || COMPRESSED.test(file))
      return 'it is a page, which the converter changes';
    // The type is that of the name in the page, as a server has it.
    const mediaType = typeByExtension(path);
    const { id, size, manifest } = await manifestOfFile(join(this.#root, file), { mediaType });
    const beside = `${path}.zf`;
    const isTaken =
      this.#links.has(beside) ||
      (this.#files.has(beside) && !Buffer.from(await this.bytes(beside)).equals(manifest));
    return { path, id, size, manifest, isTaken };
  }

  #fileOf(path: string): string | undefined {
    const file = this.#links.get(path) ?? path;
    return this.#files.has(file) ? file : undefined;
  }
}
