import type { Request } from '@zauberflote/proto';
import { SAY_BYTES } from '../connection/arrivals.ts';
import { FRAGMENT_HEADER_BYTES } from '../connection/open-connection.ts';
import type { Connections } from '../connection/types.ts';
import type { PeerId } from '../tracker/types.ts';
import {
  ArrivalRate,
  lateAfterMs,
  MIN_WINDOW_BYTES,
  UploadWindow,
  windowMs,
} from './upload-window.ts';
import type { Servable } from './uploads.ts';

/**
 * Least that may wait in the network's send buffers, all connections together, in bytes: two messages,
 * so that a connection that takes nothing leaves room for another. An uplink that runs dry gets more.
 * Also the least that may be under way to all peers together.
 */
export const MIN_BUDGET_BYTES = 32_768;

/**
 * How long what waits there should take to leave, in ms. What is in a buffer can be neither taken
 * back nor overtaken, and each peer that passes a part on adds so much: with 250 ms and 64 KiB at
 * least, a simulated crowd of 1,000 took 0.5 s longer. A busy page needs tens of ms to wake up.
 */
export const BUDGET_MS = 100;

/** What is left of a budget after that time, at least: a page that wakes up late ran dry with less. */
const KEPT = 0.75;

/**
 * A connection that still holds bytes it was given so long ago, in ms, is slower than this uplink: what
 * it holds does not count, and it is given more only when it is empty. (Uplinks below 65 KB/s take
 * longer for the least budget: there every connection has its own request under way.)
 */
export const SLOW_MS = 500;

/**
 * After so long, in ms, nothing is given until hardly anything is under way: only then can it be seen how
 * far away a peer is, and not how long it takes through what waits.
 */
export const QUIET_MS = 30_000;

/** Longest wait for that, in ms. Beyond it, somebody has gone, or takes little. */
export const MAX_QUIET_MS = 600;

/** A range that is to be sent. */
export interface Job {
  readonly request: Request;
  readonly servable: Servable;
  /** Its bytes, once its turn came. */
  data: Uint8Array<ArrayBuffer> | 'reading' | undefined;
  /** Bytes of it that were handed to the network. */
  sent: number;
}

export interface Asker {
  readonly peer: PeerId;
  /** Open requests by id, oldest first. */
  readonly jobs: Map<number, Job>;
  /** Its place in line: the least is next. Grows with the bytes it is served. */
  turn: number;
  /** Bytes of requests that had their turn and are being read. They have their place in the budget. */
  reading: number;
  /** Bytes that its connection held when connections were last looked at, and was handed since. */
  held: number;
  given: number;
  isSlow: boolean;
  readonly window: UploadWindow;
  /** No fragment was sent to it yet. */
  isNew: boolean;
}

/**
 * Whose request is served next, and whether now.
 *
 * A part of a file is of use to its receiver, who passes it on, only as a whole. So requests are
 * served one after the other, in fair turns by bytes, and no more of them waits in the network's
 * buffers than keeps the uplink busy. While several wait, none has more than half of that, so that
 * a slow one is seen to be slow.
 *
 * Those buffers are without what SCTP has sent, which a router may queue or drop. So no more is under way
 * either than peers get in some 300 ms, as far as they say what they got; see {@link UploadWindow}.
 */
export class UploadQueue {
  readonly #connections: Connections;
  readonly #askers = new Map<PeerId, Asker>();
  /** The turn that was served last. */
  #turn = 0;
  #budget = MIN_BUDGET_BYTES;
  /** Whether a request waited for the budget, and for nothing else. */
  #isHeldBack = false;
  /** When the rate was last measured, what waited then, and what was given since. */
  #measuredAt = 0;
  #waited = 0;
  #given = 0;
  #lookedAt = 0;
  /** Bytes under way to all together, and when they last were so few that no time is spent waiting. */
  #underWay = 0;
  #quietAt = 0;
  /** So much time's worth of bytes may be under way, and so long word of them may take, in ms. */
  #timeMs = 0;
  #lateMs = 0;
  /** How fast what is given comes, to all together. */
  readonly #rate = new ArrivalRate();

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  /** How fast peers get what they are given, in bytes per ms. */
  get rate(): number {
    return this.#rate.value;
  }

