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
 * A peer that should have said something for so long, in ms, and for twice what the soonest takes besides,
 * may have gone: it gets no more until it says it, and keeps nobody waiting. One that never said anything
 * is taken for a client that does not, and served as its connection takes it.
 */
export const LATE_MS = 1_000;

/** So many times what has come in such a time may be under way at most, so that it can become more. */
export const GROWTH = 2;

/**
 * What may wait for a peer at first before it is given another fragment, in bytes: with that, what its socket
 * holds. Chromium asks for 64 KiB, of which Linux takes 2,304 for a packet of 1,200 bytes; the 57th that a busy
 * browser has not read is dropped. Without this, a tenth was between browsers on two busy cores, for some files
 * 40 %; at a file's end that costs 400 ms (measured). It doubles with every {@link WINDOW_MS}, as distances
 * only fall while something is under way: else a page that is busy for long, or has gone farther away, starved.
 */
export const SOCKET_BYTES = 28_672;

/**
 * Beside that, as many times what is on the way as the distance is of this time, in ms. What comes from afar
 * comes spread out, and takes larger steps; two machines in one house, which send as fast as they can, are a
 * few ms away.
 */
export const SPREAD_MS = 100;

/** Notes of what was given to one peer, so that one that never says anything takes little memory. */
export const MAX_GIVEN = 1_024;

/** How much time's worth of bytes may be under way to a peer at this distance, in ms. */
export function windowMs(distanceMs: number): number {
  return Math.max(WINDOW_MS, Math.min(MAX_WINDOW_MS, distanceMs * ROUND_TRIPS));
}

/** How fast bytes come, by word of them. */
export class ArrivalRate {
  /** In bytes per ms. */
  value = 0;
  #measuredAt: number | undefined;
  #bytes = 0;
  /** Over how many {@link WINDOW_MS} it was measured. */
  windows = 0;

  /** It is heard that so many bytes have come. */
  take(bytes: number, now: number): void {
    this.#measuredAt ??= now;
    this.#bytes += bytes;
    const elapsed = now - this.#measuredAt;
    if (elapsed < WINDOW_MS && this.windows) return;
    this.value = Math.max(this.#bytes / Math.max(FIRST_SAMPLE_MS, elapsed), this.value * KEPT);
    if (elapsed < WINDOW_MS) return;
    this.windows++;
    this.#bytes = 0;
    this.#measuredAt = now;
  }
}

/**
 * How much may be under way to all together: so much that what comes soonest takes {@link windowMs}. That
 * had to wait for the uplink alone, what takes longer for its peer's downlink as well.
 */
export class UplinkWindow {
  /** In bytes. */
  value = 0;
  /** After what time without a word a peer is late, in ms. */
  lateMs = LATE_MS;
  /** The most that fits, and what took least, since it was last set. */
  #best = 0;
  #soonestMs = Number.POSITIVE_INFINITY;
  #measuredAt = 0;

