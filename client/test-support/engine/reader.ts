import type { Layout } from '../../src/engine/layout.ts';
import type { EngineEvent } from '../../src/engine/types.ts';
import type { Schedule } from './schedule.ts';

export interface ReaderTraits {
  /** Where the content is cut into pieces, as shares of it; read from the last piece to the first, as by one who seeks. */
  readonly cuts: readonly number[];
  /** Time that it takes for a chunk. */
  readonly chunkMs: number;
  /** Pause between two pieces. */
  readonly pauseMs: number;
  /** When somebody wants all of it as well. */
  readonly allAt: number | undefined;
}

/** Takes the content piece by piece, each in order, and so all of it in the end. */
export class SimulatedReader {
  readonly #traits: ReaderTraits;
  readonly #schedule: Schedule;
  readonly #tell: (event: EngineEvent) => void;
  readonly #has: (chunk: number) => boolean;
  #layout: Layout | undefined;
  readonly #pieces: [number, number][] = [];
  #offset = 0;
  #end = 0;
  #state: 'waiting' | 'busy' | 'pausing' = 'pausing';
  #isAll = false;

  constructor(
    traits: ReaderTraits,
    schedule: Schedule,
    tell: (event: EngineEvent) => void,
    has: (chunk: number) => boolean,
  ) {
    this.#traits = traits;
    this.#schedule = schedule;
    this.#tell = tell;
    this.#has = has;
    const { allAt } = traits;
    if (allAt !== undefined)
      schedule.after(allAt, () => {
        this.#isAll = true;
        this.#say();
      });
  }

  /** Before it knows how long the content is it wants the start of it. */
  begin(): void {
    this.#say();
  }

  /** The content is laid out like this, and perhaps was not before. */
  laidOut(layout: Layout): void {
    this.#layout = layout;
    const at = [0, ...this.#traits.cuts, 1].map((share) => Math.floor(share * layout.size));
    this.#pieces.length = 0;
    for (let i = 1; i < at.length; i++)
      if (at[i]! > at[i - 1]!) this.#pieces.push([at[i - 1]!, at[i]!]);
    this.#schedule.after(0, () => this.#nextPiece());
  }

  /** A chunk is at hand. */
  kept(): void {
    if (this.#state === 'waiting') this.#schedule.after(0, () => this.#proceed());
  }

  /** Whether a chunk may be asked for. */
  mayWant(start: number, end: number): boolean {
    return this.#isAll || !this.#layout || (start < this.#end && end > this.#offset);
  }

  #nextPiece(): void {
    [this.#offset, this.#end] = this.#pieces.pop() ?? [0, 0];
    this.#state = 'waiting';
    this.#say();
    this.#proceed();
  }

  #proceed(): void {
    const { chunkSize = 1 } = this.#layout ?? {};
    if (this.#state !== 'waiting' || this.#offset >= this.#end) return;
    if (!this.#has(Math.floor(this.#offset / chunkSize))) return;
    this.#state = 'busy';
    this.#say();
    this.#schedule.after(this.#traits.chunkMs, () => {
      this.#offset = Math.min((Math.floor(this.#offset / chunkSize) + 1) * chunkSize, this.#end);
      this.#state = this.#offset < this.#end ? 'waiting' : 'pausing';
      this.#say();
      if (this.#state === 'pausing')
        this.#schedule.after(this.#traits.pauseMs, () => this.#nextPiece());
      else this.#proceed();
    });
  }

  #say(): void {
    const [offset, end, isWaiting] = [this.#offset, this.#end, this.#state === 'waiting'];
    const readers = offset < end ? [{ offset, end, isWaiting }] : [];
    this.#tell({ type: 'read', readers, isAll: this.#isAll });
  }
}
