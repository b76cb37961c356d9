import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** Between two looks, in ms. */
const LOOK_MS = 200;
/**
 * Share of all processors. Twenty browsers that do nothing were seen to use 0 to 17 %, whereas two
 * that have just opened a window use all there is for 0.5 s, and twenty for 2.2 s.
 */
const QUIET_SHARE = 0.25;
/** So many looks in a row: a machine that opens windows pauses now and then. */
const QUIET_LOOKS = 2;

/** Processor time since some instant, of all processors together, in any unit. */
export interface Busy {
  readonly busy: number;
  readonly idle: number;
}

/** Of this machine, in ms. */
export function processorTimes(): Busy {
  let [busy, idle] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    busy += times.user + times.nice + times.sys + times.irq;
  }
  return { busy, idle };
}

/**
 * Waits until the machine has next to nothing to do: what prepares a load, such as opening windows,
 * must not compete with it for processors.
 * @param mostMs after that it waits no longer
 * @returns false if it was still busy then
 */
export async function quiet(mostMs: number, read: () => Busy = processorTimes): Promise<boolean> {
  const end = performance.now() + mostMs;
  let last = read();
  for (let looks = 0; looks < QUIET_LOOKS; ) {
    if (performance.now() >= end) return false;
    await sleep(LOOK_MS);
    const next = read();
    const busy = next.busy - last.busy;
    looks = busy <= QUIET_SHARE * (busy + next.idle - last.idle) ? looks + 1 : 0;
    last = next;
  }
  return true;
}
