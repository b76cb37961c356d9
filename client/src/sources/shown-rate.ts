import type { Timing } from '../platform.ts';

/** Least bytes of an answer that says something: 16 KB take TCP two round trips (RFC 6928), less only shows one. */
export const TELLING_BYTES = 16_384;

/** How long it counts, in ms: a crowd comes and goes within minutes. */
export const TELLING_MS = 30_000;

/**
 * How fast the server of `url` gave what the page fetched from it last, the wait for its answer included: the page itself,
 * our script, ranges. In bytes per ms; 0 where nothing shows that.
 * @param timings in the order of their start
 * @param now on the clock of `timings`
 */
export function shownRate(url: string, timings: readonly Timing[], now: number): number {
  const server = /^https?:\/\/[^/]+\//.exec(url)?.[0];
  let rate = 0;
  if (server === undefined) return rate;
  for (const { name, requestStart, responseEnd, transferSize, encodedBodySize } of timings)
    if (
      encodedBodySize >= TELLING_BYTES &&
      // Else it came from a cache.
      transferSize >= encodedBodySize &&
      responseEnd > now - TELLING_MS &&
      name.startsWith(server)
    )
      rate = encodedBodySize / Math.max(1, responseEnd - requestStart);
  return rate;
}
