/** A browser's caches in memory, as far as they are used here. */
export class MemoryCaches {
  /** Bytes that the browser gives. */
  quota = Number.POSITIVE_INFINITY;
  /** Most bytes there ever were. */
  most = 0;
  /** How often something was looked for, and a cache opened. */
  asked = 0;
  opened = 0;
  /** How long looking takes; undefined: for ever. */
  answerMs: number | undefined = 5;
  readonly #entries = new Map<string, { request: Request; blob: Blob }>();

  /** Of contents, the oldest first. */
  get keys(): string[] {
    return [...this.#entries.keys()].map((url) => new URL(url).pathname.slice(1));
  }

  get storage(): CacheStorage {
    const cache = {
      put: async (request: Request, response: Response) => {
        const blob = await response.blob();
        const bytes = this.#bytes - (this.#entries.get(request.url)?.blob.size ?? 0) + blob.size;
        if (bytes > this.quota) throw new DOMException('it is full', 'QuotaExceededError');
        this.#entries.delete(request.url);
        this.#entries.set(request.url, { request, blob });
        this.most = Math.max(this.most, bytes);
      },
      keys: async () => [...this.#entries.values()].map(({ request }) => request),
      delete: async ({ url }: Request) => this.#entries.delete(url),
    };
    const storage = {
      match: async (url: string) => {
        this.asked++;
        const { answerMs } = this;
        await new Promise((resolve) => {
          if (answerMs !== undefined) setTimeout(resolve, answerMs);
        });
        const found = this.#entries.get(url);
        if (!found) return undefined;
        const { blob } = found;
        // As WebKit does it: without the charset.
        const bare = async () => blob.slice(0, blob.size, blob.type.split(';')[0]);
        return Object.assign(new Response(blob), { blob: bare });
      },
      open: async () => {
        this.opened++;
        return cache;
      },
    };
    return storage as unknown as CacheStorage;
  }

  /** As if an earlier page had kept it. */
  keep(key: string, blob: Blob): void {
    const request = new Request(`https://zauberflote.invalid/${key}`, {
      headers: { size: `${blob.size}` },
    });
    this.#entries.set(request.url, { request, blob });
  }

  get #bytes(): number {
    return [...this.#entries.values()].reduce((sum, { blob }) => sum + blob.size, 0);
  }
}