  /** A peer said what came. */
  take({ tookMs, fitting }: UploadWindow, now: number): void {
    if (fitting === 0) return;
    this.#best = Math.max(this.#best, fitting);
    this.#soonestMs = Math.min(this.#soonestMs, tookMs);
    this.value = Math.max(this.value, fitting);
    if (now - this.#measuredAt < Math.max(WINDOW_MS, this.#soonestMs)) return;
    this.value = Math.max(this.#best, this.value * KEPT);
    this.lateMs = LATE_MS + 2 * this.#soonestMs;
    this.#best = 0;
    this.#soonestMs = Number.POSITIVE_INFINITY;
    this.#measuredAt = now;
  }
}

/** Bytes given to a peer's connection, of which it has to say that they have come. */
interface Given {
  readonly at: number;
  /** All that it was given until then, in bytes. */
  end: number;
  readonly bytes: number;
  /** What was then under way to all, in bytes. If nothing was, the time until it is heard of is the way's. */
  readonly before: number;
  /** What was then under way to this peer, these bytes with it. */
  readonly own: number;
}

/** How much may be under way to one peer, by what it says to have received. */
export class UploadWindow {
  /** Whether it ever said anything: some clients do not. */
  says = false;
  /** How far away it is: time from giving bytes to hearing that they have come, in ms, if nothing waited. */
  distanceMs = 0;
  /** When the last of what it said was given, and how long that took, in ms. */
  cameAt = 0;
  tookMs = 0;
  /** How many bytes may be under way to all, by what it said last; 0: nothing to go by. */
  fitting = 0;
  readonly #rate = new ArrivalRate();
  /** Bytes of what was under way that did not wait anywhere, by what it said last. */
  #onTheWay = 0;
  /** Oldest first. Less than {@link SAY_BYTES} at the end need not be said, and are not here. */
  readonly #given: Given[] = [];
  /** Bytes that it was given, and that it says to have received. */
  #end = 0;
  #received = 0;
  /** When enough was last heard. */
  #heardAt = 0;

  /** Bytes that it was given and has to say when they come: 0 if all that it has to say was said. */
  get underWay(): number {
    return this.#given.length && this.#end - this.#received;
  }

  /** Of those, bytes that it was given at a time or later. */
  since(at: number): number {
    const before = this.#given.findLast((given) => given.at < at);
    return this.underWay && this.#end - Math.max(this.#received, before?.end ?? 0);
  }

  /**
   * Whether it should be given nothing more now.
   * @param reading bytes that it will be given anyway
   * @param least that may be under way, in bytes
   * @param farthestMs distance of the farthest, in ms; its own, as long as that is not known
   * @param rate how fast bytes come to all, in bytes per ms
   */
  isFull(reading: number, least: number, farthestMs: number, rate: number): boolean {
    const { value, windows } = this.#rate;
    const distanceMs = this.distanceMs || farthestMs;
    // What goes to others is not on the way to this one.
    const onTheWay = Math.max(this.#onTheWay, Math.min(rate, value * GROWTH) * distanceMs);
    const room = onTheWay * (1 + distanceMs / SPREAD_MS) + SOCKET_BYTES * 2 ** windows;
    const fitting = value * windowMs(farthestMs) * GROWTH;
    const { underWay } = this;
    return underWay + reading >= Math.max(least, fitting) || underWay >= Math.max(least, room);
  }

  /** Whether it may have gone, or does not say what it gets. @param lateMs how long word may take */
  isLate(now: number, lateMs: number): boolean {
    return now - Math.max(this.#heardAt, this.#waitsSince) > lateMs;
  }

  /** When the first was given of what it has to say; infinite if there is nothing. */
  get #waitsSince(): number {
    return this.#given[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** So many bytes of data were given to its connection. @param before bytes under way to all */
  gave(bytes: number, before: number, now: number): void {
    this.#end += bytes;
    if (this.#isSaid(this.#end)) return;
    const last = this.#given.at(-1);
    if (last && this.#given.length >= MAX_GIVEN) last.end = this.#end;
    else {
      const own = this.#end - this.#received;
      this.#given.push({ at: now, end: this.#end, bytes, before, own });
    }
  }

  /**
   * It says that so many bytes have come.
   * @param farthestMs distance to take it for as long as its own is not known, in ms
   * @returns how many of those were under way
   */
  received(bytes: number, now: number, farthestMs: number): number {
    this.says = true;
    this.fitting = 0;
    const came = Math.min(bytes, this.#end - this.#received);
    this.#received += came;
    // What says less would only keep itself from being late.
    if (came >= SAY_BYTES) this.#heardAt = now;
    for (let next = this.#given[0]; next && this.#isSaid(next.end); next = this.#given[0]) {
      const tookMs = Math.max(1, now - next.at);
      if (next.before === 0 || tookMs < this.distanceMs) this.distanceMs = tookMs;
      const distanceMs = this.distanceMs || farthestMs;
      this.fitting = ((next.before + next.bytes) * windowMs(distanceMs)) / tookMs;
      this.#onTheWay = (next.own * Math.min(distanceMs, tookMs)) / tookMs;
      this.tookMs = tookMs;
      this.cameAt = next.at;
      this.#given.shift();
    }
    this.#rate.take(came, now);
    return came;
  }

  /** Whether it has nothing to say any more of what it was given until `end`. */
  #isSaid(end: number): boolean {
    return end - this.#received < SAY_BYTES;
  }
}
