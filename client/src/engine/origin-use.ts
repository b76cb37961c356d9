import type { Chunks } from './chunks.ts';
import type { Origin } from './origin.ts';
import type { Need, Situation } from './situation.ts';
import type { Swarm } from './swarm.ts';
import {
  ASK_PATIENCE_MS,
  DUE_FACTOR,
  DUE_LEAD_MS,
  DUE_MS,
  DUE_OPENING_MS,
  HELPED_SEEDERS_MS,
  LATELY_MS,
  MAX_OPENINGS,
  MAX_SLOWDOWN,
  MIN_RANGE_BYTES,
  OPENING_MS,
  PROBE_CHUNKS,
  SEEDER_PATIENCE_MS,
  SLOW_PARTIAL_MS,
  SLOW_SEEDERS_MS,
  STALL_PATIENCE_MS,
  UNKNOWN_RATE,
  WINDOW_MS,
} from './tuning.ts';
import type { TrackerReach } from './types.ts';

/**
 * Decides what the origin is used for: as little as possible, but never so that a visitor waits for
 * peers longer than makes sense (DESIGN section 5). Knows how long each source has had its chance.
 */
export class OriginUse {
  readonly #swarm: Swarm;
  readonly #origin: Origin;
  /** Whether the tracker can be asked. */
  reach: Exclude<TrackerReach, 'anew'> = 'there';
  /** Each visitor has another, so that not all of a crowd turn to the origin at once. */
  stallPatience = STALL_PATIENCE_MS;
  #answered = false;
  #startedAt = 0;
  /** When the first peer of use was connected, and when it was known what there is to fetch. */
  #openedAt = Number.POSITIVE_INFINITY;
  #knownAt = Number.POSITIVE_INFINITY;
  /** When peers were named, or a chunk last came from anywhere. */
  #suppliedAt = 0;
  /** The same of peers alone: what the origin gives says nothing of them. */
  #servedAt = 0;
  /** Bytes per ms that came from peers in the last LATELY_MS that are over; undefined before. */
  #lately: number | undefined;
  /** Bytes since then, and when that was. */
  #counted = { bytes: 0, from: 0 };
  /** When a peer last said that it has something: then the others get on. */
  #newsAt = 0;
  /** What peers will not have sent in time and is not on its way, when last considered; 0 if there was time left. */
  #dueBytes = 0;
  /** When that is to be looked at again, if nothing comes until then. */
  #dueAt = 0;
  /** Bytes that are due together; undefined: the whole content. */
  #dueOf: number | undefined;
  /** What the origin should give who asks nobody else, in bytes per ms: what peers send takes from it. */
  #plainRate = 0;
  /** Peers that connected, and were given their time. */
  #opened = 0;

  constructor(swarm: Swarm, origin: Origin) {
    this.#swarm = swarm;
    this.#origin = origin;
  }

  /** Whether the tracker has said who holds the content. */
  get isAnswered(): boolean {
    return this.#answered;
  }

  start(now: number, random: () => number): void {
    this.#startedAt = this.#newsAt = now;
    this.served(now);
    this.stallPatience *= 1 + random();
  }

  /** @returns whether the tracker can be asked and knows nothing yet */
  reached(reach: TrackerReach): boolean {
    const before = this.reach;
    this.reach = reach === 'anew' ? 'there' : reach;
    return this.reach === 'there' && reach !== before;
  }

  /** Nobody is left of those it named: it is asked as at the start. */
  askAnew(now: number): void {
    this.#answered = false;
    this.#startedAt = now;
  }

