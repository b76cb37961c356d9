/** A verified asset. Its bytes are in a Blob, so the browser may keep them out of the page's memory. */
export interface StoredAsset {
  readonly blob: Blob;
}

/**
 * Most assets kept: what a page shows in hours, and well below what the tracker lets one peer hold
 * (4,096).
 */
export const MAX_ASSETS = 1_000;

/** The assets of this page that other visitors may ask for, as long as the page lives. */
export class MemoryStore<A extends StoredAsset = StoredAsset> {
  readonly #assets = new Map<string, A>();

  /** @param key of the content id */
  get(key: string): A | undefined {
    return this.#assets.get(key);
  }

  /** @returns those that had to make room, the oldest. */
  put(key: string, asset: A): A[] {
    this.#assets.delete(key);
    this.#assets.set(key, asset);
    const dropped: A[] = [];
    for (const [oldest, old] of this.#assets) {
      if (this.#assets.size <= MAX_ASSETS) break;
      this.#assets.delete(oldest);
      dropped.push(old);
    }
    return dropped;
  }

  values(): Iterable<A> {
    return this.#assets.values();
  }

  clear(): void {
    this.#assets.clear();
  }

  get size(): number {
    return this.#assets.size;
  }
}
