import { percentile } from '../stats/index.ts';
import type { Client } from './protocol.ts';

/** Longest wait for one introduction, in ms: well above any that arrives. Then it is lost. */
const LOST_MS = 10_000;

/** Puts each visitor into `swarmsEach` different swarms, all swarms of the same size within one. */
export async function join(
  clients: readonly Client[],
  swarms: number,
  swarmsEach: number,
): Promise<void> {
  for (let from = 0; from < clients.length; from += 100)
    await Promise.all(
      clients.slice(from, from + 100).map(async (client, i) => {
        for (let n = 0; n < swarmsEach; n++) {
          const nth = from + i + n * clients.length;
          // Every lap is shifted by one, so that nobody meets a swarm of its own again.
          await client.join((nth + Math.floor(nth / swarms)) % swarms);
        }
      }),
    );
}

export interface Asking {
  readonly clients: readonly Client[];
  readonly offers: number;
  readonly random: () => number;
}

/** Visitors that are not asking at the moment. */
class Idle {
  readonly #idle: Client[];
  readonly #random: () => number;

  constructor({ clients, random }: Asking) {
    this.#idle = [...clients];
    this.#random = random;
  }

  take(): Client | undefined {
    const at = Math.floor(this.#random() * this.#idle.length);
    const last = this.#idle.pop();
    const taken = this.#idle[at];
    if (taken === undefined || last === undefined) return last;
    this.#idle[at] = last;
    return taken;
  }

  put(client: Client): void {
    this.#idle.push(client);
  }
}

/**
 * Keeps `window` visitors asking until `count` introductions are made, each with a tracker as busy
 * as it can be.
 * @returns how many were made: `count` or a few more
 * @throws at the first that fails
 */
export async function saturate(
  asking: Asking & { readonly count: number; readonly window: number },
): Promise<number> {
  const { count, window, offers } = asking;
  const idle = new Idle(asking);
  let made = 0;
  let begun = 0;
  const one = async () => {
    while (begun < count) {
      begun += offers;
      const client = idle.take() as Client;
      const answers = await introduce(client, asking);
      made += answers;
      idle.put(client);
    }
  };
  await Promise.all(Array.from({ length: window }, one));
  return made;
}

export interface Latencies {
  readonly made: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** How late the generator itself was to begin one, 99th percentile: what it cannot tell apart. */
  readonly generatorLagP99Ms: number;
}

/**
 * Begins introductions at random times (Poisson) at a mean rate, whether or not earlier ones are
 * done, and times each from the ask to the answer.
 * @throws if one fails, or if all visitors are busy, which means the tracker cannot keep up
 */
export async function pace(
  asking: Asking & { readonly perSecond: number; readonly count: number },
): Promise<Latencies> {
  const { perSecond, count, random } = asking;
  const idle = new Idle(asking);
  const took: number[] = [];
  const lags: number[] = [];
  const start = performance.now();
  let due = start;
  const running = new Set<Promise<void>>();
  let failure: unknown;
  for (let begun = 0; begun < count && failure === undefined; begun++) {
    due += (-Math.log(1 - random()) * 1_000) / perSecond;
    // At least once: who has been answered is idle again only when its socket was read, also where this
    // process was late, and several are due.
    do await turn(due - performance.now());
    while (performance.now() < due);
    const began = performance.now();
    lags.push(began - due);
    const client = idle.take();
    if (!client) throw new Error(`all ${asking.clients.length} visitors wait for the tracker`);
    const run = introduce(client, asking)
      .then(() => {
        took.push(performance.now() - began);
        idle.put(client);
      })
      .catch((error) => {
        failure = error;
      })
      .finally(() => running.delete(run));
    running.add(run);
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure;
  return {
    made: took.length,
    seconds: (performance.now() - start) / 1_000,
    p50Ms: percentile(took, 50),
    p99Ms: percentile(took, 99),
    maxMs: percentile(took, 100),
    generatorLagP99Ms: percentile(lags, 99),
  };
}

async function introduce(client: Client, { clients, offers, random }: Asking): Promise<number> {
  const swarm = client.swarms[Math.floor(random() * client.swarms.length)] as number;
  const { promise: lost, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const why = clients.find(({ socket }) => socket.ended)?.socket.ended?.message;
    const also = why === undefined ? '' : `; a connection had ended: ${why}`;
    reject(new Error(`an introduction was not complete after ${LOST_MS} ms${also}`));
  }, LOST_MS);
  try {
    return await Promise.race([client.introduce(swarm, offers), lost]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets the sockets be read: a timer's turn when there is time for one, else the shortest turn. */
function turn(ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (ms > 2) setTimeout(resolve, 1);
    else setImmediate(resolve);
  });
}
