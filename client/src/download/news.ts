import { MAX_CHUNKS_PER_GOT } from '@zauberflote/proto';
import type { PeerId } from '../engine/types.ts';
import type { Platform } from '../platform.ts';
import { Alarm } from './alarm.ts';

/**
 * Between two `Got` to the same peers: a word on each chunk of 16 KiB would be 760 a second at
 * 100 Mbit/s, above what peers take for ever (`SMALL_PER_SECOND`); so it is 40.
 */
export const NEWS_MS = 25;

/** What peers are to be told of one content: the first at once, and what comes soon after together. */
export class News {
  readonly #platform: Platform;
  readonly #send: (peer: PeerId, chunks: number[]) => void;
  readonly #alarm: Alarm;
  /** Chunks that peers are still to be told of. */
  readonly #chunks = new Map<PeerId, Set<number>>();
  /** When peers were last told. */
  #toldAt = Number.NEGATIVE_INFINITY;

  /** @param send 1 to MAX_CHUNKS_PER_GOT chunks */
  constructor(platform: Platform, send: (peer: PeerId, chunks: number[]) => void) {
    this.#platform = platform;
    this.#send = send;
    this.#alarm = new Alarm(platform, () => this.tellSoon());
  }

  add(peer: PeerId, chunks: readonly number[]): void {
    const news = this.#chunks.get(peer) ?? new Set();
    this.#chunks.set(peer, news);
    for (const chunk of chunks) news.add(chunk);
  }

  /** The chunk is not here any more. */
  discard(chunk: number): void {
    for (const news of this.#chunks.values()) news.delete(chunk);
  }

  tellSoon(): void {
    if (this.#chunks.size === 0) return;
    const due = this.#toldAt + NEWS_MS;
    if (this.#platform.now() < due) this.#alarm.set(due);
    else this.tell();
  }

  tell(): void {
    this.#toldAt = this.#platform.now();
    for (const [peer, news] of this.#chunks)
      for (const chunks = [...news]; chunks.length > 0; )
        this.#send(peer, chunks.splice(0, MAX_CHUNKS_PER_GOT));
    this.#chunks.clear();
  }

  /** Tells nobody any more. */
  close(): void {
    this.#alarm.clear();
    this.#chunks.clear();
  }
}
