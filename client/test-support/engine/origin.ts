import type { Effect, EngineEvent, RangeEnd } from '../../src/engine/types.ts';
import type { Schedule } from './schedule.ts';

export const ORIGIN_KINDS = [
  'good',
  // Without ranges, in four ways.
  'rangeless',
  'lengthless',
  'refuses-ranges',
  'cuts-ranges',
  // Of another site that hides its headers.
  'hidden',
  // Wrong unless caches are passed.
  'stale',
  'flaky',
  'wrong',
  'truncating',
  'empty',
  'broken',
  'beyond',
  'stalling',
  'dead',
] as const;

/** What it answers, if anything, is as it was asked. */
const WITH_RANGES: ReadonlySet<string> = new Set(['good', 'flaky', 'stalling', 'dead']);

export interface OriginTraits {
  readonly kind: (typeof ORIGIN_KINDS)[number];
  readonly bytesPerMs: number;
  readonly latencyMs: number;
  /** With `stale` and `wrong`: how much longer the file is than it should be. */
  readonly sizeOff: number;
}

/** Whether ranges are all that it is ever asked for beside peers. */
export function hasRanges({ kind }: OriginTraits): boolean {
  return WITH_RANGES.has(kind);
}

/** Whether a download that it serves alone must succeed. */
export function isGood({ kind }: OriginTraits): boolean {
  return ORIGIN_KINDS.indexOf(kind) <= ORIGIN_KINDS.indexOf('stale');
}

type Fetch = Extract<Effect, { type: 'fetch-range' }>;

/** A server of one file, or of something else under its name. */
export class SimulatedOrigin {
  readonly #traits: OriginTraits;
  readonly #size: number;
  readonly #schedule: Schedule;
  readonly #tell: (event: EngineEvent) => void;
  readonly #aborted = new Set<number>();
  #fetches = 0;

  constructor(
    traits: OriginTraits,
    size: number,
    schedule: Schedule,
    tell: (event: EngineEvent) => void,
  ) {
    this.#traits = traits;
    this.#size = size;
    this.#schedule = schedule;
    this.#tell = tell;
  }

  /** Whether the bytes of an answer are right. */
  isRight({ fresh }: Fetch): boolean {
    const { kind } = this.#traits;
    return kind !== 'wrong' && kind !== 'empty' && (kind !== 'stale' || fresh);
  }

  abort(range: number): void {
    this.#aborted.add(range);
  }

  fetch(fetch: Fetch): void {
    this.#schedule.after(this.#traits.latencyMs, () => this.#answer(fetch));
  }

  #answer(fetch: Fetch): void {
    const { kind, sizeOff } = this.#traits;
    const { range, offset, length } = fetch;
    const whole = length === undefined;
    const nth = ++this.#fetches;
    if (kind === 'dead' || (kind === 'flaky' && nth % 2 === 1)) return this.#end(range, 'failed');
    if (kind === 'stalling') return this.#schedule.after(60_000, () => this.#end(range, 'failed'));
    if (kind === 'broken' || (kind === 'refuses-ranges' && !whole))
      return this.#end(range, 'no-ranges');
    const off = this.isRight(fetch) ? 0 : sizeOff;
    const size = kind === 'empty' ? 0 : this.#size + off;
    const known = kind !== 'hidden' && kind !== 'lengthless';
    const total = known ? size : undefined;
    const ranged = !whole && kind !== 'rangeless' && kind !== 'lengthless';
    if (ranged && (offset >= size || kind === 'beyond')) return this.#end(range, 'beyond', total);
    const start = ranged ? offset : 0;
    const most = ranged && kind === 'cuts-ranges' ? Math.min(length, 5_000) : length;
    const end = ranged ? Math.min(start + (most as number), size) : size;
    const announced = ranged || known ? end : undefined;
    this.#emit({ type: 'range-head', range, offset: start, end: announced, total, ranged });
    const stop = kind === 'truncating' ? start + this.#schedule.below(end - start + 1) : end;
    this.#send(range, start, stop, stop < end ? 'failed' : 'done');
  }

  #send(range: number, at: number, stop: number, end: RangeEnd): void {
    if (this.#aborted.has(range)) return;
    if (at >= stop) return this.#end(range, end);
    const length = Math.min(stop - at, 1 + this.#schedule.below(40_000));
    this.#schedule.after(length / this.#traits.bytesPerMs, () => {
      this.#emit({ type: 'range-data', range, length });
      this.#send(range, at + length, stop, end);
    });
  }

  #end(range: number, end: RangeEnd, total?: number): void {
    this.#emit({ type: 'range-end', range, end, total });
  }

  /** Now and then something comes although it was aborted. */
  #emit(event: EngineEvent & { readonly range: number }): void {
    if (!this.#aborted.has(event.range) || this.#schedule.chance(0.1)) this.#tell(event);
  }
}
