import type { SessionRequestBody } from '@zauberflote/proto';
import {
  encodeSessionRequest,
  FIRST_PREFIX,
  MAX_FIRST_CHARACTERS,
  MAX_IDS_PER_MESSAGE,
  toBase64url,
} from '@zauberflote/proto';
import type { Content } from '../integrity/content-id.ts';
import type { LeaseRequest } from './types.ts';

/**
 * Holders that a download connects to at first are two. More offers would be left unanswered, and
 * missing elsewhere.
 */
export const OFFERS_WANTED = 2;

export interface Held {
  readonly content: Content;
  readonly size: bigint;
  readonly partial: boolean;
}

/** What a socket has not been told, by the key of the content. */
export class Unsent {
  readonly want = new Map<string, Content>();
  readonly have = new Map<string, Held>();
  readonly drop = new Map<string, Content>();
  readonly lease = new Map<string, LeaseRequest & { content: Content }>();

  /** All of it, in frames; it is told now. */
  frames(): Uint8Array<ArrayBuffer>[] {
    const bodies: SessionRequestBody[] = [
      // Drops first: a content dropped and then wanted again is wanted.
      ...batches(this.drop).map((contents) => ({ case: 'drop' as const, value: { contents } })),
      ...batches(this.want).map((contents) => ({
        case: 'want' as const,
        value: { contents, maxOffers: OFFERS_WANTED },
      })),
      ...batches(this.have).map((holdings) => ({ case: 'have' as const, value: { holdings } })),
      // Last: the tracker lends to those who have announced the content.
      ...[...this.lease.values()].map((value) => ({ case: 'lease' as const, value })),
    ];
    this.clear();
    return bodies.map(encodeSessionRequest);
  }

  clear(): void {
    for (const unsent of [this.want, this.have, this.drop, this.lease]) unsent.clear();
  }
}

/** The first of the frames as subprotocols: as many as fit into the request for the socket (tracker.proto). */
export function firstNames(frames: readonly Uint8Array[]): string[] {
  const names: string[] = [];
  let left = MAX_FIRST_CHARACTERS;
  for (const frame of frames) {
    const name = FIRST_PREFIX + toBase64url(frame);
    left -= name.length;
    if (left < 0) break;
    names.push(name);
  }
  return names;
}

/** In messages of as many entries as the protocol allows. */
function batches<T>(unsent: Map<string, T>): T[][] {
  const all = [...unsent.values()];
  const result: T[][] = [];
  while (all.length > 0) result.push(all.splice(0, MAX_IDS_PER_MESSAGE));
  return result;
}
