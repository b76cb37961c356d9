import { Bitfield } from './bitfield.ts';
import type { Chunks } from './chunks.ts';
import type { Layout } from './layout.ts';
import { MAX_CHUNKS, WHOLE_FILE_UNIT_BYTES } from './layout.ts';
import {
  CONFIRM_MS,
  DUE_RETRY_MS,
  LEASE_PATIENCE_MS,
  LEASE_RETRY_MS,
  MAX_REPORTED,
} from './tuning.ts';
import type { Effect, EventOf } from './types.ts';

/** A stretch of the content, in bytes; the end is exclusive. */
interface Stretch {
  readonly start: number;
  readonly end: number;
}

/**
 * - `idle`: nothing was asked.
 * - `asked`: a grant is waited for.
 * - `mute`: none came in time: the tracker knows no leases, or has other worries.
 */
type State = 'idle' | 'asked' | 'mute';

/** What leave is asked for. */
interface Wanted {
  readonly chunks: Chunks | undefined;
  /** Undefined: any chunks. */
  readonly needed: Bitfield | undefined;
  /** About so much. */
  readonly bytes: number;
  /** Whether peers give it too slowly. */
  readonly hurry: boolean;
  /** Whether they will not have sent it in time. */
  readonly isDue: boolean;
}

/** Which parts of the origin's work this visitor has taken on, by the tracker's leave (tracker.proto, Lease). */
export class Leases {
  readonly #do: (effect: Effect) => void;
  /** Size of a unit in bytes: the manifest's chunks, or what whole-file ids agree on. */
  #unitBytes = WHOLE_FILE_UNIT_BYTES;
  #state: State = 'idle';
  #askedAt = 0;
  #retryAt = 0;
  /** The same for what is due, and how often in a row that was asked for. */
  #dueRetryAt = 0;
  #dueAsks = 0;
  /** How often in a row there was nothing to be had, and since when. */
  #refusals = 0;
  refusedAt = Number.POSITIVE_INFINITY;
  /** Whether there ever was: then a refusal may be its turn that is over. */
  #wasLent = false;
  /** Whether the content's first unit was lent when last asked. */
  isFirst = false;
  /** When the tracker last heard that they are still worked on. */
  #confirmedAt = 0;
  #granted: Stretch | undefined;
  /** Units that are lent to this visitor. */
  readonly #lent = new Set<number>();
  /** Units that came and were not reported. */
  #fetched: number[] = [];
  #units = 0;

  constructor(emit: (effect: Effect) => void) {
    this.#do = emit;
  }

  /** Units are chunks from now on. */
  useChunks({ chunkSize, count }: Layout): void {
    this.#unitBytes = chunkSize;
    this.#units = count;
  }

  /** The size of a whole-file content is known. */
  setSize(size: number): void {
    this.#units = Math.ceil(size / this.#unitBytes);
  }

