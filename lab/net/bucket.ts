import { performance } from 'node:perf_hooks';

/** What passes at once after nobody has sent for a while. */
const BURST_SECONDS = 0.02;
/** Bytes of one turn: about a frame's, so that connections share a slow link evenly. */
export const TURN_BYTES = 1448;

/** Someone who waits for tokens: returns how many bytes it has used of those offered. */
export type Taker = (bytes: number) => number;

/** A token bucket that serves those who wait in turns. */
export class TokenBucket {
  readonly #bytesPerSecond: number;
  readonly #waiting: Taker[] = [];
  /** When all that has passed would have passed at the set rate. */
  #paidUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #serving = false;

  /** @param bytesPerSecond may be Infinity */
  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Calls `taker` once, when it is its turn. */
  wait(taker: Taker): void {
    // Not while some wait: what a timer was late by, they catch up with.
    if (!this.#timer && !this.#serving)
      this.#paidUntil = Math.max(this.#paidUntil, performance.now() - BURST_SECONDS * 1000);
    this.#waiting.push(taker);
    if (!this.#serving) this.#timer ??= setTimeout(() => this.#serve(), 0);
  }

  #serve(): void {
    this.#timer = undefined;
    const now = performance.now();
    const turn = this.#bytesPerSecond === Infinity ? 1 << 20 : TURN_BYTES;
    // Those who take again come after those who have waited. One event loop turn at a time.
    this.#serving = true;
    while (this.#waiting.length > 0 && this.#paidUntil <= now) {
      const used = this.#waiting.shift()!(turn);
      this.#paidUntil += (used / this.#bytesPerSecond) * 1000;
    }
    this.#serving = false;
    if (this.#waiting.length > 0)
      this.#timer = setTimeout(() => this.#serve(), Math.max(0, this.#paidUntil - now));
  }
}
