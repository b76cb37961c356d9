/** Shortest time a rate is measured over, in ms: shorter ones say more about the scheduler than the link. */
export const SAMPLE_MS = 50;

/** Weight of the newest sample: three of them and the estimate has mostly followed. */
const NEWEST = 0.4;

/** What counts of the past after so long a time as {@link SAMPLE_MS}: less than a third after 250 ms. */
const KEPT = 0.8;

/** Estimates how fast something delivers while it is asked to, in bytes per ms; undefined until measured. */
export class Meter {
  /** While something comes: every sample counts for as much. */
  rate: number | undefined;
  /** With the times between, in which it delivers to others: a sample counts for as long as it took. */
  pace: number | undefined;
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
    const { rate = sample, pace = sample } = this;
    this.rate = rate + NEWEST * (sample - rate);
    this.pace = sample + KEPT ** (elapsed / SAMPLE_MS) * (pace - sample);
    this.#restart(now);
  }

  #restart(now: number): void {
    this.#since = now;
    this.#bytes = 0;
  }
}