  /** The tracker answered. @returns whether for the first time */
  answered(now: number): boolean {
    if (this.#answered) return false;
    this.#answered = true;
    this.served(now);
    return true;
  }

  /** A peer of use connected. The first ones only, at first: those that come and give nothing must not keep the origin away. */
  opened(now: number): void {
    this.#openedAt = Math.min(this.#openedAt, now);
    if (now < this.#startedAt + OPENING_MS && this.#opened++ < MAX_OPENINGS) this.served(now);
  }

  /** A peer said what it has. */
  heard(now: number): void {
    this.#openedAt = Math.min(this.#openedAt, now);
    this.#newsAt = now;
  }

  /** So many bytes are wanted from now on, which is like a download of its own. */
  wanted(bytes: number, now: number): void {
    this.#dueOf = bytes;
    this.#knownAt = now;
  }

  /** A chunk came from the origin, or there is something new to wait for. */
  supplied(now: number): void {
    this.#suppliedAt = now;
  }

  /** A chunk of so many bytes came from a peer, or peers are given their time anew. */
  served(now: number, bytes = 0): void {
    this.#origin.inNeed = 0;
    this.#suppliedAt = this.#servedAt = now;
    // From the first one on: before it there were connections to make.
    if (bytes > 0 && this.#counted.from === 0) this.#counted.from = now;
    this.#counted.bytes += bytes;
  }

  /** When time alone may change an answer of {@link need}. */
  wakeAt(now: number): number {
    const due = [
      this.#startedAt + ASK_PATIENCE_MS,
      this.#suppliedAt + this.stallPatience,
      this.#servedAt + SEEDER_PATIENCE_MS,
      this.#servedAt + this.stallPatience,
      this.#suppliedAt + 2 * this.stallPatience,
      this.#dueAt,
    ];
    return Math.min(...due.filter((at) => at > now));
  }

  need(chunks: Chunks | undefined, now: number): Need {
    const { isOut, isBusy, isWhole, leases } = this.#origin;
    const { hasCandidates, hasSeeders } = this.#swarm;
    this.#dueBytes = 0;
    if (chunks) this.#knownAt = Math.min(this.#knownAt, now);
    if (isOut) return 'no';
    this.#count(now);
    if (this.reach !== 'there' && !this.#swarm.isEngaged) return 'alone';
    // Who has it on lease may have to begin anew, on a line that others' answers still fill.
    const isBegun = isWhole && leases.isRefused && this.#swarm.isOpen;
    const patience = this.stallPatience * (isBegun ? 2 : 1);
    const isSilent = now - Math.max(this.#servedAt, this.#newsAt) >= patience;
    const mayProbe = now - leases.refusedAt >= patience && this.#mayProbe(chunks, patience);
    const isUnanswered = this.reach === 'there' && !this.#answered;
    const isLate = now >= this.#startedAt + ASK_PATIENCE_MS;
    if (chunks && !isWhole && (hasCandidates || isUnanswered)) this.#look(chunks, now);
    if (this.#dueBytes > 0) {
      // What it is fast enough for need not be shared out. It may have been fast then, or be so only with what a cache
      // before it has: of a crowd some find out, not each by a range of its own.
      const isShared = this.#origin.rates.isHearsay && this.reach === 'there';
      const isRefused = isUnanswered ? isLate : leases.isRefused && isSilent;
      if (!isShared || isRefused || leases.isMute(now)) return 'free';
      return mayProbe ? 'chunk' : 'lease';
    }
    // Asked along with the question who is there: the answer to both comes at once.
    if (isUnanswered) return isLate ? 'free' : 'lease';
    const isEarly = hasSeeders && now < this.#startedAt + SEEDER_PATIENCE_MS;
    const areSettling = isEarly && this.#swarm.isSettling(now);
    const leftMs = this.#restMs(chunks);
    const areSoonDone = areSettling || leftMs < SLOW_SEEDERS_MS;
    if (hasSeeders && !this.#peersStall(now) && areSoonDone) {
      // Only by the tracker's leave, which sees to it that no two fetch the same.
      const mayBorrow = this.reach === 'there' && !isWhole && !leases.isMute(now);
      return mayBorrow && !areSettling && leftMs >= this.#patienceMs ? 'lease' : 'no';
    }
    if (this.reach !== 'there') return 'free';
    // Nobody else fetches the whole: the first part of it was lent here.
    const isFirst = isWhole && leases.isFirst;
    // Refused although nobody is named: the tracker lends only to those who serve others.
    const isLeftAlone = isFirst || leases.isTurnedAway || leases.isMute(now);
    if (isLeftAlone && !hasCandidates) return 'alone';
    if (leases.isMute(now) || (leases.isRefused && isSilent)) return 'free';
    if (mayProbe || (now - this.#suppliedAt >= patience && !isBusy)) return 'chunk';
    const isSpared = isWhole && !this.#peersStall(now) && !this.#isWholeNeeded(chunks, areSoonDone);
    return isSpared ? 'no' : 'lease';
  }

  /**
   * Whether to find out what the origin gives, as that is not known and peers give next to nothing, a chunk now and then:
   * whoever has it on lease may not fetch it, and peers may say what they like.
   */
  #mayProbe(chunks: Chunks | undefined, patience: number): boolean {
    const { isBusy, isWhole, rates } = this.#origin;
    if (!chunks || isBusy || isWhole || (rates.expected > 0 && !rates.isHearsay)) return false;
    return this.#rate * patience < PROBE_CHUNKS * chunks.layout.chunkSize;
  }

  /**
   * Whether one more is to fetch the whole from an origin without ranges, if the tracker lends it: nobody has anything
   * more, or peers are too slow with what they have. Each who does makes the origin slower for who does already.
   */
  #isWholeNeeded(chunks: Chunks | undefined, areSoonDone: boolean): boolean {
    if (!chunks) return !this.#swarm.hasCandidates;
    if (this.#swarm.hasSeeders) return !areSoonDone;
    const [rate, { offeredBytes }] = [this.#rate, chunks];
    return offeredBytes === 0 || (rate > 0 && offeredBytes >= SLOW_SEEDERS_MS * rate);
  }

  /** What of the missing chunks the origin should send: not what peers have, unless that takes too long. */
  share(
    chunks: Chunks | undefined,
    now: number,
  ): Pick<Situation, 'wants' | 'areSlow' | 'dueBytes'> {
    let slow: boolean | undefined;
    const areSlow = () => {
      const most = this.#swarm.hasSeeders ? this.#patienceMs : SLOW_PARTIAL_MS;
      slow ??= this.#dueBytes > 0 || (chunks !== undefined && this.#backlogMs(chunks) >= most);
      return slow;
    };
    let waiting: ReadonlySet<number> | undefined;
    const isWaiting = (chunk: number) => {
      waiting ??=
        chunks && this.#dueBytes > 0
          ? this.#swarm.late(this.#leftMs(chunks, now), now)
          : this.#swarm.waiting(this.#inLineMs);
      return waiting.has(chunk);
    };
    const wants = (chunk: number) =>
      this.#peersStall(now) ||
      !this.#swarm.isAvailable(chunk) ||
      (areSlow() && (chunks?.askers(chunk) === 0 || isWaiting(chunk)));
    return { wants, areSlow, dueBytes: this.#dueBytes };
  }

  /**
   * A download that still takes so long from seeders gets help. Of a crowd, which the origin has to serve as
   * well, each waits longer for it.
   */
  get #patienceMs(): number {
    return this.#swarm.hasLeechers ? SLOW_SEEDERS_MS : HELPED_SEEDERS_MS;
  }

  /**
   * What waits so long in a peer's line is asked of the origin, too: no less than a range takes there. As long as that
   * is not known, a crowd leaves it to the peers.
   */
  get #inLineMs(): number {
    const rate = this.#origin.rates.affordable(1);
    const unknown = this.#swarm.hasLeechers ? Number.POSITIVE_INFINITY : 0;
    return Math.max(WINDOW_MS, rate > 0 ? MIN_RANGE_BYTES / rate : unknown);
  }

  /** Whether peers had time enough for another chunk and gave none. */
  #peersStall(now: number): boolean {
    const patience = this.#swarm.hasSeeders ? SEEDER_PATIENCE_MS : this.stallPatience;
    return now - this.#servedAt >= patience;
  }

  /**
   * Time that peers have for the download once they are reached, in ms. Infinite where the origin's rate is not known, or
   * less than what any of them is taken to give: it is weak or overrun, and what it sends is shared out.
   */
  dueMs(chunks: Chunks | undefined): number {
    const { expected, isHearsay } = this.#origin.rates;
    if (!chunks || expected < UNKNOWN_RATE) return Number.POSITIVE_INFINITY;
    const isOther = expected > this.#plainRate || expected < this.#plainRate / MAX_SLOWDOWN;
    if (!isHearsay && isOther) this.#plainRate = expected;
    const plainMs = (this.#dueOf ?? chunks.layout.size) / (this.#plainRate || expected);
    return Math.max(DUE_FACTOR * plainMs, plainMs + DUE_MS);
  }

  /**
   * Time that is left until the download should be done, in ms; no less than it takes if peers and origin go on as they
   * did. Infinite as {@link dueMs}.
   */
  #leftMs(chunks: Chunks, now: number): number {
    const dueMs = this.dueMs(chunks);
    if (dueMs === Number.POSITIVE_INFINITY) return dueMs;
    const from = Math.max(
      this.#knownAt,
      Math.min(this.#openedAt, this.#startedAt + DUE_OPENING_MS),
    );
    const rate = this.#origin.rates.expected + this.#lastingRate(chunks, now);
    return Math.max(from + dueMs - now, chunks.missingBytes / rate);
  }

  /**
   * Looks at what peers will not have sent when the download is due: as late as the origin can still bring that, it is
   * asked for it. Where so many do that it gives each less than a peer, it is not due to help any more.
   */
  #look(chunks: Chunks, now: number): void {
    const { comingBytes, rates } = this.#origin;
    const leftMs = this.#leftMs(chunks, now);
    if (leftMs === Number.POSITIVE_INFINITY) return;
    const [missing, rate] = [chunks.missingBytes, this.#lastingRate(chunks, now)];
    // Nothing may come until then.
    const neededMs = (missing + DUE_LEAD_MS * rates.expected) / (rate + rates.expected);
    const startsAt = now + leftMs - neededMs;
    if (now >= startsAt) this.#dueBytes = Math.max(0, missing - rate * leftMs - comingBytes);
    // While nothing comes, less and less is to be expected of peers.
    const quietMs = this.#rate > 0 ? (2 * chunks.layout.chunkSize) / this.#rate : DUE_LEAD_MS;
    const doubtAt = this.#servedAt + 2 * Math.max(quietMs, now - this.#servedAt);
    this.#dueAt = startsAt > now ? Math.min(startsAt, doubtAt) : doubtAt;
  }

  /** What peers give, in bytes per ms: no more than two chunks in the time in which they gave none. */
  #lastingRate({ layout }: Chunks, now: number): number {
    return Math.min(this.#rate, (2 * layout.chunkSize) / Math.max(1, now - this.#servedAt));
  }

  #count(now: number): void {
    const { bytes, from } = this.#counted;
    // Nothing yet: a chunk may take longer, and no rate at all would mean that nothing is asked for.
    if (bytes === 0 || now - from < LATELY_MS) return;
    this.#lately = bytes / (now - from);
    this.#counted = { bytes: 0, from: now };
  }

  /**
   * Bytes per ms from the peers. Who lets pauses be between bursts looks faster while it gives. Of partial holders, who
   * may have nothing for a while, no more is expected, but where only one visitor at a time may fetch in their place.
   */
  get #rate(): number {
    const { rate, hasSeeders } = this.#swarm;
    return hasSeeders || this.#origin.isWhole ? Math.min(rate, this.#lately ?? rate) : rate;
  }

  /** Time the peers would need for what is missing, if they had it all, in ms; 0 if they are idle. */
  #restMs(chunks: Chunks | undefined): number {
    const rate = this.#rate;
    return rate === 0 ? 0 : (chunks?.missingBytes ?? 0) / rate;
  }

  /** Time the peers need for what they have and is missing here, in ms. */
  #backlogMs(chunks: Chunks): number {
    const rate = this.#rate;
    let bytes = 0;
    for (let chunk = 0; chunk < chunks.layout.count; chunk++)
      if (chunks.isMissing(chunk) && this.#swarm.isAvailable(chunk)) bytes += chunks.length(chunk);
    return rate === 0 ? 0 : bytes / rate;
  }
}
