import { percentile } from '../stats/index.ts';
import { Crowd } from './crowd.ts';
import type { Client } from './protocol.ts';
import { TrackerProcess } from './tracker-process.ts';

/** Visitors that find each other at a time: those of so many contents, which change as time goes on. */
const LIVE_SWARMS = 20;

/** An introduction that takes longer is given up: the other visitor has left meanwhile. */
const GIVE_UP_MS = 5_000;

export interface SoakSizes {
  readonly seconds: number;
  /** Visitors connected at any time. */
  readonly clients: number;
  /** Visitors that leave without a word, each second; as many come. */
  readonly churnPerSecond: number;
  readonly introductionsPerSecond: number;
  /** Visitors who come for one content before a new one takes its place. */
  readonly swarmSize: number;
  /** Between readings of memory. */
  readonly sampleSeconds: number;
  /** From when on memory should stay as it is. */
  readonly settledAfterSeconds: number;
}

export interface Sample {
  readonly atSeconds: number;
  /** After garbage was collected by force. */
  readonly residentBytes: number;
  readonly arrivals: number;
  readonly introductions: number;
}

export interface Soak {
  readonly samples: readonly Sample[];
  readonly arrivals: number;
  readonly introductions: number;
  /** Those that came to nothing, nearly always because one of the two had left. */
  readonly cutShort: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Memory at the end over that of the first reading after `settledAfterSeconds`. */
  readonly growth: number;
}

/**
 * Keeps a tracker busy with visitors who come, meet and leave, and contents that come and go, and
 * reads its memory meanwhile.
 * @throws {Error} if the tracker ends, or refuses a newcomer
 */
export async function soak(
  sizes: SoakSizes,
  core: number | undefined,
  random: () => number,
  onSample: (sample: Sample) => void,
): Promise<Soak> {
  const tracker = await TrackerProcess.start('zauberflote', core);
  const crowd = new Crowd(tracker, random);
  const busy = new Set<Client>();
  const samples: Sample[] = [];
  const took: number[] = [];
  let arrivals = 0;
  let cutShort = 0;

  const arrive = async (count: number) => {
    const come = await crowd.connect(count);
    await Promise.all(
      come.map((client) => {
        const oldest = Math.floor(arrivals++ / sizes.swarmSize);
        return client.join(oldest + Math.floor(random() * LIVE_SWARMS));
      }),
    );
  };
  const any = () => crowd.clients[Math.floor(random() * crowd.clients.length)] as Client;
  const introduce = async (client: Client) => {
    const began = performance.now();
    busy.add(client);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(reject, GIVE_UP_MS, new Error('late'));
    try {
      await Promise.race([client.introduce(client.swarms[0] as number, 1), late]);
      took.push(performance.now() - began);
    } catch {
      cutShort++;
      // What it still waits for would confuse its next one.
      crowd.leave(client);
    } finally {
      clearTimeout(timer);
      busy.delete(client);
    }
  };

  try {
    await arrive(sizes.clients);
    const start = performance.now();
    const open = new Set<Promise<void>>();
    for (let second = 1; second <= sizes.seconds; second++) {
      for (let i = 0; i < sizes.churnPerSecond; i++) {
        const leaving = any();
        if (!busy.has(leaving)) crowd.leave(leaving);
      }
      await arrive(sizes.clients - crowd.clients.length);
      for (let i = 0; i < sizes.introductionsPerSecond; i++) {
        const client = any();
        if (busy.has(client) || client.swarms.length === 0) continue;
        const run = introduce(client).finally(() => open.delete(run));
        open.add(run);
      }
      await until(start + second * 1_000);
      if (!tracker.running) throw new Error('the tracker ended');
      if (second % sizes.sampleSeconds > 0 && second < sizes.seconds) continue;
      const sample = {
        atSeconds: second,
        residentBytes: await tracker.settledBytes(),
        arrivals,
        introductions: took.length,
      };
      samples.push(sample);
      onSample(sample);
    }
    await Promise.all(open);
    const settled = samples.find(({ atSeconds }) => atSeconds >= sizes.settledAfterSeconds);
    const last = samples.at(-1);
    return {
      samples,
      arrivals,
      introductions: took.length,
      cutShort,
      p50Ms: percentile(took, 50),
      p99Ms: percentile(took, 99),
      growth: (last?.residentBytes ?? Number.NaN) / (settled?.residentBytes ?? Number.NaN),
    };
  } finally {
    crowd.close();
    await tracker.stop();
  }
}

function until(at: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, at - performance.now())));
}
