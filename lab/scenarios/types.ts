import type { Site } from '../origin/assets.ts';
import type { ResultRow, TrialRow } from '../results.ts';

/** One point of the grid. */
export interface Grid {
  readonly seeders: number;
  readonly leechers: number;
}

/** Rates in bytes per second, 0 for not limited. Undefined: see where it is used. */
export interface Setup {
  readonly modes: readonly string[];
  readonly cells: readonly Grid[];
  /** Of the origin; one network after another. */
  readonly rates: readonly number[];
  readonly peerUp: number;
  readonly peerDown: number;
  readonly rttMs: number;
  /** 0 to 1. */
  readonly loss: number;
  readonly runs: number;
}

/** What goes wrong on purpose. `stop` of a server is a crash: no goodbye. */
export interface Break {
  /** In ms after the leechers set out; `before` them. */
  readonly at: 'before' | number;
  readonly what: 'stop origin' | 'stop tracker' | 'kill seeders';
  /** For seeders: how many of them, 0 to 1, rounded up. @default 1 */
  readonly share?: number;
}

/** What one mode did in one run of one cell. */
export interface Trial extends Omit<TrialRow, 'seeders' | 'leechers'> {
  readonly grid: Grid;
  readonly rows: readonly ResultRow[];
}

/** What must hold after a trial. @returns what does not */
export type Check = (trial: Trial) => readonly string[];

/** An experiment, declared: what to start, what to break when, what to check. */
export interface Scenario {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  readonly site: Site;
  /** Longest a load may take, in ms. @default three times what HTTP would need, and 30 s */
  readonly patienceMs?: number;
  readonly setup: Setup;
  /** For `--quick`: under three minutes on two cores. */
  readonly quick: Partial<Setup>;
  /** For `--full`. */
  readonly full?: Partial<Setup>;
  /** How `--n`, `--seeders` and `--leechers` make a grid. @default 'grid' */
  readonly shape?: 'grid' | 'diagonal';
  /** Share of the seeders that lie, 0 to 1, rounded; at least one. */
  readonly liars?: number;
  /** Upload of the first seeder in bytes per second, instead of `peerUp`. */
  readonly slowSeeder?: number;
  /** @default true: the origin answers ranges; else each with the whole file, as of what it compresses or makes anew */
  readonly ranges?: boolean;
  /** Every peer is behind a symmetric NAT, and there is a relay. */
  readonly behindNat?: boolean;
  readonly breaks?: readonly Break[];
  readonly checks: readonly Check[];
}