  get hasJobs(): boolean {
    for (const { jobs } of this.#askers.values()) if (jobs.size) return true;
    return false;
  }

  asker(peer: PeerId): Asker {
    let asker = this.#askers.get(peer);
    if (!asker) {
      const counts = { turn: 0, reading: 0, held: 0, given: 0 };
      const window = new UploadWindow();
      asker = { peer, jobs: new Map(), ...counts, isSlow: false, window, isNew: true };
      this.#askers.set(peer, asker);
    }
    return asker;
  }

  forget(peer: PeerId): void {
    this.#askers.get(peer)?.jobs.clear();
    this.#askers.delete(peer);
  }

  clear(): void {
    for (const peer of this.#askers.keys()) this.forget(peer);
  }

  /** What to go on with: a request that has its bytes, else one whose turn it is; undefined: nothing now. */
  next(now: number): [Asker, Job] | undefined {
    const total = this.#measure(now);
    let waiting = 0;
    for (const { jobs, isSlow } of this.#askers.values()) if (jobs.size && !isSlow) waiting++;
    const share = this.#budget / Math.min(2, waiting);
    const isFull = this.#isFull(now);
    let [next, least] = [undefined as [Asker, Job] | undefined, Number.POSITIVE_INFINITY];
    for (const asker of this.#askers.values()) {
      if (isFull || !this.#connections.isWritable(asker.peer)) continue;
      const job = nextJob(asker);
      if (!job) continue;
      const minimum = job.data ? MIN_BUDGET_BYTES : MIN_WINDOW_BYTES;
      const { window } = asker;
      if (window.isFull(asker.reading, minimum, this.#timeMs)) continue;
      if (window.says && window.isLate(now, this.#lateMs)) continue;
      const busy = this.#busy(asker);
      const rank = job.data ? -1 : asker.turn;
      if (asker.isSlow ? busy > 0 : total >= this.#budget || busy >= share)
        this.#isHeldBack ||= !asker.isSlow;
      else if (rank < least) [next, least] = [[asker, job], rank];
    }
    return next;
  }

  /** The asker has its turn, for so many bytes. Who came late or was held up has no claim to the past. */
  begin(asker: Asker, length: number): void {
    this.#turn = Math.max(this.#turn, asker.turn);
    asker.turn = this.#turn + length;
  }

  /** So many bytes of data were handed to the asker's connection. */
  gave(asker: Asker, data: number, now: number): void {
    const bytes = data + FRAGMENT_HEADER_BYTES;
    asker.given += bytes;
    if (!asker.isSlow) this.#given += bytes;
    asker.window.gave(data, this.#underWay < SAY_BYTES, now);
  }

  /** A peer says that so many bytes of data have come. */
  received(peer: PeerId, bytes: number, now: number): void {
    const window = this.#askers.get(peer)?.window;
    if (window) this.#rate.take(window.received(bytes, now), now);
  }

  /**
   * Looks at what is under way. Whether it is as much as all together get in that time: those that may have
   * gone do not count, and nobody for more than half of it, so that one that goes keeps none waiting.
   */
  #isFull(now: number): boolean {
    this.#lateMs = lateAfterMs(this.#rate.value);
    const known = [...this.#askers.values()].filter(
      ({ window }) => !window.isLate(now, this.#lateMs),
    );
    let distanceMs = 0;
    this.#underWay = 0;
    for (const { window } of known) {
      this.#underWay += window.underWay;
      if (window.underWay) distanceMs = Math.max(distanceMs, window.distanceMs);
    }
    this.#timeMs = windowMs(distanceMs);
    const most = Math.max(MIN_BUDGET_BYTES, this.#rate.value * this.#timeMs);
    const quietMs = now - this.#quietAt - QUIET_MS;
    if (this.#underWay < SAY_BYTES || quietMs > MAX_QUIET_MS) this.#quietAt = now;
    else if (quietMs > 0) return true;
    let counted = 0;
    for (const { window, reading } of known)
      if (window.says) counted += Math.min(window.underWay + reading, most / 2);
    return counted >= most;
  }

  #busy({ peer, reading }: Asker): number {
    return this.#connections.queuedBytes(peer) + reading;
  }

  /** @returns what takes of the budget, in bytes */
  #measure(now: number): number {
    let [waiting, total] = [0, 0];
    const look = now - this.#lookedAt >= SLOW_MS;
    let isOther = false;
    if (look) this.#lookedAt = now;
    for (const asker of this.#askers.values()) {
      const queued = this.#connections.queuedBytes(asker.peer);
      if (look) {
        // Given a message whenever it is empty, a slow one has seldom held that for long.
        const took = asker.held + asker.given - queued;
        const isSlow = queued > asker.given || (asker.isSlow && took < queued);
        isOther ||= isSlow !== asker.isSlow;
        asker.isSlow = isSlow;
        asker.held = queued;
        asker.given = 0;
      }
      if (asker.isSlow) continue;
      waiting += queued;
      total += queued + asker.reading;
    }
    const elapsed = now - this.#measuredAt;
    // What slow ones hold says nothing of the uplink, and when others are slow, nor do the sums.
    if (isOther) this.#waited = this.#given = 0;
    else if (waiting > 0) {
      if (elapsed < BUDGET_MS) return total;
      const rate = (this.#waited + this.#given - waiting) / elapsed;
      this.#budget = Math.max(MIN_BUDGET_BYTES, rate * BUDGET_MS, this.#budget * KEPT);
    } else if (this.#isHeldBack) {
      // The uplink ran dry while somebody waited. If that is for the budget, it is too small.
      if (this.#given * 2 < this.#budget) return total;
      this.#budget *= 2;
    }
    this.#isHeldBack = false;
    this.#measuredAt = now;
    this.#waited = waiting;
    this.#given = 0;
    return total;
  }
}

/** The oldest that is not being read: those that have their bytes are ahead of those whose turn is to come. */
function nextJob({ jobs }: Asker): Job | undefined {
  for (const job of jobs.values()) if (job.data !== 'reading') return job;
  return undefined;
}
