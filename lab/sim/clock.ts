/** Something to run at a time; `dead` if it was called off. */
interface Due {
  readonly at: number;
  /** Order of scheduling: equal times run in this order. */
  readonly nth: number;
  readonly run: () => void;
  dead: boolean;
}

/** Something is still to happen when all should be over. */
export class NotAtRest extends Error {
  constructor(limitMs: number) {
    super(`not at rest after ${limitMs} ms of virtual time`);
  }
}

/**
 * Virtual time in milliseconds. Synchronous, with a binary heap: unlike `lab/swarm/clock.ts` nothing
 * here waits for real promises, and there are millions of events.
 */
export class Clock {
  now = 0;
  readonly #heap: Due[] = [];
  #scheduled = 0;

  /** Events that were scheduled. */
  get scheduled(): number {
    return this.#scheduled;
  }

  /** Runs `run` after `ms`, 0 or more; the result calls it off. */
  after(ms: number, run: () => void): () => void {
    return this.at(this.now + ms, run);
  }

  /** Runs `run` at a time that is not over; the result calls it off. */
  at(time: number, run: () => void): () => void {
    if (!(time >= this.now)) throw new RangeError(`${time} ms is before ${this.now} ms`);
    const due: Due = { at: time, nth: this.#scheduled++, run, dead: false };
    this.#push(due);
    return () => {
      due.dead = true;
    };
  }

  /**
   * Lets time pass until nothing is left to happen.
   * @param limitMs time after which it fails instead, so that a bug cannot run for ever
   */
  run(limitMs: number): void {
    if (this.advance(limitMs)) throw new NotAtRest(limitMs);
  }

  /** Runs what is due up to a time. @returns whether anything is left to happen after it */
  advance(time: number): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return false;
      if (!first.dead && first.at > time) return true;
      this.#pop();
      if (first.dead) continue;
      this.now = first.at;
      first.run();
    }
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent] as Due, due)) break;
      heap[at] = heap[parent] as Due;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Due, heap[child] as Due)) child++;
      if (isBefore(last, heap[child] as Due)) break;
      heap[at] = heap[child] as Due;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.nth < b.nth);
}
