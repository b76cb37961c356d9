import type { Downloads, Progress } from '../download/types.ts';
import { isElsewhere } from '../sources/http.ts';

/** One user's share in an asset. */
export interface Share {
  readonly asset: Asset;
  /** The last one out ends the download. Any number of times. */
  readonly release: () => void;
}

/** An object URL in use. */
export interface HeldUrl {
  readonly url: string;
  /** The last one out revokes the URL. Any number of times. */
  readonly release: () => void;
}

/** A verified file, or one that is on its way, shared by all elements that name its hash. */
export class Asset {
  /** Rejects with ZfError. */
  readonly blob: Promise<Blob>;
  /** The URL it is asked from at its origin. */
  fallback = '';
  /** The last report. */
  progress: Progress | undefined;
  #abort = new AbortController();
  readonly #start: (fallback: string) => void;
  readonly #listeners = new Set<(progress: Progress) => void>();
  readonly #urls = new Map<string, { url: string; users: number }>();
  readonly #onUnused: () => void;
  #users = 0;

  constructor(
    downloads: Downloads,
    hash: string,
    fallback: string,
    turnsFor: (fallback: string) => Turns,
    onUnused: () => void,
    priority: RequestPriority | undefined,
  ) {
    this.#onUnused = onUnused;
    let [resolve, reject] = [(_: Blob) => {}, (_: unknown) => {}];
    this.blob = new Promise((...both) => {
      [resolve, reject] = both;
    });
    this.blob.catch(onUnused);
    this.#start = (fallback) => {
      this.fallback = fallback;
      this.#abort.abort();
      this.#abort = new AbortController();
      const { signal } = this.#abort;
      const onProgress = (progress: Progress) => {
        this.progress = progress;
        for (const listener of this.#listeners) listener(progress);
      };
      const download = () => downloads.download(hash, { fallback, priority, signal, onProgress });
      turnsFor(fallback)
        .run(download)
        .then(resolve, (error) => signal !== this.#abort.signal || reject(error));
    };
    this.#start(fallback);
  }

  /**
   * Another element has it from somewhere else. The page's own host goes before any other: who may write marks into
   * a page, as in a comment, would else say where its scripts come from, and that may give them never.
   */
  alsoAt(fallback: string): void {
    const { loaded, total } = this.progress ?? {};
    const isHere = loaded !== undefined && loaded === total;
    if (!isHere && isElsewhere(this.fallback) && !isElsewhere(fallback)) this.#start(fallback);
  }

  share(onProgress?: (progress: Progress) => void): Share {
    this.#users++;
    const listener = (progress: Progress) => onProgress?.(progress);
    this.#listeners.add(listener);
    const release = once(() => {
      this.#listeners.delete(listener);
      if (--this.#users > 0) return;
      this.#onUnused();
      this.#abort.abort();
    });
    return { asset: this, release };
  }

  /** An object URL of the asset as `type`; equal types share one. */
  hold(blob: Blob, type: string): HeldUrl {
    let entry = this.#urls.get(type);
    if (!entry) {
      const typed = blob.type === type ? blob : blob.slice(0, blob.size, type);
      entry = { url: URL.createObjectURL(typed), users: 0 };
      this.#urls.set(type, entry);
    }
    const { url } = entry;
    entry.users++;
    // Not of `this`: an AbortController's reason remembers who called it, and so may keep elements.
    const urls = this.#urls;
    const release = once(() => {
      if (--entry.users > 0) return;
      urls.delete(type);
      URL.revokeObjectURL(url);
    });
    return { url, release };
  }
}

/**
 * Most assets that are downloaded at once, from the page's own host, and from others, which may keep all of theirs waiting:
 * Chromium refuses a page's requests from some 1,350 on.
 */
export const MAX_DOWNLOADS = 256;

/** Lets so many run at once; the others wait for their turn. */
class Turns {
  #free = MAX_DOWNLOADS;
  readonly #waiting: (() => void)[] = [];

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

/** The assets in use on a page, one per hash. */
export class Assets {
  readonly #downloads: Downloads;
  readonly #turns = new Turns();
  readonly #turnsElsewhere = new Turns();
  readonly #byHash = new Map<string, Asset>();

  constructor(downloads: Downloads) {
    this.#downloads = downloads;
  }

  /**
   * A share in the asset with this hash; the first one starts its download, from its fallback.
   * @param fallback absolute URL
   */
  share(
    hash: string,
    fallback: string,
    onProgress?: (progress: Progress) => void,
    priority?: RequestPriority,
  ): Share {
    const key = /^\s*[0-9a-f]{40}\s*$/i.test(hash) ? hash.trim().toLowerCase() : hash.trim();
    let asset = this.#byHash.get(key);
    if (!asset) {
      const onUnused = () => {
        if (this.#byHash.get(key) === created) this.#byHash.delete(key);
      };
      const turnsFor = (url: string) => (isElsewhere(url) ? this.#turnsElsewhere : this.#turns);
      const created = new Asset(this.#downloads, hash, fallback, turnsFor, onUnused, priority);
      this.#byHash.set(key, created);
      asset = created;
    } else asset.alsoAt(fallback);
    return asset.share(onProgress);
  }
}

/** An object URL of a Blob that nobody shares. */
export function holdUrl(blob: Blob): HeldUrl {
  const url = URL.createObjectURL(blob);
  return { url, release: once(() => URL.revokeObjectURL(url)) };
}

/**
 * The object URLs of pictures outside the document. They live as long as their elements: galleries
 * keep pictures at hand, put them back, or show their `src` elsewhere.
 */
export class OutsideUrls {
  readonly #releases = new Set<() => void>();
  readonly #byElement = new WeakMap<Element, () => void>();
  readonly #registry = new FinalizationRegistry<() => void>((release) => {
    this.#releases.delete(release);
    release();
  });

  /** @param release must not lead to `element`, which would live forever then */
  keep(element: Element, release: () => void): void {
    this.#releases.add(release);
    this.#byElement.set(element, release);
    this.#registry.register(element, release, element);
  }

  /** What is kept for an element that is back, to be released in time. */
  take(element: Element): () => void {
    const release = this.#byElement.get(element) ?? (() => {});
    this.#byElement.delete(element);
    this.#registry.unregister(element);
    this.#releases.delete(release);
    return release;
  }

  /** Revokes all. */
  release(): void {
    for (const release of this.#releases) release();
    this.#releases.clear();
  }
}

function once(run: () => void): () => void {
  let ran = false;
  return () => {
    if (ran) return;
    ran = true;
    run();
  };
}
