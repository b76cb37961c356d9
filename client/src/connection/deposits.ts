import type { Platform } from '../platform.ts';
import type { Attempt } from './attempt.ts';

/** Offers that one page leaves with the tracker: a crowd comes in ones and twos between two replies. */
export const DEPOSITS = 2;

/**
 * So long after they were missed first, in ms, they are made: each holds up a slow page for some 13 ms (sampled),
 * else just when it shows what it has got, or a newcomer's connection is being made.
 */
export const FILL_MS = 2_000;

/**
 * Attempts whose offers were left with the tracker, for newcomers to answer at once. Each is a port
 * kept open, so there are few, and new ones are made only when others were used: a page where nobody
 * comes soon has none.
 */
export class Deposits {
  readonly #platform: Pick<Platform, 'setTimer'>;
  readonly #make: () => Attempt | undefined;
  readonly #waiting = new Map<number, Attempt>();
  #cancelTimer: (() => void) | undefined;

  /** @param make begins an attempt to no peer; undefined if there is no WebRTC here, or none is to be made now */
  constructor(platform: Pick<Platform, 'setTimer'>, make: () => Attempt | undefined) {
    this.#platform = platform;
    this.#make = make;
  }

  /** Leaves as many as there should be, soon. */
  fill(): void {
    if (this.#waiting.size >= DEPOSITS) return;
    this.#cancelTimer ??= this.#platform.setTimer(FILL_MS, () => {
      this.#cancelTimer = undefined;
      while (this.#waiting.size < DEPOSITS) {
        const attempt = this.#make();
        if (!attempt) return;
        this.#waiting.set(attempt.route.id, attempt);
        attempt.start();
      }
    });
  }

  /** Makes none before the next {@link fill}. Those that wait stay. */
  pause(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** The attempt of this number, if it waits: it is the caller's now. */
  take(id: number): Attempt | undefined {
    const attempt = this.#waiting.get(id);
    this.#waiting.delete(id);
    return attempt;
  }

  end(): void {
    this.pause();
    for (const attempt of this.#waiting.values()) attempt.end(false);
    this.#waiting.clear();
  }
}
