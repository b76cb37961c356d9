import type { Platform } from '../platform.ts';

/** Its name among the caches of the page's origin. */
const CACHE = 'zauberflote';

/** So long after a content has come it is kept: at first the page shows it, and others ask for it. */
export const KEEP_MS = 1_000;

/** Largest content kept: all of it has to be in memory to be verified anew. */
export const MAX_KEPT_BYTES = 256 * 1024 * 1024;

/**
 * Contents that outlive the page, in the browser's Cache API (Service Workers, section 5.4). Any script of the
 * page's origin may write there, and may have done so long ago: what comes from it is to be verified like bytes
 * from anywhere. Where there is no such cache, or no leave to use it, nothing is kept.
 */
export class KeptStore {
  readonly #platform: Platform;
  /** Of all contents together; 0 when closed. */
  #maxBytes: number;
  /** One after the other: all that came in one second would not fit before the oldest are gone. */
  #last = Promise.resolve();

  /** @param maxBytes 0, or what is no number: nothing is kept, nor looked for */
  constructor(platform: Platform, maxBytes = 0) {
    this.#platform = platform;
    this.#maxBytes = maxBytes;
  }

  get isOpen(): boolean {
    return this.#maxBytes > 0;
  }

  /**
   * @param key of the content id
   * @throws what the browser throws where it lets nothing be kept, or lost it
   */
  async get(key: string): Promise<Blob | undefined> {
    const found = await this.#platform.caches?.match(urlOf(key), { cacheName: CACHE });
    const blob = await found?.blob();
    // WebKit's has lost the charset of its type.
    return blob?.slice(0, blob.size, found!.headers.get('content-type') ?? '');
  }

  /** Keeps a content when the page has had time to show it. The oldest make room. */
  putSoon(key: string, blob: Blob): void {
    if (this.isOpen)
      this.#platform.setTimer(KEEP_MS, () => {
        this.#last = this.#last.then(() => this.#put(key, blob)).catch(() => {});
      });
  }

  /** What is yet to be kept is not. */
  close(): void {
    this.#maxBytes = 0;
  }

  async #put(key: string, blob: Blob): Promise<void> {
    const { caches } = this.#platform;
    if (!caches || !(blob.size <= Math.min(this.#maxBytes, MAX_KEPT_BYTES))) return;
    const cache = await caches.open(CACHE);
    const all = await cache.keys();
    let bytes = blob.size;
    for (const kept of [...all].reverse()) {
      bytes += Number(kept.headers.get('size'));
      if (bytes > this.#maxBytes) await cache.delete(kept);
    }
    // Only what is asked for here says how large it is: to ask the answers would open them all.
    const headers = { size: `${blob.size}` };
    await cache
      .put(new Request(urlOf(key), { headers }), new Response(blob))
      // The browser gives less room than was hoped for, and needs it for others as well.
      .catch(() => all[0] && cache.delete(all[0]));
  }
}

/** Of no host (RFC 6761, section 6.4): it must be an address, and nothing is ever asked for by it. */
function urlOf(key: string): string {
  return `https://zauberflote.invalid/${key}`;
}
