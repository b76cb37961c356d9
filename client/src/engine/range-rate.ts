import { Meter } from './meter.ts';
import {
  CONFIRMING_BYTES,
  CONFIRMING_FACTOR,
  CONFIRMING_MS,
  MAX_RANGE_BYTES,
  MAX_WAITED,
  RANGE_GROWTH,
  SHOWN_BYTES,
} from './tuning.ts';

/** What is looked at of a range that is coming. Offsets in bytes, times in ms. */
interface Coming {
  readonly start: number;
  readonly end: number;
  /** All before it came. */
  readonly at: number;
  readonly askedAt: number;
}

/** How fast ranges of the origin come, and how long the next should be. */
export class RangeRate {
  readonly #meter = new Meter();
  /** What the latest range of which half has come shows, the round trip included; in bytes per ms. */
  #shown = 0;
  /** The same of a range that is under way; 0: nothing yet. */
  #current = 0;
  /** When the latest range was asked for. */
  #askedAt = 0;
  /** Most bytes of one range that have come. */
  #most = 0;
  /** What is said of the origin, or what it has shown, in bytes per ms; 0: nothing, or it was slower since. */
  hint = 0;
  /** Whether a range came as fast, as far as round trips let one see that. */
  #isConfirmed = false;

  /** Bytes per ms that a range should come at; 0 if nothing is known. */
  get expected(): number {
    if (this.#most === 0) return this.hint;
    const shown = Math.max(this.#shown, this.hint);
    const { rate = shown } = this.#meter;
    return rate > MAX_WAITED * shown ? shown : rate;
  }

  /** Whether that is only what is said. */
  get isHearsay(): boolean {
    return !this.#isConfirmed && this.hint > 0 && this.expected === this.hint;
  }

  /** A range was asked for: what one before has shown says nothing of when this one is done. */
  asked(now: number): void {
    this.#current = 0;
    this.#askedAt = now;
  }

  /** It is as if nothing had come yet: it stalled, failed, or what came is from elsewhere. */
  forget(): void {
    this.#shown = this.#current = this.#most = this.hint = 0;
    this.#isConfirmed = false;
  }

  /** The head of an answer came. */
  begin(): void {
    this.#meter.begin();
  }

  /** `length` more bytes of a range came. */
  add({ start, end, at, askedAt }: Coming, length: number, now: number): void {
    this.#meter.add(length, now);
    const came = at - start;
    this.#most = Math.max(this.#most, came);
    if (came < (end - start) / 2) return;
    const tookMs = Math.max(1, now - askedAt);
    this.#shown = came / tookMs;
    const mostMs = this.hint > 0 ? (CONFIRMING_FACTOR * came) / this.hint : 0;
    if (tookMs >= Math.max(CONFIRMING_MS, mostMs)) {
      if (came >= SHOWN_BYTES || this.#isConfirmed) this.hint = 0;
      this.#isConfirmed &&= this.hint > 0;
    } else if (came >= CONFIRMING_BYTES) {
      this.#isConfirmed = true;
      // The next may be too short to show as much; this one may have been too short to bear out all that is said.
      this.hint = Math.max(Math.min(this.hint, RANGE_GROWTH * this.#shown), this.#shown);
    }
    if (askedAt === this.#askedAt) this.#current = this.#shown;
  }

  /** Time that so many bytes should still take, in ms; infinite if nothing is known. */
  remainingMs(bytes: number): number {
    return bytes / (this.#meter.rate ?? this.#current);
  }

  /** What should come in so many ms, in bytes; 0 if nothing is known. */
  affordable(ms: number): number {
    const most = this.#meter.rate === undefined ? RANGE_GROWTH * this.#most : MAX_RANGE_BYTES;
    // Ranges that come at once are too short to be measured, but show that they do.
    const shown = this.#isConfirmed ? Math.max(this.#shown, this.hint) : this.#shown;
    return Math.min((this.#meter.rate ?? shown) * ms, most, MAX_RANGE_BYTES);
  }
}
