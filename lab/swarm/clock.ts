import { setImmediate as breathe } from 'node:timers/promises';

interface Due {
  readonly at: number;
  readonly run: () => void;
}

/**
 * Virtual time for a whole swarm in one process. Real promises (Blob reads, streams) are let to
 * settle between two instants, so what happens depends on the seed only.
 */
export class Clock {
  now = 0;
  /** Ascending by time; equal times in the order they were scheduled. */
  readonly #queue: Due[] = [];

  /** Runs `run` after `ms`; the result cancels it. */
  after(ms: number, run: () => void): () => void {
    const due = { at: this.now + ms, run };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#queue[middle] as Due).at <= due.at) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, due);
    return () => {
      const index = this.#queue.indexOf(due);
      if (index >= 0) this.#queue.splice(index, 1);
    };
  }

  /** Lets time pass until `done()` or until `limit` ms have gone by. */
  async run(done: () => boolean, limit: number): Promise<void> {
    const end = this.now + limit;
    for (;;) {
      // A Blob's bytes and a stream's end are a few turns of the event loop away.
      for (let turn = 0; turn < 4; turn++) await breathe();
      const next = this.#queue[0];
      if (done() || !next || next.at > end) return;
      this.now = next.at;
      while (this.#queue[0] && this.#queue[0].at <= this.now) this.#queue.shift()?.run();
    }
  }
}
