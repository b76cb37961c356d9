import { fluidLimitMs, gini, mean, percentile } from '../stats/index.ts';
import type { Scenario } from './scenario.ts';
import { Visitor } from './visitor.ts';
import { World } from './world.ts';

/** Virtual time within which everything must have come to rest: nothing real takes a month. */
const LIMIT_MS = 30 * 24 * 3_600_000;

export interface Distribution {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** What came of a scenario. The same scenario gives the same result, to the byte. */
export interface Result {
  readonly scenario: Scenario;
  /** Peers who got the content, did not, and left before they had. */
  readonly completed: number;
  readonly failed: number;
  readonly left: number;
  /** From arrival to completion; null if nobody completed. */
  readonly timeMs: Distribution | null;
  /** T_min of DESIGN section 5, for all peers arriving at once; null when nothing is limited. */
  readonly fluidLimitMs: number | null;
  /** timeMs as multiples of fluidLimitMs. */
  readonly ofFluidLimit: Distribution | null;
  /** Payload bytes that left the origin, and in copies of the content. */
  readonly originBytes: number;
  readonly originCopies: number;
  /** Payload bytes that left all peers' uplinks, and of those and the origin's what came to whom
   * had left, and what came beyond one copy to those who completed. */
  readonly peerBytes: number;
  readonly lostBytes: number;
  readonly wastedBytes: number;
  /** Of the bytes each visitor sent: 0 when all sent the same, towards 1 when one sent everything. */
  readonly uploadsGini: number;
  readonly engineEvents: number;
  readonly engineEventsPerPeer: number;
  /** When the last visitor was done. */
  readonly virtualMs: number;
}

/** @returns the result and, for tests, everybody as they were at the end */
export function simulate(scenario: Scenario): { result: Result; world: World; all: Visitor[] } {
  const world = new World(scenario);
  const seeders = Array.from({ length: scenario.seeders }, () => new Visitor(world, Infinity));
  for (const seeder of seeders) seeder.startAsSeeder();
  const peers = Array.from({ length: scenario.peers }, () => {
    const leaves = world.random() < scenario.churn;
    return new Visitor(world, leaves ? 2 * world.random() : Infinity);
  });
  // One round trip later everybody at the tracker knows of the seeders.
  for (const peer of peers)
    world.clock.after(scenario.rttMs + world.random() * scenario.arrivalMs, () =>
      peer.startAsLeecher(),
    );
  world.clock.run(LIMIT_MS);
  return {
    result: resultOf(world, peers, [...seeders, ...peers]),
    world,
    all: [...seeders, ...peers],
  };
}

function resultOf(world: World, peers: readonly Visitor[], all: readonly Visitor[]): Result {
  const { scenario } = world;
  const completed = peers.filter(({ ending }) => ending === 'complete');
  const timeMs = distribution(completed.map(({ tookMs }) => tookMs));
  const limit = fluidLimitMs({
    bytes: scenario.bytes,
    seeders: scenario.seeders,
    leechers: scenario.peers,
    originBytesPerSecond: scenario.originBytesPerSecond,
    peerUpBytesPerSecond: scenario.peerUpBytesPerSecond,
    peerDownBytesPerSecond: scenario.peerDownBytesPerSecond,
  });
  const times = limit === null ? [] : completed.map(({ tookMs }) => tookMs / limit);
  const count = (what: Visitor['ending']) => peers.filter(({ ending }) => ending === what).length;
  const sum = (of: readonly Visitor[], bytes: (visitor: Visitor) => number) =>
    of.reduce((total, visitor) => total + bytes(visitor), 0);
  return {
    scenario,
    completed: completed.length,
    failed: count('failed'),
    left: count('left'),
    timeMs,
    fluidLimitMs: limit,
    ofFluidLimit: distribution(times),
    originBytes: world.originBytes,
    originCopies: world.originBytes / scenario.bytes,
    peerBytes: sum(all, ({ uploaded }) => uploaded),
    lostBytes: world.lostBytes,
    wastedBytes:
      sum(completed, ({ fromPeers, fromOrigin }) => fromPeers + fromOrigin) -
      completed.length * scenario.bytes,
    uploadsGini: gini(all.map(({ uploaded }) => uploaded)),
    engineEvents: world.engineEvents,
    engineEventsPerPeer: world.engineEvents / scenario.peers,
    virtualMs: world.clock.now,
  };
}

function distribution(values: readonly number[]): Distribution | null {
  if (values.length === 0) return null;
  const [p50, p95, max] = [50, 95, 100].map((percent) => percentile(values, percent));
  return { mean: mean(values), p50: p50!, p95: p95!, max: max! };
}
