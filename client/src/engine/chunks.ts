import { Bitfield } from './bitfield.ts';
import type { Layout } from './layout.ts';
import { chunkLength } from './layout.ts';
import type { ChunkRange } from './types.ts';

const MISSING = 0;
const CHECKING = 1;
const HELD = 2;

/** Above this many candidates the rarest of a random sample is chosen instead of the rarest of all. */
export const RAREST_SAMPLE = 64;

/** What is at hand of a content, what is on its way, and how common each chunk is among peers. */
export class Chunks {
  readonly layout: Layout;
  /** Chunks at hand. */
  readonly held: Bitfield;
  /** Those of them that may be given to others. */
  readonly servable: Bitfield;
  readonly #state: Uint8Array;
  /** Open peers asked for each chunk. */
  readonly #askers: Uint8Array;
  /** Whether the origin is sending it. */
  readonly #coming: Uint8Array;
  /** Those that are not to be fetched, and how many of them are neither at hand nor being checked. */
  readonly #unwanted: Uint8Array;
  #parked = 0;
  readonly #failures: Uint8Array;
  /** Open partial holders of each chunk. Complete ones make all equally more common. */
  readonly #holders: Uint16Array;
  /** Missing chunks nobody was asked for, in no order, and where in it each one is. */
  readonly #free: number[] = [];
  readonly #place: Int32Array;
  /** Missing chunks that open partial holders have. Counted, as it is looked at with every event. */
  #offered = 0;

  constructor(layout: Layout) {
    const { count } = layout;
    this.layout = layout;
    this.held = new Bitfield(count);
    this.servable = new Bitfield(count);
    this.#state = new Uint8Array(count);
    this.#askers = new Uint8Array(count);
    this.#coming = new Uint8Array(count);
    this.#unwanted = new Uint8Array(count);
    this.#failures = new Uint8Array(count);
    this.#holders = new Uint16Array(count);
    this.#place = new Int32Array(count);
    for (let chunk = 0; chunk < count; chunk++) this.#place[chunk] = this.#free.push(chunk) - 1;
  }

  get complete(): boolean {
    return this.held.size === this.layout.count;
  }

  /** Whether all that is wanted is at hand. */
  get isIdle(): boolean {
    return this.held.size + this.#parked === this.layout.count;
  }

  /** How many chunks are missing and asked of nobody. */
  get free(): number {
    return this.#free.length;
  }

  /** Whether it is missing and asked of nobody. */
  isFree(chunk: number): boolean {
    return (this.#place[chunk] ?? -1) !== -1;
  }

  range(chunk: number): ChunkRange {
    return { chunk, offset: chunk * this.layout.chunkSize, length: this.length(chunk) };
  }

  length(chunk: number): number {
    return chunkLength(this.layout, chunk);
  }

  exists(chunk: number): boolean {
    return chunk >= 0 && chunk < this.layout.count;
  }

  /** Wanted bytes that are neither at hand nor being checked, about. */
  get missingBytes(): number {
    const { size, count } = this.layout;
    return count === 0 ? 0 : size * (1 - (this.held.size + this.#parked) / count);
  }

  /** Those of them that open partial holders have, about. */
  get offeredBytes(): number {
    return this.#offered * this.layout.chunkSize;
  }

  /** Wanted, and neither at hand nor being checked. */
  isMissing(chunk: number): boolean {
    return this.#state[chunk] === MISSING && this.#unwanted[chunk] === 0;
  }

  /** At hand or being checked. */
  isHere(chunk: number): boolean {
    return this.#state[chunk] !== MISSING;
  }

  /** Whether any from `first` to before `end` is coming from the origin, or being checked. */
  isOnItsWay(first: number, end: number): boolean {
    return (
      this.#state.subarray(first, end).includes(CHECKING) ||
      this.#coming.subarray(first, end).includes(1)
    );
  }

  isComing(chunk: number): boolean {
    return this.#coming[chunk] === 1;
  }

  askers(chunk: number): number {
    return this.#askers[chunk] as number;
  }

  failures(chunk: number): number {
    return this.#failures[chunk] as number;
  }

  /** Open partial holders. */
  holders(chunk: number): number {
    return this.#holders[chunk] as number;
  }

  addHolder(chunk: number): void {
    if (this.#holders[chunk]!++ === 0 && this.isMissing(chunk)) this.#offered++;
  }

  removeHolder(chunk: number): void {
    if (--this.#holders[chunk]! === 0 && this.isMissing(chunk)) this.#offered--;
  }

  /**
   * A free chunk of those a peer has: by chance while there is little to offer in return, then the
   * rarest (DESIGN section 5).
   */
  pick(has: (chunk: number) => boolean, random: () => number, rarest: boolean): number | undefined {
    const free = this.#free;
    if (free.length === 0) return undefined;
    const start = Math.floor(random() * free.length);
    let best: number | undefined;
    let seen = 0;
    for (let i = 0; i < free.length; i++) {
      const chunk = free[(start + i) % free.length] as number;
      if (!has(chunk)) continue;
      if (!rarest) return chunk;
      if (best === undefined || this.holders(chunk) < this.holders(best)) best = chunk;
      if (++seen >= RAREST_SAMPLE) break;
    }
    return best;
  }

  /** Whether it is to be fetched; what is on its way may still come. */
  want(chunk: number, isWanted: boolean): void {
    const unwanted = isWanted ? 0 : 1;
    if (unwanted !== this.#unwanted[chunk]) this.#turn(chunk, this.#state[chunk]!, unwanted);
  }

  ask(chunk: number): void {
    this.#askers[chunk]!++;
    this.#settle(chunk);
  }

  /** A peer asked for it will not send it, or has. */
  unask(chunk: number, failed: boolean): void {
    this.#askers[chunk]!--;
    if (failed && this.failures(chunk) < 255) this.#failures[chunk]!++;
    this.#settle(chunk);
  }

  /** Whether the origin is sending it. */
  setComing(chunk: number, coming: boolean): void {
    this.#coming[chunk] = coming ? 1 : 0;
    this.#settle(chunk);
  }

  check(chunk: number): void {
    this.#turn(chunk, CHECKING);
  }

  hold(chunk: number, servable: boolean): void {
    this.#turn(chunk, HELD);
    this.held.add(chunk);
    if (servable) this.servable.add(chunk);
  }

  /** What there was of it is of no use. */
  lose(chunk: number): void {
    this.#turn(chunk, MISSING);
    this.held.delete(chunk);
    this.servable.delete(chunk);
  }

  #turn(chunk: number, state: number, unwanted = this.#unwanted[chunk]!): void {
    this.#count(chunk, -1);
    this.#state[chunk] = state;
    this.#unwanted[chunk] = unwanted;
    this.#count(chunk, 1);
    this.#settle(chunk);
  }

  #count(chunk: number, by: number): void {
    if (this.isMissing(chunk)) this.#offered += this.holders(chunk) > 0 ? by : 0;
    else if (!this.isHere(chunk)) this.#parked += by;
  }

  /** Keeps the list of free chunks true after a change. */
  #settle(chunk: number): void {
    const free = this.isMissing(chunk) && this.#askers[chunk] === 0 && this.#coming[chunk] === 0;
    const place = this.#place[chunk] as number;
    if (free === (place !== -1)) return;
    if (free) {
      this.#place[chunk] = this.#free.push(chunk) - 1;
      return;
    }
    const last = this.#free.pop() as number;
    this.#place[chunk] = -1;
    if (last === chunk) return;
    this.#free[place] = last;
    this.#place[last] = place;
  }
}
