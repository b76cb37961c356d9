import { seeded } from '../../demo/random.ts';
import { Crowd, PROTOCOLS } from './crowd.ts';
import type { Latencies } from './introductions.ts';
import { join, pace, saturate } from './introductions.ts';
import type { Sizes } from './options.ts';
import type { Client, ServerName } from './protocol.ts';
import type { Cpu } from './tracker-process.ts';
import { TrackerProcess } from './tracker-process.ts';

/** What introductions at full load cost a tracker. */
export interface Cost {
  readonly introductions: number;
  readonly cpu: Cpu;
  /** Sent and received over all connections that took part. */
  readonly bytes: number;
}

const NOTHING: Cost = { introductions: 0, cpu: { user: 0, system: 0 }, bytes: 0 };

export interface PerConnection {
  readonly idleBytesPerConnection: number;
  readonly activeBytesPerConnection: number;
}

export interface Memory extends PerConnection {
  /** The same as it was found, before any garbage was collected by force. */
  readonly beforeCollection: PerConnection;
}

export interface Place {
  readonly name: ServerName;
  readonly sizes: Sizes;
  readonly seed: number;
  readonly core: number | undefined;
}

/** Runs `use` with a tracker of its own and a crowd for it, and ends both. */
export async function withTracker<T>(
  { name, core, seed }: Place,
  use: (tracker: TrackerProcess, crowd: Crowd, random: () => number) => Promise<T>,
): Promise<T> {
  const tracker = await TrackerProcess.start(name, core);
  const random = seeded(seed);
  const crowd = new Crowd(tracker, random);
  try {
    return await use(tracker, crowd, random);
  } finally {
    crowd.close();
    await tracker.stop();
  }
}

/**
 * Resident memory of a tracker, by connection: idle (connected, nothing said), and active (wanted
 * one content, holds it, asked for one introduction and answered as many).
 */
export function memory(place: Place): Promise<Memory> {
  return withTracker(place, async (tracker, crowd, random) => {
    const { memoryConnections: count, swarmSize, window } = place.sizes;
    // What a tracker takes once, for its own code, is not a cost of connections.
    await activate(await crowd.connect(Math.max(100, swarmSize)));
    crowd.close();
    const empty = await tracker.settledBytes();
    const each = (bytes: number) => (bytes - empty) / count;
    const clients = await crowd.connect(count);
    await crowd.flushed();
    const idleFound = tracker.residentBytes();
    const idle = await tracker.settledBytes();
    await activate(clients);
    const activeFound = tracker.residentBytes();
    const active = await tracker.settledBytes();
    return {
      idleBytesPerConnection: each(idle),
      activeBytesPerConnection: each(active),
      beforeCollection: {
        idleBytesPerConnection: each(idleFound),
        activeBytesPerConnection: each(activeFound),
      },
    };

    async function activate(some: readonly Client[]): Promise<void> {
      await join(some, Math.ceil(some.length / swarmSize), 1);
      await crowd.flushed();
      await saturate({ clients: some, offers: 1, random, count: some.length, window });
      await crowd.flushed();
    }
  });
}

/** What introductions cost, with the numbers of offers in one ask that are given. */
export class Throughput {
  readonly #tracker: TrackerProcess;
  readonly #clients: readonly Client[];
  readonly #random: () => number;
  readonly #sizes: Sizes;
  /** Totals by number of offers in one ask. */
  readonly costs = new Map<number, Cost>();

  private constructor(
    tracker: TrackerProcess,
    clients: readonly Client[],
    random: () => number,
    sizes: Sizes,
  ) {
    this.#tracker = tracker;
    this.#clients = clients;
    this.#random = random;
    this.#sizes = sizes;
  }

  /** Connects the visitors, puts them in swarms, and warms the tracker up. */
  static async prepare(
    tracker: TrackerProcess,
    crowd: Crowd,
    random: () => number,
    sizes: Sizes,
  ): Promise<Throughput> {
    const clients = await crowd.connect(sizes.active);
    await join(clients, Math.ceil(sizes.active / sizes.swarmSize), 1);
    await crowd.flushed();
    const throughput = new Throughput(tracker, clients, random, sizes);
    for (const offers of [1, PROTOCOLS[tracker.name].offersOfItsClient])
      await throughput.round(offers);
    throughput.costs.clear();
    return throughput;
  }

  async round(offers: number): Promise<void> {
    const { introductions: count, window } = this.#sizes;
    const clients = this.#clients;
    const cost = await costOf(this.#tracker, clients, () =>
      saturate({ clients, offers, random: this.#random, count, window }),
    );
    const before = this.costs.get(offers) ?? NOTHING;
    this.costs.set(offers, {
      introductions: before.introductions + cost.introductions,
      cpu: {
        user: before.cpu.user + cost.cpu.user,
        system: before.cpu.system + cost.cpu.system,
      },
      bytes: before.bytes + cost.bytes,
    });
  }

  latency(): Promise<Latencies & { readonly trackerCpuSeconds: number }> {
    const { perSecond, count } = this.#sizes.latency;
    const asking = { clients: this.#clients, offers: 1, random: this.#random };
    const before = this.#tracker.cpuSeconds();
    return pace({ ...asking, perSecond, count }).then((latencies) => ({
      ...latencies,
      trackerCpuSeconds: this.#tracker.cpuSeconds() - before,
    }));
  }
}

/** One probe: that many swarms on that many connections, each in `swarmsEach` of them. */
export function probe(
  place: Place,
  { connections, swarms, swarmsEach }: { connections: number; swarms: number; swarmsEach: number },
): Promise<Cost> {
  return withTracker(place, async (tracker, crowd, random) => {
    const clients = await crowd.connect(connections);
    await join(clients, swarms, swarmsEach);
    await crowd.flushed();
    const { introductions } = place.sizes.scaling;
    const { window } = place.sizes;
    const asking = { clients, offers: 1, random, window };
    await saturate({ ...asking, count: introductions / 2 });
    return costOf(tracker, clients, () => saturate({ ...asking, count: introductions }));
  });
}

async function costOf(
  tracker: TrackerProcess,
  clients: readonly Client[],
  make: () => Promise<number>,
): Promise<Cost> {
  const wire = () => clients.reduce((sum, { socket }) => sum + socket.bytes, 0);
  const bytes = wire();
  const before = tracker.cpu();
  const introductions = await make();
  const after = tracker.cpu();
  const cpu = { user: after.user - before.user, system: after.system - before.system };
  return { introductions, cpu, bytes: wire() - bytes };
}
