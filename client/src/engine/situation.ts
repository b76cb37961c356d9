import type { Chunks } from './chunks.ts';
import type { Reading } from './reading.ts';

/**
 * What the origin is to be used for now.
 * - `no`: peers do.
 * - `lease`: for parts that the tracker lends, so that no two visitors fetch the same.
 * - `free`: at once, for parts chosen by chance: what others fetch is not known.
 * - `chunk`: the same for one chunk at a time, then two, four: others fetch too, but nothing came of it for long.
 * - `alone`: at once and from the start to the end, as without us: there is nobody else.
 */
export type Need = 'no' | 'lease' | 'free' | 'chunk' | 'alone';

/** What the engine knows when the origin's turn is considered. */
export interface Situation {
  readonly need: Need;
  /** Undefined before the size is known. */
  readonly chunks: Chunks | undefined;
  /** What readers of the content need next comes first. */
  readonly reading: Reading;
  /** Whether the origin should send a missing chunk that is not on its way from there. */
  wants(chunk: number): boolean;
  /** Whether peers give what they have too slowly. */
  areSlow(): boolean;
  /** Whether an open peer has it all and is asked for nothing. */
  arePeersIdle(): boolean;
  /** Whether a peer is known that may give it, now or later. */
  readonly hasOthers: boolean;
  /** So many bytes more have to come from the origin, for the download to be done in time; 0: none, as far as is known. */
  readonly dueBytes: number;
  /** Takes a chunk back from peers who have not begun to send it: the origin does. */
  takeBack(chunk: number): void;
}

/** A chunk on its way from the origin, and how many ms it should still take. */
export interface Awaited {
  readonly chunk: number;
  readonly ms: number;
  /** When anything of its range last came. */
  readonly heardAt: number;
}
