import { rmSync } from 'node:fs';
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

  /** Puts everything in its place, and takes away what an earlier conversion left. */
  async commit(): Promise<void> {
    this.#state = 'committing';
    try {
      const moves = this.#staged.map((path, i) => ({
        path,
        from: join(this.#unfinished, String(i)),
      }));
      // The stamp says first what is ours: who is stopped in between finds it next time.
      const rank = (path: string) => (path === STAMP ? 0 : PAGE.test(path) ? 2 : 1);
      for (const { path, from } of moves.toSorted((a, b) => rank(a.path) - rank(b.path))) {
        await mkdir(dirname(join(this.#folder, path)), { recursive: true });
        await move(from, join(this.#folder, path));
      }
      const old = [...this.#dropped, ...this.#earlier.filter((path) => !this.#written.has(path))];
      // What is in a folder goes before it.
      for (const path of old.toSorted().toReversed()) await remove(join(this.#folder, path));
      this.#state = 'done';
    } finally {
      await rm(this.#unfinished, { recursive: true, force: true });
    }
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
