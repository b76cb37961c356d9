import type { Verification } from '../../src/engine/engine.ts';
import type { OriginTraits } from './origin.ts';
import { isGood } from './origin.ts';
import type { PeerTraits } from './peer.ts';
import { isSource } from './peer.ts';
import type { ReaderTraits } from './reader.ts';
import type { TrackerTraits } from './tracker.ts';

/** What a world is made of. */
export interface Scenario {
  readonly seed: number;
  readonly verification: Verification;
  readonly size: number;
  /** With verification by chunks. */
  readonly chunkSize: number;
  /** When the manifest is known, in ms. */
  readonly layoutAt: number;
  readonly origin: OriginTraits | undefined;
  /** When the fallback URL is known, in ms. */
  readonly fallbackAt: number;
  readonly peers: readonly PeerTraits[];
  readonly tracker: TrackerTraits;
  /** Undefined: somebody wants all of it, in any order. */
  readonly reader?: ReaderTraits | undefined;
}

/** Whether somebody stays who has the content, so that the download must succeed. */
export function mustComplete(scenario: Scenario): boolean {
  const { origin, peers, tracker } = scenario;
  const answers = !tracker.missing && tracker.answersMs < 1_000 && tracker.awayAt.length === 0;
  const isThere = origin !== undefined && scenario.fallbackAt === 0 && isGood(origin);
  // Under a whole-file id who lies about the size can keep others from their turn for too long,
  // and a claim of 0 says nothing.
  const { verification, size } = scenario;
  const misled = verification === 'whole' && (size === 0 || peers.some((peer) => peer.sizeOff));
  return isThere || (!misled && peers.some((peer) => isSource(peer, answers)));
}
