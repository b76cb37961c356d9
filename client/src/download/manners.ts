import type { NetworkInformation, Platform } from '../platform.ts';

/**
 * Whether this visitor serves others: `auto`, not on mobile data and not where the visitor asked to
 * save data; `always`; `never`. Anything else counts as `never`.
 */
export type UploadPolicy = 'auto' | 'always' | 'never';

/** Whether a visitor with this connection serves others. What a browser does not tell is no reason not to. */
export function mayUpload(
  policy: UploadPolicy,
  connection: NetworkInformation | undefined,
): boolean {
  if (policy !== 'auto') return policy === 'always';
  return !connection?.saveData && connection?.type !== 'cellular';
}

/** What a rate limit lets through at once after a pause, in ms of its rate: timers of hidden pages come once a second. */
export const BURST_MS = 1_000;

/** Keeps to a number of bytes per second. */
export class RateLimit {
  readonly #platform: Platform;
  readonly #bytesPerSecond: number;
  /** When all that was sent would have been sent at the rate. */
  #paidAt = Number.NEGATIVE_INFINITY;

  /** @param bytesPerSecond 0: there is no limit */
  constructor(platform: Platform, bytesPerSecond: number) {
    this.#platform = platform;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Time until something may be sent, in ms; 0 or less: now. */
  get waitMs(): number {
    return this.#paidAt - this.#platform.now();
  }

  take(bytes: number): void {
    if (!(this.#bytesPerSecond > 0)) return;
    const from = Math.max(this.#paidAt, this.#platform.now() - BURST_MS);
    this.#paidAt = from + (bytes * 1000) / this.#bytesPerSecond;
  }
}
