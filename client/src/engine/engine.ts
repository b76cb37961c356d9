import { Chunks } from './chunks.ts';
import { type Layout, MAX_WHOLE_FILE_BYTES, wholeFileLayout } from './layout.ts';
import { Origin } from './origin.ts';
import { OriginUse } from './origin-use.ts';
import { Progress } from './progress.ts';
import { Reading } from './reading.ts';
import type { Situation } from './situation.ts';
import { Swarm } from './swarm.ts';
import { MAX_UNVERIFIED_BYTES, REFRESH_MS } from './tuning.ts';
import type { ChunkRange, Effect, EngineEvent, EventOf, PeerId } from './types.ts';

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
  readonly #reading = new Reading();
  readonly #swarm = new Swarm((effect) => this.#do(effect), this.#reading);
  readonly #origin: Origin;
  readonly #use: OriginUse;
  #chunks: Chunks | undefined;
  /** Chunks that nothing vouches for before the whole is verified, and the peers that gave them. */
  readonly #doubtful = new Map<number, PeerId>();
  /** Chunks being checked, and of those from the origin whether they came past caches. */
  readonly #checking = new Map<number, boolean | undefined>();
  #phase: 'fetching' | 'verifying' | 'complete' | 'failed' = 'fetching';
  /** Whether the size at hand is only what peers claim. */
  #guessed = false;
  /** Sizes claimed by peers who then gave nothing, and how often they were given up for others. */
  readonly #left = new Map<number, number>();
  /** `doubted`: a copy with chunks of theirs had the wrong hash, and the origin is there to ask. */
  #peersAre: 'trusted' | 'doubted' = 'trusted';
  #mismatch = false;
  #isPrivate = false;
  /** Whether the origin has more than can be had without a manifest. */
  #isTooLarge = false;
  #askAt = 0;
  readonly #progress = new Progress();
  #now = 0;

  /** @param hasOrigin whether there is a fallback URL */
  constructor(hasOrigin: boolean, verification: Verification) {
    this.#origin = new Origin(hasOrigin, (effect) => this.#do(effect));
    this.#use = new OriginUse(this.#swarm, this.#origin);
    this.#verification = verification;
  }

  /** Undefined while the size is not known. */
  get layout(): Layout | undefined {
    return this.#chunks?.layout;
  }

  /**
   * What to say to a peer that wants a range of which something is not at hand. `coming`: to wait, as it
   * should soon be here. `busy`: to ask another, although it was told that. Undefined: it was told nothing.
   */
  expects(offset: number, length: number): 'coming' | 'busy' | undefined {
    if (this.#verification === 'whole' || this.#phase === 'failed') return undefined;
    return this.#swarm.expects(offset, length);
  }

  /**
   * Whether what the origin gives may be meant for this visitor alone. Anybody may have written its address and any
   * hash into the page: it is passed on only when it has that hash.
   */
  get isPrivate(): boolean {
    return this.#isPrivate;
  }

  /** Whether it can wait, with what it has, until somebody reads on: else all of it comes, or nothing can be done yet. */
  get mayRest(): boolean {
    return this.#verification === 'chunks' && !!this.#chunks && !this.#origin.isWhole;
  }

  /** Whether `complete` or `fail` was said. Events after it have no effect. */
  get ended(): boolean {
    return this.#phase === 'complete' || this.#phase === 'failed';
  }

  /**
   * What a complete holder that is being connected to would be asked for first, so that this can be said before it is
   * open: of contents with a manifest. It is asked for when it opens, if nobody else was meanwhile.
   */
  first(peer: PeerId, random: () => number): ChunkRange | undefined {
    return this.#verification === 'chunks' ? this.#swarm.first(peer, random) : undefined;
  }

  /**
   * @param now milliseconds, never less than before
   * @param random uniform in [0, 1)
   */
  handle(event: EngineEvent, now: number, random: () => number): Effect[] {
    this.#effects = [];
    if (this.ended) return this.#effects;
    this.#now = now;
    this.#take(event, random);
    if (!this.ended) this.#proceed(random);
    return this.#effects;
  }

  /** When `wake` is due at the latest; infinite if only other events can change anything. */
  get wakeAt(): number {
    if (this.ended || this.#phase === 'verifying') return Number.POSITIVE_INFINITY;
    const now = this.#now;
    const parts = [this.#swarm.wakeAt(now, this.#awaited), this.#origin.wakeAt(now)];
    let at = Math.min(...parts, this.#use.wakeAt(now));
    at = Math.min(at, this.#reading.wakeAt(this.#readPatience, now));
    if (this.#isIdle) return at;
    if (this.#use.reach === 'there') at = Math.min(at, this.#askAt);
    if (this.#checking.size === 0 && this.#originIsOut())
      at = Math.min(at, this.#progress.givesUpAt);
    return at;
  }

  #take(event: EngineEvent, random: () => number): void {
    const now = this.#now;
    switch (event.type) {
      case 'start':
        this.#progress.made(now);
        this.#askAt = now;
        this.#swarm.start(now);
        this.#use.start(now, random);
        this.#origin.rates.hint = event.originRate ?? 0;
        break;
      case 'layout':
        this.#origin.leases.useChunks(event.layout);
        this.#layOut(event.layout);
        break;
      case 'read':
        this.#read(event);
        break;
      case 'holders':
        if (this.#use.answered(now)) this.#progress.made(now);
        this.#swarm.learn(
          event.holders.filter(({ size }) => this.#isPlausible(size)),
          event.totalPartial,
          now,
        );
        break;
      case 'tracker':
        if (this.#use.reached(event.reach)) {
          this.#askAt = now;
          this.#origin.leases.forget();
        }
        break;
      case 'grant':
        this.#origin.leases.granted(event);
        // Somebody fetches the whole, and came after it was asked who is there.
        if (event.count === 0 && this.#origin.isWhole && !this.#swarm.hasCandidates)
          this.#askAt = now;
        break;
      case 'open':
        if (this.#swarm.opened(event.peer, now)) this.#use.opened(now);
        break;
      case 'close':
        this.#closed(event);
        if (this.#origin.isWhole) this.#origin.leases.askAgain();
        break;
      case 'holdings':
        this.#use.heard(now);
        if (this.#isPlausible(event.size)) this.#swarm.holdings(event, now);
        break;
      case 'got':
        this.#use.heard(now);
        this.#swarm.got(event);
        break;
      case 'coming':
        this.#use.heard(now);
        this.#swarm.coming(event);
        break;
      case 'fragment':
        this.#fragment(event);
        break;
      case 'refused':
        this.#swarm.refused(event.peer, event.chunk, event.lasting, now);
        break;
      case 'fallback':
        this.#origin.addFallback();
        break;
      case 'range-head':
        this.#head(event);
        break;
      case 'range-data':
        this.#progress.made(now);
        if (this.#fits(this.#origin.reached(event.range) + event.length))
          for (const chunk of this.#origin.data(event, now)) this.#supplied(chunk, undefined);
        break;
      case 'range-end':
        this.#rangeEnded(event);
        break;
      case 'checked':
        this.#checked(event);
        break;
      case 'verified':
        if (this.#phase !== 'verifying') break;
        if (event.ok) this.#complete();
        else this.#reject();
        break;
    }
  }

  #proceed(random: () => number): void {
    const now = this.#now;
    if (!this.#isIdle && this.#use.reach === 'there' && now >= this.#askAt) {
      this.#askAt = now + REFRESH_MS;
      this.#do({ type: 'ask' });
    }
    if (this.#phase === 'verifying') return;
    if (this.#origin.isWhole && !this.#reading.isAll) {
      this.#reading.isAll = true;
      this.#reading.apply(this.#chunks, now);
    }
    if (this.#peersAre === 'doubted' && this.#origin.isOut) {
      this.#peersAre = 'trusted';
      this.#startOver();
    }
    // First: whoever is given up over it does not count any more.
    if (this.#peersAre === 'trusted' && this.#swarm.expire(now)) this.#progress.hope(now);
    this.#chooseSize();
    if (this.#chunks?.complete) return this.#finish();
    if (this.#peersAre === 'trusted')
      this.#swarm.proceed(this.#use.dueMs(this.#chunks), now, random, this.#awaited);
    this.#origin.proceed(this.#situation(), now, random);
    const mayFail = this.#checking.size === 0 && !this.#isIdle;
    if (this.#originIsOut() && mayFail && this.#isHopeless()) {
      this.#phase = 'failed';
      this.#end();
      const reason = this.#mismatch ? 'hash-mismatch' : 'no-source';
      this.#do({ type: 'fail', reason: this.#isTooLarge ? 'too-large' : reason });
    }
  }

  /** Whether only a part is wanted, for now, and that is here. */
  get #isIdle(): boolean {
    return !this.#reading.isAll && !!this.#chunks?.isIdle && !this.#chunks.complete;
  }

  /** How long a reader waits for a chunk before the origin is asked without the tracker's consent. */
  get #readPatience(): number {
    return this.#use.stallPatience / 2;
  }

  #read({ readers, isAll }: EventOf<'read'>): void {
    const [chunks, now, wasIdle] = [this.#chunks, this.#now, this.#isIdle];
    const before = chunks?.missingBytes;
    // Nothing is verified before all is there, or all comes from the start anyway.
    this.#reading.isAll = isAll || this.#verification === 'whole' || this.#origin.isWhole;
    const jumped = this.#reading.read(readers, chunks, now);
    const missing = chunks?.missingBytes ?? 0;
    if (missing > (before ?? 0)) this.#use.wanted(missing, now);
    if (wasIdle && !this.#isIdle) {
      // Until now nothing was waited for.
      this.#origin.askAgain();
      this.#progress.made(now);
      this.#use.served(now);
      this.#swarm.start(now);
      if (!this.#swarm.hasCandidates) {
        this.#use.askAnew(now);
        this.#askAt = now;
      }
    }
    const isOver = !this.#reading.isAll && readers.length === 0;
    if (!isOver && (jumped === undefined || !chunks?.isMissing(jumped))) return;
    this.#swarm.turn();
    if (jumped === undefined || !this.#swarm.isAvailable(jumped))
      this.#origin.turnTo(jumped, this.#reading, now);
  }

  /** What the origin sends and peers may be asked for, too. */
  readonly #awaited = () => (this.#peersAre === 'trusted' ? this.#origin.awaited(this.#now) : []);

  #isPlausible(size: number): boolean {
    return this.#verification === 'chunks' || size <= MAX_UNVERIFIED_BYTES;
  }

  /** Without a manifest or a word of an origin that is still there, the size is what most peers claim. */
  #chooseSize(): void {
    if (this.#verification === 'chunks') return;
    const mayGuess = this.#guessed || this.#origin.isOut;
    if (this.#chunks && !mayGuess) return;
    const next = this.#swarm.chooseSoloist(this.#now);
    const isStuck =
      this.#chunks &&
      this.#origin.isOut &&
      this.#progress.isStalled(this.#use.stallPatience, this.#chunks.layout.chunkSize, this.#now);
    if (!isStuck && this.#chunks && next === undefined && this.#swarm.hasCandidates) return;
    // Each size that nothing comes of is left twice at most, so that this ends.
    const current = this.layout?.size;
    const but = new Set(isStuck ? [current as number] : []);
    for (const [of, times] of this.#left) if (isStuck || times > 1) but.add(of);
    const isHope = next !== undefined && (this.#left.get(next) ?? 0) < 2;
    const size = isHope ? next : this.#swarm.likelySize(but);
    if (size === undefined || size === current) return;
    if (isStuck) this.#left.set(current as number, (this.#left.get(current as number) ?? 0) + 1);
    this.#guessed = true;
    this.#progress.begunAnew(this.#now);
    this.#use.supplied(this.#now);
    this.#layOut(wholeFileLayout(size));
    this.#swarm.chooseSoloist(this.#now);
  }

  #layOut(layout: Layout): void {
    this.#discard(() => true);
    this.#chunks = new Chunks(layout);
    this.#reading.apply(this.#chunks, this.#now);
    if (!this.#reading.isAll) this.#use.wanted(this.#chunks.missingBytes, this.#now);
    if (this.#verification === 'whole') this.#origin.leases.setSize(layout.size);
    this.#do({ type: 'lay-out', layout });
    this.#swarm.begin(this.#chunks);
    for (const chunk of this.#origin.begin(this.#chunks)) this.#supplied(chunk, undefined);
  }

  /** Throws away those of the chunks at hand that are of no use. */
  #discard(isUseless: (chunk: number) => boolean): void {
    const chunks = this.#chunks;
    for (let chunk = 0; chunk < (chunks?.layout.count ?? 0); chunk++)
      if (chunks?.held.has(chunk) && isUseless(chunk)) {
        chunks.lose(chunk);
        this.#do({ type: 'discard', chunk });
      }
    this.#doubtful.clear();
  }

  /** Without the origin: whole copies from one peer at a time, so that a wrong one says who lied. */
  #startOver(): void {
    this.#discard(() => true);
    this.#swarm.isolate();
  }

  #situation(): Situation {
    const [chunks, now] = [this.#chunks, this.#now];
    // Nothing but the whole, or what is left of it, from the start: peers have no say.
    if (this.#peersAre === 'doubted') {
      const need = this.#origin.isOut ? 'no' : 'alone';
      const no = () => false;
      const reading = this.#reading;
      const peers = {
        reading,
        areSlow: no,
        arePeersIdle: no,
        hasOthers: false,
        takeBack: () => {},
      };
      return { need, chunks, wants: () => true, dueBytes: 0, ...peers };
    }
    // Without its manifest nothing could be done with what came.
    const isUnknown = this.#verification === 'chunks' && !chunks;
    const usual = isUnknown ? 'no' : this.#use.need(chunks, now);
    const overdue = this.#reading.overdue(chunks, this.#readPatience, now);
    const need = overdue === undefined || usual === 'alone' ? usual : 'chunk';
    // Nobody has anything of what this visitor would take on for others.
    const isForOneself = this.#isPrivate && this.#verification === 'whole' && need === 'lease';
    const { wants, areSlow, dueBytes } = this.#use.share(chunks, now);
    return {
      need: isForOneself ? 'free' : need,
      chunks,
      reading: this.#reading,
      wants: (chunk) => chunk === overdue || wants(chunk),
      areSlow,
      dueBytes: overdue === undefined ? dueBytes : 0,
      arePeersIdle: () => this.#swarm.isIdle,
      hasOthers: this.#swarm.hasCandidates,
      takeBack: (chunk) => this.#swarm.takeBack(chunk),
    };
  }

  /**
   * Where there is no origin, room for a connection is waited for; else that would keep a page from what it does itself
   * when this has failed. Nor for ever, or for one of those that are asked one after the other.
   */
  #closed(event: EventOf<'close'>): void {
    const mayWait = this.#origin.phase === 'none' && !this.#mismatch;
    const isSoon = this.#progress.mayWaitForRoom(this.#now);
    const isBusy = !!event.isBusy && mayWait && isSoon;
    if (this.#swarm.closed(event, isBusy, this.#now)) this.#progress.hope(this.#now);
  }

  #fragment(event: EventOf<'fragment'>): void {
    const result = this.#swarm.fragment(event, this.#now);
    if (result === 'refused') return;
    this.#progress.gained(event.length, result === 'chunk', this.#now);
    if (result === 'part' && this.#verification === 'chunks') this.#swarm.promise(event);
    if (result !== 'chunk') return;
    this.#use.served(this.#now, this.#chunks?.length(event.chunk));
    this.#supplied(event.chunk, event.peer);
  }

  /** All bytes of a chunk are here. */
  #supplied(chunk: number, peer: PeerId | undefined): void {
    const chunks = this.#chunks as Chunks;
    this.#use.supplied(this.#now);
    if (chunks.isHere(chunk)) {
      // A second copy from the origin is forgotten with its range; a drop would hit the one being checked.
      if (peer !== undefined || this.#checking.get(chunk) === undefined)
        this.#do({ type: 'drop', chunk, peer });
    } else if (this.#verification === 'chunks') {
      chunks.check(chunk);
      this.#checking.set(chunk, peer === undefined ? this.#origin.isFresh : undefined);
      this.#do({ type: 'check', chunk, peer });
    } else this.#keep(chunk, peer);
  }

  #checked({ chunk, peer, ok }: EventOf<'checked'>): void {
    const fresh = this.#checking.get(chunk);
    this.#checking.delete(chunk);
    if (ok) return this.#keep(chunk, peer);
    this.#chunks?.lose(chunk);
    this.#mismatch = true;
    this.#do({ type: 'drop', chunk, peer });
    if (peer === undefined) this.#origin.mistrust(fresh);
    else this.#swarm.bar(peer);
  }

  #keep(chunk: number, peer: PeerId | undefined): void {
    const chunks = this.#chunks as Chunks;
    // What a peer gave is passed on only if it is known to be right: else one liar spoils many.
    const servable = this.#verification === 'chunks' || (peer === undefined && !this.#isPrivate);
    if (peer !== undefined && !servable) this.#doubtful.set(chunk, peer);
    this.#do({ type: 'keep', chunk, peer });
    chunks.hold(chunk, servable);
    this.#swarm.held(chunk);
    if (servable) this.#swarm.offer(chunk);
    const { leases, isWhole, isBusy } = this.#origin;
    leases.fetched(chunk, chunks, isWhole && isBusy && peer === undefined && servable);
  }

  #head(event: EventOf<'range-head'>): void {
    if (!this.#origin.has(event.range)) return;
    this.#progress.made(this.#now);
    this.#isPrivate ||= !!event.isPrivate;
    if (!this.#fits(event.total)) return;
    this.#learnSize(event.total);
    if (this.#origin.head(event)) this.#mistrustOrigin();
  }

  /** The origin says how long the file is, which counts for more than what peers claim. */
  #learnSize(total: number | undefined): void {
    if (total === undefined || this.#verification === 'chunks') return;
    if (this.#chunks && !this.#guessed) return;
    this.#guessed = false;
    if (total !== this.layout?.size) this.#layOut(wholeFileLayout(total));
  }

  #rangeEnded(event: EventOf<'range-end'>): void {
    if (!this.#origin.has(event.range)) return;
    this.#progress.made(this.#now);
    const { end, total } = event;
    if (!this.#fits(total)) return;
    if (end === 'beyond') {
      this.#learnSize(total);
      if (total !== undefined && total !== this.layout?.size) return this.#mistrustOrigin();
    }
    const length = this.#origin.ended(event, this.#now);
    if (length === undefined) return;
    if (this.#chunks) {
      this.#learnSize(length);
      if (length !== this.layout?.size) this.#mistrustOrigin();
      return;
    }
    // Only now is it known how long the content is, and all of it is here.
    const layout = wholeFileLayout(length);
    this.#layOut(layout);
    for (let chunk = 0; chunk < layout.count; chunk++) this.#supplied(chunk, undefined);
  }

  /** What is larger must have a manifest; the origin may still have something else past the caches. */
  #fits(size = 0): boolean {
    if (this.#verification === 'chunks' || size <= MAX_WHOLE_FILE_BYTES) return true;
    this.#isTooLarge = true;
    this.#origin.mistrust();
    return false;
  }

  /** It has another file than this content. */
  #mistrustOrigin(): void {
    this.#mismatch = true;
    this.#origin.mistrust();
  }

  #finish(): void {
    if (this.#verification === 'chunks') return this.#complete();
    this.#phase = 'verifying';
    // What it still sends could change the size while the copy is hashed.
    this.#origin.end();
    this.#do({ type: 'verify' });
  }

  /** The whole has the wrong hash. What peers gave is thrown away, or, if it was none, what the origin gave. */
  #reject(): void {
    const { count } = (this.#chunks as Chunks).layout;
    this.#mismatch = true;
    this.#phase = 'fetching';
    this.#progress.begunAnew(this.#now);
    const suppliers = new Set(this.#doubtful.values());
    // Who gave only a part may be right, and the origin wrong.
    if (suppliers.size === 1 && this.#doubtful.size === count)
      for (const liar of suppliers) this.#swarm.bar(liar);
    if (suppliers.size === 0) this.#rejectOrigin();
    else if (this.#origin.isOut) this.#startOver();
    else {
      this.#peersAre = 'doubted';
      this.#discard((chunk) => this.#doubtful.has(chunk));
    }
  }

  /** Nor is its word on the size believed, until it gives it anew. */
  #rejectOrigin(): void {
    this.#discard(() => true);
    this.#chunks = undefined;
    this.#swarm.begin(undefined);
    this.#origin.begin(undefined);
    this.#origin.mistrust();
  }

  #complete(): void {
    this.#phase = 'complete';
    const { layout, servable } = this.#chunks as Chunks;
    for (let chunk = 0; chunk < layout.count; chunk++)
      if (!servable.has(chunk)) this.#swarm.offer(chunk);
    this.#end();
    this.#do({ type: 'complete' });
  }

  #end(): void {
    this.#swarm.end();
    this.#origin.end();
  }

  #originIsOut(): boolean {
    const { phase, isOut, hasGiven, isOverrun } = this.#origin;
    return isOut || (phase === 'pausing' && !hasGiven && !isOverrun);
  }

  /** A tracker that is away may come back with holders, so it is waited for; a missing one is not. */
  #isHopeless(): boolean {
    if (this.#now >= this.#progress.givesUpAt) return true;
    return !this.#swarm.hasCandidates && (this.#use.isAnswered || this.#use.reach === 'missing');
  }

  #do(effect: Effect): void {
    this.#effects.push(effect);
  }
}
