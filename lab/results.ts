/** Shapes of what a bench writes (DESIGN section 7). Other programs read them. */
import type { Marks } from './modes/marks.ts';
import type { LinkMeasurement } from './net/types.ts';

export type Mode = 'http' | 'zauberflote' | 'webtorrent';

/** One line of `results.jsonl`: one page load. */
export interface ResultRow {
  readonly scenario: string;
  readonly mode: string;
  readonly seeders: number;
  readonly leechers: number;
  /** Of the origin; 0 when it is not limited. */
  readonly rateBytesPerSecond: number;
  /** Counts from 1. */
  readonly run: number;
  /** Which leecher, from 1. */
  readonly peer: number;
  /** From navigation start to the image's load event. Null when it failed. */
  readonly loadMs: number | null;
  /** As the client says; null where the mode cannot tell. */
  readonly bytes: {
    readonly peers: number;
    readonly origin: number;
    readonly store: number;
  } | null;
  /**
   * When the first content came from a peer, in ms after navigation; null: none did. Not in results
   * of before it was recorded, as in cells.
   */
  readonly firstPeerByteMs?: number | null;
  /** Steps on the way there. */
  readonly marks?: Marks;
  /** Shown in time, and byte for byte the source file. */
  readonly ok: boolean;
  readonly error: string | null;
  /** In scenarios that break something: whether all of it did break before this load had ended. */
  readonly broke?: boolean;
}

/** One line of `trials.jsonl`: one run of one mode in one cell, whose loads are in `results.jsonl`. */
export interface TrialRow {
  readonly mode: string;
  readonly seeders: number;
  readonly leechers: number;
  readonly rateBytesPerSecond: number;
  readonly run: number;
  /** Bytes that left the origin for the leechers, until its counter was steady; as cells have it. */
  readonly originBytes: number;
  /** Of one page's assets together. */
  readonly assetBytes: number;
  /** Liars among the seeders did lie. */
  readonly lies: boolean;
  /** Why breaks of the scenario did not happen. */
  readonly missed?: readonly string[];
  /** It never was steady: `originBytes` is the least there can have been. */
  readonly originStillSending?: boolean;
  /** Processors had something else to do when the leechers set out. */
  readonly busyBefore?: boolean;
  readonly cpu?: CpuUse | undefined;
}

/** Processor time while leechers loaded, in seconds of one processor. */
export interface CpuUse {
  /** From just before the leechers set out until the last load had ended. */
  readonly wallMs: number;
  readonly cores: number;
  /** Of the whole machine, whoever used it; soft interrupts, where packets are moved, are part of busy. */
  readonly machine: { readonly busy: number; readonly softirq: number; readonly idle: number };
  /** By role and kind of process, such as `leecher renderer`, `nginx`, `driver`; `others` are not the lab's. */
  readonly kinds: Readonly<Record<string, { readonly user: number; readonly system: number }>>;
  /** Of all renderers, by name of thread. */
  readonly threads: Readonly<Record<string, number>>;
}

/** One cell of the grid: all loads of one mode at one number of seeders and leechers and one rate. */
export interface Cell {
  readonly mode: string;
  readonly seeders: number;
  readonly leechers: number;
  readonly rateBytesPerSecond: number;
  readonly loads: number;
  readonly failed: number;
  readonly meanMs: number | null;
  readonly medianMs: number | null;
  readonly p95Ms: number | null;
  readonly minMs: number | null;
  readonly maxMs: number | null;
  /** Standard deviation of the good loads; null: of less than two. Not in results of before it was recorded. */
  readonly sdMs?: number | null;
  /**
   * Half the width of the 95 % confidence interval of the mean, by Student's t over the means of the
   * runs; null: of less than two runs. Likewise.
   */
  readonly ci95Ms?: number | null;
  /** Bytes that left the origin while the leechers loaded, mean of the runs: by kernel counters with the headers of packets, or by the proxy without. */
  readonly originBytes: number;
  /** originBytes in copies of the asset. */
  readonly originCopies: number;
  /** T_min of DESIGN section 5; null when nothing is limited. */
  readonly fluidLimitMs: number | null;
  /** Mean of the runs; not where there is no /proc. */
  readonly cpu?: CpuUse;
  /** Mean over the good loads to which a peer sent content; null: to none. */
  readonly firstPeerByteMs?: number | null;
  /**
   * Where the same run has bare data channels: bytes from peers, per second from the first of them
   * until all was there, mean over the good loads.
   */
  readonly peerBytesPerSecond?: number | null;
  /** That as a share of the bare channel's in the same place. */
  readonly ofBareChannel?: number | null;
  /** Mean of each over the good loads that have it. */
  readonly marks?: Marks;
}

export interface Conditions {
  readonly date: string;
  readonly commit: string;
  /** Uncommitted changes were there; null: git could not tell, a note says why. */
  readonly dirty: boolean | null;
  readonly versions: Readonly<Record<string, string>>;
  readonly kernel: string;
  readonly cores: number;
  /** Not in results of before it was recorded. */
  readonly processor?: string;
  readonly memoryBytes: number;
  /** Load averages of one minute, before and after; not in results of before they were recorded. */
  readonly loadBefore?: number;
  readonly loadAfter?: number;
  readonly shaper: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly links: readonly LinkMeasurement[];
  /** Anything a reader should know, such as what was warmed up. */
  readonly notes: readonly string[];
}

/** `summary.json`. */
export interface Summary {
  readonly scenario: string;
  /** `void`: a link was off or a break did not happen, the figures mean nothing. `unsupported`: could not be run here. */
  readonly verdict: 'ok' | 'failed' | 'void' | 'unsupported';
  readonly why: readonly string[];
  readonly conditions: Conditions;
  readonly cells: readonly Cell[];
}
