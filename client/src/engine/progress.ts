import { GIVE_UP_MS, LEAST_GAIN_BYTES, LEAST_RATE, ROOM_MS } from './tuning.ts';

/** When anything last came of a download: how long it may still wait for more, and for the same peers. */
export class Progress {
  #at = 0;
  /** Bytes from peers since then, which are no progress yet: who sends one now and then must not keep it waiting. */
  #gained = 0;
  /** When a peer last completed a chunk, or another size was tried. */
  #chunkAt = 0;
  /** The same for giving up: as each silent peer is left once, or a few times, that ends as well. */
  #hopeAt = 0;

  /** Something came that peers have no part in, or is to be expected. */
  made(now: number): void {
    this.#at = now;
  }

  /** What peers gave is of no use any more, or others are asked. */
  begunAnew(now: number): void {
    this.#at = this.#chunkAt = now;
  }

  /** There is less to wait for. */
  hope(now: number): void {
    this.#hopeAt = now;
  }

  /** Bytes came from a peer. */
  gained(length: number, isChunk: boolean, now: number): void {
    this.#gained += length;
    if (isChunk) this.#chunkAt = now;
    if (!isChunk && this.#gained < LEAST_GAIN_BYTES) return;
    this.#at = now;
    this.#gained = 0;
  }

  /** Whether so little came that another size is to be tried: a chunk may take slow peers longer than `patience`. */
  isStalled(patience: number, chunkSize: number, now: number): boolean {
    const chunkMs = Math.max(2 * patience, chunkSize / LEAST_RATE);
    return now >= this.#at + patience || now >= this.#chunkAt + chunkMs;
  }

  /** Whether it may still wait for room for a connection. */
  mayWaitForRoom(now: number): boolean {
    return now < this.#at + ROOM_MS;
  }

  /** When it is given up, if there is no origin and nothing comes. */
  get givesUpAt(): number {
    return Math.max(this.#at, this.#hopeAt) + GIVE_UP_MS;
  }
}
