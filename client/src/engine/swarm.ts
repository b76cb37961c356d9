import { Bitfield } from './bitfield.ts';
import type { Chunks } from './chunks.ts';
import { Coverage } from './coverage.ts';
import type { Layout } from './layout.ts';
import type { OpenRequest, Peer } from './peers.ts';
import { Peers } from './peers.ts';
import {
  BUSY_PAUSE_MS,
  ENDGAME_GAIN_MS,
  FIRST_PARTIAL,
  FIRST_SEEDERS,
  LATE_FACTOR,
  MAX_BACKOFF_DOUBLINGS,
  MAX_PEERS,
  MAX_SILENT_TIMEOUTS,
  MAX_WINDOW_BYTES,
  MIN_PIPELINE,
  MORE_PEERS_MS,
  MOVE_MS,
  RANDOM_FIRST,
  REQUEST_TIMEOUT_MS,
  START_WINDOW_BYTES,
  UNKNOWN_RATE,
  WINDOW_MS,
} from './tuning.ts';
import type { Effect, EngineEvent, HolderInfo, PeerId } from './types.ts';

type Of<Type extends EngineEvent['type']> = Extract<EngineEvent, { type: Type }>;

/** Numbers of chunks on the wire are below this (peer.proto). */
const MAX_CHUNKS = 65_536;

/** The part of the engine that spreads the chunks of one content over the peers that hold it. */
export class Swarm {
  readonly #peers = new Peers();
  readonly #do: (effect: Effect) => void;
  #chunks: Chunks | undefined;
  /** Kept until a state or a size changes: it is asked for at every fragment. */
  #openPeers: readonly Peer[] | undefined;
  /** When it was last considered to take requests back from slow peers. */
  #movedAt = 0;
  /** When a peer last gave a whole chunk, or the download began. */
  #servedAt = 0;
  /** In isolation, whose turn it is: a liar is told from the others by asking one at a time. */
  #soloist: PeerId | 'nobody' | undefined;

  constructor(emit: (effect: Effect) => void) {
    this.#do = emit;
  }

  /** The size that most peers claim, but for some; undefined if none does. */
  likelySize(but: ReadonlySet<number>): number | undefined {
    return this.#peers.likelySize(but);
  }

