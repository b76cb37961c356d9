import { existsSync, rmSync } from 'node:fs';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  rmdir,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Unfinished } from './all-or-nothing.ts';
import type { Sink } from './sinks.ts';
import { PAGE } from './site-files.ts';
import { readStamp, STAMP } from './stamp.ts';

/** Of a file that takes the place of another, if there is one, which is kept until all have theirs. */
interface Place {
  readonly from: string;
  readonly to: string;
  readonly old: string;
}

/**
 * Changes a folder where it is, for one that a bundler wrote and others watch: only files that come out different are
 * touched. They are written beside the folder first. Pages take their place after all that they name, one by one, so that the
 * folder is a site at any time.
 */
export class Updater implements Sink, Unfinished {
  readonly #folder: string;
  readonly #unfinished: string;
  readonly #earlier: readonly string[];
  /** Written beside, to be moved. */
  readonly #staged: string[] = [];
  readonly #written = new Set<string>();
  readonly #dropped: string[] = [];
  /** Folders that were not there. */
  readonly #made: string[] = [];
  #state: 'writing' | 'committing' | 'done' = 'writing';

  private constructor(folder: string, unfinished: string, earlier: readonly string[]) {
    this.#folder = folder;
    this.#unfinished = unfinished;
    this.#earlier = earlier;
  }

  /** @param folder absolute, without links */
  static async open(folder: string): Promise<Updater> {
    const earlier = (await readStamp(folder)) ?? [];
    const unfinished = await mkdtemp(join(dirname(folder), `.${basename(folder)}.unfinished-`));
    return new Updater(folder, unfinished, earlier);
  }

  /** It is there already, or is made with what goes into it. */
  async folder(path: string): Promise<void> {
    this.#written.add(path);
    if (!existsSync(join(this.#folder, path))) this.#made.push(path);
  }

  async link(): Promise<void> {}

  async copy(path: string): Promise<void> {
    this.#written.add(path);
  }

  async write(path: string, bytes: Uint8Array, mode: number): Promise<void> {
    this.#written.add(path);
    const there = await lstat(join(this.#folder, path)).catch(() => undefined);
    if (there?.isFile() && (await readFile(join(this.#folder, path))).equals(bytes)) return;
    const file = join(this.#unfinished, String(this.#staged.length));
    this.#staged.push(path);
    await writeFile(file, bytes);
    await chmod(file, mode);
  }

  async drop(path: string): Promise<void> {
    this.#dropped.push(path);
  }

  get mayStop(): boolean {
    return this.#state === 'writing';
  }

  /**
   * Puts everything in its place, and takes away what an earlier conversion left.
   * @throws {Error} if that cannot be done; then the folder is as it was
   */
  async commit(): Promise<void> {
    this.#state = 'committing';
    const done: Place[] = [];
    try {
      for (const place of this.#places()) {
        await mkdir(dirname(place.to), { recursive: true });
        await copyFile(place.to, place.old).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
        });
        await move(place.from, place.to);
        done.push(place);
      }
    } catch (error) {
      for (const { to, old } of done.toReversed())
        await (existsSync(old) ? move(old, to) : rm(to, { force: true }));
      for (const folder of this.#made) await remove(join(this.#folder, folder));
      await rm(this.#unfinished, { recursive: true, force: true });
      throw error;
    }
    this.#state = 'done';
    await rm(this.#unfinished, { recursive: true, force: true });
    const old = [...this.#dropped, ...this.#earlier.filter((path) => !this.#written.has(path))];
    // What is in a folder goes before it.
    for (const path of old.toSorted().toReversed()) await remove(join(this.#folder, path));
  }

  /** In the order in which they are taken. */
  #places(): Place[] {
    // The stamp says first what is ours: who is stopped in between finds it next time.
    const rank = (path: string) => (path === STAMP ? 0 : PAGE.test(path) ? 2 : 1);
    return this.#staged
      .map((path, i) => ({ path, rank: rank(path), from: join(this.#unfinished, String(i)) }))
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ path, from }) => ({ from, to: join(this.#folder, path), old: `${from}.old` }));
  }

  discard(): void {
    if (this.#state !== 'done')
      rmSync(this.#unfinished, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    // A folder that is mounted, as in containers: from beside it nothing can be moved there.
    const near = `${to}.unfinished`;
    try {
      await copyFile(from, near);
      await rename(near, to);
    } catch (failure) {
      await rm(near, { force: true });
      throw failure;
    }
  }
}

/** A file, or a folder if nothing is in it. */
async function remove(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (!there) return;
  if (!there.isDirectory()) return rm(path, { force: true });
  await rmdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY') throw error;
  });
}
