import type { Crowd } from './crowd.ts';
import { PROTOCOLS } from './crowd.ts';
import type { Cost, Memory, Place } from './measure.ts';
import { memory, probe, Throughput, withTracker } from './measure.ts';
import type { Sizes } from './options.ts';
import type { ServerName, TrackerName } from './protocol.ts';
import { LIMIT, TRACKERS } from './protocol.ts';
import type { Cpu } from './tracker-process.ts';

/** Full load with some number of offers in one ask. */
export interface Efficiency {
  /** Asks answered by named peers, each offered to and answering, by second of processor time. */
  readonly introductionsPerCpuSecond: number;
  /** The same as microseconds an introduction: in the program itself, and in the kernel for it. */
  readonly cpuMicroseconds: Cpu;
  /** TCP payload in both directions over all connections, WebSocket framing included. */
  readonly bytesPerIntroduction: number;
}

/** One offer after each ask, and as many as the client of a tracker sends. */
export interface Speed extends Efficiency {
  readonly asItsClientAsks: Efficiency & { readonly offersPerAsk: number };
}

/** What was measured of one tracker. */
export interface Figures extends Speed, Memory {
  /** From the ask to the answer's arrival. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly latency: {
    readonly perSecond: number;
    readonly introductions: number;
    readonly idleConnections: number;
    readonly maxMs: number;
    readonly generatorLagP99Ms: number;
    /** Share of one core that the tracker took meanwhile. */
    readonly trackerCpuShare: number;
  };
  readonly scaling: readonly {
    readonly probe: Probe;
    readonly of: number;
    readonly connections: number;
    readonly cpuMicrosecondsPerIntroduction: number;
  }[];
}

/**
 * What is varied: peers in each swarm, with as many connections in all; swarms, likewise; or how many
 * are connected, all in one swarm.
 */
type Probe = 'peersInOneSwarm' | 'swarms' | 'connections';

export interface Results {
  readonly trackers: Readonly<Record<TrackerName, Figures>>;
  /** What a tracker on the same sockets can do at best. */
  readonly limits: Readonly<Record<typeof LIMIT, Speed>>;
}

export interface RunOptions {
  readonly sizes: Sizes;
  readonly seed: number;
  /** Processor for the trackers; undefined: any. */
  readonly core: number | undefined;
  /** Hears what begins. */
  readonly onStep: (what: string) => void;
}

/** Measures both trackers, step by step beside each other. */
export async function run({ sizes, seed, core, onStep }: RunOptions): Promise<Results> {
  const place = (name: ServerName): Place => ({ name, sizes, seed, core });
  const places = TRACKERS.map(place);
  const memories = await inTurn(places, (place) => {
    onStep(`${place.name}: memory of ${sizes.memoryConnections} connections`);
    return memory(place);
  });
  const scalings = await inTurn(places, (place) => scaling(place, onStep));
  const { speeds, latencies } = await busy([...places, place(LIMIT)], onStep);
  const figures = (name: TrackerName): Figures => ({
    ...speeds(name),
    ...(latencies.get(name) as LatencyFigures),
    ...(memories.get(name) as Memory),
    scaling: scalings.get(name) as Figures['scaling'],
  });
  return {
    trackers: {
      zauberflote: figures('zauberflote'),
      'bittorrent-tracker': figures('bittorrent-tracker'),
    },
    limits: { [LIMIT]: speeds(LIMIT) },
  };
}

async function inTurn<P extends Place, T>(
  places: readonly P[],
  measure: (place: P) => Promise<T>,
): Promise<Map<ServerName, T>> {
  const results = new Map<ServerName, T>();
  for (const place of places) {
    const result = await measure(place).catch((error) => {
      throw new Error(`${place.name}: ${(error as Error).message}`, { cause: error });
    });
    results.set(place.name, result);
  }
  return results;
}

/** A server and its visitors. */
interface Stand extends Place {
  readonly crowd: Crowd;
  readonly throughput: Throughput;
}

