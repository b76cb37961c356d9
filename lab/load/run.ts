import { PROTOCOLS } from './crowd.ts';
import type { Cost, Memory, Place } from './measure.ts';
import { memory, probe, Throughput, withTracker } from './measure.ts';
import type { Sizes } from './options.ts';
import type { TrackerName } from './protocol.ts';
import { TRACKERS } from './protocol.ts';

/** Full load with some number of offers in one ask. */
export interface Efficiency {
  /** Asks answered by named peers, each offered to and answering, by second of processor time. */
  readonly introductionsPerCpuSecond: number;
  /** TCP payload in both directions over all connections, WebSocket framing included. */
  readonly bytesPerIntroduction: number;
}

/** What was measured of one tracker. */
export interface Figures extends Efficiency, Memory {
  /** From the ask to the answer's arrival. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** With as many offers after one ask as the tracker's own client sends. */
  readonly asItsClientAsks: Efficiency & { readonly offersPerAsk: number };
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
    readonly probe: 'peersInOneSwarm' | 'swarms';
    readonly of: number;
    readonly connections: number;
    readonly cpuMicrosecondsPerIntroduction: number;
  }[];
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
export async function run({
  sizes,
  seed,
  core,
  onStep,
}: RunOptions): Promise<Record<TrackerName, Figures>> {
  const places = TRACKERS.map((name): Place => ({ name, sizes, seed, core }));
  const memories = await inTurn(places, (place) => {
    onStep(`${place.name}: memory of ${sizes.memoryConnections} connections`);
    return memory(place);
  });
  const scalings = await inTurn(places, (place) => scaling(place, onStep));
  const speeds = await speed(places as [Place, Place], onStep);
  const figures = (name: TrackerName): Figures => ({
    ...speeds(name),
    ...(memories.get(name) as Memory),
    scaling: scalings.get(name) as Figures['scaling'],
  });
  return {
    zauberflote: figures('zauberflote'),
    'bittorrent-tracker': figures('bittorrent-tracker'),
  };
}

async function inTurn<T>(
  places: readonly Place[],
  measure: (place: Place) => Promise<T>,
): Promise<Map<TrackerName, T>> {
  const results = new Map<TrackerName, T>();
  for (const place of places) {
    const result = await measure(place).catch((error) => {
      throw new Error(`${place.name}: ${(error as Error).message}`, { cause: error });
    });
    results.set(place.name, result);
  }
  return results;
}

/** Both trackers at once, one busy at a time, in alternation: what else the machine does meets both. */
function speed([first, second]: [Place, Place], onStep: (what: string) => void) {
  const { sizes } = first;
  return withTracker(first, (a, aCrowd, aRandom) =>
    withTracker(second, async (b, bCrowd, bRandom) => {
      const crowds = new Map([
        [first.name, aCrowd],
        [second.name, bCrowd],
      ]);
      const throughputs = await inTurn([first, second], ({ name }) => {
        onStep(`${name}: warming up`);
        return name === first.name
          ? Throughput.prepare(a, aCrowd, aRandom, sizes)
          : Throughput.prepare(b, bCrowd, bRandom, sizes);
      });
      for (let round = 1; round <= sizes.rounds; round++)
        await inTurn([first, second], async ({ name }) => {
          onStep(`${name}: full load, round ${round} of ${sizes.rounds}`);
          const throughput = throughputs.get(name) as Throughput;
          for (const offers of [1, PROTOCOLS[name].offersOfItsClient])
            await throughput.round(offers);
        });
      const latencies = await inTurn([first, second], async ({ name }) => {
        onStep(`${name}: latency beside ${sizes.connections} idle connections`);
        await crowds.get(name)?.connect(sizes.connections);
        const latency = await (throughputs.get(name) as Throughput).latency();
        // The other is measured with the machine to itself.
        crowds.get(name)?.close();
        return latency;
      });
      return (name: TrackerName) => {
        const { costs } = throughputs.get(name) as Throughput;
        const { p50Ms, p99Ms, maxMs, made, seconds, generatorLagP99Ms, trackerCpuSeconds } =
          latencies.get(name)!;
        const offersPerAsk = PROTOCOLS[name].offersOfItsClient;
        return {
          ...efficiency(costs.get(1) as Cost),
          p50Ms,
          p99Ms,
          asItsClientAsks: { offersPerAsk, ...efficiency(costs.get(offersPerAsk) as Cost) },
          latency: {
            perSecond: sizes.latency.perSecond,
            introductions: made,
            idleConnections: sizes.connections,
            maxMs,
            generatorLagP99Ms,
            trackerCpuShare: trackerCpuSeconds / seconds,
          },
        };
      };
    }),
  );
}

async function scaling(place: Place, onStep: (what: string) => void): Promise<Figures['scaling']> {
  const results: Figures['scaling'][number][] = [];
  const add = async (
    name: 'peersInOneSwarm' | 'swarms',
    of: number,
    { connections, swarmsEach }: { connections: number; swarmsEach: number },
  ) => {
    onStep(`${place.name}: cost of an introduction, ${name} = ${of}`);
    const swarms = name === 'swarms' ? of : 1;
    const cost = await probe(place, { connections, swarms, swarmsEach });
    const cpuMicrosecondsPerIntroduction = (cost.cpuSeconds / cost.introductions) * 1e6;
    results.push({ probe: name, of, connections, cpuMicrosecondsPerIntroduction });
  };
  const { peersInOneSwarm, swarms, connections } = place.sizes.scaling;
  for (const of of peersInOneSwarm)
    await add('peersInOneSwarm', of, { connections: of, swarmsEach: 1 });
  // With many swarms each visitor is in several, so that nobody is alone in one.
  for (const of of swarms)
    await add('swarms', of, { connections, swarmsEach: Math.ceil((2 * of) / connections) });
  return results;
}

function efficiency({ introductions, cpuSeconds, bytes }: Cost): Efficiency {
  return {
    introductionsPerCpuSecond: introductions / cpuSeconds,
    bytesPerIntroduction: bytes / introductions,
  };
}
