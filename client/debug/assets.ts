/** What is known of the marked assets of a page, as far as its events tell it. Knows no page. */
import type { AssetEventDetail } from '../src/dom/events.ts';
import type { BytesBySource } from '../src/download/types.ts';

export const SOURCES = ['peers', 'store', 'origin'] as const;
const WORDS = { peers: 'visitors', store: 'this browser', origin: 'the server' };

/**
 * - `waiting`: nothing of it was heard.
 * - `loading`, `here`, `failed`: as events told.
 * - `before`: it was in its element before anybody listened.
 * - `plain`: it came from the server, without the client, and nothing verified it.
 */
export type State = 'waiting' | 'loading' | 'here' | 'failed' | 'before' | 'plain';

export interface Asset {
  /** Its address, short; else its hash. */
  readonly name: string;
  state: State;
  /** Elements that show it, as far as they were seen. */
  bytes: Readonly<BytesBySource>;
  loaded: number;
  total: number | undefined;
  /** Why it failed. */
  why: string;
}

/** By what one asset is told from another: an element without either has a name all the same. */
interface Marks {
  readonly hash: string | null;
  readonly fallback: string | null;
}

const NONE: Readonly<BytesBySource> = { peers: 0, origin: 0, store: 0 };

/** Assets in the order in which they were first heard of. */
export class Assets {
  readonly #assets = new Map<string, Asset>();

  get all(): readonly Asset[] {
    return [...this.#assets.values()];
  }

  /** A marked element is in the page. What events told of its asset stands. */
  seen(marks: Marks, state: State): void {
    const asset = this.#of(marks);
    if (asset.state === 'waiting') asset.state = state;
  }

  /** An event came. */
  heard(type: string, { error, bytes, loaded, total, ...marks }: AssetEventDetail): void {
    const asset = this.#of(marks);
    // Two elements may want it: once it is here, it is.
    if (type === 'zf:progress' && asset.state === 'here') return;
    Object.assign(asset, { bytes, loaded, total });
    asset.state = type === 'zf:load' ? 'here' : type === 'zf:error' ? 'failed' : 'loading';
    asset.why = error?.message ?? '';
  }

  #of({ hash, fallback }: Marks): Asset {
    const key = `${hash?.trim()} ${fallback}`;
    let asset = this.#assets.get(key);
    if (!asset) {
      const name = fallback ?? hash ?? 'neither hash nor address';
      asset = { name, state: 'waiting', bytes: NONE, loaded: 0, total: undefined, why: '' };
      this.#assets.set(key, asset);
    }
    return asset;
  }
}

/** What a line on an asset says. */
export function textOf({ state, bytes, loaded, total, why }: Asset): string {
  switch (state) {
    case 'waiting':
      return 'not asked for yet';
    case 'before':
      return 'shown before this panel was there';
    case 'plain':
      return 'from the server, unverified: the client did not load it';
    case 'failed':
      return why;
    case 'loading':
      return total ? `${Math.floor((100 * loaded) / total)} % of ${size(total)}` : size(loaded);
    case 'here':
      return `${size(total ?? loaded)}: ${shares(bytes)}`;
  }
}

/** What each source gave, in percent that add up to 100: the largest takes the rounding. */
export function shares(bytes: Readonly<BytesBySource>): string {
  const given = SOURCES.filter((source) => bytes[source] > 0).toSorted(
    (one, other) => bytes[other] - bytes[one],
  );
  const all = given.reduce((sum, source) => sum + bytes[source], 0);
  if (all === 0) return 'it was here already';
  const parts = given.map((source) => Math.max(1, Math.round((100 * bytes[source]) / all)));
  parts[0] = 100 - parts.slice(1).reduce((one, other) => one + other, 0);
  return given.map((source, i) => `${parts[i]} % from ${WORDS[source]}`).join(', ');
}

/** Bytes as a person would say it. */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const inWords = (value: number) => value.toFixed(value < 9.95 ? 1 : 0);
  return bytes < 999_500 ? `${inWords(bytes / 1e3)} KB` : `${inWords(bytes / 1e6)} MB`;
}
