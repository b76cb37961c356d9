import { fluidLimitMs, gini, leastMeanMs, mean, percentile } from '../stats/index.ts';
import type { EngineTime } from './engine-time.ts';
import type { Scenario } from './scenario.ts';
import { Visitor } from './visitor.ts';
import { World } from './world.ts';

/** Virtual time within which everything must have come to rest: nothing real takes a month. */
const LIMIT_MS = 30 * 24 * 3_600_000;

/** CPU time within engines. */
export interface EngineCost {
  /** Swarms that ran at the same time. */
  readonly beside: number;
  /** Of a peer, in ms; the mean over all swarms. */
  readonly msPerPeer: number;
}

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
  /** How long those who played it to the end waited, before it and in it; null if nobody did. */
  readonly waitMs: Distribution | null;
  /**
   * T_min of DESIGN section 5 for `fluidLimitPeers`, had all come at once; null when nothing is
   * limited. Where they come one after the other it is a yardstick and bounds nobody's time.
   */
  readonly fluidLimitMs: number | null;
  /** Peers whose downloads it counts: all but those who left before they had the content. */
  readonly fluidLimitPeers: number;
  /** Of each who completed, the time from arrival to completion over fluidLimitMs. */
  readonly ofFluidLimit: Distribution | null;
  /**
   * Bound of timeMs.mean for these peers, coming when they did; null when nothing is limited or
   * nobody completed.
   */
  readonly leastMeanMs: number | null;
  /** Bytes that left the origin, headers of answers included, and in copies of the content. */
  readonly originBytes: number;
  readonly originCopies: number;
  /** Requests that reached it. */
  readonly originRequests: number;
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

/** How far swarms beside each other go in turn, in ms of virtual time. */
const TURN_MS = 10;

/** A swarm whose visitors are on their way. */
interface Story {
  readonly world: World;
  readonly seeders: readonly Visitor[];
  readonly peers: readonly Visitor[];
  readonly arrivals: readonly number[];
}

/**
 * @param beside other swarms like it, each by itself, that run at the same time: they share memory and
 * caches with it, as the peers of a larger swarm would
 * @returns the result, what engines cost in all swarms together, and, for tests, everybody as they
 *   were at the end
 */
export function simulate(
  scenario: Scenario,
  beside = 0,
): { result: Result; world: World; all: Visitor[]; engine: EngineCost } {
  const stories = Array.from({ length: 1 + beside }, (_, nth) =>
    begin({ ...scenario, seed: scenario.seed + nth }),
  );
  let left = beside > 0 ? stories : [];
  for (let time = 0; left.length > 0 && time < LIMIT_MS; time += TURN_MS)
    left = left.filter(({ world }) => world.clock.advance(time));
  for (const { world } of stories) world.clock.run(LIMIT_MS);
  const [{ world, seeders, peers, arrivals }] = stories as [Story];
  const times = stories.map((story) => story.world.engineTime);
  const mean = (of: (time: EngineTime) => number) =>
    times.reduce((sum, time) => sum + of(time), 0) / times.length / scenario.peers;
  const all = [...seeders, ...peers];
  return {
    result: resultOf(world, peers, arrivals, all),
    engine: { beside, msPerPeer: mean(({ ms }) => ms) },
    world,
    all,
  };
}

function begin(scenario: Scenario): Story {
  const world = new World(scenario);
  const seeders = Array.from({ length: scenario.seeders }, () => new Visitor(world, Infinity));
  for (const seeder of seeders) seeder.startAsSeeder();
  for (const seeder of seeders.slice(0, Math.round(scenario.crash * seeders.length)))
    world.clock.after(scenario.crashAtMs, () => seeder.crash());
  const peers = Array.from({ length: scenario.peers }, () => {
    const leaves = world.random() < scenario.churn;
    return new Visitor(world, leaves ? 2 * world.random() : Infinity);
  });
  // One round trip later everybody at the tracker knows of the seeders.
  const arrivals = peers.map((peer) => {
    const at = scenario.rttMs + world.random() * scenario.arrivalMs;
    world.clock.after(at, () => peer.startAsLeecher());
    return at;
  });
  return { world, seeders, peers, arrivals };
}

function resultOf(
  world: World,
  peers: readonly Visitor[],
  arrivals: readonly number[],
  all: readonly Visitor[],
): Result {
  const { scenario } = world;
  const { bytes, seeders, originBytesPerSecond, peerUpBytesPerSecond, peerDownBytesPerSecond } =
    scenario;
  const completed = peers.filter(({ ending }) => ending === 'complete');
  const timeMs = distribution(completed.map(({ tookMs }) => tookMs));
  const count = (what: Visitor['ending']) => peers.filter(({ ending }) => ending === what).length;
  const left = count('left');
  const leechers = peers.length - left;
  const cameMs = (is: (peer: Visitor) => boolean) =>
    arrivals.filter((_, index) => is(peers[index] as Visitor));
  const links = { originBytesPerSecond, peerUpBytesPerSecond, peerDownBytesPerSecond };
  const limit =
    leechers === 0 ? null : fluidLimitMs({ bytes, seeders, leechers, helpers: left, ...links });
  const least =
    completed.length === 0
      ? null
      : leastMeanMs({
          bytes,
          seeders,
          gotMs: cameMs(({ ending }) => ending === 'complete'),
          leftMs: cameMs(({ ending }) => ending !== 'complete'),
          ...links,
        });
  const times = limit === null ? [] : completed.map(({ tookMs }) => tookMs / limit);
  const sum = (of: readonly Visitor[], bytes: (visitor: Visitor) => number) =>
    of.reduce((total, visitor) => total + bytes(visitor), 0);
  return {
    scenario,
    completed: completed.length,
    failed: count('failed'),
    left,
    timeMs,
    waitMs: distribution(peers.flatMap(({ player }) => player?.waitedMs ?? [])),
    fluidLimitMs: limit,
    fluidLimitPeers: leechers,
    ofFluidLimit: distribution(times),
    leastMeanMs: least,
    originBytes: world.origin.bytes,
    originCopies: world.origin.bytes / scenario.bytes,
    originRequests: world.origin.requests,
    peerBytes: sum(all, ({ uploaded }) => uploaded),
    lostBytes: world.lostBytes,
    wastedBytes:
      sum(completed, ({ fromPeers, fromOrigin }) => fromPeers + fromOrigin) -
      completed.length * scenario.bytes,
    uploadsGini: gini(all.map(({ uploaded }) => uploaded)),
    engineEvents: world.engineTime.events,
    engineEventsPerPeer: world.engineTime.events / scenario.peers,
    virtualMs: world.doneAt,
  };
}

function distribution(values: readonly number[]): Distribution | null {
  if (values.length === 0) return null;
  const [p50, p95, max] = [50, 95, 100].map((percent) => percentile(values, percent));
  return { mean: mean(values), p50: p50!, p95: p95!, max: max! };
}
