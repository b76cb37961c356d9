import { Bitfield } from './bitfield.ts';
import type { Chunks } from './chunks.ts';
import { Leases } from './leases.ts';
import { chunksToCome, doneBetween, markComing, type Range } from './range.ts';
import { RangeRate } from './range-rate.ts';
import type { Reading } from './reading.ts';
import type { Awaited, Situation } from './situation.ts';
import {
  ALONE_RANGE_MS,
  MAX_DUE_RANGES,
  MAX_ORIGIN_FAILURES,
  MAX_OUTDONE,
  MIN_RANGE_BYTES,
  RANGE_LEAD_MS,
  RANGE_MS,
  RANGE_STALL_MS,
  READ_NAMED,
  RETRY_ORIGIN_MS,
  SLOW_SEEDERS_MS,
} from './tuning.ts';
import type { Effect, EventOf } from './types.ts';

/**
 * - `none`: there is no fallback URL.
 * - `ready`: it can be asked, as far as is known.
 * - `pausing`: it failed and is asked again later.
 * - `failed`: it does not give the content.
 */
type Phase = 'none' | 'ready' | 'pausing' | 'failed';

/** The part of the engine that fetches from the origin, in ranges as far as that works there. */
export class Origin {
  phase: Phase;
  /** `whole`: it ignores Range, so only the file from start to end is to be had. */
  #serves: 'ranges' | 'whole' = 'ranges';
  readonly #do: (effect: Effect) => void;
  readonly leases: Leases;
  /** Whether it ever sent bytes. */
  hasGiven = false;
  /** Whether it is overrun for now: what gives nothing yet then is waited for. */
  isOverrun = false;
  /** Whether caches on the way are passed: they gave something else once. */
  isFresh = false;
  /** How often a `chunk` was needed since peers gave one: word of theirs that nothing comes of counts for less each time. */
  inNeed = 0;
  readonly #ranges = new Map<number, Range>();
  /** How fast it is. */
  readonly rates = new RangeRate();
  #lastRange = 0;
  #now = 0;
  /** When a range was last left to peers, who are asked next. */
  #outdoneAt = -1;
  /** How often. */
  #outdone = 0;
  #failures = 0;
  /** It has nothing but wrong bytes. */
  #isMistrusted = false;
  #retryAt = 0;
  #chunks: Chunks | undefined;

  constructor(hasOrigin: boolean, emit: (effect: Effect) => void) {
    this.phase = hasOrigin ? 'ready' : 'none';
    this.#do = emit;
    this.leases = new Leases(emit);
  }

  /** Whether nothing is to be had from it, now or later. */
  get isOut(): boolean {
    return this.phase === 'none' || this.phase === 'failed';
  }

  get isBusy(): boolean {
    return this.#ranges.size > 0;
  }

  /** Whether only the whole file, start to end, is to be had. */
  get isWhole(): boolean {
    return this.#serves === 'whole';
  }

  addFallback(): void {
    if (this.phase === 'none') this.phase = 'ready';
  }

