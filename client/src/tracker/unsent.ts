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

/**
 * Leases for ever, per second, and at once. Our tracker takes 62 and 312 from one client, if that is all it sends,
 * and ends who sends far more: a page that showed 400 pictures twice lost it.
 */
export const LEASES_PER_SECOND = 50;
export const LEASE_BURST = 250;

/** Pause before more of them are sent, in ms: a download goes on without its lease after half a second. */
export const MORE_LEASES_MS = 100;

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
  #leasesLeft = LEASE_BURST;
  #leasesAt = 0;

  /** All of it, in frames; it is told now. Of too many leases, some stay. */
  frames(now: number): Uint8Array<ArrayBuffer>[] {
    const more = ((now - this.#leasesAt) * LEASES_PER_SECOND) / 1000;
    this.#leasesLeft = Math.min(LEASE_BURST, this.#leasesLeft + more);
    this.#leasesAt = now;
    const leases = [...this.lease].slice(0, this.#leasesLeft);
    this.#leasesLeft -= leases.length;
    const bodies: SessionRequestBody[] = [
      // Drops first: a content dropped and then wanted again is wanted.
      ...batches(this.drop).map((contents) => ({ case: 'drop' as const, value: { contents } })),
      ...batches(this.want).map((contents) => ({
        case: 'want' as const,
        value: { contents, maxOffers: OFFERS_WANTED },
      })),
      ...batches(this.have).map((holdings) => ({ case: 'have' as const, value: { holdings } })),
      // Last: the tracker lends to those who have announced the content.
      ...leases.map(([, value]) => ({ case: 'lease' as const, value })),
    ];
    for (const told of [this.want, this.have, this.drop]) told.clear();
    for (const [key] of leases) this.lease.delete(key);
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
