import type { Request } from '@zauberflote/proto';
import { FRAGMENT_HEADER_BYTES } from '../connection/open-connection.ts';
import type { Connections } from '../connection/types.ts';
import { BUSY_CHUNK_MS } from '../engine/tuning.ts';
import type { PeerId } from '../tracker/types.ts';
import type { SentRange } from './sent-ranges.ts';
import {
  ArrivalRate,
  GROWTH,
  MIN_WINDOW_BYTES,
  UplinkWindow,
  UploadWindow,
  windowMs,
} from './upload-window.ts';

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

/**
 * So many may wait for one range at least before others are sent to ask elsewhere: whoever gets it passes it on,
 * and those need not wait for this uplink. On a fast one as many as get it in {@link BUSY_CHUNK_MS}.
 */
export const MIN_COPIES = 2;

/** So many requests of each peer count for that: who asks for much in advance keeps nobody away. */
const COUNTED_REQUESTS = 2;

/**
 * Requests that may have their turn before an earlier one of the same peer: else a download that goes on asking kept
 * another, or its own first request, waiting until the peer was given up for silent. (Simulated, ten visitors of one
 * seeder: without this bound they take as long.)
 */
export const MAX_PASSED = 8;

/** After so many refusals one request of a peer waits with the others: there may be nobody else to ask. */
export const MAX_BUSY = 4;

/** Requests of one peer that may wait for what is on its way here: all parts of the longest chunk. */
export const MAX_COMING = 16;

/** What was begun is ahead of all that was not: more than any turn. */
const BEGUN = Number.MAX_SAFE_INTEGER / 2;

/** A range that is to be sent. */
export interface Job {
  readonly request: Request;
  /** Of its content: only when its turn comes it is known what is here of that, or whether it is complete. */
  readonly key: string;
  /** Its bytes, once its turn came. */
  data: Uint8Array<ArrayBuffer> | 'reading' | undefined;
  /** When its turn came first and they were not here yet. */
  waitsSince: number | undefined;
  /** Bytes of it that were handed to the network. */
  sent: number;
  readonly range: SentRange;
  /** How many later requests of its peer had their turn before it. */
  passed: number;
}

export interface Asker {
  readonly peer: PeerId;
  /** Open requests by id, oldest first. */
  readonly jobs: Map<number, Job>;
  /** Those whose bytes are on their way here: they have no turn before they come. */
  readonly coming: Map<number, Job>;
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
  /** How often it was told to ask elsewhere, since it last waited with the others. */
  refusals: number;
}

