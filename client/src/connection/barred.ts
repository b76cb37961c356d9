import type { Platform } from '../platform.ts';
import type { PeerId } from '../tracker/types.ts';
import { FLOOD_PAUSE_MS } from './message-budget.ts';

/** Peers that are not connected: for good who broke the protocol, for a time who sent too much. */
export class Barred {
  readonly #platform: Pick<Platform, 'now'>;
  readonly #until = new Map<PeerId, number>();

  constructor(platform: Pick<Platform, 'now'>) {
    this.#platform = platform;
  }

  add(peer: PeerId, reason: 'malformed' | 'flood'): void {
    const ms = reason === 'flood' ? FLOOD_PAUSE_MS : Number.POSITIVE_INFINITY;
    this.#until.set(peer, this.#platform.now() + ms);
  }

  /** Undefined if it may be connected. */
  why(peer: PeerId): 'malformed' | 'flood' | undefined {
    const until = this.#until.get(peer) ?? 0;
    if (until === Number.POSITIVE_INFINITY) return 'malformed';
    return until > this.#platform.now() ? 'flood' : undefined;
  }
}
