import { mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';

type Kind = 'setTimeout' | 'setInterval';

/**
 * Within the describe that calls it, timers of this process go off only when a test lets time pass: on a
 * busy machine real ones may be due before anything else is done.
 */
export function timersByHand(...apis: readonly Kind[]): void {
  beforeEach(() => mock.timers.enable({ apis: apis.length > 0 ? [...apis] : ['setTimeout'] }));
  afterEach(() => mock.timers.reset());
}

/** Lets go off what is due within so long, at once. What that does later is not done yet. */
export function pass(ms: number): void {
  mock.timers.tick(ms);
}

/** Waits also for what is done a turn of the event loop after timers. */
export async function passed(ms: number): Promise<void> {
  pass(ms);
  await setImmediate();
  await setImmediate();
}

/** Puts the clock of this process (not its timers) on by so long; the result puts it right again. */
export function clockAhead(ms: number): () => void {
  const { now } = performance;
  performance.now = () => now.call(performance) + ms;
  return () => {
    performance.now = now;
  };
}