/**
 * Whose request is served next, and whether now.
 *
 * A part of a file is of use to its receiver, who passes it on, only as a whole. So requests are
 * served one after the other, in fair turns by bytes, of each peer first those for what went out
 * least. No more of them waits in the network's buffers than keeps the uplink busy. While several
 * wait, none has more than half of that, so that a slow one is seen to be slow.
 *
 * Those buffers are without what SCTP has sent, which a router may queue or drop. So no more is under way
 * either, to each and to all, than comes in some 300 ms, as far as peers say what came; see
 * {@link UploadWindow} and {@link UplinkWindow}.
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
  /** How far away the farthest is, in ms. */
  #distanceMs = 0;
  /** Whether nothing is given until that is so. */
  #drains = false;
  /** Who was given something last, and who although all was full. */
  #last: Asker | undefined;
  #probed: Asker | undefined;
  /** How fast what is given comes, to all together, and how much may be under way. */
  readonly #rate = new ArrivalRate();
  readonly #window = new UplinkWindow();

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  /** How fast peers get what they are given, in bytes per ms. */
  get rate(): number {
    return this.#rate.value;
  }

  /** Whether several have asked for something here: they are likely to ask each other, too. */
  get isShared(): boolean {
    return this.#askers.size > 1;
  }

  get hasJobs(): boolean {
    for (const { jobs, coming } of this.#askers.values()) if (jobs.size || coming.size) return true;
    return false;
  }

  asker(peer: PeerId): Asker {
    let asker = this.#askers.get(peer);
    if (!asker) {
      const counts = { turn: 0, reading: 0, held: 0, given: 0, refusals: 0 };
      const window = new UploadWindow();
      asker = {
        peer,
        jobs: new Map(),
        coming: new Map(),
        ...counts,
        isSlow: false,
        window,
        isNew: true,
      };
      this.#askers.set(peer, asker);
    }
    return asker;
  }

  forget(peer: PeerId): void {
    this.#askers.get(peer)?.jobs.clear();
    this.#askers.delete(peer);
    if (this.#probed?.peer === peer) this.#probed = undefined;
  }

  clear(): void {
    for (const peer of this.#askers.keys()) this.forget(peer);
  }

  /** Whether a peer should rather ask others for a range, as so many wait for it here. */
  isCrowded(asker: Asker, { key, request }: Pick<Job, 'key' | 'request'>, now: number): boolean {
    const { value, lateMs } = this.#window;
    // Before anything has come it is not known how long they wait.
    const bytes = value
      ? (value * BUSY_CHUNK_MS) / windowMs(this.#distanceMs)
      : Number.POSITIVE_INFINITY;
    let room = Math.max(MIN_COPIES, bytes / request.length);
    for (const other of this.#askers.values()) {
      // Who takes little would keep others away for long.
      if (other === asker || other.isSlow || other.window.isLate(now, lateMs)) continue;
      let counted = 0;
      for (const jobs of [other.coming, other.jobs])
        for (const job of jobs.values()) {
          if (++counted > COUNTED_REQUESTS) break;
          if (job.key === key && job.request.offset === request.offset) room--;
        }
    }
    if (room >= 1 || this.#continues(asker, key, Number(request.offset))) return false;
    const isRefused = asker.refusals < MAX_BUSY;
    asker.refusals = isRefused ? asker.refusals + 1 : 0;
    return isRefused;
  }

  /** Whether a peer waits for what comes before: long chunks are asked for in parts, and taken back as one. */
  #continues({ jobs, coming }: Asker, key: string, from: number): boolean {
    for (const { key: of, request } of [...coming.values(), ...jobs.values()])
      if (of === key && Number(request.offset) + request.length === from) return true;
    return false;
  }

  /** All requests may have their turn, whether their bytes are still on their way here or not. */
  ready(): void {
    for (const { jobs, coming } of this.#askers.values()) {
      if (coming.size === 0) continue;
      const all = [...jobs, ...coming].sort(([a], [b]) => a - b);
      jobs.clear();
      coming.clear();
      for (const [id, job] of all) jobs.set(id, job);
    }
  }

  /** Takes out what has waited since before a time for bytes to come here. */
  *overdue(before: number): Generator<[PeerId, number]> {
    for (const { peer, coming } of this.#askers.values())
      for (const [id, { waitsSince = before }] of coming)
        if (waitsSince < before && coming.delete(id)) yield [peer, id];
  }

  /** What to go on with: a request that has its bytes, else one whose turn it is; undefined: nothing now. */
  next(now: number): [Asker, Job] | undefined {
    const total = this.#measure(now);
    let waiting = 0;
    for (const { jobs, isSlow } of this.#askers.values()) if (jobs.size && !isSlow) waiting++;
    const share = this.#budget / Math.min(2, waiting);
    const isFull = this.#isFull(now);
    const { lateMs } = this.#window;
    const probed = this.#probed?.window;
    const mayProbe = !probed?.underWay || probed.isLate(now, lateMs);
    let [next, least] = [undefined as [Asker, Job] | undefined, Number.POSITIVE_INFINITY];
    for (const asker of this.#askers.values()) {
      const { window } = asker;
      const isLate = window.isLate(now, lateMs);
      // One at a time shows that there is room after all: else slow peers could keep all others waiting.
      const isProbe = !this.#drains && (asker.isNew || (mayProbe && window.underWay === 0));
      if (isFull && !isProbe) continue;
      if (!this.#connections.isWritable(asker.peer)) continue;
      const job = nextJob(asker);
      if (!job) continue;
      const minimum = asker === this.#last ? MIN_BUDGET_BYTES : MIN_WINDOW_BYTES;
      const isFilled = window.isFull(asker.reading, minimum, this.#distanceMs, this.rate);
      if (isLate ? window.says : isFilled) continue;
      const busy = this.#busy(asker);
      const turn = asker.turn - (job.data ? BEGUN : 0);
      const rank = isFull ? window.tookMs : turn;
      if (asker.isSlow ? busy > 0 : total >= this.#budget || busy >= share)
        this.#isHeldBack ||= !asker.isSlow;
      else if (rank < least) [next, least] = [[asker, job], rank];
    }
    if (isFull && next?.[1].data && !next[0].isNew) this.#probed = next[0];
    return next;
  }

  /** A request of the asker has its turn. Who came late or was held up has no claim to the past. */
  begin(asker: Asker, job: Job): void {
    for (const earlier of asker.jobs.values()) {
      if (earlier === job) break;
      earlier.passed++;
    }
    this.#turn = Math.max(this.#turn, asker.turn);
    asker.turn = this.#turn + job.request.length;
  }

  /** So many bytes of data were handed to the asker's connection. */
  gave(asker: Asker, data: number, now: number): void {
    const bytes = data + FRAGMENT_HEADER_BYTES;
    asker.given += bytes;
    this.#last = asker;
    if (!asker.isSlow) this.#given += bytes;
    asker.window.gave(data, this.#underWay, now);
  }

  /** A peer says that so many bytes of data have come. */
  received(peer: PeerId, bytes: number, now: number): void {
    const window = this.#askers.get(peer)?.window;
    if (!window) return;
    this.#rate.take(window.received(bytes, now, this.#distanceMs), now);
    this.#window.take(window, now);
  }

  /**
   * Looks at what is under way, but to those that may have gone. Whether it is as much as may be.
   *
   * Routers send first what came first: when something came, all has left this uplink that anybody was
   * given before, and lies where its peer is slow or far away. One may lie about that, so two have to say it.
   */
  #isFull(now: number): boolean {
    const { lateMs } = this.#window;
    const windows = [...this.#askers.values()].map(({ window }) => window);
    const [, leftAt = 0] = windows.map(({ cameAt }) => cameAt).sort((a, b) => b - a);
    let reads = 0;
    this.#distanceMs = 0;
    this.#underWay = 0;
    for (const { window, reading } of this.#askers.values()) {
      if (window.isLate(now, lateMs)) continue;
      this.#underWay += window.since(leftAt);
      reads += reading;
      this.#distanceMs = Math.max(this.#distanceMs, window.distanceMs);
    }
    const quietMs = now - this.#quietAt - QUIET_MS;
    if (this.#underWay === 0 || quietMs > MAX_QUIET_MS) this.#quietAt = now;
    this.#drains = now - this.#quietAt > QUIET_MS;
    // Who says more than can have come has no more under way for it than twice what came.
    const came = this.#rate.value * windowMs(this.#distanceMs) * GROWTH;
    const most = Math.max(MIN_BUDGET_BYTES, Math.min(this.#window.value, came));
    return this.#drains || this.#underWay + reads >= most;
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

/**
 * Of those that are not being read, what was begun. Else of the content that was asked for first what was sent least
 * from here, of equals the oldest; but nothing waits for others for ever.
 */
function nextJob({ jobs }: Asker): Job | undefined {
  let [oldest, next]: (Job | undefined)[] = [];
  for (const job of jobs.values()) {
    if (job.data === 'reading') continue;
    if (job.data) return job;
    oldest ??= next ??= job;
    if (job.key === oldest.key && job.range.copies < next!.range.copies) next = job;
  }
  return oldest && oldest.passed >= MAX_PASSED ? oldest : next;
}
