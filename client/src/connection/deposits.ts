import type { Attempt } from './attempt.ts';

/** Offers that one page leaves with the tracker: a crowd comes in ones and twos between two replies. */
export const DEPOSITS = 2;

/**
 * Attempts whose offers were left with the tracker, for newcomers to answer at once. Each is a port
 * kept open, so there are few, and new ones are made only when others were used: a page where nobody
 * comes soon has none.
 */
export class Deposits {
  readonly #make: () => Attempt | undefined;
  readonly #waiting = new Map<number, Attempt>();

  /** @param make begins an attempt to no peer; undefined if there is no WebRTC here. */
  constructor(make: () => Attempt | undefined) {
    this.#make = make;
  }

  /** Leaves as many as there should be. */
  fill(): void {
    while (this.#waiting.size < DEPOSITS) {
      const attempt = this.#make();
      if (!attempt) return;
      this.#waiting.set(attempt.route.id, attempt);
      attempt.start();
    }
  }

  /** The attempt of this number, if it waits: it is the caller's now. */
  take(id: number): Attempt | undefined {
    const attempt = this.#waiting.get(id);
    this.#waiting.delete(id);
    return attempt;
  }

  end(): void {
    for (const attempt of this.#waiting.values()) attempt.end(false);
    this.#waiting.clear();
  }
}
