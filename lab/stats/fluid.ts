/** What is to be distributed, among whom, over which links. A rate of 0 or none: not limited. */
export interface Distribution {
  /** Of the asset; above 0. */
  readonly bytes: number;
  /** Peers that hold the whole asset at the start. */
  readonly seeders: number;
  /** Peers that want it, all from the start; at least 1. */
  readonly leechers: number;
  /** Peers whose uploads count, but who need not get it: such as leave before they have it. @default 0 */
  readonly helpers?: number | undefined;
  readonly originBytesPerSecond?: number | undefined;
  /** Of every peer, seeder or leecher. */
  readonly peerUpBytesPerSecond?: number | undefined;
  readonly peerDownBytesPerSecond?: number | undefined;
  /**
   * What every leecher must fetch from the origin itself, such as the page and the client's script
   * with `--script-from origin`. No peer can give it. @default 0
   */
  readonly extraOriginBytesPerLeecher?: number | undefined;
}

function amount(name: string, value: number, least: number): number {
  if (!Number.isFinite(value) || value < least)
    throw new RangeError(`${name} is ${value}: give a number of at least ${least}`);
  return value;
}

const rate = (name: string, value: number | undefined): number =>
  amount(name, value ?? 0, 0) || Number.POSITIVE_INFINITY;

/**
 * The yardstick: the least time in ms in which the last leecher can be done if bytes were a fluid,
 * latency nothing and every choice perfect (Mundinger, Weber & Weiss 2008; Kumar & Ross 2006):
 *
 *     max(F / (u_origin + Σ u_seeders), F / d, L F / (u_origin + Σ u_peers))
 *
 * Every byte must leave those who hold it at the start once, or no leecher can have it. Bytes that
 * only the origin can give are added to all three: to what must leave, to what each leecher must
 * receive, and to the total; and the origin alone must send them. All peers' uploads count in the
 * third, the leechers' too. It bounds the last to be done: where that term binds, the mean of all
 * may be below it.
 *
 * @returns null when nothing is limited
 * @throws {RangeError} on a number that makes no sense
 */
export function fluidLimitMs(distribution: Distribution): number | null {
  const bytes = amount('bytes', distribution.bytes, 1);
  const seeders = amount('seeders', distribution.seeders, 0);
  const leechers = amount('leechers', distribution.leechers, 1);
  const helpers = amount('helpers', distribution.helpers ?? 0, 0);
  const origin = rate('originBytesPerSecond', distribution.originBytesPerSecond);
  const up = rate('peerUpBytesPerSecond', distribution.peerUpBytesPerSecond);
  const down = rate('peerDownBytesPerSecond', distribution.peerDownBytesPerSecond);
  const extra = amount(
    'extraOriginBytesPerLeecher',
    distribution.extraOriginBytesPerLeecher ?? 0,
    0,
  );
  const seconds = Math.max(
    (leechers * extra) / origin,
    (bytes + leechers * extra) / (origin + (seeders && seeders * up)),
    (bytes + extra) / down,
    (leechers * (bytes + extra)) / (origin + (seeders + leechers + helpers) * up),
  );
  return seconds > 0 ? seconds * 1000 : null;
}

/** Peers who come one after the other; rates as in {@link Distribution}. */
export interface Arrivals {
  readonly bytes: number;
  readonly seeders: number;
  /** When each came who got the asset, in ms; at least one. */
  readonly gotMs: readonly number[];
  /** When each came who left without it: their uploads count, too. */
  readonly leftMs: readonly number[];
  readonly originBytesPerSecond: number;
  readonly peerUpBytesPerSecond: number;
  readonly peerDownBytesPerSecond: number;
}

/**
 * The fluid limit where not all come at once: no way of distributing makes the mean time from
 * arrival to completion less. The k-th to be done cannot be so before the k-th to come has had F / d,
 * nor before the origin and the seeders have sent one copy since the first came, nor before the
 * origin and all peers who have come can have sent k copies.
 *
 * @returns ms; null when nothing is limited
 * @throws {RangeError} on a number that makes no sense
 */
export function leastMeanMs(arrivals: Arrivals): number | null {
  const bytes = amount('bytes', arrivals.bytes, 1);
  const seeders = amount('seeders', arrivals.seeders, 0);
  const [origin, up, down] = (
    ['originBytesPerSecond', 'peerUpBytesPerSecond', 'peerDownBytesPerSecond'] as const
  ).map((name) => rate(name, arrivals[name]) / 1000) as [number, number, number];
  const gotMs = arrivals.gotMs.toSorted((a, b) => a - b);
  amount('the number of who got it', gotMs.length, 1);
  const allMs = [...gotMs, ...arrivals.leftMs].sort((a, b) => a - b);
  const first = allMs[0] as number;
  const oneCopy = first + bytes / (origin + (seeders && seeders * up));
  // Until `now`, `sent` bytes can have been sent by the origin, the seeders and `come` peers.
  let [now, sent, come] = [first, 0, 1];
  let waited = 0;
  for (const [index, got] of gotMs.entries()) {
    const wanted = (index + 1) * bytes;
    for (;;) {
      const perMs = origin + (seeders + come) * up;
      const next = allMs[come] ?? Number.POSITIVE_INFINITY;
      const enough = now + (wanted - sent) / perMs;
      if (enough < next) {
        [now, sent] = [enough, wanted];
        break;
      }
      if (next > now) [now, sent] = [next, sent + (next - now) * perMs];
      come++;
    }
    waited += Math.max(now, got + bytes / down, oneCopy) - got;
  }
  return waited > 0 ? waited / gotMs.length : null;
}
