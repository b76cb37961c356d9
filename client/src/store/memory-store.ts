/** A verified asset. Its bytes are in a Blob, so the browser may keep them out of the page's memory. */
export interface StoredAsset {
  readonly blob: Blob;
}

/**
 * Most assets kept: what a page shows in hours, and well below what the tracker lets one peer hold
 * (4,096).
 */
export const MAX_ASSETS = 1_000;

/**
 * Most bytes of them: a page that shows one film of 100 MB after the other took as much more of the browser's memory with
 * each. The last one may be larger.
 */
export const MAX_ASSET_BYTES = 512 * 1024 * 1024;

/** The assets of this page that other visitors may ask for, as long as the page lives. */
export class MemoryStore<A extends StoredAsset = StoredAsset> {
  readonly #assets = new Map<string, A>();
  #bytes = 0;

  /** @param key of the content id */
  get(key: string): A | undefined {
    return this.#assets.get(key);
  }

  /** @returns those that had to make room, the oldest. */
  put(key: string, asset: A): A[] {
    this.#remove(key);
    this.#assets.set(key, asset);
    this.#bytes += asset.blob.size;
    const dropped: A[] = [];
    for (const [oldest, old] of this.#assets) {
      const isFull = this.size > MAX_ASSETS || this.#bytes > MAX_ASSET_BYTES;
      if (!isFull || old === asset) break;
      this.#remove(oldest);
      dropped.push(old);
    }
    return dropped;
  }

  values(): Iterable<A> {
    return this.#assets.values();
  }

  clear(): void {
    this.#assets.clear();
    this.#bytes = 0;
  }

  get size(): number {
    return this.#assets.size;
  }

  #remove(key: string): void {
    this.#bytes -= this.#assets.get(key)?.blob.size ?? 0;
    this.#assets.delete(key);
  }
}
