import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Attack, Done } from './attacks.ts';
import { Crowd } from './crowd.ts';
import { join, pace } from './introductions.ts';
import { TrackerProcess } from './tracker-process.ts';

const ATTACKER = fileURLToPath(new URL('attacks.ts', import.meta.url));

export interface HostileSizes {
  /** Visitors that behave. */
  readonly clients: number;
  readonly swarmSize: number;
  readonly introductionsPerSecond: number;
  /** How long each attack lasts. */
  readonly seconds: number;
}

/** How well-behaved visitors fared, in peace or under an attack. */
export interface Fared {
  readonly attack: Attack | 'none';
  readonly introductions: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly generatorLagP99Ms: number;
  /** Share of one core that the tracker took. */
  readonly trackerCpuShare: number;
  /** Of the tracker, after garbage was collected by force: with the visitors before, and when the
   * attackers had gone. */
  readonly residentBytesBefore: number;
  readonly residentBytesAfter: number;
  /** What the attackers came to; undefined in peace. */
  readonly attackers?: Done;
}

/**
 * Times the introductions of visitors that behave, in peace and then under each attack in turn, with one
 * tracker that has its limits.
 * @throws {Error} if the tracker ends, or an introduction of theirs fails
 */
export async function hostile(
  attacks: readonly Attack[],
  sizes: HostileSizes,
  core: number | undefined,
  random: () => number,
  onFared: (fared: Fared) => void,
): Promise<Fared[]> {
  const tracker = await TrackerProcess.start('zauberflote', core, 'default');
  const crowd = new Crowd(tracker, random);
  try {
    const clients = await crowd.connect(sizes.clients);
    await join(clients, Math.ceil(sizes.clients / sizes.swarmSize), 1);
    await crowd.flushed();
    const asking = {
      clients,
      offers: 1,
      random,
      perSecond: sizes.introductionsPerSecond,
      count: sizes.introductionsPerSecond * sizes.seconds,
    };
    await pace({ ...asking, count: sizes.introductionsPerSecond });
    const fared: Fared[] = [];
    for (const attack of ['none', ...attacks] as const) {
      const residentBytesBefore = await tracker.settledBytes();
      // A little longer than what is timed.
      const attacker = attack === 'none' ? undefined : start(attack, tracker, sizes.seconds + 2);
      const cpu = tracker.cpuSeconds();
      const { made, seconds, p50Ms, p99Ms, maxMs, generatorLagP99Ms } = await pace(asking).catch(
        (error) => {
          attacker?.child.kill('SIGKILL');
          const ended = tracker.running ? '' : '; the tracker had ended';
          throw new Error(`${attack}: ${(error as Error).message}${ended}`, { cause: error });
        },
      );
      const trackerCpuShare = (tracker.cpuSeconds() - cpu) / seconds;
      const attackers = await attacker?.done();
      await crowd.flushed();
      const result: Fared = {
        attack,
        introductions: made,
        p50Ms,
        p99Ms,
        maxMs,
        generatorLagP99Ms,
        trackerCpuShare,
        residentBytesBefore,
        residentBytesAfter: await tracker.settledBytes(),
        ...(attackers && { attackers }),
      };
      fared.push(result);
      onFared(result);
    }
    return fared;
  } finally {
    crowd.close();
    await tracker.stop();
  }
}

function start(
  attack: Attack,
  { port }: TrackerProcess,
  seconds: number,
): { child: ChildProcess; done: () => Promise<Done> } {
  const child = spawn(process.execPath, [ATTACKER, attack, String(port), String(seconds)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const message = Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the attacker ended with ${code}`);
    }),
  ]);
  // Waited for later; told then.
  message.catch(() => {});
  return {
    child,
    async done() {
      const [done] = await message;
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
      return done as Done;
    },
  };
}
