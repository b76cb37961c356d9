/**
 * Lets a mean rate through, and bursts of a bounded size. It may be overdrawn: what has arrived
 * cannot be sent back, but the next can be put off. `now` is in milliseconds of one clock.
 */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #level: number;
  #at: number;

  /**
   * @param rate tokens per second
   * @param burst most tokens that are saved up; it starts with them
   */
  constructor(rate: number, burst: number, now: number) {
    this.#perMs = rate / 1_000;
    this.#burst = burst;
    this.#level = burst;
    this.#at = now;
  }

  /** Takes tokens, at any rate; gives how many milliseconds it takes to pay what was overdrawn. */
  take(tokens: number, now: number): number {
    this.#refill(now);
    this.#level -= tokens;
    return this.#level >= 0 ? 0 : -this.#level / this.#perMs;
  }

  /** Takes tokens if there are as many. */
  tryTake(tokens: number, now: number): boolean {
    this.#refill(now);
    if (this.#level < tokens) return false;
    this.#level -= tokens;
    return true;
  }

  /** Whether nothing was taken that has not come back, so that it may be forgotten. */
  isFull(now: number): boolean {
    this.#refill(now);
    return this.#level === this.#burst;
  }

  #refill(now: number): void {
    this.#level = Math.min(this.#burst, this.#level + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}
