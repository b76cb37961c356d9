import { OVERLOAD_SAMPLE_MS } from '../limits.ts';
import type { Overload } from './overload.ts';

/**
 * Tells `overload` by how much a timer comes late, which is what the messages of a client that arrive
 * at that moment wait. Ends when the function that it returns is called.
 */
export function watchLateness(overload: Overload, now: () => number): () => void {
  let before = now();
  const timer = setTimeout(() => {
    const time = now();
    overload.sample(Math.max(0, time - before - OVERLOAD_SAMPLE_MS), time - before);
    before = time;
    timer.refresh();
  }, OVERLOAD_SAMPLE_MS).unref();
  return () => clearTimeout(timer);
}
