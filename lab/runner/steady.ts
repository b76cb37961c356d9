import { setTimeout as sleep } from 'node:timers/promises';

/** Between two looks, in ms. */
const LOOK_MS = 50;

export interface Steady {
  readonly value: number;
  /** False: it was still changing when there was no more time, so it is a least value. */
  readonly steady: boolean;
}

/**
 * Reads a counter until it no longer changes: what a load's end leaves in queues still counts.
 * @param quietMs so long it has to stay the same
 * @param mostMs after that, what it shows is taken
 */
export async function steady(
  read: () => Promise<number>,
  quietMs: number,
  mostMs: number,
): Promise<Steady> {
  const end = performance.now() + mostMs;
  let value = await read();
  let since = performance.now();
  for (;;) {
    await sleep(LOOK_MS);
    const from = performance.now();
    const next = await read();
    if (next !== value) {
      value = next;
      // It may have changed at any moment of this look.
      since = performance.now();
    } else if (from - since >= quietMs) return { value, steady: true };
    if (performance.now() > end) return { value, steady: false };
  }
}
