import { bulk, fig2, fig3, firstByte, flash, lone, media, site, twoTrackers } from './paper.ts';
import { churn, nat, originDown, poison, rangeless, slowPeer, trackerDown } from './trouble.ts';
import type { Scenario } from './types.ts';

export type { Break, Check, Grid, Scenario, Setup, Trial } from './types.ts';

/** How many of so many seeders lie. */
export function liarsOf({ liars }: Scenario, seeders: number): number {
  return liars === undefined ? 0 : Math.min(seeders, Math.max(1, Math.round(liars * seeders)));
}

/** Later ones plug in here. */
export const SCENARIOS: readonly Scenario[] = [
  fig2,
  fig3,
  flash,
  twoTrackers,
  lone,
  firstByte,
  bulk,
  churn,
  poison,
  slowPeer,
  originDown,
  trackerDown,
  rangeless,
  nat,
  site,
  media,
];
