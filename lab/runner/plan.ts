import { seeded } from '../../demo/random.ts';
import type { Grid, Setup } from '../scenarios/index.ts';
import { shuffled } from './shuffled.ts';

/** One mode, once, in one cell. */
export interface Step {
  readonly mode: string;
  readonly grid: Grid;
  /** Counts from 1. */
  readonly run: number;
}

/**
 * The trials over one network, in order: run by run through the cells, and in every cell the modes
 * in another order. So whatever drifts, such as a machine that gets warm, hits all modes alike.
 */
export function plan({ modes, cells, runs }: Setup, seed: number): Step[] {
  const random = seeded(seed);
  const steps: Step[] = [];
  for (let run = 1; run <= runs; run++)
    for (const grid of cells)
      for (const mode of shuffled(modes, random)) steps.push({ mode, grid, run });
  return steps;
}

/** Rough time of a trial in ms, for the ETA until trials have been seen. */
export function guessMs({ mode, grid }: Step, rate: number, assetBytes: number): number {
  const viaOrigin = rate === 0 ? 0 : (grid.leechers * assetBytes * 1000) / rate;
  const overhead = 1500 + 250 * (grid.seeders + grid.leechers);
  return overhead + (mode === 'http' ? viaOrigin : viaOrigin / 4 + 1000);
}
