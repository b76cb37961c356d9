import * as limits from '../limits.ts';
import { TokenBucket } from './token-bucket.ts';

export interface AddressLimits {
  /** Connections that are open at once. */
  readonly connectionsPerAddress: number;
  /** New ones per second, for ever; ADDRESS_BURST_SECONDS of it may be saved up. */
  readonly connectRatePerAddress: number;
}

/** Counts the connections of each address. `now` is in milliseconds. */
export class Addresses {
  readonly #limits: AddressLimits;
  readonly #entries = new Map<string, { connections: number; readonly opened: TokenBucket }>();

  constructor(limitsOfEach: AddressLimits) {
    this.#limits = limitsOfEach;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /** A connection would like to be opened. If this is not a refusal, `leave` must follow. */
  enter(address: string, now: number): 'entered' | 'too many' | 'too fast' {
    const { connectionsPerAddress, connectRatePerAddress: rate } = this.#limits;
    let entry = this.#entries.get(address);
    if (!entry) {
      const opened = new TokenBucket(rate, rate * limits.ADDRESS_BURST_SECONDS, now);
      entry = { connections: 0, opened };
      this.#entries.set(address, entry);
    }
    if (!entry.opened.tryTake(1, now)) return 'too fast';
    if (entry.connections >= connectionsPerAddress) return 'too many';
    entry.connections++;
    return 'entered';
  }

  leave(address: string): void {
    const entry = this.#entries.get(address);
    if (entry) entry.connections--;
  }

  /** Forgets addresses of which nothing needs to be known any more. Call it about once a minute. */
  tick(now: number): void {
    for (const [address, { connections, opened }] of this.#entries)
      if (connections === 0 && opened.isFull(now)) this.#entries.delete(address);
  }
}
