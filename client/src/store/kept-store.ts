import type { Platform } from '../platform.ts';

/** Its name among the caches of the page's origin. */
const CACHE = 'zauberflote';

/** So long after a content has come it is kept: at first the page shows it, and others ask for it. */
export const KEEP_MS = 1_000;

/**
 * What is kept is looked for so long: a page must not wait for a disk that does not answer, and after that others
 * are sooner.
 */
export const KEPT_PATIENCE_MS = 500;

/**
 * Contents that outlive the page, in the browser's Cache API (Service Workers, section 5.4). Any script of the
 * page's origin may write there, and may have done so long ago: what comes from it is to be verified like bytes
 * from anywhere. Where there is no such cache, or no leave to use it, nothing is kept; what a browser throws then
 * is thrown on.
 */
export class KeptStore {
  readonly #platform: Platform;
  /** Bytes of all contents together. */
  readonly #maxBytes: number;

  /** @param maxBytes 0: nothing is kept, nor looked for */
  constructor(platform: Platform, maxBytes = 0) {
    this.#platform = platform;
    this.#maxBytes = maxBytes;
  }

  /** @param key of the content id */
  async get(key: string): Promise<Blob | undefined> {
    const { caches, setTimer } = this.#platform;
    if (!(this.#maxBytes > 0)) return undefined;
    return Promise.race([
      caches?.match(urlOf(key), { cacheName: CACHE }).then((found) => found?.blob()),
      new Promise<undefined>((resolve) => setTimer(KEPT_PATIENCE_MS, () => resolve(undefined))),
    ]);
  }

  /**
   * Keeps a content when the page has had time to show it. The oldest make room; what is larger than all may be
   * together is not kept. A browser that has no room, or gives none, is left alone.
   */
  putSoon(key: string, blob: Blob): void {
    if (blob.size < this.#maxBytes)
      this.#platform.setTimer(KEEP_MS, () => void this.#put(key, blob).catch(() => {}));
  }

  async #put(key: string, blob: Blob): Promise<void> {
    const cache = await this.#platform.caches?.open(CACHE);
    if (!cache) return;
    // Only what is asked for here says how large it is: to ask the answers would open them all.
    const headers = { size: `${blob.size}` };
    await cache.put(new Request(urlOf(key), { headers }), new Response(blob));
    let bytes = 0;
    for (const kept of [...(await cache.keys())].reverse()) {
      bytes += Number(kept.headers.get('size'));
      if (bytes > this.#maxBytes) await cache.delete(kept);
    }
  }
}

/** Of no host (RFC 6761, section 6.4): it must be an address, and nothing is ever asked for by it. */
function urlOf(key: string): string {
  return `https://zauberflote.invalid/${key}`;
}
