import { Assignment } from './assignment.ts';
import { Candidates } from './candidates.ts';
import type { Chunks } from './chunks.ts';
import { Holdings, holdsChunk } from './holdings.ts';
import type { Peer } from './peers.ts';
import type { Reading } from './reading.ts';
import { dueAt, dueFirst, Requests } from './requests.ts';
import type { Awaited } from './situation.ts';
import {
  BUSY_CHUNK_MS,
  BUSY_PAUSE_MS,
  FIRST_PARTIAL,
  FIRST_SEEDERS,
  MAX_PEER_FAILURES,
  MAX_PEERS,
  MAX_PROMISE_RATE,
  MAX_REFUSALS,
  MAX_REST_BYTES,
  MAX_SILENT_TIMEOUTS,
  MAX_TURNED_AWAY,
  MIN_SEEDERS,
  MORE_PEERS_MS,
  REQUEST_TIMEOUT_MS,
  SETTLE_MS,
  UNKNOWN_RATE,
} from './tuning.ts';
import type { ChunkRange, Effect, EventOf, HolderInfo, PeerId } from './types.ts';

/**
 * The part of the engine that spreads the chunks of one content over the peers that hold it: whom to
 * connect to, and what becomes of whom. What they hold, what is asked of whom and what comes of it
 * are parts of their own.
 */
export class Swarm {
  readonly #candidates = new Candidates();
  readonly #peers = this.#candidates.peers;
  readonly #holdings: Holdings;
  readonly #requests: Requests;
  readonly #assignment: Assignment;
  readonly #reading: Reading;
  readonly #do: (effect: Effect) => void;
  #chunks: Chunks | undefined;
  /** When a peer last gave a whole chunk, or the download began. */
  #servedAt = 0;
  /** Others who download, as the tracker last said. */
  #leechers = 0;
  /** When a connection was last begun. */
  #begunAt = Number.NEGATIVE_INFINITY;

  constructor(emit: (effect: Effect) => void, reading: Reading) {
    this.#do = emit;
    this.#reading = reading;
    this.#holdings = new Holdings(this.#candidates, emit);
    this.#requests = new Requests(emit);
    this.#assignment = new Assignment(this.#candidates, this.#requests, reading);
  }

  /** The size that most peers claim, but for some; undefined if none does. */
  likelySize(but: ReadonlySet<number>): number | undefined {
    return this.#peers.likelySize(but);
  }

  /** Whether a peer is left that may give the content, now or after a pause. */
  get hasCandidates(): boolean {
    const { engaged, known } = this.#candidates.sorted;
    return engaged.length + known.length > 0;
  }

  get isOpen(): boolean {
    return this.#candidates.open.length > 0;
  }

  /** Whether any of them is open or being opened. */
  get isEngaged(): boolean {
    return this.#candidates.sorted.engaged.length > 0;
  }

  /** Whether connections should soon be there, or soon show what they give. */
  isSettling(now: number): boolean {
    const { connecting } = this.#candidates.sorted;
    return now < (connecting > 0 ? this.#openingUntil : this.#begunAt + SETTLE_MS);
  }

  /** Whether one of them is said to have the whole. */
  get hasSeeders(): boolean {
    return this.#candidates.sorted.hasSeeder;
  }

  /** Whether anybody else downloads it: where there are many complete holders, the tracker names no others. */
  get hasLeechers(): boolean {
    return this.#leechers > 0 || this.#candidates.sorted.hasLeecher;
  }

  /** Whether an open peer has it all, lets no request pass, refuses none, and is asked for nothing. */
  get isIdle(): boolean {
    return this.#candidates.open.some(
      ({ has, requests, timeouts, refusals }) =>
        has === 'all' && requests.size === 0 && timeouts === 0 && refusals === 0,
    );
  }