  /** Whether the tracker leaves questions unanswered. */
  isMute(now: number): boolean {
    if (this.#state === 'asked' && now >= this.#askedAt + LEASE_PATIENCE_MS) this.#state = 'mute';
    return this.#state === 'mute';
  }

  /** Whether there was nothing to be had when last asked. */
  get isRefused(): boolean {
    return this.#refusals > 0;
  }

  /** Whether it looks as if there will be nothing to be had. */
  get isTurnedAway(): boolean {
    return this.#refusals > (this.#wasLent ? 1 : 0);
  }

  /** Whether the content's first unit is lent to this visitor. */
  get hasFirst(): boolean {
    return this.#lent.has(0);
  }

  /** @param isDue whether peers will not have sent it in time */
  mayAsk(isDue: boolean, now: number): boolean {
    const at = isDue ? this.#dueRetryAt : this.#retryAt;
    return this.#state === 'idle' && now >= at && !this.#granted;
  }

  /** @param busy whether something is being fetched */
  wakeAt(now: number, busy: boolean): number {
    // Times that have passed are of no use any more: nobody looked because nobody needed to.
    const times = [
      this.#state === 'asked' ? this.#askedAt + LEASE_PATIENCE_MS : this.#retryAt,
      this.#dueRetryAt,
      busy && this.#lent.size > 0 ? this.#confirmedAt + CONFIRM_MS : 0,
    ].filter((at) => at > now);
    return Math.min(...times);
  }

  ask({ chunks, needed, bytes, hurry, isDue }: Wanted, now: number, random: () => number): void {
    this.#state = 'asked';
    this.#askedAt = now;
    const chance = 1 + random();
    if (isDue) this.#dueRetryAt = now + DUE_RETRY_MS * 2 ** Math.min(++this.#dueAsks, 3) * chance;
    else this.#retryAt = now + LEASE_RETRY_MS * 2 ** this.#refusals * chance;
    this.#send(
      Math.min(Math.ceil(bytes / this.#unitBytes), this.#units || MAX_CHUNKS),
      now,
      chunks && needed && this.#inUnits(chunks, needed),
      [],
      hurry,
    );
  }

  granted({ first, count, unitBytes }: EventOf<'grant'>): void {
    if (this.#state !== 'idle') this.#state = 'idle';
    this.isFirst = first === 0 && count > 0;
    // Others count in units that are of no use here, and may do so for long.
    if (unitBytes !== this.#unitBytes) this.#state = 'mute';
    if (count === 0 || unitBytes !== this.#unitBytes) {
      this.refusedAt = Math.min(this.refusedAt, this.#askedAt);
      this.#refusals = Math.min(this.#refusals + 1, 3);
      return;
    }
    this.#refusals = 0;
    this.refusedAt = Number.POSITIVE_INFINITY;
    this.#wasLent = true;
    this.#retryAt = this.#dueRetryAt = this.#dueAsks = 0;
    this.#granted = { start: first * unitBytes, end: (first + count) * unitBytes };
    for (let unit = first; unit < first + count; unit++) this.#lent.add(unit);
  }

  /** The tracker has forgotten everything, or another one is there. */
  forget(): void {
    this.#state = 'idle';
    this.#retryAt = this.#dueRetryAt = this.#dueAsks = 0;
    this.#wasLent = false;
    this.#lent.clear();
    this.#granted = undefined;
    this.#fetched = [];
  }

  /** What was granted and is still missing, to be fetched now, as far as none of it is on its way. */
  take(chunks: Chunks | undefined): Stretch | undefined {
    const granted = this.#granted;
    this.#granted = undefined;
    if (!granted || !chunks) return granted;
    const { chunkSize, size } = chunks.layout;
    let first = Math.floor(granted.start / chunkSize);
    let end = Math.ceil(Math.min(granted.end, size) / chunkSize);
    const last = end;
    const useless = (chunk: number) => !chunks.isMissing(chunk) || chunks.isComing(chunk);
    while (first < last && useless(first)) first++;
    end = first;
    while (end < last && !chunks.isComing(end)) end++;
    if (end < last) this.#granted = { start: end * chunkSize, end: granted.end };
    while (first < end && useless(end - 1)) end--;
    if (first === end) return undefined;
    return { start: first * chunkSize, end: Math.min(end * chunkSize, size) };
  }

  /**
   * A chunk is at hand, wherever it came from: once its unit is whole, nobody need fetch that again.
   * @param isWhole whether it came with the whole from the origin: then the first unit stays lent until all has come
   */
  fetched(chunk: number, chunks: Chunks, isWhole: boolean): void {
    const unit = Math.floor((chunk * chunks.layout.chunkSize) / this.#unitBytes);
    const isReported = isWhole ? unit > 0 : this.#lent.has(unit);
    if (isReported && this.#isHeld(unit, chunks)) this.#done(unit);
  }

  #isHeld(unit: number, { layout, held }: Chunks): boolean {
    const perUnit = this.#unitBytes / layout.chunkSize;
    const end = Math.min((unit + 1) * perUnit, layout.count);
    for (let chunk = unit * perUnit; chunk < end; chunk++) if (!held.has(chunk)) return false;
    return true;
  }

  #done(unit: number): void {
    this.#lent.delete(unit);
    // A whole that comes at once has more than a message may name.
    if (this.#fetched.push(unit) >= MAX_REPORTED) this.#send(0, this.#confirmedAt);
  }

  /** Who has what was not to be had may be gone. */
  askAgain(): void {
    this.#refusals = this.#retryAt = 0;
  }

  /** Keeps what is being fetched. */
  confirm(now: number): void {
    if (this.#lent.size > 0 && now >= this.#confirmedAt + CONFIRM_MS) this.#send(0, now);
  }

  /** Nothing more is to be fetched. What is coming, or came and is still being checked, stays lent. */
  giveBack(chunks: Chunks | undefined): void {
    this.#granted = undefined;
    const perUnit = this.#unitBytes / (chunks?.layout.chunkSize ?? this.#unitBytes);
    const returned: number[] = [];
    for (const unit of this.#lent)
      if (chunks && this.#isHeld(unit, chunks)) this.#done(unit);
      else if (!chunks?.isOnItsWay(unit * perUnit, (unit + 1) * perUnit)) returned.push(unit);
    for (const unit of returned) this.#lent.delete(unit);
    if (returned.length > 0 || (this.#lent.size === 0 && this.#fetched.length > 0))
      this.#send(0, this.#confirmedAt, undefined, returned);
  }

  #send(
    wanted: number,
    now: number,
    needed?: Uint8Array<ArrayBuffer>,
    returned: readonly number[] = [],
    hurry = false,
  ): void {
    this.#confirmedAt = now;
    const fetched = this.#fetched;
    this.#fetched = [];
    const [unitBytes, units] = [this.#unitBytes, this.#units];
    this.#do({ type: 'lease', unitBytes, units, wanted, needed, fetched, returned, hurry });
  }

  #inUnits({ layout }: Chunks, needed: Bitfield): Uint8Array<ArrayBuffer> {
    const perUnit = this.#unitBytes / layout.chunkSize;
    if (perUnit === 1) return needed.bytes.slice();
    const units = new Bitfield(this.#units);
    for (let chunk = 0; chunk < layout.count; chunk++)
      if (needed.has(chunk)) units.add(Math.floor(chunk / perUnit));
    return units.bytes;
  }
}
