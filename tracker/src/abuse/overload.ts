import { OVERLOAD_AFTER_MS, OVERLOAD_DELAY_MS, OVERLOAD_STEP_MS } from '../limits.ts';

export interface OverloadOptions {
  /** A delay from which on the event loop is late, in milliseconds. @default OVERLOAD_DELAY_MS */
  readonly overloadDelayMs?: number;
  /** For how long it has to be late, and to be well again. @default OVERLOAD_AFTER_MS */
  readonly afterMs?: number;
}

/**
 * Tells from the delays of the event loop whether there is more to do than it can: a level rises
 * with the time in which it is late and falls with the time in which it is late by less than a quarter
 * of that. Overloaded once it is at its top, until it is back at the bottom. In between nothing changes,
 * so that it does not flap.
 */
export class Overload {
  readonly #lateMs: number;
  readonly #topMs: number;
  #levelMs = 0;
  #state: 'well' | 'overloaded' = 'well';

  constructor({
    overloadDelayMs = OVERLOAD_DELAY_MS,
    afterMs = OVERLOAD_AFTER_MS,
  }: OverloadOptions = {}) {
    this.#lateMs = overloadDelayMs;
    this.#topMs = afterMs;
  }

  get isOverloaded(): boolean {
    return this.#state === 'overloaded';
  }

  /**
   * @param delayMs by how much the event loop is late
   * @param sinceMs time since the sample before. No more than OVERLOAD_STEP_MS of it count, as
   *   one long pause is soon over.
   */
  sample(delayMs: number, sinceMs: number): void {
    const stepMs = Math.min(sinceMs, OVERLOAD_STEP_MS);
    if (delayMs >= this.#lateMs) this.#levelMs = Math.min(this.#levelMs + stepMs, this.#topMs);
    else if (delayMs < this.#lateMs / 4) this.#levelMs = Math.max(this.#levelMs - stepMs, 0);
    if (this.#levelMs === this.#topMs) this.#state = 'overloaded';
    else if (this.#levelMs === 0) this.#state = 'well';
  }
}
