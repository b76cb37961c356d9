import type { RunningTracker, TrackerOptions } from '../src/server.ts';
import { startTracker as start } from '../src/server.ts';

/** One that never finds that it has too much to do, as any does after some seconds on a busy machine. */
export function startTracker(options: TrackerOptions = {}): Promise<RunningTracker> {
  return start({ overloadAfterMs: Number.POSITIVE_INFINITY, ...options });
}
