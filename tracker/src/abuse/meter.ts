import type { SessionRequestBody } from '@zauberflote/proto';
import * as limits from '../limits.ts';
import { TokenBucket } from './token-bucket.ts';

/** What one client may send for ever, per second. It may save up BURST_SECONDS of each. */
export interface Rates {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Contents in Want and Have, offers in Deposit, and what a Lease costs, counted in contents. */
  readonly contentsPerSecond: number;
}

/** Measures what one client sends. */
export class Meter {
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  readonly #contents: TokenBucket;

  constructor(rates: Rates, now: number) {
    const bucket = (rate: number) => new TokenBucket(rate, rate * limits.BURST_SECONDS, now);
    this.#messages = bucket(rates.messagesPerSecond);
    this.#bytes = bucket(rates.bytesPerSecond);
    this.#contents = bucket(rates.contentsPerSecond);
  }

  /** A frame arrived. Gives for how many milliseconds nothing more should be read; 0: go on. */
  frame(bytes: number, now: number): number {
    return Math.max(this.#messages.take(1, now), this.#bytes.take(bytes, now));
  }

  /** It was this message. Gives the same. */
  message(body: SessionRequestBody, now: number): number {
    const contents = contentsOf(body);
    return contents === 0 ? 0 : this.#contents.take(contents, now);
  }
}

/** What a message costs the registry, counted in contents. */
export function contentsOf(body: SessionRequestBody): number {
  switch (body?.case) {
    case 'want':
      return body.value.contents?.length ?? 0;
    case 'have':
      return body.value.holdings?.length ?? 0;
    case 'drop':
      return body.value.contents?.length ?? 0;
    case 'deposit':
      return body.value.offers?.length ?? 0;
    case 'lease':
      return limits.CONTENTS_PER_LEASE;
    default:
      return 0;
  }
}
