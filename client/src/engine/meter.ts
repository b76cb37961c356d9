/** Shortest time a rate is measured over, in ms: shorter ones say more about the scheduler than the link. */
export const SAMPLE_MS = 50;

/** Weight of the newest sample: three of them and the estimate has mostly followed. */
const NEWEST = 0.4;

/** Estimates how fast something delivers while it is asked to, in bytes per ms. */
export class Meter {
  /** Undefined until measured. */
  rate: number | undefined;
  /** Undefined: from the next bytes on, which say nothing: they were asked for and took a round trip. */
  #since: number | undefined;
  #bytes = 0;

  /** Something is to be delivered again, after a time when nothing was. */
  begin(): void {
    this.#since = undefined;
  }

  add(bytes: number, now: number): void {
    if (this.#since === undefined) return this.#restart(now);
    this.#bytes += bytes;
    const elapsed = now - this.#since;
    if (elapsed < SAMPLE_MS) return;
    const sample = this.#bytes / elapsed;
    this.rate = this.rate === undefined ? sample : this.rate + NEWEST * (sample - this.rate);
    this.#restart(now);
  }

  #restart(now: number): void {
    this.#since = now;
    this.#bytes = 0;
  }
}
