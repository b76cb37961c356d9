import { Chunks } from './chunks.ts';
import { Coverage } from './coverage.ts';
import type { OpenRequest, Peer } from './peers.ts';
import { Peers } from './peers.ts';
import {
  MAX_BACKOFF_DOUBLINGS,
  MAX_PEERS,
  MAX_SILENT_TIMEOUTS,
  MAX_UNVERIFIED_BYTES,
  PIPELINE,
  REQUEST_TIMEOUT_MS,
  SLOW_FACTOR,
} from './tuning.ts';
import type { Effect, HolderInfo, PeerId } from './types.ts';

/**
 * Who may supply chunks of one copy. `shared`: all peers. `isolated`: one peer at a time, after a
 * copy put together from several had the wrong hash, so that the liar is told from the others.
 */
type Trust = 'shared' | 'isolated';

/** The part of the engine that spreads the chunks of one content over the peers that hold it. */
export class Swarm {
  readonly #peers = new Peers();
  readonly #do: (effect: Effect) => void;
  #chunks: Chunks | undefined;
  #trust: Trust = 'shared';
  /** In isolation: whose turn it is. */
  #soloist: PeerId | undefined;
  /** Whose chunks are in the copy at hand. */
  readonly #suppliers = new Set<PeerId>();

  constructor(emit: (effect: Effect) => void) {
    this.#do = emit;
  }

  /** Size of the content in bytes as its holders have it; undefined before any was named. */
  get size(): number | undefined {
    return this.#chunks?.size;
  }

  get complete(): boolean {
    return this.#chunks?.complete ?? false;
  }

  /** Whether a peer is left that may give the content, now or after a pause. */
  get hasCandidates(): boolean {
    return this.#candidates().length > 0;
  }

  /** Whether any of them is open or being opened. */
  get isEngaged(): boolean {
    return this.#candidates().some(({ state }) => state === 'open' || state === 'connecting');
  }

  learn(holders: readonly HolderInfo[], now: number): void {
    // An empty content needs no peers: there is nothing of it to ask for.
    const plausible = holders.filter(({ size }) => size > 0 && size <= MAX_UNVERIFIED_BYTES);
    this.#peers.learn(plausible, now);
  }

  /**
   * Opens connections and hands out requests, as far as there is anything to do.
   * @returns whether a new copy was begun
   */
  proceed(now: number, random: () => number): boolean {
    this.#expire(now);
    const begun = this.#chooseContent();
    this.#connect(now, random);
    this.#assign(now, random);
    return begun;
  }

  opened(id: PeerId, now: number): void {
    const peer = this.#peers.get(id);
    if (peer?.state !== 'connecting' && peer?.state !== 'known') return;
    peer.state = 'open';
    peer.lastHeard = now;
  }

  closed(id: PeerId, barred: boolean, now: number): void {
    const peer = this.#peers.get(id);
    if (!peer) return;
    this.#release(peer);
    if (barred) peer.state = 'spent';
    else if (peer.state === 'open' || peer.state === 'connecting') this.#peers.failed(peer, now);
  }

