import { MAX_ENTRIES_READ } from '../limits.ts';
import type { Entry, News, Place } from './backplane.ts';

/** The store of a `MemoryHub`: what Redis does with the scripts in `redis-store.ts`, but it forgets nothing. */
export class MemoryStore {
  #name = '1';
  #seen = 0;
  /** In the order of writing. */
  readonly #entries = new Map<string, Entry & { readonly at: number }>();

  read({ store, seen }: Place): News {
    const after = store === this.#name ? seen : 0;
    const news = [...this.#entries.values()]
      .filter(({ at }) => at > after)
      .slice(0, MAX_ENTRIES_READ);
    const entries = news.map(({ name, stamp, value }) => ({ name, stamp, value }));
    return { store: this.#name, seen: news.at(-1)?.at ?? after, entries };
  }

  write(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const there = this.#entries.get(entry.name);
      if (there && !isNewer(entry, there)) continue;
      this.#entries.delete(entry.name);
      this.#entries.set(entry.name, { ...entry, at: ++this.#seen });
    }
  }

  /** Loses the latest `count`, as a server that starts with an older copy. @default all */
  lose(count = this.#entries.size): void {
    const kept = [...this.#entries].slice(0, Math.max(0, this.#entries.size - count));
    this.#entries.clear();
    for (const [name, entry] of kept) this.#entries.set(name, entry);
    this.#seen = kept.at(-1)?.[1].at ?? 0;
    this.#name = `${Number(this.#name) + 1}`;
  }
}

function isNewer(one: Omit<Entry, 'name'>, other: Omit<Entry, 'name'>): boolean {
  return one.stamp === other.stamp ? one.value > other.value : one.stamp > other.stamp;
}
