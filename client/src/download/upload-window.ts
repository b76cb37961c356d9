import { SAY_BYTES } from '../connection/arrivals.ts';

/**
 * So much time's worth of bytes may be under way to a peer, in ms. What lies in queues can be neither
 * taken back nor overtaken, and all else that the visitor sends waits behind it. Home routers hold 500 ms
 * and more and then drop: at 1 Mbit/s, 800 ms lay there and a fifth of the packets was lost (measured).
 */
export const WINDOW_MS = 300;

/** Of a peer that is far away, so many round trips, so that it can be seen to take more than it got. */
const ROUND_TRIPS = 1.5;

/** Most time's worth of bytes under way, in ms: 600 ms are the round trip over a geostationary satellite. */
export const MAX_WINDOW_MS = 900;

/** Least that may be under way to a peer, in bytes: a usual fragment. */
export const MIN_WINDOW_BYTES = 16_384;

/** Least time over which it is first measured how fast bytes come, in ms; then it is {@link WINDOW_MS}. */
export const FIRST_SAMPLE_MS = 100;

/** What is left of a rate after that time, at least: a busy page, here or there, is heard late now and then. */
const KEPT = 0.5;

/**
 * A peer to which bytes are under way and that has said nothing for so long, in ms, may have gone: it gets
 * no more until it says something, and keeps nobody waiting. On a slow line it is the time that
 * {@link LATE_BYTES} take.
 */
export const LATE_MS = 1_000;

/** Twice what is under way to all together while that is at its least. */
export const LATE_BYTES = 131_072;

/** Longest time until a peer is late, in ms. ICE sees after 5 s that somebody has gone. */
export const MAX_LATE_MS = 3_000;

/**
 * How much time's worth of bytes may be under way, in ms.
 * @param distanceMs of the farthest that something is under way to
 */
export function windowMs(distanceMs: number): number {
  return Math.max(WINDOW_MS, Math.min(MAX_WINDOW_MS, distanceMs * ROUND_TRIPS));
}

/** After what time a peer is late, in ms. @param rate in bytes per ms */
export function lateAfterMs(rate: number): number {
  return Math.max(LATE_MS, Math.min(MAX_LATE_MS, LATE_BYTES / rate));
}

/** How fast bytes come, by word of them. */
export class ArrivalRate {
  /** In bytes per ms. */
  value = 0;
  #measuredAt: number | undefined;
  #bytes = 0;
  #isMeasured = false;

  /** It is heard that so many bytes have come. */
  take(bytes: number, now: number): void {
    this.#measuredAt ??= now;
    this.#bytes += bytes;
    const elapsed = now - this.#measuredAt;
    if (elapsed < WINDOW_MS && this.#isMeasured) return;
    this.value = Math.max(this.#bytes / Math.max(FIRST_SAMPLE_MS, elapsed), this.value * KEPT);
    if (elapsed < WINDOW_MS) return;
    this.#isMeasured = true;
    this.#bytes = 0;
    this.#measuredAt = now;
  }
}

/** How much may be under way to one peer, by what it says to have received. */
export class UploadWindow {
  /** Bytes that were given to its connection and are not said to have come. */
  underWay = 0;
  readonly #rate = new ArrivalRate();
  /** Whether it says anything: clients of the version before do not. */
  says = false;
  /** How far away it is: time from giving bytes to hearing that they have come, in ms, if nothing waited. */
  distanceMs = 0;
  /** When bytes were given of which that is to be seen, and how many will then have been said. */
  #sampleAt: number | undefined;
  #sampleEnd = 0;
  #received = 0;
  /** When something was last heard, or first given since then. */
  #waitsSince = 0;
  #isGiven = false;

  /**
   * Whether it should be given nothing more now.
   * @param reading bytes that it will be given anyway
   * @param least that may be under way, in bytes
   * @param timeMs whose worth of bytes may be under way, in ms
   */
  isFull(reading: number, least: number, timeMs: number): boolean {
    return this.says && this.underWay + reading >= Math.max(least, this.#rate.value * timeMs);
  }

  /** Whether it may have gone, or does not say what it gets. @param lateMs how long word may take */
  isLate(now: number, lateMs: number): boolean {
    return this.underWay >= MIN_WINDOW_BYTES && now - this.#waitsSince > lateMs;
  }

  /**
   * So many bytes of data were given to its connection.
   * @param isQuiet nothing is under way: the time until it is heard of is the way's
   */
  gave(bytes: number, isQuiet: boolean, now: number): void {
    if (!this.#isGiven) this.#waitsSince = now;
    this.#isGiven = true;
    this.underWay += bytes;
    if (!isQuiet) return;
    this.#sampleAt = now;
    this.#sampleEnd = this.#received + this.underWay;
  }

  /** It says that so many bytes have come. @returns how many of those were under way */
  received(bytes: number, now: number): number {
    this.says = true;
    this.#waitsSince = now;
    this.#isGiven = false;
    const came = Math.min(bytes, this.underWay);
    this.underWay -= came;
    this.#received += came;
    if (this.#sampleAt !== undefined && this.#received > this.#sampleEnd - SAY_BYTES) {
      this.distanceMs = now - this.#sampleAt;
      this.#sampleAt = undefined;
    }
    this.#rate.take(came, now);
    return came;
  }
}
