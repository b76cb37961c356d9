import type { Platform } from '../platform.ts';

/**
 * A timer that rings at the time it was set to, or earlier: who is rung sets it anew if there is
 * nothing to do yet. So it can be set at every message and costs nothing while that time moves away.
 */
export class Alarm {
  readonly #platform: Platform;
  readonly #ring: () => void;
  #at = Number.POSITIVE_INFINITY;
  #cancel = () => {};

  constructor(platform: Platform, ring: () => void) {
    this.#platform = platform;
    this.#ring = ring;
  }

  /** @param at by the platform's clock; infinite: not at all */
  set(at: number): void {
    if (at >= this.#at) return;
    this.#cancel();
    this.#at = at;
    this.#cancel = this.#platform.setTimer(Math.max(0, at - this.#platform.now()), () => {
      this.#at = Number.POSITIVE_INFINITY;
      this.#ring();
    });
  }

  clear(): void {
    this.#cancel();
    this.#at = Number.POSITIVE_INFINITY;
  }
}
