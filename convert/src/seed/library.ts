import { setTimeout as pause } from 'node:timers/promises';
import { ChangedError, type DiskFile } from './disk-file.ts';
import type { DiskStore } from './disk-store.ts';
import { type FoundFile, findFiles, reasonOf } from './find-files.ts';
import { type IdentifyOptions, identify } from './identify.ts';
import { MAX_CONTENTS, MAX_LOOKING_SHARE } from './limits.ts';

/** What is done with the contents of files. */
export interface LibraryHandlers {
  /** May be served from now on. */
  added(file: DiskFile): void;
  /** Must not be served any more. */
  removed(file: DiskFile): void;
  /** Something that a person should know. */
  log(line: string): void;
}

export type LibraryOptions = Omit<IdentifyOptions, 'signal'>;

/** Short of something for a moment: that says nothing of the file. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/** Keeps the files that are served the same as those on the disk. */
export class Library {
  readonly #named: readonly string[];
  readonly #store: DiskStore;
  readonly #options: LibraryOptions;
  readonly #handlers: LibraryHandlers;
  readonly #files = new Map<string, DiskFile>();
  /** What was told by name in the last scan, so that it is told once. */
  #told = new Map<string, string>();
  /**
   * Files by path that were changed while they were hashed, and how they were seen last. One that grows all the time must
   * not be read all the time.
   */
  #unsettled = new Map<string, string>();
  #tooMany = 0;
  /** How long it took to look at all files. */
  #lookMs = 0;

  constructor(
    named: readonly string[],
    store: DiskStore,
    options: LibraryOptions,
    handlers: LibraryHandlers,
  ) {
    this.#named = named;
    this.#store = store;
    this.#options = options;
    this.#handlers = handlers;
  }

  get files(): Iterable<DiskFile> {
    return this.#files.values();
  }

  get size(): number {
    return this.#files.size;
  }

  /** Looks again and again, until `signal` ends it. */
  async watch(pauseMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const least = this.#lookMs / MAX_LOOKING_SHARE;
      await pause(Math.max(pauseMs, least), undefined, { signal }).catch(() => {});
      if (!signal.aborted) await this.scan(signal);
    }
  }

  /** Looks at all files: what changed or is gone is not served any more, at once, then what is new is hashed. */
  async scan(signal: AbortSignal): Promise<void> {
    const start = performance.now();
    const { files, problems } = await findFiles(this.#named, signal);
    if (signal.aborted) return;
    this.#lookMs = performance.now() - start;
    const told = this.#told;
    this.#told = new Map();
    for (const [name, problem] of problems) this.#tell(told, name, problem);
    for (const [path, file] of this.#files) {
      const found = files.get(path);
      if (found?.state === file.state && found.manifestState === file.manifestState) continue;
      const isManifest = found?.state === file.state;
      const why = isManifest ? 'the manifest beside it was changed' : 'it was changed';
      this.drop(file, found ? why : 'it is gone');
    }
    const unsettled = this.#unsettled;
    this.#unsettled = new Map();
    let tooMany = 0;
    for (const found of files.values()) {
      if (signal.aborted) return;
      const { path, name, state } = found;
      if (this.#files.has(path)) continue;
      const before = unsettled.get(path);
      if (this.#store.size + this.#options.forms.length > MAX_CONTENTS) tooMany++;
      else if (before !== undefined && before !== state) {
        this.#unsettled.set(path, state);
        this.#told.set(name, told.get(name) ?? '');
      } else await this.#add(found, signal, told);
    }
    if (tooMany !== this.#tooMany && tooMany > 0)
      this.#handlers.log(
        `${tooMany} files are not seeded: a tracker takes at most ${MAX_CONTENTS} contents of one seeder; ` +
          'run another one for some of the folders, or name fewer forms with --id',
      );
    this.#tooMany = tooMany;
  }

  /** Serves a file no more; the next scan looks whether it may be anew. */
  drop(file: DiskFile, why: string): void {
    if (this.#files.get(file.path) !== file) return;
    this.#files.delete(file.path);
    this.#handlers.removed(file);
    this.#handlers.log(`${file.name}: not seeded any more: ${why}`);
  }

  /** Some of a file's bytes were asked for and could not be had. */
  unreadable(file: DiskFile, error: unknown): void {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (PASSING.has(code)) return;
    this.drop(file, error instanceof ChangedError ? error.message : reasonOf(error));
  }

  async #add(found: FoundFile, signal: AbortSignal, told: Map<string, string>): Promise<void> {
    const { name, path, state } = found;
    try {
      const { file, isManifestWrong } = await identify(found, { ...this.#options, signal });
      if (signal.aborted) return;
      this.#files.set(file.path, file);
      this.#handlers.added(file);
      if (isManifestWrong)
        this.#tell(told, `${name}.zf`, 'passed over, it is not the manifest of this file');
    } catch (error) {
      if (signal.aborted) return;
      const isChanged = error instanceof ChangedError;
      if (isChanged) this.#unsettled.set(path, state);
      const why = isChanged ? 'it is being changed; it is looked at again' : reasonOf(error);
      this.#tell(told, name, `not seeded: ${why}`);
    }
  }

  #tell(told: ReadonlyMap<string, string>, name: string, problem: string): void {
    this.#told.set(name, problem);
    if (told.get(name) !== problem) this.#handlers.log(`${name}: ${problem}`);
  }
}
