import type { Timing } from '../platform.ts';

/** Least bytes of an answer that says something: 16 KB take TCP two round trips (RFC 6928), less only shows one. */
export const TELLING_BYTES = 16_384;

/** How long it counts, in ms: a crowd comes and goes within minutes. */
export const TELLING_MS = 30_000;

/** What a server sends at first, in bytes; then, every round trip, twice as much as before (RFC 6928, RFC 5681). */
const FIRST_FLIGHT_BYTES = 14_600;

/** Most such round trips that are not counted, and how long one may be, in ms: a longer wait is for a server that is busy. */
const [MAX_ROUND_TRIPS, MAX_ROUND_TRIP_MS] = [3, 200];

/**
 * How fast the server of `url` gave what the page fetched from it last: the page itself, our script, ranges. In bytes per
 * ms; 0 where nothing shows that. Round trips in which TCP only found out how fast it may send are not counted, as far as
 * they were no longer than the wait for the answer; but that wait is, where all the rest took less: a server that lets
 * its visitors wait is not fast.
 * @param timings in the order of their start
 * @param now on the clock of `timings`
 */
export function shownRate(url: string, timings: readonly Timing[], now: number): number {
  const server = /^https?:\/\/[^/]+\//.exec(url)?.[0];
  let rate = 0;
  if (server === undefined) return rate;
  for (const timing of timings) {
    const { requestStart, responseStart, responseEnd, encodedBodySize: bytes } = timing;
    if (
      bytes < TELLING_BYTES ||
      // Else it came from a cache.
      timing.transferSize < bytes ||
      responseEnd <= now - TELLING_MS ||
      !timing.name.startsWith(server)
    )
      continue;
    const waitMs = responseStart - requestStart;
    const roundTrips = Math.ceil(Math.log2(bytes / FIRST_FLIGHT_BYTES + 1)) - 1;
    const foundOutMs = Math.min(roundTrips, MAX_ROUND_TRIPS) * Math.min(waitMs, MAX_ROUND_TRIP_MS);
    rate = bytes / Math.max(1, waitMs, responseEnd - responseStart - foundOutMs);
  }
  return rate;
}
