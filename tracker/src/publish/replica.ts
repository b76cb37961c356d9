import { setTimeout } from 'node:timers/promises';
import type { Backplane, Entry, News, Place } from '../backplane/backplane.ts';
import { MAX_ENTRIES_READ } from '../limits.ts';
import { KEPT_FOR_OTHERS_SECONDS, SHARE_PATIENCE_MS } from './limits.ts';
import type { Publications, Shared } from './publications.ts';

export interface ReplicaOptions {
  readonly publications: Publications;
  readonly store: Pick<Backplane, 'isUp' | 'read' | 'write'>;
  /** Wall-clock time in seconds since 1970. */
  readonly now: () => number;
  /** Hears of contents that others published or took back. */
  readonly onChanged: (contents: readonly string[]) => void;
  /** Hears what the disk said. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Keeps the publications of this machine and those of others alike, through a store that all reach now and
 * then. What is published here holds here at once, and is told when the store can be reached.
 */
export class Replica {
  readonly #options: ReplicaOptions;
  #state: 'idle' | 'busy' | 'again' | 'closed' = 'idle';
  /** Up to where the store was read. */
  #place: Place | undefined;
  /** The last one that a store was told which knew nothing; undefined: it knows all. */
  #toldUpTo: Pick<Shared, 'content' | 'site'> | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** Reads and writes what is new. Call it every SHARE_MS, and when something was published. */
  async share(): Promise<void> {
    if (this.#state !== 'idle') {
      if (this.#state === 'busy') this.#state = 'again';
      return;
    }
    try {
      do {
        this.#state = 'busy';
        while (await this.#step());
      } while (this.#isAgain());
    } catch (error) {
      this.#options.onFault(error);
    }
    if (!this.#isClosed()) this.#state = 'idle';
  }

  /** Nothing more is read or written. */
  close(): void {
    this.#state = 'closed';
  }

  // The state changes while something is waited for, which the compiler does not see.
  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #isAgain(): boolean {
    return this.#state === 'again';
  }

  /** @returns whether there is more to do */
  async #step(): Promise<boolean> {
    const { publications, store, now } = this.#options;
    if (!store.isUp || this.#isClosed()) return false;
    this.#place ??= this.#onDisk(() => publications.place);
    const before = this.#place;
    // A store that is away is there again later: nothing is lost.
    const news = before && (await inTime(store.read(before)));
    if (!news) return false;
    if (news.seen !== before.seen || news.store !== before.store) return this.#learn(news);
    const told = this.#toldUpTo;
    const due = this.#onDisk(() =>
      told ? publications.after(told, MAX_ENTRIES_READ) : publications.unsent(MAX_ENTRIES_READ),
    );
    if (!due || (due.length === 0 && !told)) return false;
    const entries = due.map((one) => entryOf(one, now()));
    if (due.length > 0 && !(await inTime(store.write(entries).then(() => true)))) return false;
    if (!told) return this.#onDisk(() => publications.sent(due, now()) ?? true) === true;
    this.#toldUpTo = due.at(-1);
    return this.#toldUpTo !== undefined || this.#keepPlace();
  }

  #learn({ entries, store, seen }: News): boolean {
    const { publications, now, onChanged } = this.#options;
    const changed = this.#onDisk(() => publications.learn(sharedIn(entries), now()));
    if (!changed) return false;
    onChanged(changed);
    if (store !== this.#place?.store) this.#toldUpTo = { content: '', site: '' };
    this.#place = { store, seen };
    return this.#toldUpTo !== undefined || this.#keepPlace();
  }

  /** Not before the store knows all: a tracker that starts anew tells it again. */
  #keepPlace(): boolean {
    const { publications } = this.#options;
    return this.#onDisk(() => publications.keepPlace(this.#place!) ?? true) === true;
  }

  /** Undefined if the disk failed, or the file was closed meanwhile. */
  #onDisk<T>(act: () => T): T | undefined {
    if (this.#isClosed()) return undefined;
    try {
      return act();
    } catch (error) {
      this.#options.onFault(error);
      return undefined;
    }
  }
}

/** Undefined if the store is away, or does not answer: of a cluster, one server may be silent for long. */
async function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  const patience = setTimeout(SHARE_PATIENCE_MS, undefined, { ref: false });
  return Promise.race([answer, patience]).catch(() => undefined);
}

/** What others wrote that is none is left out. */
function sharedIn(entries: readonly Omit<Entry, 'forgetAt'>[]): Shared[] {
  return entries.flatMap(({ name, stamp, value }) => {
    const [content, site, ...rest] = name.split(' ');
    const isOne =
      content && site && rest.length === 0 && [stamp, value].every(Number.isSafeInteger);
    return isOne ? [{ content, site, until: value, stamp }] : [];
  });
}

function entryOf({ content, site, until, stamp }: Shared, now: number): Entry {
  const forgetAt = Math.max(until, now) + KEPT_FOR_OTHERS_SECONDS;
  return { name: `${content} ${site}`, stamp, value: until, forgetAt };
}