  /** Whether a peer is left that may give the content, now or after a pause. */
  get hasCandidates(): boolean {
    for (const peer of this.#peers.all()) if (this.#isCandidate(peer)) return true;
    return false;
  }

  /** Whether any of them is open or being opened. */
  get isEngaged(): boolean {
    for (const peer of this.#peers.all())
      if (this.#isCandidate(peer) && peer.state !== 'known') return true;
    return false;
  }

  /** Whether one of them is said to have the whole. */
  get hasSeeders(): boolean {
    for (const peer of this.#peers.all())
      if (peer.has === 'all' && this.#isCandidate(peer)) return true;
    return false;
  }

  /** Whether an open peer has it all, lets no request pass, and is asked for nothing. */
  get isIdle(): boolean {
    return this.#open.some(
      ({ has, requests, timeouts }) => has === 'all' && requests.size === 0 && timeouts === 0,
    );
  }

  /** Whether an open peer has the chunk. */
  isAvailable(chunk: number): boolean {
    if ((this.#chunks?.holders(chunk) ?? 0) > 0) return true;
    for (const peer of this.#open) if (peer.has === 'all') return true;
    return false;
  }

  /** Bytes per ms that the open peers have shown to give. */
  get rate(): number {
    let rate = 0;
    for (const { meter } of this.#open) rate += meter.rate ?? 0;
    return rate;
  }

  learn(holders: readonly HolderInfo[], now: number): void {
    this.#peers.learn(holders, now);
  }

  /** What is to be fetched, from the start. Peers that were greeted are greeted again. */
  begin(chunks: Chunks | undefined): void {
    for (const peer of this.#peers.all()) {
      this.#release(peer);
      peer.greeted = false;
      // Who said it in these chunks before they were known here does not say it again.
      if (typeof peer.has === 'object' && this.#chunks)
        peer.early = { ...this.#chunks.layout, has: peer.has };
      if (peer.has !== 'all') peer.has = 'nothing';
    }
    this.#chunks = chunks;
    this.#openPeers = undefined;
    for (const peer of this.#peers.all()) {
      const { early, state } = peer;
      if (early && state === 'open' && this.#isInUse(early)) this.#setHas(peer, early.has.bytes);
    }
  }

  /** The download begins. */
  start(now: number): void {
    this.#servedAt = now;
  }

  /**
   * Requests whose time is over go to other peers. Where there is none better, they stay with twice
   * the time: asking the same peer anew would throw away what is on its way.
   */
  expire(now: number): void {
    for (const peer of this.#peers.all()) {
      if (peer.requests.size === 0) continue;
      const late = [...peer.requests.values()].filter((request) => now >= dueAt(peer, request));
      if (late.length === 0) continue;
      peer.timeouts++;
      const silent = late.every(({ sentAt }) => peer.lastHeard <= sentAt);
      if (silent && peer.timeouts >= MAX_SILENT_TIMEOUTS) this.#spend(peer);
      const better = this.#betterThan(peer);
      for (const request of peer.state === 'spent' ? [] : late)
        if (better.some((other) => holdsChunk(other, request.chunk))) this.#giveUp(peer, request);
        else {
          // From now on, or a page that slept would count all its sleep at once.
          request.sentAt = now;
          request.timeout *= 2;
        }
    }
  }

  /** Opens connections and hands out requests, as far as there is anything to do. */
  proceed(now: number, random: () => number): void {
    this.#connect(now, random);
    for (const peer of this.#open) this.#greet(peer);
    this.#assign(now, random);
  }

  /** @returns whether it is of use here */
  opened(id: PeerId, now: number): boolean {
    const peer = this.#peers.get(id);
    if (peer?.state !== 'connecting' && peer?.state !== 'known') return false;
    this.#setOpen(peer, now);
    return true;
  }

  closed(id: PeerId, barred: boolean, now: number): void {
    const peer = this.#peers.get(id);
    if (!peer) return;
    this.#release(peer);
    this.#forgetHoldings(peer);
    peer.early = undefined;
    peer.greeted = false;
    this.#openPeers = undefined;
    if (barred) peer.state = 'spent';
    else if (peer.state === 'open' || peer.state === 'connecting') this.#peers.failed(peer, now);
  }

  /** A peer says what it has; one that nobody told of introduces itself so. */
  holdings({ peer: id, size, chunkSize, complete, bitfield }: Of<'holdings'>, now: number): void {
    const peer = this.#peers.get(id) ?? this.#peers.add(id, size, 'nothing', now);
    if (!peer || peer.state === 'spent') return;
    if (peer.state !== 'open') this.#setOpen(peer, now);
    this.#forgetHoldings(peer);
    if (size > 0) peer.size = size;
    this.#openPeers = undefined;
    peer.early = undefined;
    peer.has = complete ? 'all' : 'nothing';
    if (complete) return;
    const said = { size, chunkSize, has: new Bitfield(MAX_CHUNKS, bitfield) };
    if (this.#isInUse(said)) this.#setHas(peer, bitfield);
    else peer.early = said;
  }

  /** Whether these are the chunks of the content here. */
  #isInUse({ size, chunkSize }: Pick<Layout, 'size' | 'chunkSize'>): boolean {
    const layout = this.#chunks?.layout;
    return size === layout?.size && chunkSize === layout.chunkSize;
  }

  #setHas(peer: Peer, bitfield: Uint8Array): void {
    const chunks = this.#chunks as Chunks;
    const has = new Bitfield(chunks.layout.count, bitfield);
    peer.early = undefined;
    peer.has = has.size === chunks.layout.count ? 'all' : has;
    peer.size = chunks.layout.size;
    this.#openPeers = undefined;
    for (let chunk = 0; chunk < chunks.layout.count; chunk++)
      if (peer.has === has && has.has(chunk)) chunks.addHolder(chunk);
  }

  got({ peer: id, chunks: more }: Of<'got'>): void {
    const peer = this.#peers.get(id);
    const chunks = this.#chunks;
    if (peer?.state !== 'open' || peer.has === 'all') return;
    if (peer.early && peer.early.size > 0) {
      for (const chunk of more) if (chunk < MAX_CHUNKS) peer.early.has.add(chunk);
      return;
    }
    if (!chunks) return;
    if (peer.has === 'nothing') {
      // It began with nothing, not even the layout, which it has by now.
      if (peer.size !== 0 && peer.size !== chunks.layout.size) return;
      peer.has = new Bitfield(chunks.layout.count);
    }
    for (const chunk of more)
      if (chunks.exists(chunk) && peer.has.add(chunk)) chunks.addHolder(chunk);
    if (peer.has.size < chunks.layout.count) return;
    this.#forgetHoldings(peer);
    peer.has = 'all';
    peer.size = chunks.layout.size;
    this.#openPeers = undefined;
  }

  /** Notes a fragment. `chunk`: it completed one. `refused`: nobody asked for it. */
  fragment(event: Of<'fragment'>, now: number): 'part' | 'chunk' | 'refused' {
    const { peer: id, chunk, offset, length } = event;
    const peer = this.#peers.get(id);
    const request = peer?.requests.get(chunk);
    if (!peer || !request) return 'refused';
    if (!request.coverage.add(offset, length)) {
      this.bar(id);
      return 'refused';
    }
    peer.lastHeard = now;
    peer.inFlight -= length;
    peer.meter.add(length, now);
    if (!request.coverage.complete) return 'part';
    peer.requests.delete(chunk);
    peer.timeouts = 0;
    this.#servedAt = now;
    this.#chunks?.unask(chunk, false);
    return 'chunk';
  }

  refused(id: PeerId, chunk: number, lasting: boolean, now: number): void {
    const peer = this.#peers.get(id);
    const request = peer?.requests.get(chunk);
    if (!peer || !request) return;
    this.#giveUp(peer, request);
    peer.timeouts++;
    if (!lasting) peer.busyUntil = now + BUSY_PAUSE_MS * 2 ** Math.min(peer.timeouts, 4);
    else if (peer.has === 'all') this.#spend(peer);
    // It lost or never had it; what else it has may still come.
    else this.#forgetHoldings(peer);
  }

  /** The chunk is at hand: nobody else need send it, and the others may want it. */
  held(chunk: number): void {
    for (const peer of this.#peers.all()) {
      const request = peer.requests.get(chunk);
      if (request) this.#giveUp(peer, request);
    }
  }

  /** Tells those who lack it. */
  offer(chunk: number): void {
    for (const peer of this.#open)
      if (
        peer.greeted &&
        peer.has !== 'all' &&
        !(typeof peer.has === 'object' && peer.has.has(chunk))
      )
        this.#do({ type: 'got', peer: peer.id, chunks: [chunk] });
  }

  /** From now on one peer at a time, and only who has it all. */
  isolate(): void {
    this.#soloist = 'nobody';
    this.#openPeers = undefined;
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
  wakeAt(now: number): number {
    let at = Number.POSITIVE_INFINITY;
    for (const peer of this.#peers.all()) {
      if (peer.state === 'known' && peer.retryAt > now && this.#isCandidate(peer))
        at = Math.min(at, peer.retryAt);
      if (peer.busyUntil > now) at = Math.min(at, peer.busyUntil);
      for (const request of peer.requests.values()) at = Math.min(at, dueAt(peer, request));
    }
    return at;
  }

  /** Candidates that are open. */
  get #open(): readonly Peer[] {
    this.#openPeers ??= [...this.#peers.all()].filter(
      (peer) => peer.state === 'open' && this.#isCandidate(peer),
    );
    return this.#openPeers;
  }

  #isCandidate(peer: Peer): boolean {
    if (peer.state === 'spent') return false;
    if (typeof this.#soloist === 'bigint' && peer.id !== this.#soloist) return false;
    const size = this.#chunks?.layout.size;
    // Partial holders may not know it yet.
    return size === undefined || peer.size === size || (peer.size === 0 && peer.has !== 'all');
  }

  /**
   * In isolation, chooses whose turn it is.
   * @returns the size to be laid out for that; undefined: there is nothing to change
   */
  chooseSoloist(): number | undefined {
    if (this.#soloist === undefined) return undefined;
    const { size } = this.#chunks?.layout ?? {};
    const now = typeof this.#soloist === 'bigint' ? this.#peers.get(this.#soloist) : undefined;
    if (now && now.state !== 'spent' && now.size === size) return undefined;
    this.#soloist = 'nobody';
    this.#openPeers = undefined;
    let next: Peer | undefined;
    for (const peer of this.#peers.all())
      if (peer.state !== 'spent' && peer.has === 'all' && peer.size > 0)
        if (!next || (next.size !== size && peer.size === size)) next = peer;
    if (next?.size === size && next) this.#soloist = next.id;
    return next?.size;
  }

  #setOpen(peer: Peer, now: number): void {
    peer.state = 'open';
    this.#openPeers = undefined;
    peer.lastHeard = now;
    peer.meter.begin();
  }

  /** Complete holders need not know what is here: they are asked for it at once. */
  #greet(peer: Peer): void {
    if (peer.greeted || peer.has === 'all') return;
    peer.greeted = true;
    const { layout, servable } = this.#chunks ?? {};
    const bitfield = servable?.bytes.slice() ?? new Uint8Array();
    this.#do({ type: 'holdings', peer: peer.id, layout, bitfield });
  }

  #forgetHoldings(peer: Peer): void {
    const { has } = peer;
    if (typeof has !== 'object') return;
    peer.has = 'nothing';
    for (let chunk = 0; chunk < (this.#chunks?.layout.count ?? 0); chunk++)
      if (has.has(chunk)) this.#chunks?.removeHolder(chunk);
  }

  #connect(now: number, random: () => number): void {
    const ready: Peer[] = [];
    let engaged = 0;
    let hasSeeder = false;
    for (const peer of this.#peers.all()) {
      if (!this.#isCandidate(peer)) continue;
      if (peer.state !== 'known') {
        engaged++;
        hasSeeder ||= peer.has === 'all';
      } else if (peer.retryAt <= now) ready.push(peer);
    }
    if (ready.length === 0) return;
    const seeders = ready.filter(({ has }) => has === 'all');
    const few = seeders.length > 0 || this.hasSeeders ? FIRST_SEEDERS : FIRST_PARTIAL;
    const most = engaged < few ? few : this.#wantsMore(now) ? MAX_PEERS : 0;
    // However many have parts, the first who has it all is let in.
    const least = seeders.length > 0 && !hasSeeder ? 1 : 0;
    for (let room = Math.max(most - engaged, least); room > 0 && ready.length > 0; room--) {
      const from = seeders.length > 0 ? seeders : ready;
      const [peer] = from.splice(Math.floor(random() * from.length), 1) as [Peer];
      if (from === seeders) ready.splice(ready.indexOf(peer), 1);
      peer.state = 'connecting';
      this.#do({ type: 'connect', peer: peer.id });
    }
  }

  /** Whether the peers at hand have nothing to give, or are slow. */
  #wantsMore(now: number): boolean {
    const chunks = this.#chunks;
    if (!chunks || chunks.complete) return false;
    for (const { state } of this.#peers.all()) if (state === 'connecting') return false;
    const { rate } = this;
    const slow = rate > 0 && chunks.missingBytes / rate > MORE_PEERS_MS;
    return slow || now >= this.#servedAt + MORE_PEERS_MS;
  }

  /** Hands out chunks, to whoever should be done with what it has first. */
  #assign(now: number, random: () => number): void {
    const chunks = this.#chunks;
    // Without a soloist one may still become complete.
    if (!chunks || this.#soloist === 'nobody') return;
    const mayMove = now >= this.#movedAt + MOVE_MS;
    if (chunks.free === 0 && !mayMove) return;
    const ready = this.#open.filter((peer) => peer.has !== 'nothing' && hasRoom(peer, chunks, now));
    if (ready.length === 0) return;
    if (mayMove) this.#movedAt = now;
    // The least busy first; of equals, one by chance: else everybody asks the same one first.
    let next = Math.floor(random() * ready.length);
    while (ready.length > 0) {
      next %= ready.length;
      for (let i = 0; i < ready.length; i++)
        if (isRather(ready[i] as Peer, ready[next] as Peer)) next = i;
      const peer = ready[next] as Peer;
      const chunk = this.#choose(peer, chunks, random, mayMove);
      if (chunk !== undefined) this.#request(peer, chunk, now);
      if (chunk === undefined || !hasRoom(peer, chunks, now)) ready.splice(next, 1);
    }
  }

  #choose(peer: Peer, chunks: Chunks, random: () => number, mayMove: boolean): number | undefined {
    // Who let requests pass is asked for what nobody better has.
    const better = peer.timeouts === 0 ? [] : this.#betterThan(peer);
    const holds = (chunk: number) =>
      holdsChunk(peer, chunk) && !better.some((other) => holdsChunk(other, chunk));
    const free = chunks.pick(holds, random, chunks.held.size >= RANDOM_FIRST);
    return free ?? (mayMove && peer.timeouts === 0 ? this.#late(peer, chunks, holds) : undefined);
  }

  #betterThan({ timeouts }: Peer): readonly Peer[] {
    return this.#open.filter((other) => other.timeouts < timeouts);
  }

  /**
   * A chunk that another peer was asked for and that this one should send much sooner. What the other
   * has not begun to send is taken back from it; of the rest both send until one is done.
   */
  #late(peer: Peer, chunks: Chunks, holds: (chunk: number) => boolean): number | undefined {
    let best: OpenRequest | undefined;
    let from: Peer | undefined;
    let most = ENDGAME_GAIN_MS;
    for (const other of this.#open) {
      if (other === peer) continue;
      let ahead = 0;
      for (const request of other.requests.values()) {
        const { chunk, length, coverage } = request;
        ahead += length - coverage.received;
        if (chunks.askers(chunk) !== 1 || !chunks.isMissing(chunk) || !holds(chunk)) continue;
        const gain = ahead / rateOf(other) - (2 * (peer.inFlight + length)) / rateOf(peer);
        if (gain > most) [best, from, most] = [request, other, gain];
      }
    }
    if (best && from && best.coverage.received === 0) this.#giveUp(from, best, false);
    return best?.chunk;
  }

  #request(peer: Peer, chunk: number, now: number): void {
    const chunks = this.#chunks as Chunks;
    const length = chunks.length(chunk);
    if (peer.requests.size === 0) peer.meter.begin();
    peer.inFlight += length;
    const doublings = Math.min(chunks.failures(chunk), MAX_BACKOFF_DOUBLINGS);
    const expected = peer.meter.rate === undefined ? 0 : busyMs(peer);
    const timeout = Math.max(REQUEST_TIMEOUT_MS, LATE_FACTOR * expected) * 2 ** doublings;
    const coverage = new Coverage(length);
    peer.requests.set(chunk, { chunk, length, sentAt: now, timeout, coverage });
    chunks.ask(chunk);
    const offset = chunk * chunks.layout.chunkSize;
    this.#do({ type: 'request', peer: peer.id, chunk, offset, length });
  }

  #giveUp(peer: Peer, { chunk, length, coverage }: OpenRequest, failed = true): void {
    peer.requests.delete(chunk);
    peer.inFlight -= length - coverage.received;
    this.#chunks?.unask(chunk, failed);
    this.#do({ type: 'cancel', peer: peer.id, chunk });
  }

  #release(peer: Peer): void {
    for (const request of [...peer.requests.values()]) this.#giveUp(peer, request);
  }

  /** No more use for the peer here; its connection stays for other contents. */
  #spend(peer: Peer): void {
    this.#release(peer);
    this.#forgetHoldings(peer);
    this.#openPeers = undefined;
    peer.state = 'spent';
  }
}

function holdsChunk({ has }: Peer, chunk: number): boolean {
  return has === 'all' || (has !== 'nothing' && has.has(chunk));
}

/**
 * Whether a peer takes another request. One that let requests pass gets one at a time. Partial
 * holders have others to serve and soon there are more of them: they get little in advance.
 */
function hasRoom(peer: Peer, { layout }: Chunks, now: number): boolean {
  const { has, requests, timeouts, inFlight, meter } = peer;
  if (now < peer.busyUntil) return false;
  if (timeouts > 0) return requests.size < 1;
  if (requests.size < MIN_PIPELINE) return true;
  const untried = has === 'all' ? START_WINDOW_BYTES : 0;
  const most = meter.rate === undefined ? untried : meter.rate * WINDOW_MS;
  return inFlight + layout.chunkSize <= Math.min(most, MAX_WINDOW_BYTES);
}

/** Whether the first should be asked before the second. */
function isRather(first: Peer, second: Peer): boolean {
  if (first.timeouts !== second.timeouts) return first.timeouts < second.timeouts;
  return busyMs(first) < busyMs(second);
}

/** Time it should need for what it was asked for, in ms. */
function busyMs(peer: Peer): number {
  return peer.inFlight / rateOf(peer);
}

/** Bytes per ms that it gives, as far as is known. */
function rateOf({ meter }: Peer): number {
  return meter.rate ?? UNKNOWN_RATE;
}

/** When a request is given up: its peer silent for its time, or the chunk late although it sends. */
function dueAt(peer: Peer, { sentAt, timeout }: OpenRequest): number {
  return Math.min(Math.max(sentAt, peer.lastHeard) + REQUEST_TIMEOUT_MS, sentAt + timeout);
}
