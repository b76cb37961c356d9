import type { Platform } from '../platform.ts';
import type { PeerId } from '../tracker/types.ts';

/**
 * Shortest time between two offers of one peer, in ms. Half of the shortest pause that a download
 * makes before it tries a peer again, so that none comes too early on an uneven line.
 */
export const OFFER_PAUSE_MS = 1_000;

/**
 * Most offers taken in a minute, whoever they come from. All 16 places of visitors could change
 * hands every 8 s. A browser keeps no more than 500 connections, those included that are closed but
 * not yet collected (Chromium 156); one costs some milliseconds.
 */
export const MAX_OFFERS_PER_MINUTE = 120;

const MINUTE_MS = 60_000;

export interface OfferLimits {
  /** Most offers taken in a minute. @default what a page can bear, {@link MAX_OFFERS_PER_MINUTE} */
  readonly maxOffersPerMinute?: number;
}

/** Turns floods of offers away before they cost an RTCPeerConnection each. */
export class OfferGate {
  readonly #platform: Pick<Platform, 'now'>;
  readonly #most: number;
  /** Offers taken within the last minute, oldest first. */
  readonly #taken: { readonly peer: PeerId; readonly at: number }[] = [];

  constructor(
    platform: Pick<Platform, 'now'>,
    { maxOffersPerMinute = MAX_OFFERS_PER_MINUTE }: OfferLimits = {},
  ) {
    this.#platform = platform;
    this.#most = maxOffersPerMinute;
  }

  /** Whether an offer of this peer may be taken now; it is taken then. */
  take(peer: PeerId): boolean {
    const now = this.#platform.now();
    const taken = this.#taken;
    while (taken[0] && now - taken[0].at >= MINUTE_MS) taken.shift();
    if (taken.length >= this.#most) return false;
    if (taken.some((offer) => offer.peer === peer && now - offer.at < OFFER_PAUSE_MS)) return false;
    taken.push({ peer, at: now });
    return true;
  }
}
