/** A verified asset. Its bytes are in a Blob, so the browser may keep them out of the page's memory. */
export interface StoredAsset {
  readonly blob: Blob;
}

/** The assets of this page that other visitors may ask for, as long as the page lives. */
export class MemoryStore {
  readonly #assets = new Map<string, StoredAsset>();

  /** @param key of the content id */
  get(key: string): StoredAsset | undefined {
    return this.#assets.get(key);
  }

  put(key: string, asset: StoredAsset): void {
    this.#assets.set(key, asset);
  }

  clear(): void {
    this.#assets.clear();
  }

  get size(): number {
    return this.#assets.size;
  }
}
