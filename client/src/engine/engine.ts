import { Chunks } from './chunks.ts';
import type { Layout } from './layout.ts';
import { wholeFileLayout } from './layout.ts';
import type { Need } from './origin.ts';
import { Origin } from './origin.ts';
import { Swarm } from './swarm.ts';
import {
  ASK_PATIENCE_MS,
  GIVE_UP_MS,
  MAX_UNVERIFIED_BYTES,
  REFRESH_MS,
  SEEDER_PATIENCE_MS,
  SLOW_PARTIAL_MS,
  SLOW_SEEDERS_MS,
  STALL_PATIENCE_MS,
} from './tuning.ts';
import type { Effect, EngineEvent, PeerId, TrackerReach } from './types.ts';

type Of<Type extends EngineEvent['type']> = Extract<EngineEvent, { type: Type }>;

/** `chunks`: each by itself, against a manifest. `whole`: the complete file. */
export type Verification = 'chunks' | 'whole';

/**
 * Decides for one content which chunk is asked of whom and when again, and what the origin is used
 * for (paper, sections 3.2 and 5). A pure state machine: it sees events and the time, and says what
 * to do.
 *
 * Peers and origin supply chunks at once, each chunk wherever it comes from soonest at least cost to
 * the origin. It fails only when neither can give the content.
 */
export class DownloadEngine {
  #effects: Effect[] = [];
  readonly #verification: Verification;
  readonly #swarm = new Swarm((effect) => this.#do(effect));
  readonly #origin: Origin;
  #chunks: Chunks | undefined;
  /** Chunks that nothing vouches for before the whole is verified, and the peers that gave them. */
  readonly #doubtful = new Map<number, PeerId>();
  #phase: 'fetching' | 'verifying' | 'complete' | 'failed' = 'fetching';
  /** Whether the size at hand is only what peers claim. */
  #guessed = false;
  /** `doubted`: a copy with chunks of theirs had the wrong hash, and the origin is there to ask. */
  #peersAre: 'trusted' | 'doubted' = 'trusted';
  #tracker: TrackerReach = 'there';
  #answered = false;
  #mismatch = false;
  #startedAt = 0;
  #askAt = 0;
  /** When peers were named, or a chunk last came from anywhere. */
  #suppliedAt = 0;
  /** When anything last came of it: it is given up some time after that. */
  #progressAt = 0;
  #now = 0;

  /** @param hasOrigin whether there is a fallback URL */
  constructor(hasOrigin: boolean, verification: Verification) {
    this.#origin = new Origin(hasOrigin, (effect) => this.#do(effect));
    this.#verification = verification;
  }

  /** Undefined while the size is not known. */
  get layout(): Layout | undefined {
    return this.#chunks?.layout;
  }

  /** Whether `complete` or `fail` was said. Events after it have no effect. */
  get ended(): boolean {
    return this.#phase === 'complete' || this.#phase === 'failed';
  }

  /**
   * @param now milliseconds, never less than before
   * @param random uniform in [0, 1)
   */
  handle(event: EngineEvent, now: number, random: () => number): Effect[] {
    this.#effects = [];
    if (this.ended) return this.#effects;
    this.#now = now;
    this.#take(event);
    if (!this.ended) this.#proceed(random);
    return this.#effects;
  }

