import { OVERLOAD_SAMPLE_MS } from '../limits.ts';
import type { Overload } from './overload.ts';

/**
 * Tells `overload` by how much a timer comes late, which is what the messages of a client that arrive
 * at that moment wait; `onChange` hears of what it makes of that. Ends when the function that it returns is called.
 */
export function watchLateness(
  overload: Overload,
  now: () => number,
  onChange: (isOverloaded: boolean) => void,
): () => void {
  let before = now();
  const timer = setTimeout(() => {
    const time = now();
    const { isOverloaded } = overload;
    overload.sample(Math.max(0, time - before - OVERLOAD_SAMPLE_MS), time - before);
    before = time;
    if (overload.isOverloaded !== isOverloaded) onChange(!isOverloaded);
    timer.refresh();
  }, OVERLOAD_SAMPLE_MS).unref();
  return () => clearTimeout(timer);
}