  /** Whether an open peer has the chunk. */
  isAvailable(chunk: number): boolean {
    if ((this.#chunks?.holders(chunk) ?? 0) > 0) return true;
    return this.#candidates.open.some(({ has }) => has === 'all');
  }

  /** Bytes per ms that the open peers have shown to give. */
  get rate(): number {
    let rate = 0;
    for (const { meter } of this.#candidates.open) rate += meter.rate ?? 0;
    return rate;
  }

  /** @param leechers how many others download, by the tracker's word */
  learn(holders: readonly HolderInfo[], leechers: number | undefined, now: number): void {
    this.#leechers = leechers ?? 0;
    this.#peers.learn(holders, now);
    this.#candidates.changed();
  }

  /** What is to be fetched, from the start. */
  begin(chunks: Chunks | undefined): void {
    for (const peer of this.#peers.all()) {
      this.#requests.release(peer);
      peer.first = undefined;
    }
    this.#chunks = chunks;
    this.#candidates.setSize(chunks?.layout.size);
    this.#holdings.begin(chunks);
    this.#requests.begin(chunks);
    this.#assignment.begin(chunks);
  }

  /** The download begins, or wants more after it had all. */
  start(now: number): void {
    this.#servedAt = now;
  }

  /**
   * Requests whose time is over go to other peers. Where there is none better, they stay with twice
   * the time: asking the same peer anew would throw away what is on its way.
   * @returns whether there is less to wait for: a silent peer was given up, or another has its turn
   */
  expire(now: number): boolean {
    const over = this.#candidates.endTurn(this.#servedAt, now);
    if (over) this.#requests.release(over);
    let isLess = !!over;
    for (const peer of this.#candidates.sorted.connected) {
      if (now < dueFirst(peer)) continue;
      const late = [...peer.requests.values()].filter((request) => now >= dueAt(peer, request));
      // Requests sent one after the other pass one after the other: that is one silence.
      if (now >= peer.timedOutAt + REQUEST_TIMEOUT_MS) {
        peer.timeouts++;
        peer.timedOutAt = now;
      }
      const silent = late.every(({ sentAt }) => peer.lastHeard <= sentAt);
      if (silent && peer.timeouts >= MAX_SILENT_TIMEOUTS) {
        this.#spend(peer);
        isLess = true;
      } else if (silent && this.#candidates.passTurn(peer)) {
        this.#requests.release(peer);
        isLess = true;
      }
      const better = this.#assignment.betterThan(peer);
      for (const request of peer.requests.size === 0 ? [] : late)
        if (better.some((other) => holdsChunk(other, request.chunk)))
          this.#requests.giveUp(peer, request);
        else {
          // From now on, or a page that slept would count all its sleep at once.
          request.sentAt = now;
          request.timeout *= 2;
        }
    }
    return isLess;
  }

  /**
   * Opens connections and hands out requests, as far as there is anything to do.
   * @param dueMs see {@link OriginUse.dueMs}
   */
  proceed(
    dueMs: number,
    now: number,
    random: () => number,
    awaited: () => readonly Awaited[],
  ): void {
    this.#connect(dueMs, now, random);
    for (const peer of this.#candidates.open) this.#holdings.greet(peer);
    this.#assignment.proceed(now, random, awaited);
  }

  /** See {@link DownloadEngine.first}. No other is chosen for two. */
  first(id: PeerId, random: () => number): ChunkRange | undefined {
    const [peer, chunks] = [this.#peers.get(id), this.#chunks];
    if (!chunks || peer?.state !== 'connecting' || peer.has !== 'all') return undefined;
    peer.first = undefined;
    const others = new Set([...this.#peers.all()].map(({ first }) => first));
    const isLeft = (chunk: number) => !others.has(chunk);
    const next = [...this.#reading.next(chunks)].find(
      (chunk) => chunks.isFree(chunk) && isLeft(chunk),
    );
    peer.first = next ?? chunks.pick(isLeft, random, false);
    return peer.first === undefined ? undefined : chunks.range(peer.first);
  }

  /** @returns whether it is of use here */
  opened(id: PeerId, now: number): boolean {
    const peer = this.#peers.get(id);
    if (peer?.state !== 'connecting' && peer?.state !== 'known') return false;
    this.#setOpen(peer, now);
    const { first = -1 } = peer;
    peer.first = undefined;
    if (this.#chunks?.isFree(first) && this.#candidates.includes(peer))
      this.#requests.send(peer, first, now, true);
    return true;
  }

  /**
   * @param isBusy there was no room for a connection, which is no failure of the peer
   * @returns whether that is so, and it is tried again
   */
  closed({ peer: id, barred }: EventOf<'close'>, isBusy: boolean, now: number): boolean {
    const peer = this.#peers.get(id);
    if (!peer) return false;
    const wasConnecting = peer.state === 'connecting';
    this.#requests.release(peer);
    this.#holdings.forget(peer);
    peer.early = peer.first = undefined;
    peer.greeted = false;
    peer.refusals = 0;
    // The silence of one whose connection is lost was that of a network, here or there: it is tried anew.
    const wasMute = peer.state === 'spent' && peer.timeouts >= MAX_SILENT_TIMEOUTS;
    if (wasMute) peer.timeouts = 0;
    if (barred) peer.state = 'spent';
    else if (wasMute || peer.state === 'open' || peer.state === 'connecting')
      this.#peers.failed(peer, now, isBusy ? MAX_PEER_FAILURES / MAX_TURNED_AWAY : 1);
    this.#candidates.changed();
    return isBusy && wasConnecting && peer.state === 'known';
  }

  /** A peer says what it has; one that nobody told of introduces itself so. */
  holdings(event: EventOf<'holdings'>, now: number): void {
    const { peer: id, size } = event;
    const peer = this.#peers.get(id) ?? this.#peers.add(id, size, 'nothing', now);
    if (!peer || peer.state === 'spent') return;
    if (peer.state !== 'open') this.#setOpen(peer, now);
    this.#holdings.said(peer, event);
  }

  got({ peer: id, chunks }: EventOf<'got'>): void {
    const peer = this.#peers.get(id);
    if (peer?.state === 'open') this.#holdings.got(peer, chunks);
  }

  coming({ peer: id, chunks }: EventOf<'coming'>): void {
    const peer = this.#peers.get(id);
    if (peer?.state === 'open') this.#holdings.coming(peer, chunks);
  }

  /** Notes a fragment. `chunk`: it completed one. `refused`: nobody asked for it. */
  fragment(event: EventOf<'fragment'>, now: number): 'part' | 'chunk' | 'refused' {
    const peer = this.#peers.get(event.peer);
    const request = peer?.requests.get(event.chunk);
    if (!peer || !request) return 'refused';
    const result = this.#requests.received(peer, request, event, now);
    if (result === 'chunk') this.#servedAt = now;
    if (result !== 'overlap') return result;
    this.bar(event.peer);
    return 'refused';
  }

  refused(id: PeerId, chunk: number, lasting: boolean, now: number): void {
    const peer = this.#peers.get(id);
    const request = peer?.requests.get(chunk);
    if (!peer || !request) return;
    this.#requests.giveUp(peer, request, lasting);
    if (!lasting && ++peer.refusals < MAX_REFUSALS) {
      for (const [other, until] of peer.busyWith) if (until <= now) peer.busyWith.delete(other);
      // What it only promised is not asked for again before it has it.
      const isHeld = holdsChunk(peer, chunk);
      peer.busyWith.set(chunk, isHeld ? now + BUSY_CHUNK_MS : Number.POSITIVE_INFINITY);
      return;
    }
    peer.timeouts++;
    if (!lasting) peer.busyUntil = now + BUSY_PAUSE_MS * 2 ** Math.min(peer.timeouts, 4);
    else if (peer.has === 'all') this.#spend(peer);
    // It lost or never had it; what else it has may still come.
    else this.#holdings.forget(peer);
  }

  /** The chunk is at hand: nobody else need send it. */
  held(chunk: number): void {
    for (const peer of this.#candidates.sorted.connected) {
      const request = peer.requests.get(chunk);
      if (request) this.#requests.giveUp(peer, request);
    }
  }

  /** Chunks that one peer each was asked for, has not begun to send, and should need so long for, in ms. */
  waiting(leastMs: number): ReadonlySet<number> {
    return this.#assignment.waiting(leastMs);
  }

  /** Chunks that one peer each was asked for and should need so long for, in ms. */
  late(leastMs: number, now: number): ReadonlySet<number> {
    return this.#assignment.late(leastMs, now);
  }

  /** A reader went elsewhere: what is not read next and nobody has begun to send can wait. */
  turn(): void {
    const chunks = this.#chunks;
    const next = new Set(chunks && this.#reading.next(chunks));
    for (let chunk = 0; chunk < (chunks?.layout.count ?? 0); chunk++)
      if (chunks!.askers(chunk) > 0 && !next.has(chunk)) this.takeBack(chunk);
  }

  /** Takes a chunk back from who has not begun to send it. */
  takeBack(chunk: number): void {
    for (const peer of this.#candidates.sorted.connected) {
      const request = peer.requests.get(chunk);
      if (request?.coverage.received === 0) this.#requests.giveUp(peer, request, false);
    }
  }

  /** The chunk may be given to others. */
  offer(chunk: number): void {
    this.#holdings.offer(chunk);
  }

  /**
   * Some of a chunk has come. What is left of it comes while peers hear of it and ask, so that to pass it on
   * costs no round trip. They get it when it was verified.
   */
  promise({ peer, chunk }: EventOf<'fragment'>): void {
    const requests = [...(this.#peers.get(peer)?.requests.values() ?? [])];
    // Who begins many at once may end none, and all that we promised would wait here.
    const isOnly = requests.filter(({ coverage }) => coverage.received > 0).length === 1;
    if (!isOnly || this.rate > MAX_PROMISE_RATE) return;
    if (this.#chunks?.isMissing(chunk) && this.#isComing(chunk)) this.#holdings.promise(chunk);
  }

  /** See {@link DownloadEngine.expects}, of chunks that are verified one by one. */
  expects(offset: number, length: number): 'coming' | 'busy' | undefined {
    const chunks = this.#chunks;
    if (!chunks) return undefined;
    const { chunkSize } = chunks.layout;
    let expected: 'coming' | 'busy' = 'coming';
    for (let chunk = Math.floor(offset / chunkSize); chunk * chunkSize < offset + length; chunk++) {
      if (chunks.isHere(chunk) || this.#isComing(chunk)) continue;
      if (!this.#holdings.isPromised(chunk)) return undefined;
      expected = 'busy';
    }
    return expected;
  }

  /** Whether a peer is sending the chunk, and should soon be done. */
  #isComing(chunk: number): boolean {
    return this.#candidates.sorted.connected.some(({ requests }) => {
      const { received = 0, length = 0 } = requests.get(chunk)?.coverage ?? {};
      return received > 0 && length - received <= MAX_REST_BYTES;
    });
  }

  /** From now on one peer at a time, and only who has it all. */
  isolate(): void {
    this.#candidates.isolate();
  }

  /** @returns the size to be laid out for whose turn it is in isolation, if that changes */
  chooseSoloist(now: number): number | undefined {
    return this.#candidates.chooseSoloist(now);
  }

  /** No peer is asked any more. */
  end(): void {
    for (const peer of this.#peers.all()) this.#spend(peer);
  }

  bar(id: PeerId): void {
    const peer = this.#peers.get(id);
    if (!peer) return;
    this.#spend(peer);
    this.#do({ type: 'bar', peer: id });
  }

  /** When {@link proceed} has something to do at the latest. */
  wakeAt(now: number, awaited: () => readonly Awaited[]): number {
    let at = this.#assignment.wakeAt(now, awaited);
    const { connected, connecting, known, failed } = this.#candidates.sorted;
    const openAt = connecting > 0 ? this.#openingUntil : 0;
    if (known.length > 0)
      for (const due of [this.#begunAt + SETTLE_MS, openAt, this.#servedAt + MORE_PEERS_MS])
        if (due > now) at = Math.min(at, due);
    const turnUntil = this.#candidates.turnUntil(this.#servedAt);
    if (turnUntil > now) at = Math.min(at, turnUntil);
    for (const { retryAt } of failed) if (retryAt > now) at = Math.min(at, retryAt);
    for (const peer of connected) {
      if (peer.busyUntil > now) at = Math.min(at, peer.busyUntil);
      for (const until of peer.busyWith.values()) if (until > now) at = Math.min(at, until);
      at = Math.min(at, dueFirst(peer));
    }
    return at;
  }

  #setOpen(peer: Peer, now: number): void {
    peer.state = 'open';
    this.#candidates.changed();
    peer.lastHeard = now;
    peer.meter.begin();
  }

  #connect(dueMs: number, now: number, random: () => number): void {
    const { open, engaged, known, failed, hasSeeder, engagedSeeders } = this.#candidates.sorted;
    if (known.length === 0) return;
    const more = this.#wantedMore(now);
    const inTime = Math.ceil((this.#chunks?.layout.size ?? 0) / UNKNOWN_RATE / dueMs);
    const few = hasSeeder ? Math.max(FIRST_SEEDERS, Math.min(inTime, MIN_SEEDERS)) : FIRST_PARTIAL;
    const most = Math.max(few, Math.min(engaged.length + more, MAX_PEERS));
    // However many have parts and came by themselves, some who have it all are let in.
    const mayBeKnown = hasSeeder || failed.length > 0;
    const isWithout = mayBeKnown && engagedSeeders < (more > 0 ? MIN_SEEDERS : 1);
    if (engaged.length >= most && !isWithout) return;
    const ready = known.filter(({ retryAt }) => retryAt <= now);
    const isOneMore = isWithout && ready.some(({ has }) => has === 'all');
    const end = Math.max(most, engaged.length + (isOneMore ? 1 : 0));
    // One that is still being connected to may be out of reach.
    const hasSeederOpen = open.some(({ has }) => has === 'all');
    let isFirst = engaged.length === 0;
    for (let count = engaged.length; count < end && ready.length > 0; count++) {
      // Seeders first. To go on, leechers as well: they have uplinks of their own.
      const isSeeder = count < few || count >= most || !hasSeederOpen;
      const seeders = isSeeder ? ready.filter(({ has }) => has === 'all') : [];
      const from = seeders.length > 0 ? seeders : ready;
      // One only: who leaves offers for everybody may be of no use.
      const soonest = isFirst ? from.findIndex(({ offered }) => offered) : -1;
      isFirst = false;
      const at = soonest < 0 ? Math.floor(random() * from.length) : soonest;
      const peer = from[at] as Peer;
      ready.splice(ready.indexOf(peer), 1);
      peer.offered = false;
      peer.state = 'connecting';
      this.#begunAt = now;
      this.#candidates.changed();
      this.#do({ type: 'connect', peer: peer.id });
    }
  }

  /** How many more connections are worth having now. */
  #wantedMore(now: number): number {
    const chunks = this.#chunks;
    const { connecting, open, known } = this.#candidates.sorted;
    if (!chunks || chunks.isIdle || now < this.#begunAt + SETTLE_MS) return 0;
    const isOpening = this.isSettling(now);
    // Not all at once. Who cannot be reached is found out only after many seconds: one each time then.
    const most = Math.max(FIRST_PARTIAL - connecting, isOpening ? 0 : 1);
    const giving = open.filter(({ meter }) => meter.rate).length;
    // Each should give as much as these do, those that are being connected to as well.
    const needed = giving * (chunks.missingBytes / MORE_PEERS_MS / this.rate - 1);
    if (giving > 0 && needed > 0)
      return Math.min(most, Math.max(0, Math.ceil(needed - (isOpening ? connecting : 0))));
    if (isOpening) return 0;
    // Partial holders are asked in its place as many as without it.
    if (this.#dependsOnOne) return known.some(({ has }) => has === 'all') ? 1 : most;
    return now >= this.#servedAt + MORE_PEERS_MS ? 1 : 0;
  }

  /** Whether all depends on a complete holder that is being connected to. */
  get #dependsOnOne(): boolean {
    const { open, connecting, engagedSeeders } = this.#candidates.sorted;
    return connecting === 1 && engagedSeeders === 1 && open.every(({ has }) => has === 'nothing');
  }

  /** When the connection begun last should be open. */
  get #openingUntil(): number {
    return this.#begunAt + (this.#dependsOnOne ? SETTLE_MS : MORE_PEERS_MS);
  }

  /** No more use for the peer here; its connection stays for other contents. */
  #spend(peer: Peer): void {
    this.#requests.release(peer);
    this.#holdings.forget(peer);
    peer.state = 'spent';
    this.#candidates.changed();
  }
}
