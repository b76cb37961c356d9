import { constants, rmSync } from 'node:fs';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { COMPRESSED } from './site-files.ts';
import { walk } from './walk.ts';

/** Takes a converted site, a file at a time. Folders come before what is in them. */
export interface Sink {
  folder(path: string, mode: number): Promise<void>;
  link(path: string, to: string): Promise<void>;
  /** As it is in the site. */
  copy(path: string): Promise<void>;
  write(path: string, bytes: Uint8Array, mode: number): Promise<void>;
  /** A file of the site that is not to be in it any more. */
  drop?(path: string): Promise<void>;
}

/** Writes into a folder beside the one that is meant, and puts it there when all of it is done. */
export class Writer implements Sink {
  readonly #site: string;
  readonly #out: string;
  /** Where it is written until then. */
  readonly folderName: string;
  /** Made for it. */
  readonly #parent: string | undefined;
  /** While one folder takes the place of the other, nothing may stop it, nor be thrown away after that. */
  #state: 'writing' | 'committing' | 'done' = 'writing';
  /** Set at the end, as one of them may forbid to write. */
  readonly #modes: [string, number][] = [];

  private constructor(site: string, out: string, folderName: string, parent: string | undefined) {
    this.#site = site;
    this.#out = out;
    this.folderName = folderName;
    this.#parent = parent;
  }

  static async open(site: string, out: string): Promise<Writer> {
    const parent = await mkdir(dirname(out), { recursive: true });
    const unfinished = await mkdtemp(join(dirname(out), `.${basename(out)}.unfinished-`));
    const writer = new Writer(site, out, unfinished, parent);
    // Not that of a temporary folder, which only its owner may read.
    writer.#modes.push([unfinished, (await stat(site)).mode & 0o7777]);
    return writer;
  }

  async folder(path: string, mode: number): Promise<void> {
    const folder = join(this.folderName, path);
    await mkdir(folder, { recursive: true });
    this.#modes.push([folder, mode]);
  }

  async link(path: string, to: string): Promise<void> {
    await symlink(to, join(this.folderName, path));
  }

  async copy(path: string): Promise<void> {
    const [from, to] = [join(this.#site, path), join(this.folderName, path)];
    await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    // Servers and rsync take a file of the same size and time for the same one, and so it is.
    const { atime, mtime } = await stat(from);
    await utimes(to, atime, mtime);
  }

  async write(path: string, bytes: Uint8Array, mode: number): Promise<void> {
    const file = join(this.folderName, path);
    await writeFile(file, bytes, { flag: 'wx' });
    await chmod(file, mode);
  }

  get mayStop(): boolean {
    return this.#state === 'writing';
  }

  /** Puts it in its place. What was there goes. */
  async commit(): Promise<void> {
    for (const [folder, mode] of this.#modes.toReversed()) await chmod(folder, mode);
    this.#state = 'committing';
    const old = `${this.folderName}-old`;
    const hadOld = await rename(this.#out, old).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false;
        this.#state = 'writing';
        throw error;
      },
    );
    try {
      await rename(this.folderName, this.#out);
    } catch (error) {
      if (hadOld) await rename(old, this.#out);
      this.#state = 'writing';
      throw error;
    }
    this.#state = 'done';
    await rm(old, { recursive: true, force: true });
  }

  /** Leaves nothing behind. At once, as whoever presses Ctrl-C does not wait. */
  discard(): void {
    if (this.#state !== 'writing') return;
    for (const folder of [this.folderName, this.#parent])
      if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Writes nothing and says what would be another. */
export class Checker implements Sink {
  readonly differences: string[] = [];
  readonly #site: string;
  readonly #out: string;
  readonly #seen = new Set<string>();

  constructor(site: string, out: string) {
    this.#site = site;
    this.#out = out;
  }

  async folder(path: string): Promise<void> {
    this.#seen.add(path);
    const found = await lstat(join(this.#out, path)).catch(() => undefined);
    if (!found?.isDirectory()) this.differences.push(`${path}/ is missing`);
  }

  async link(path: string, to: string): Promise<void> {
    this.#seen.add(path);
    if ((await readlink(join(this.#out, path)).catch(() => undefined)) !== to)
      this.differences.push(`${path} is not the link that it was`);
  }

  async copy(path: string): Promise<void> {
    if (this.#site === this.#out) this.#seen.add(path);
    else await this.#compare(path, () => readFile(join(this.#site, path)));
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#compare(path, async () => bytes);
  }

  /** What is there, and should not be. */
  async finish(): Promise<void> {
    const { entries, leftOut } = await walk(this.#out);
    const left = this.#site === this.#out ? [] : leftOut;
    // Who serves pages compressed, compresses those that were converted.
    for (const { path } of [...entries, ...left])
      if (
        !this.#seen.has(path) &&
        !(COMPRESSED.test(path) && this.#seen.has(path.replace(/\.\w+$/, '')))
      )
        this.differences.push(`${path} is not of the site`);
  }

  async #compare(path: string, expected: () => Promise<Uint8Array>): Promise<void> {
    this.#seen.add(path);
    const file = join(this.#out, path);
    const found = await lstat(file).catch(() => undefined);
    if (!found) this.differences.push(`${path} is missing`);
    else if (!found.isFile() || !(await readFile(file)).equals(await expected()))
      this.differences.push(`${path} is out of date`);
  }
}
