import { CHUNK_BYTES } from './tuning.ts';

/** Which chunks of a content are at hand, and which nobody has been asked for. */
export class Chunks {
  /** Bytes of the whole content. */
  readonly size: number;
  readonly count: number;
  /** How often each chunk was given up at a peer. */
  readonly #failures: Uint8Array;
  readonly #done: Uint8Array;
  #left: number;
  /** Given back by a peer: these go first. */
  readonly #returned: number[] = [];
  /** Chunks from here on were never asked for. */
  #fresh = 0;

  constructor(size: number) {
    this.size = size;
    this.count = Math.ceil(size / CHUNK_BYTES);
    this.#failures = new Uint8Array(this.count);
    this.#done = new Uint8Array(this.count);
    this.#left = this.count;
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  get hasUnassigned(): boolean {
    return this.#returned.length > 0 || this.#fresh < this.count;
  }

  offset(chunk: number): number {
    return chunk * CHUNK_BYTES;
  }

  length(chunk: number): number {
    return Math.min(CHUNK_BYTES, this.size - chunk * CHUNK_BYTES);
  }

  failures(chunk: number): number {
    return this.#failures[chunk] ?? 0;
  }

  /** The chunk to ask for next; undefined when all are at hand or asked for. */
  take(): number | undefined {
    return this.#returned.shift() ?? (this.#fresh < this.count ? this.#fresh++ : undefined);
  }

  /** A peer asked for this chunk will not send it. */
  giveBack(chunk: number): void {
    if (this.#failures[chunk]! < 255) this.#failures[chunk]!++;
    if (!this.#done[chunk]) this.#returned.push(chunk);
  }

  finish(chunk: number): void {
    if (this.#done[chunk]) return;
    this.#done[chunk] = 1;
    this.#left--;
  }
}