/** Runs `use` with all of them at once, their visitors connected and the trackers warm. */
function withAll<T>(
  places: readonly Place[],
  onStep: (what: string) => void,
  use: (stands: readonly Stand[]) => Promise<T>,
  stands: readonly Stand[] = [],
): Promise<T> {
  const [place, ...others] = places;
  if (!place) return use(stands);
  return withTracker(place, async (tracker, crowd, random) => {
    onStep(`${place.name}: warming up`);
    const throughput = await Throughput.prepare(tracker, crowd, random, place.sizes);
    return withAll(others, onStep, use, [...stands, { ...place, crowd, throughput }]);
  });
}

type LatencyFigures = Pick<Figures, 'p50Ms' | 'p99Ms' | 'latency'>;

/** All at once, one busy at a time, in alternation: what else the machine does meets all. */
function busy(places: readonly Place[], onStep: (what: string) => void) {
  return withAll(places, onStep, async (stands) => {
    const [{ sizes }] = places as [Place];
    for (let round = 1; round <= sizes.rounds; round++)
      await inTurn(stands, async ({ name, throughput }) => {
        onStep(`${name}: full load, round ${round} of ${sizes.rounds}`);
        for (const offers of [1, PROTOCOLS[name].offersOfItsClient]) await throughput.round(offers);
      });
    const trackers = stands.filter(({ name }) => name !== LIMIT);
    const latencies = await inTurn(trackers, async ({ name, crowd, throughput }) => {
      onStep(`${name}: latency beside ${sizes.connections} idle connections`);
      await crowd.connect(sizes.connections);
      const { made, seconds, trackerCpuSeconds, ...latency } = await throughput.latency();
      // The others are measured with the machine to themselves.
      crowd.close();
      const { p50Ms, p99Ms, maxMs, generatorLagP99Ms } = latency;
      return {
        p50Ms,
        p99Ms,
        latency: {
          perSecond: sizes.latency.perSecond,
          introductions: made,
          idleConnections: sizes.connections,
          maxMs,
          generatorLagP99Ms,
          trackerCpuShare: trackerCpuSeconds / seconds,
        },
      };
    });
    const speeds = (name: ServerName): Speed => {
      const { costs } = stands.find((stand) => stand.name === name)!.throughput;
      const offersPerAsk = PROTOCOLS[name].offersOfItsClient;
      return {
        ...efficiency(costs.get(1) as Cost),
        asItsClientAsks: { offersPerAsk, ...efficiency(costs.get(offersPerAsk) as Cost) },
      };
    };
    return { speeds, latencies };
  });
}

async function scaling(place: Place, onStep: (what: string) => void): Promise<Figures['scaling']> {
  const results: Figures['scaling'][number][] = [];
  const add = async (
    name: Probe,
    of: number,
    wanted: { connections: number; swarms: number; swarmsEach: number },
  ) => {
    onStep(`${place.name}: cost of an introduction, ${name} = ${of}`);
    const { introductions, cpu } = await probe(place, wanted);
    const cpuMicrosecondsPerIntroduction = ((cpu.user + cpu.system) / introductions) * 1e6;
    const { connections } = wanted;
    results.push({ probe: name, of, connections, cpuMicrosecondsPerIntroduction });
  };
  const { peersInOneSwarm, swarms, connections } = place.sizes.scaling;
  // As many connections each time: what they cost by themselves is another matter.
  const most = Math.max(0, ...peersInOneSwarm);
  for (const of of peersInOneSwarm)
    await add('peersInOneSwarm', of, { connections: most, swarms: most / of, swarmsEach: 1 });
  // All of those in one swarm are the last above.
  for (const of of peersInOneSwarm.slice(0, 1))
    await add('connections', of, { connections: of, swarms: 1, swarmsEach: 1 });
  // With many swarms each visitor is in several, so that nobody is alone in one.
  for (const of of swarms) {
    const swarmsEach = Math.ceil((2 * of) / connections);
    await add('swarms', of, { connections, swarms: of, swarmsEach });
  }
  return results;
}

function efficiency({ introductions, cpu, bytes }: Cost): Efficiency {
  const micros = (seconds: number) => (seconds / introductions) * 1e6;
  return {
    introductionsPerCpuSecond: introductions / (cpu.user + cpu.system),
    cpuMicroseconds: { user: micros(cpu.user), system: micros(cpu.system) },
    bytesPerIntroduction: bytes / introductions,
  };
}