  /** Notes a fragment. `chunk`: it completed one. `refused`: nobody asked for it. */
  fragment(
    id: PeerId,
    chunk: number,
    offset: number,
    length: number,
    now: number,
  ): 'part' | 'chunk' | 'refused' {
    const peer = this.#peers.get(id);
    const request = peer?.requests.get(chunk);
    if (!peer || !request || !this.#chunks) return 'refused';
    if (!request.coverage.add(offset, length)) {
      this.#bar(peer);
      return 'refused';
    }
    peer.lastHeard = now;
    if (!request.coverage.complete) return 'part';
    peer.requests.delete(chunk);
    peer.timeouts = 0;
    this.#suppliers.add(id);
    this.#chunks.finish(chunk);
    this.#do({ type: 'keep', peer: id, chunk });
    return 'chunk';
  }

  refused(id: PeerId, chunk: number, lasting: boolean): void {
    const peer = this.#peers.get(id);
    const request = peer?.requests.get(chunk);
    if (!peer || !request) return;
    this.#giveUp(peer, request);
    if (lasting) this.#spend(peer);
    else peer.timeouts++;
  }

  /** The copy at hand has the wrong hash: starts another, by one peer at a time. */
  reject(): void {
    const [supplier] = this.#suppliers;
    const liar = this.#suppliers.size === 1 ? this.#peers.get(supplier as PeerId) : undefined;
    if (liar) this.#bar(liar);
    this.#trust = 'isolated';
    this.#soloist = undefined;
    this.#startOver();
  }

  /** Takes every request back. */
  end(): void {
    for (const peer of this.#peers.all()) this.#spend(peer);
  }

  /** When {@link proceed} has something to do at the latest. */
  wakeAt(now: number): number {
    let at = Number.POSITIVE_INFINITY;
    for (const peer of this.#candidates()) {
      if (peer.state === 'known' && peer.retryAt > now) at = Math.min(at, peer.retryAt);
      for (const request of peer.requests.values()) at = Math.min(at, dueAt(peer, request));
    }
    return at;
  }

  #candidates(): Peer[] {
    const size = this.#chunks?.size;
    return [...this.#peers.all()].filter(
      (peer) =>
        peer.size === size &&
        peer.state !== 'spent' &&
        (this.#trust === 'shared' || peer.id === this.#soloist),
    );
  }

  /** Settles on a size, in isolation on a peer; anew when nobody is left who has it. */
  #chooseContent(): boolean {
    if (this.hasCandidates || this.complete) return false;
    let size: number | undefined;
    if (this.#trust === 'isolated') {
      const next = [...this.#peers.all()].find(({ state }) => state !== 'spent');
      this.#soloist = next?.id;
      size = next?.size;
    } else size = this.#peers.likelySize();
    if (size === undefined) return false;
    this.#startOver();
    this.#chunks = new Chunks(size);
    return true;
  }

  #startOver(): void {
    if (this.#chunks) this.#do({ type: 'discard' });
    for (const peer of this.#peers.all()) this.#release(peer);
    this.#chunks = undefined;
    this.#suppliers.clear();
  }

  #connect(now: number, random: () => number): void {
    const candidates = this.#candidates();
    const ready = candidates.filter(({ state, retryAt }) => state === 'known' && retryAt <= now);
    let room = MAX_PEERS - candidates.filter(({ state }) => state !== 'known').length;
    while (room-- > 0 && ready.length > 0) {
      const [peer] = ready.splice(Math.floor(random() * ready.length), 1) as [Peer];
      peer.state = 'connecting';
      this.#do({ type: 'connect', peer: peer.id });
    }
  }

  /**
   * Spreads chunks over the open peers, the least busy first, ties by chance. One that let a
   * request pass gets nothing while there are better, and then one chunk at a time.
   */
  #assign(now: number, random: () => number): void {
    const chunks = this.#chunks;
    if (!chunks) return;
    const open = this.#candidates().filter(({ state }) => state === 'open');
    const fewest = Math.min(...open.map(({ timeouts }) => timeouts));
    const reliable = open.filter(({ timeouts }) => timeouts === fewest);
    while (chunks.hasUnassigned) {
      const free = reliable.filter(
        ({ requests, timeouts }) => requests.size < (timeouts > 0 ? 1 : PIPELINE),
      );
      if (free.length === 0) return;
      const least = Math.min(...free.map(({ requests }) => requests.size));
      const idle = free.filter(({ requests }) => requests.size === least);
      const peer = idle[Math.floor(random() * idle.length)] as Peer;
      const chunk = chunks.take() as number;
      const length = chunks.length(chunk);
      const doublings = Math.min(chunks.failures(chunk), MAX_BACKOFF_DOUBLINGS);
      const timeout = REQUEST_TIMEOUT_MS * 2 ** doublings;
      peer.requests.set(chunk, { chunk, sentAt: now, timeout, coverage: new Coverage(length) });
      this.#do({ type: 'request', peer: peer.id, chunk, offset: chunks.offset(chunk), length });
    }
  }

  /**
   * Requests whose time is over go to other peers. Where there is none better, they stay with twice
   * the time: asking the same peer anew would throw away what is on its way.
   */
  #expire(now: number): void {
    for (const peer of this.#peers.all()) {
      const late = [...peer.requests.values()].filter((request) => now >= dueAt(peer, request));
      if (late.length === 0) continue;
      peer.timeouts++;
      const silent = late.every(({ sentAt }) => peer.lastHeard <= sentAt);
      if (silent && peer.timeouts >= MAX_SILENT_TIMEOUTS) this.#spend(peer);
      else if (this.#candidates().some((other) => isBetter(other, peer)))
        for (const request of late) this.#giveUp(peer, request);
      else
        for (const request of late) {
          // From now on, or a page that slept would count all its sleep at once.
          request.sentAt = now;
          request.timeout *= 2;
        }
    }
  }

  #giveUp(peer: Peer, { chunk }: OpenRequest): void {
    peer.requests.delete(chunk);
    this.#chunks?.giveBack(chunk);
    this.#do({ type: 'cancel', peer: peer.id, chunk });
  }

  #release(peer: Peer): void {
    for (const request of [...peer.requests.values()]) this.#giveUp(peer, request);
  }

  /** No more use for the peer here; its connection stays for other contents. */
  #spend(peer: Peer): void {
    this.#release(peer);
    peer.state = 'spent';
  }

  #bar(peer: Peer): void {
    this.#spend(peer);
    this.#do({ type: 'bar', peer: peer.id });
  }
}

function isBetter(other: Peer, { timeouts }: Peer): boolean {
  return other.state === 'open' && other.timeouts < timeouts;
}

/** When a request is given up: its peer silent for its time, or the chunk late although it sends. */
function dueAt(peer: Peer, { sentAt, timeout }: OpenRequest): number {
  return Math.min(Math.max(sentAt, peer.lastHeard) + timeout, sentAt + timeout * SLOW_FACTOR);
}