  /** When `wake` is due at the latest; infinite if only other events can change anything. */
  get wakeAt(): number {
    if (this.ended || this.#phase === 'verifying') return Number.POSITIVE_INFINITY;
    let at = Math.min(this.#swarm.wakeAt(this.#now), this.#origin.wakeAt(this.#now));
    if (this.#tracker === 'there') at = Math.min(at, this.#askAt);
    for (const patience of [ASK_PATIENCE_MS, SEEDER_PATIENCE_MS])
      if (this.#suppliedAt + patience > this.#now) at = Math.min(at, this.#suppliedAt + patience);
    if (this.#originIsOut()) at = Math.min(at, this.#progressAt + GIVE_UP_MS);
    return at;
  }

  #take(event: EngineEvent): void {
    const now = this.#now;
    switch (event.type) {
      case 'start':
        this.#startedAt = this.#suppliedAt = this.#progressAt = this.#askAt = now;
        this.#swarm.start(now);
        break;
      case 'layout':
        this.#origin.leases.useChunks(event.layout);
        this.#layOut(event.layout);
        break;
      case 'holders':
        if (!this.#answered) this.#suppliedAt = this.#progressAt = now;
        this.#answered = true;
        this.#swarm.learn(
          event.holders.filter(({ size }) => this.#isPlausible(size)),
          now,
        );
        break;
      case 'tracker':
        if (event.reach === 'there' && this.#tracker !== 'there') {
          this.#askAt = now;
          this.#origin.leases.forget();
        }
        this.#tracker = event.reach;
        break;
      case 'grant':
        this.#origin.leases.granted(event);
        break;
      case 'open':
        if (this.#swarm.opened(event.peer, now)) this.#suppliedAt = now;
        break;
      case 'close':
        this.#swarm.closed(event.peer, event.barred, now);
        break;
      case 'holdings':
        if (this.#isPlausible(event.size)) this.#swarm.holdings(event, now);
        break;
      case 'got':
        this.#swarm.got(event);
        break;
      case 'fragment':
        this.#fragment(event);
        break;
      case 'refused':
        this.#swarm.refused(event.peer, event.chunk, event.lasting);
        break;
      case 'fallback':
        this.#origin.addFallback();
        break;
      case 'range-head':
        this.#head(event);
        break;
      case 'range-data':
        this.#progressAt = now;
        for (const chunk of this.#origin.data(event, now)) this.#supplied(chunk, undefined);
        break;
      case 'range-end':
        this.#rangeEnded(event);
        break;
      case 'checked':
        this.#checked(event);
        break;
      case 'verified':
        if (event.ok) this.#complete();
        else this.#reject();
        break;
      case 'wake':
        break;
    }
  }

  #proceed(random: () => number): void {
    const now = this.#now;
    if (this.#tracker === 'there' && now >= this.#askAt) {
      this.#askAt = now + REFRESH_MS;
      this.#do({ type: 'ask' });
    }
    if (this.#phase === 'verifying') return;
    this.#chooseSize();
    if (this.#chunks?.complete) return this.#finish();
    if (this.#peersAre === 'doubted' && this.#origin.isOut) {
      this.#peersAre = 'trusted';
      this.#swarm.isolate();
    }
    if (this.#peersAre === 'trusted') this.#swarm.proceed(now, random);
    const wants = this.#originsShare();
    this.#origin.proceed({ need: this.#need(), chunks: this.#chunks, wants }, now, random);
    if (this.#originIsOut() && this.#isHopeless()) {
      this.#phase = 'failed';
      this.#end();
      this.#do({ type: 'fail', reason: this.#mismatch ? 'hash-mismatch' : 'no-source' });
    }
  }

  #isPlausible(size: number): boolean {
    return this.#verification === 'chunks' || size <= MAX_UNVERIFIED_BYTES;
  }

  /** Without a manifest or a word of the origin, the size is what most peers claim. */
  #chooseSize(): void {
    if (this.#verification === 'chunks') return;
    if (this.#chunks && (!this.#guessed || this.#swarm.hasCandidates)) return;
    const size = this.#swarm.likelySize;
    if (size === undefined || size === this.layout?.size) return;
    this.#guessed = true;
    this.#progressAt = this.#now;
    this.#layOut(wholeFileLayout(size));
  }

  #layOut(layout: Layout): void {
    for (let chunk = 0; chunk < (this.#chunks?.layout.count ?? 0); chunk++)
      if (this.#chunks?.held.has(chunk)) this.#do({ type: 'discard', chunk });
    this.#doubtful.clear();
    this.#chunks = new Chunks(layout);
    if (this.#verification === 'whole') this.#origin.leases.setSize(layout.size);
    this.#do({ type: 'lay-out', layout });
    this.#swarm.begin(this.#chunks);
    this.#origin.begin(this.#chunks);
  }

  #need(): Need {
    const now = this.#now;
    const { isOut, isBusy, isWhole, leases } = this.#origin;
    if (isOut || (this.#verification === 'chunks' && !this.#chunks)) return 'no';
    if (this.#peersAre === 'doubted') return 'alone';
    const engaged = this.#swarm.isEngaged;
    if (this.#tracker !== 'there' && !engaged) return 'alone';
    if (this.#tracker === 'there' && !this.#answered) {
      // Asked along with the question who is there: the answer to both comes at once.
      if (now < this.#startedAt + ASK_PATIENCE_MS) return 'lease';
      return engaged ? 'free' : 'alone';
    }
    const idle = now - this.#suppliedAt;
    if (this.#swarm.hasSeeders && idle < SEEDER_PATIENCE_MS && this.#leftMs() < SLOW_SEEDERS_MS)
      return 'no';
    if (this.#tracker !== 'there') return 'free';
    if (leases.isMute(now)) return this.#swarm.hasCandidates ? 'free' : 'alone';
    if (idle >= STALL_PATIENCE_MS && !isBusy) return 'free';
    return isWhole ? 'no' : 'lease';
  }

  /** Time the peers would need for what is missing, if they had it all, in ms; 0 if they are idle. */
  #leftMs(): number {
    const { rate } = this.#swarm;
    return rate === 0 ? 0 : (this.#chunks?.missingBytes ?? 0) / rate;
  }

  /** Says of each missing chunk whether the origin should send it: what peers have comes from them, unless that takes too long. */
  #originsShare(): (chunk: number) => boolean {
    let backlog: number | undefined;
    return (chunk) => {
      const stalled = this.#now - this.#suppliedAt >= STALL_PATIENCE_MS;
      if (this.#peersAre === 'doubted' || stalled) return true;
      if (!this.#swarm.isAvailable(chunk)) return true;
      backlog ??= this.#backlogMs();
      const slow = this.#swarm.hasSeeders ? SLOW_SEEDERS_MS : SLOW_PARTIAL_MS;
      return backlog >= slow && this.#chunks?.askers(chunk) === 0;
    };
  }

  /** Time the peers need for what they have and is missing here, in ms. */
  #backlogMs(): number {
    const { rate } = this.#swarm;
    const chunks = this.#chunks as Chunks;
    let bytes = 0;
    for (let chunk = 0; chunk < chunks.layout.count; chunk++)
      if (chunks.isMissing(chunk) && this.#swarm.isAvailable(chunk)) bytes += chunks.length(chunk);
    return rate === 0 ? 0 : bytes / rate;
  }

  #fragment(event: Of<'fragment'>): void {
    const result = this.#swarm.fragment(event, this.#now);
    if (result !== 'refused') this.#progressAt = this.#now;
    if (result === 'chunk') this.#supplied(event.chunk, event.peer);
  }

  /** All bytes of a chunk are here. */
  #supplied(chunk: number, peer: PeerId | undefined): void {
    const chunks = this.#chunks as Chunks;
    this.#suppliedAt = this.#now;
    if (!chunks.isMissing(chunk)) this.#do({ type: 'drop', chunk, peer });
    else if (this.#verification === 'chunks') {
      chunks.check(chunk);
      this.#do({ type: 'check', chunk, peer });
    } else this.#keep(chunk, peer);
  }

  #checked({ chunk, peer, ok }: Of<'checked'>): void {
    const chunks = this.#chunks as Chunks;
    if (ok) return this.#keep(chunk, peer);
    chunks.lose(chunk);
    this.#mismatch = true;
    this.#do({ type: 'drop', chunk, peer });
    if (peer === undefined) this.#origin.mistrust();
    else this.#swarm.bar(peer);
  }

  #keep(chunk: number, peer: PeerId | undefined): void {
    const chunks = this.#chunks as Chunks;
    // What a peer gave is passed on only if it is known to be right: else one liar spoils many.
    const servable = this.#verification === 'chunks' || peer === undefined;
    if (peer !== undefined && !servable) this.#doubtful.set(chunk, peer);
    this.#do({ type: 'keep', chunk, peer });
    chunks.hold(chunk, servable);
    this.#swarm.held(chunk);
    if (servable) this.#swarm.offer(chunk);
    this.#origin.leases.fetched(chunk, chunks);
  }

  #head(event: Of<'range-head'>): void {
    const { total } = event;
    this.#progressAt = this.#now;
    if (this.#verification === 'whole' && total !== undefined && total !== this.layout?.size) {
      if (this.#guessed || !this.#chunks) {
        this.#guessed = false;
        this.#layOut(wholeFileLayout(total));
      }
    }
    if (!this.#origin.head(event, this.#now)) return;
    this.#mismatch = true;
    this.#origin.mistrust();
  }

  #rangeEnded(event: Of<'range-end'>): void {
    this.#progressAt = this.#now;
    const { end, total } = event;
    if (end === 'beyond' && total !== undefined && !this.#chunks && this.#verification === 'whole')
      this.#layOut(wholeFileLayout(total));
    const length = this.#origin.ended(event, this.#now);
    if (length === undefined) return;
    // Only now is it known how long the content is, and all of it is here.
    if (this.#chunks && length !== this.#chunks.layout.size) {
      this.#mismatch = true;
      return this.#origin.mistrust();
    }
    if (this.#chunks) return;
    const layout = wholeFileLayout(length);
    this.#layOut(layout);
    for (let chunk = 0; chunk < layout.count; chunk++) this.#supplied(chunk, undefined);
  }

  #finish(): void {
    if (this.#verification === 'chunks') return this.#complete();
    this.#phase = 'verifying';
    this.#do({ type: 'verify' });
  }

  /** The whole has the wrong hash. What peers gave is thrown away, or, if it was none, what the origin gave. */
  #reject(): void {
    const chunks = this.#chunks as Chunks;
    this.#mismatch = true;
    this.#phase = 'fetching';
    this.#progressAt = this.#now;
    const suppliers = new Set(this.#doubtful.values());
    const [liar] = suppliers;
    if (suppliers.size === 1) this.#swarm.bar(liar as PeerId);
    if (suppliers.size === 0) this.#origin.mistrust();
    else if (!this.#origin.isOut) this.#peersAre = 'doubted';
    else this.#swarm.isolate();
    for (let chunk = 0; chunk < chunks.layout.count; chunk++) {
      if (suppliers.size > 0 && !this.#doubtful.has(chunk)) continue;
      chunks.lose(chunk);
      this.#do({ type: 'discard', chunk });
    }
    this.#doubtful.clear();
  }

  #complete(): void {
    this.#phase = 'complete';
    for (const chunk of this.#doubtful.keys()) this.#swarm.offer(chunk);
    this.#end();
    this.#do({ type: 'complete' });
  }

  #end(): void {
    this.#swarm.end();
    this.#origin.end();
  }

  #originIsOut(): boolean {
    const { phase, isOut, hasGiven } = this.#origin;
    return isOut || (phase === 'pausing' && !hasGiven);
  }

  /** A tracker that is away may come back with holders, so it is waited for; a missing one is not. */
  #isHopeless(): boolean {
    if (this.#now >= this.#progressAt + GIVE_UP_MS) return true;
    return !this.#swarm.hasCandidates && (this.#answered || this.#tracker === 'missing');
  }

  #do(effect: Effect): void {
    this.#effects.push(effect);
  }
}
