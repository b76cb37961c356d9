/** What is to be distributed, among whom, over which links. A rate of 0 or none: not limited. */
export interface Distribution {
  /** Of the asset; above 0. */
  readonly bytes: number;
  /** Peers that hold the whole asset at the start. */
  readonly seeders: number;
  /** Peers that want it, all from the start; at least 1. */
  readonly leechers: number;
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
 *     max(F / u_origin [only if nobody holds it], F / d, L F / (u_origin + Σ u_peers))
 *
 * Bytes that only the origin can give are added to all three: to what it must send, to what each
 * leecher must receive, and to the total. All peers' uploads count, the leechers' too.
 *
 * @returns null when nothing is limited
 * @throws {RangeError} on a number that makes no sense
 */
export function fluidLimitMs(distribution: Distribution): number | null {
  const bytes = amount('bytes', distribution.bytes, 1);
  const seeders = amount('seeders', distribution.seeders, 0);
  const leechers = amount('leechers', distribution.leechers, 1);
  const origin = rate('originBytesPerSecond', distribution.originBytesPerSecond);
  const up = rate('peerUpBytesPerSecond', distribution.peerUpBytesPerSecond);
  const down = rate('peerDownBytesPerSecond', distribution.peerDownBytesPerSecond);
  const extra = amount(
    'extraOriginBytesPerLeecher',
    distribution.extraOriginBytesPerLeecher ?? 0,
    0,
  );
  const seconds = Math.max(
    ((seeders === 0 ? bytes : 0) + leechers * extra) / origin,
    (bytes + extra) / down,
    (leechers * (bytes + extra)) / (origin + (seeders + leechers) * up),
  );
  return seconds > 0 ? seconds * 1000 : null;
}
