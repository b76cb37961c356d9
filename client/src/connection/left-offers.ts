import type { SessionDescription } from '@zauberflote/proto';
import type { Platform } from '../platform.ts';
import type { PeerId } from '../tracker/types.ts';

/**
 * For how long an offer that the tracker gave with a holder's name may be answered, in ms: its maker
 * waits 15 s longer than the tracker gives it away.
 */
export const DEPOSITED_MS = 10_000;

/**
 * Most of them that are kept: two for each of 30 assets asked for at once. A tracker may send any number.
 */
export const MAX_LEFT_OFFERS = 64;

interface LeftOffer {
  readonly id: number;
  readonly offer: SessionDescription;
  readonly at: number;
}

/** Offers that others left, and that the tracker gave to this page. */
export class LeftOffers {
  readonly #platform: Pick<Platform, 'now'>;
  /** The oldest first. */
  readonly #offers = new Map<PeerId, LeftOffer>();

  constructor(platform: Pick<Platform, 'now'>) {
    this.#platform = platform;
  }

  /** Keeps one that came `ageMs` ago; of too many, the oldest is forgotten. */
  add(peer: PeerId, id: number, offer: SessionDescription, ageMs: number): void {
    this.#offers.delete(peer);
    this.#offers.set(peer, { id, offer, at: this.#platform.now() - ageMs });
    const [oldest] = this.#offers.keys();
    if (this.#offers.size > MAX_LEFT_OFFERS) this.#offers.delete(oldest!);
  }

  /** The offer of this peer, to be answered now; undefined if there is none, or it is too old. */
  take(peer: PeerId): LeftOffer | undefined {
    const left = this.#offers.get(peer);
    this.#offers.delete(peer);
    return left && this.#platform.now() - left.at < DEPOSITED_MS ? left : undefined;
  }

  clear(): void {
    this.#offers.clear();
  }
}
