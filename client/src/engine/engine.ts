import { Swarm } from './swarm.ts';
import { ASK_PATIENCE_MS, GIVE_UP_MS, REFRESH_MS, STALL_PATIENCE_MS } from './tuning.ts';
import type { Effect, EngineEvent, Supplier, TrackerReach } from './types.ts';

/**
 * - `fetching`: chunks are asked for as far as peers are known and open.
 * - `verifying`: all chunks are at hand and are being hashed.
 */
type PeersPhase = 'fetching' | 'verifying';

/**
 * - `none`: there is no fallback URL.
 * - `unused`: not asked yet.
 * - `fetching`, `verifying`: its body is coming, is being hashed.
 * - `refetching`, `reverifying`: the same again, past caches, after a mismatch.
 * - `failed`: it does not give a body with this hash.
 */
type OriginPhase =
  | 'none'
  | 'unused'
  | 'fetching'
  | 'verifying'
  | 'refetching'
  | 'reverifying'
  | 'failed';

/**
 * Decides for one content which chunk is asked of whom and when again, and when the origin is
 * (paper, section 3.2). A pure state machine: it sees events and the time, and says what to do.
 *
 * Peers are preferred. The origin is asked for the whole body when nobody holds the content, when
 * peers give nothing for a while, and when what they gave has the wrong hash; from then on both run
 * and the first that verifies wins. It fails only when neither can give the content.
 */
export class DownloadEngine {
  #effects: Effect[] = [];
  readonly #swarm = new Swarm((effect) => this.#do(effect));
  #phase: PeersPhase = 'fetching';
  #origin: OriginPhase;
  #tracker: TrackerReach = 'there';
  #answered = false;
  #mismatch = false;
  #result: 'open' | 'complete' | 'failed' = 'open';
  #askAt = 0;
  /** When peers were named or last gave a whole chunk: the origin's turn comes some time after it. */
  #suppliedAt = 0;
  /** When anything last came of it: it is given up some time after that. */
  #progressAt = 0;
  #now = 0;

  /** @param hasOrigin whether there is a fallback URL */
  constructor(hasOrigin: boolean) {
    this.#origin = hasOrigin ? 'unused' : 'none';
  }

  /** Size of the content in bytes as peers have it; undefined before any was named. */
  get size(): number | undefined {
    return this.#swarm.size;
  }

  /** Whether `complete` or `fail` was said. Events after it have no effect. */
  get ended(): boolean {
    return this.#result !== 'open';
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
    if (this.ended) return Number.POSITIVE_INFINITY;
    let at = this.#swarm.wakeAt(this.#now);
    if (this.#tracker === 'there') at = Math.min(at, this.#askAt);
    if (this.#phase === 'verifying') return at;
    if (this.#origin === 'unused') at = Math.min(at, this.#suppliedAt + this.#patience());
    if (this.#originIsOut()) at = Math.min(at, this.#progressAt + GIVE_UP_MS);
    return at;
  }

  #take(event: EngineEvent): void {
    const now = this.#now;
    switch (event.type) {
      case 'start':
        this.#suppliedAt = now;
        this.#progressAt = now;
        this.#askAt = now;
        break;
      case 'holders':
        this.#answered = true;
        if (this.size === undefined) {
          this.#suppliedAt = now;
          this.#progressAt = now;
        }
        this.#swarm.learn(event.holders, now);
        break;
      case 'tracker':
        if (event.reach === 'there' && this.#tracker !== 'there') this.#askAt = now;
        this.#tracker = event.reach;
        break;
      case 'open':
        this.#swarm.opened(event.peer, now);
        break;
      case 'close':
        this.#swarm.closed(event.peer, event.barred, now);
        break;
      case 'fragment':
        this.#fragment(event);
        break;
      case 'refused':
        this.#swarm.refused(event.peer, event.chunk, event.lasting);
        break;
      case 'fallback':
        if (this.#origin === 'none') this.#origin = 'unused';
        break;
      case 'origin-done':
        if (this.#origin === 'fetching') this.#origin = 'verifying';
        else if (this.#origin === 'refetching') this.#origin = 'reverifying';
        else break;
        this.#do({ type: 'verify', supplier: 'origin' });
        break;
      case 'origin-failed':
        this.#origin = 'failed';
        this.#progressAt = now;
        break;
      case 'verified':
        if (event.ok) this.#complete(event.supplier);
        else this.#reject(event.supplier);
        break;
      case 'wake':
        break;
    }
  }

  #proceed(random: () => number): void {
    if (this.#phase === 'fetching') {
      if (this.#swarm.proceed(this.#now, random)) this.#progressAt = this.#now;
      if (this.#swarm.complete) {
        this.#phase = 'verifying';
        this.#do({ type: 'verify', supplier: 'peers' });
      }
    }
    if (this.#tracker === 'there' && this.#now >= this.#askAt) {
      this.#askAt = this.#now + REFRESH_MS;
      this.#do({ type: 'ask' });
    }
    if (this.#phase === 'verifying') return;
    if (this.#origin === 'unused' && this.#peersAreLacking()) this.#fetchOrigin('fetching');
    if (this.#originIsOut() && this.#isHopeless()) {
      this.#result = 'failed';
      this.#swarm.end();
      this.#do({ type: 'fail', reason: this.#mismatch ? 'hash-mismatch' : 'no-source' });
    }
  }

  #fragment({ peer, chunk, offset, length }: Extract<EngineEvent, { type: 'fragment' }>): void {
    const result = this.#swarm.fragment(peer, chunk, offset, length, this.#now);
    if (result !== 'refused') this.#progressAt = this.#now;
    // Trickling bytes must not keep the origin waiting for ever, so only whole chunks count.
    if (result === 'chunk') this.#suppliedAt = this.#now;
  }

  #reject(supplier: Supplier): void {
    this.#mismatch = true;
    this.#progressAt = this.#now;
    if (supplier === 'peers') {
      this.#phase = 'fetching';
      this.#swarm.reject();
      if (this.#origin === 'unused') this.#fetchOrigin('fetching');
    } else if (this.#origin === 'verifying') {
      // A cache on the way may hold an older version of the file: once more, past it.
      this.#fetchOrigin('refetching');
    } else this.#origin = 'failed';
  }

  #fetchOrigin(phase: 'fetching' | 'refetching'): void {
    this.#origin = phase;
    this.#do({ type: 'fetch-origin', fresh: phase === 'refetching' });
  }

  #complete(supplier: Supplier): void {
    this.#result = 'complete';
    this.#swarm.end();
    if (supplier === 'peers' && (this.#origin === 'fetching' || this.#origin === 'refetching'))
      this.#do({ type: 'abort-origin' });
    this.#do({ type: 'complete', supplier });
  }

  #patience(): number {
    return this.size === undefined ? ASK_PATIENCE_MS : STALL_PATIENCE_MS;
  }

  #peersAreLacking(): boolean {
    if (this.#now >= this.#suppliedAt + this.#patience()) return true;
    // Nobody at work, and no answer to wait for.
    return !this.#swarm.isEngaged && (this.#answered || this.#tracker !== 'there');
  }

  #originIsOut(): boolean {
    return this.#origin === 'none' || this.#origin === 'failed';
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
