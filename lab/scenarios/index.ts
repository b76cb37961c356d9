import { fig2, fig3, firstByte, flash, lone, site } from './paper.ts';
import { churn, nat, originDown, poison, slowPeer, trackerDown } from './trouble.ts';
import type { Scenario } from './types.ts';

export type { Break, Check, Grid, Scenario, Setup, Trial } from './types.ts';

/** Later ones plug in here. */
export const SCENARIOS: readonly Scenario[] = [
  fig2,
  fig3,
  flash,
  lone,
  firstByte,
  churn,
  poison,
  slowPeer,
  originDown,
  trackerDown,
  nat,
  site,
];