  wakeAt(now: number): number {
    if (this.phase === 'pausing') return this.#retryAt;
    if (this.phase !== 'ready') return Number.POSITIVE_INFINITY;
    let at = this.leases.wakeAt(now, this.isBusy);
    for (const { heardAt } of this.#ranges.values())
      if (heardAt + RANGE_STALL_MS > now) at = Math.min(at, heardAt + RANGE_STALL_MS);
    return this.#outdoneAt === now ? Math.min(at, now + 1) : at;
  }

  /**
   * How the content is cut, from now on; undefined: not known after all.
   * @returns the chunks that have come already
   */
  begin(chunks: Chunks | undefined): number[] {
    const unit = chunks?.layout.chunkSize || 1;
    // What was taken of a range in other chunks is gone, and where these begin may be too.
    for (const range of [...this.#ranges.values()])
      if ((this.#chunks && range.at > range.start) || range.start % unit !== 0) this.#abort(range);
    this.#chunks = chunks;
    const done: number[] = [];
    for (const range of this.#ranges.values()) {
      if (chunks) done.push(...doneBetween(range, range.start, chunks.layout));
      this.#mark(range, true);
    }
    return done;
  }

  has(range: number): boolean {
    return this.#ranges.has(range);
  }

  /** What is on its way from it. A range of which nothing comes is taken to need as long again. */
  awaited(now: number): Awaited[] {
    const awaited: Awaited[] = [];
    if (!this.#chunks) return awaited;
    const { chunkSize, size } = this.#chunks.layout;
    for (const range of this.#ranges.values())
      for (const chunk of chunksToCome(range, this.#chunks.layout)) {
        const ms = this.rates.remainingMs(Math.min((chunk + 1) * chunkSize, size) - range.at);
        const { heardAt } = range;
        awaited.push({ chunk, heardAt, ms: Math.max(now - heardAt, Number.isFinite(ms) ? ms : 0) });
      }
    return awaited;
  }

  /** Bytes on their way from it. */
  get comingBytes(): number {
    let bytes = 0;
    for (const { at, end } of this.#ranges.values()) bytes += end - at;
    return bytes;
  }

  /** Up to where a range has come, in bytes from the start of the content. */
  reached(range: number): number {
    return this.#ranges.get(range)?.at ?? 0;
  }

  proceed(situation: Situation, now: number, random: () => number): void {
    if (this.phase === 'pausing' && now >= this.#retryAt) this.phase = 'ready';
    if (this.phase !== 'ready') return;
    this.#now = now;
    const isOutdone = this.#cutShort(situation);
    const areDue = [...this.#ranges.values()].some(({ cause }) => cause === 'due');
    const need = areDue && situation.need === 'lease' ? 'no' : situation.need;
    // Who needs no leave makes room for others.
    if (areDue || (situation.dueBytes > 0 && need === 'free')) this.leases.giveBack(this.#chunks);
    // What it should have brought is for them to send.
    if (isOutdone) {
      this.#outdoneAt = now;
      this.#outdone++;
      this.rates.forget();
      return this.leases.giveBack(this.#chunks);
    }
    if (!this.#mayBegin(situation)) {
      // The next lease is asked for while this range still comes, so that no time is lost.
      // Who fetches the whole has to have the first part of it on lease.
      const mayAsk = this.isWhole ? !this.leases.hasFirst : this.#remainingMs() < RANGE_MS / 2;
      if (need === 'lease' && mayAsk) this.#ask(situation, now, random);
    } else if (need === 'alone') this.#fetchAlone(situation.reading);
    else if (need !== 'no') {
      const lent = this.leases.take(this.isWhole ? undefined : this.#chunks);
      if (lent && this.isWhole) this.#fetchAlone(situation.reading);
      else if (lent) this.#begin(lent.start, lent.end);
      else if (need === 'lease') this.#ask(situation, now, random);
      else this.#fetchSome(situation, random);
    }
    if (this.isBusy) this.leases.confirm(now);
    else this.leases.giveBack(this.#chunks);
  }

  /** @returns whether the file there has another size than the content */
  head({ range: id, offset, end, total, ranged, isWhole }: EventOf<'range-head'>): boolean {
    const range = this.#ranges.get(id);
    if (!range) return false;
    const size = this.#chunks?.layout.size;
    if (total !== undefined && size !== undefined && total !== size) {
      this.#abort(range);
      return true;
    }
    this.rates.begin();
    if (isWhole) this.#serves = 'whole';
    if (!ranged && range.end !== Number.POSITIVE_INFINITY) {
      this.#serves = 'whole';
      // It sends all of it; that is of use if it is the part needed first, or there is nobody else.
      if (range.start > 0) this.#abort(range);
      for (const other of [...this.#ranges.values()]) if (other !== range) this.#abort(other);
    }
    if (ranged && !this.#chunks) {
      // Of another origin a page may not see the size; the whole file shows it.
      this.#serves = 'whole';
      this.#abort(range);
    }
    if (!this.#ranges.has(id)) return false;
    this.#mark(range, false);
    range.start = offset;
    range.at = offset;
    range.end = end ?? total ?? Number.POSITIVE_INFINITY;
    this.#mark(range, true);
    return false;
  }

  /** @returns the chunks that are complete with these bytes */
  data({ range: id, length }: EventOf<'range-data'>, now: number): number[] {
    const range = this.#ranges.get(id);
    if (!range) return [];
    range.heardAt = now;
    const chunks = this.#chunks;
    const before = range.at;
    range.at += length;
    this.rates.add(range, length, now);
    this.hasGiven = true;
    const done = chunks ? doneBetween(range, before, chunks.layout) : [];
    for (const chunk of done) chunks?.setComing(chunk, false);
    return done;
  }

  /** @returns bytes of a range that began at 0 and of which nobody had said how long it is */
  ended({ range: id, end, retryAfter }: EventOf<'range-end'>, now: number): number | undefined {
    const range = this.#ranges.get(id);
    if (!range) return undefined;
    this.#ranges.delete(id);
    this.#mark(range, false);
    if (!this.isBusy) this.leases.giveBack(this.#chunks);
    const { size = 0, chunkSize = 0 } = this.#chunks?.layout ?? {};
    if (end === 'done') {
      const { start, at } = range;
      // Ranges cut so short that not even a chunk comes would go on for ever.
      if (at < Math.min(range.asked, size) && at < start + chunkSize) this.#serves = 'whole';
      this.#failures = 0;
      return range.end === Number.POSITIVE_INFINITY && start === 0 ? at : undefined;
    }
    // Without ranges, as with a size that nobody says, the whole file is left; if it was asked for, nothing.
    if (end === 'failed' || range.asked === Number.POSITIVE_INFINITY) this.fail(now, retryAfter);
    else if (end === 'no-ranges' || !this.#chunks || range.start < size) this.#serves = 'whole';
    return undefined;
  }

  /**
   * It gave wrong bytes: once more, past any cache; then no more.
   * @param fresh whether these came past the caches; those that did not say nothing new once that is begun
   */
  mistrust(fresh = this.isFresh): void {
    if (fresh !== this.isFresh) return;
    this.end();
    this.rates.forget();
    this.#isMistrusted = this.isFresh;
    if (this.isFresh) this.phase = 'failed';
    this.isFresh = true;
  }

  fail(now: number, retryAfter?: number): void {
    this.rates.forget();
    this.isOverrun = retryAfter !== undefined;
    this.phase = ++this.#failures >= MAX_ORIGIN_FAILURES ? 'failed' : 'pausing';
    const pause = RETRY_ORIGIN_MS * 2 ** (this.#failures - 1);
    this.#retryAt = now + Math.max(pause, retryAfter ?? 0);
    // Some limit ranges alone: the last try is what plain HTTP asks.
    if (this.isOverrun && !this.hasGiven && this.#failures === MAX_ORIGIN_FAILURES - 1)
      this.#serves = 'whole';
  }

  /** Nothing is fetched any more. */
  end(): void {
    for (const range of [...this.#ranges.values()]) this.#abort(range);
    this.leases.giveBack(this.#chunks);
  }

  /**
   * Ends ranges of which all that is left is at hand by now, and those that peers outdo.
   * @returns whether there were any of those: peers are to be asked before anything else
   */
  #cutShort(situation: Situation): boolean {
    const chunks = this.#chunks;
    let isOutdone = false;
    if (!chunks) return isOutdone;
    const { chunkSize, size, count } = chunks.layout;
    for (const range of [...this.#ranges.values()]) {
      let chunk = Math.floor(range.at / chunkSize);
      const end = Math.min(range.end, size);
      if (range.at >= end) {
        // Asked for when the content was said to be longer: nothing of it is of use.
        if (range.start >= size) this.#abort(range);
        continue;
      }
      while (chunk < count && chunk * chunkSize < end && !chunks.isMissing(chunk)) chunk++;
      if (chunk * chunkSize >= end || chunk >= count) this.#abort(range);
      else if (this.#isAloneNoMore(range, situation)) this.#abort(range);
      else if (this.#isOutdone(range, situation)) {
        this.#abort(range);
        isOutdone = true;
      }
    }
    return isOutdone;
  }

  /** Whether peers do better than a range: it has stalled and they wait for it, or it is much slower. */
  #isOutdone({ askedAt, heardAt }: Range, { need, arePeersIdle }: Situation): boolean {
    if (this.#outdone >= MAX_OUTDONE) return false;
    const isStalled = this.#now >= heardAt + RANGE_STALL_MS;
    if (isStalled && arePeersIdle()) return true;
    const isOld = this.#now >= askedAt + RANGE_STALL_MS;
    const areServed = need === 'no' && !this.isWhole;
    return areServed && isOld && (isStalled || this.#remainingMs() >= SLOW_SEEDERS_MS);
  }

  /**
   * Whether others have come meanwhile, with whom what is left of a range can be shared. A tracker that is tried
   * again is no reason: where it stays away, each try would break off the answer, and the connection with it.
   */
  #isAloneNoMore({ cause, askedAt }: Range, { need, hasOthers }: Situation): boolean {
    if (cause !== 'alone' || need === 'alone' || !hasOthers || this.isWhole) return false;
    return this.#now >= askedAt + RANGE_MS && this.#remainingMs() >= RANGE_MS;
  }

  #mayBegin({ dueBytes }: Situation): boolean {
    if (this.#ranges.size === 0) return true;
    const most = dueBytes > 0 ? MAX_DUE_RANGES : 2;
    // Before the size is known, nothing says what two ranges have in common.
    return this.#ranges.size < most && !!this.#chunks && this.#remainingMs() < RANGE_LEAD_MS;
  }

  /** Time that what was asked of the origin should still take. */
  #remainingMs(): number {
    return this.rates.remainingMs(this.comingBytes);
  }

  /**
   * A reader went to this chunk, or nobody reads any more: what is sent is broken off, unless this soon comes with it, or
   * another reader waits for some of it.
   */
  turnTo(chunk: number | undefined, reading: Reading, now: number): void {
    const isNear = this.awaited(now).some((one) => one.chunk === chunk && one.ms < RANGE_MS);
    if (isNear || this.isWhole || !this.#chunks) return;
    const isOfOther = (coming: number) => coming !== chunk && reading.isAwaited(coming);
    for (const range of [...this.#ranges.values()])
      if (![...chunksToCome(range, this.#chunks.layout)].some(isOfOther)) this.#abort(range);
  }

  /** More is wanted after a pause: what failed before it may be over. */
  askAgain(): void {
    if (this.phase !== 'failed' || this.#isMistrusted) return;
    this.phase = 'ready';
    this.#failures = 0;
  }

  #ask(situation: Situation, now: number, random: () => number): void {
    const { chunks, wants, areSlow, hasOthers, dueBytes, reading } = situation;
    if (!this.leases.mayAsk(dueBytes > 0, now)) return;
    const ms = hasOthers ? RANGE_MS : ALONE_RANGE_MS;
    const bytes = Math.max(this.rates.affordable(ms), MIN_RANGE_BYTES);
    const isDue = dueBytes > 0;
    const any = { chunks, needed: undefined, bytes, hurry: false, isDue };
    if (!chunks) return this.leases.ask(any, now, random);
    const needed = new Bitfield(chunks.layout.count);
    // Who has the first unit on lease fetches the whole.
    if (this.isWhole) needed.add(0);
    // What is read next: the tracker lends the first of it that it has not lent to others.
    else
      for (const chunk of reading.next(chunks))
        if (
          needed.size * chunks.layout.chunkSize < READ_NAMED * bytes &&
          this.#isWanted(chunks, chunk, wants)
        )
          needed.add(chunk);
    const isAny = needed.size === 0;
    for (let chunk = 0; chunk < chunks.layout.count && isAny; chunk++)
      if (this.#isWanted(chunks, chunk, wants)) needed.add(chunk);
    if (needed.size > 0)
      this.leases.ask({ chunks, needed, bytes, hurry: areSlow(), isDue }, now, random);
  }

  #isWanted(chunks: Chunks, chunk: number, wants: (chunk: number) => boolean): boolean {
    return chunks.isMissing(chunk) && !chunks.isComing(chunk) && wants(chunk);
  }

  /** The longest stretch from the first missing byte on, or from what is read next. */
  #fetchAlone(reading: Reading): void {
    const chunks = this.#chunks;
    const { count, chunkSize, size } = chunks?.layout ?? { count: 0, chunkSize: 0, size: 0 };
    let first = this.#nextOf(reading) ?? 0;
    while (first < count && (!chunks?.isMissing(first) || chunks.isComing(first))) first++;
    // Nothing is left to be fetched; what is being checked may be right.
    if (chunks && first === count) return;
    let end = first;
    while (end < count && chunks?.isMissing(end) && !chunks.isComing(end)) end++;
    const whole = !chunks || this.#serves === 'whole';
    if (whole && this.isBusy) return;
    if (whole || (first === 0 && end === count)) this.#begin(0, Number.POSITIVE_INFINITY, 'alone');
    else this.#begin(first * chunkSize, Math.min(end * chunkSize, size), 'alone');
  }

  /** The first that is read next of those that it should send. */
  #nextOf(reading: Reading, wants: (chunk: number) => boolean = () => true): number | undefined {
    const chunks = this.#chunks;
    for (const chunk of chunks ? reading.next(chunks) : [])
      if (this.#isWanted(chunks!, chunk, wants)) return chunk;
    return undefined;
  }

  /** Wanted chunks from what is read next on, or from one chosen by chance. */
  #fetchSome(situation: Situation, random: () => number): void {
    const { need, chunks, wants, hasOthers, dueBytes, reading } = situation;
    if (this.#serves === 'whole' || !chunks) return this.#fetchAlone(reading);
    if (dueBytes > 0) return this.#fetchDue(situation, chunks);
    const { count, chunkSize, size } = chunks.layout;
    // Where nobody is known, whole ranges: what is left between two of them would take one more.
    const isAlone = need === 'free' && !hasOthers;
    const unit = isAlone ? Math.max(1, Math.floor(MIN_RANGE_BYTES / chunkSize)) : 1;
    const next = this.#nextOf(reading, wants);
    const start = next ?? Math.floor((random() * count) / unit) * unit;
    for (let i = 0; i < count; i++) {
      const first = (start + i) % count;
      if (!this.#isWanted(chunks, first, wants)) continue;
      let end = first + 1;
      const ms = need === 'chunk' ? ALONE_RANGE_MS : RANGE_MS;
      const turn = need === 'chunk' ? 2 ** this.inNeed++ : count;
      const most = Math.min(Math.max(this.rates.affordable(ms) / chunkSize, unit), turn);
      // Between two that are wanted, what peers should send comes with them: many short ranges take longer.
      const between = need === 'free' ? () => true : wants;
      while (end < count && end - first + 1 <= most && this.#isWanted(chunks, end, between)) end++;
      while (!this.#isWanted(chunks, end - 1, wants)) end--;
      return this.#begin(first * chunkSize, Math.min(end * chunkSize, size));
    }
  }

  /**
   * The ends of the longest stretches of wanted chunks, at once: with one after the other, ranges become ever shorter,
   * and most of the time would pass with waiting for answers.
   */
  #fetchDue({ wants, dueBytes, takeBack }: Situation, chunks: Chunks): void {
    const { count, chunkSize, size } = chunks.layout;
    const affordable = Math.max(this.rates.affordable(RANGE_MS), MIN_RANGE_BYTES);
    let most = Math.ceil(Math.min(dueBytes, affordable) / chunkSize);
    while (most > 0 && this.#ranges.size < MAX_DUE_RANGES) {
      let [start, end] = [0, 0];
      for (let chunk = 0, length = 0; chunk < count; chunk++) {
        length = this.#isWanted(chunks, chunk, wants) ? length + 1 : 0;
        if (length > end - start) [start, end] = [chunk + 1 - length, chunk + 1];
      }
      if (end === 0) return;
      start = Math.max(start, end - most);
      most -= end - start;
      this.#begin(start * chunkSize, Math.min(end * chunkSize, size), 'due');
      for (let chunk = start; chunk < end; chunk++) takeBack(chunk);
    }
  }

  #begin(start: number, end: number, cause: Range['cause'] = 'other'): void {
    const [id, now] = [++this.#lastRange, this.#now];
    const times = { askedAt: now, heardAt: now };
    const range: Range = { id, asked: end, cause, start, end, at: start, ...times };
    this.#ranges.set(range.id, range);
    this.rates.asked(now);
    this.#mark(range, true);
    const length = end === Number.POSITIVE_INFINITY ? undefined : end - start;
    this.#do({ type: 'fetch-range', range: range.id, offset: start, length, fresh: this.isFresh });
  }

  #abort(range: Range): void {
    this.#ranges.delete(range.id);
    this.#mark(range, false);
    this.#do({ type: 'abort-range', range: range.id });
  }

  #mark(range: Range, coming: boolean): void {
    if (this.#chunks) markComing(range, this.#chunks, coming);
  }
}
