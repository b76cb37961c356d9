import { seeded } from '../../../demo/random.ts';

interface Due {
  readonly at: number;
  /** Decides among events of one instant. */
  readonly order: number;
  readonly run: () => void;
}

/** Virtual time. What is due at the same instant happens in an order of chance. */
export class Schedule {
  /** Milliseconds. */
  now = 0;
  readonly random: () => number;
  readonly #queue: Due[] = [];

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  after(ms: number, run: () => void): void {
    const due = { at: this.now + ms, order: this.random(), run };
    const isLater = (other: Due) =>
      other.at > due.at || (other.at === due.at && other.order > due.order);
    let at = this.#queue.length;
    while (at > 0 && isLater(this.#queue[at - 1] as Due)) at--;
    this.#queue.splice(at, 0, due);
  }

  /** Turns the clock to the next event and lets it happen; false if there is none. */
  step(): boolean {
    const due = this.#queue.shift();
    if (!due) return false;
    this.now = due.at;
    due.run();
    return true;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** Whole number from 0 to before `below`. */
  below(below: number): number {
    return Math.floor(this.random() * below);
  }
}
