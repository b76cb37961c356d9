import type { SessionRequestBody } from '@zauberflote/proto';
import type { LimitName } from '../limits.ts';
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
  /** What is owed for the last frame, and to which limit. */
  #owedMs = 0;
  #limit: LimitName = 'messages-per-second';

  constructor(rates: Rates, now: number) {
    const bucket = (rate: number) => new TokenBucket(rate, rate * limits.BURST_SECONDS, now);
    this.#messages = bucket(rates.messagesPerSecond);
    this.#bytes = bucket(rates.bytesPerSecond);
    this.#contents = bucket(rates.contentsPerSecond);
  }

  /** A frame arrived. Gives for how many milliseconds nothing more should be read; 0: go on. */
  frame(bytes: number, now: number): number {
    this.#owedMs = 0;
    this.#owe(this.#messages.take(1, now), 'messages-per-second');
    return this.#owe(this.#bytes.take(bytes, now), 'bytes-per-second');
  }

  /** It was this message. Gives the same, for both. */
  message(body: SessionRequestBody, now: number): number {
    const contents = contentsOf(body);
    const owedMs = contents === 0 ? 0 : this.#contents.take(contents, now);
    return this.#owe(owedMs, 'contents-per-second');
  }

  /** The setting that is owed most. */
  get limit(): LimitName {
    return this.#limit;
  }

  /** The longest counts. */
  #owe(owedMs: number, limit: LimitName): number {
    if (owedMs > this.#owedMs) {
      this.#owedMs = owedMs;
      this.#limit = limit;
    }
    return this.#owedMs;
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
