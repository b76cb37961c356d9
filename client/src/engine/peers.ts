import type { Bitfield } from './bitfield.ts';
import type { Coverage } from './coverage.ts';
import type { Layout } from './layout.ts';
import { Meter } from './meter.ts';
import { MAX_KNOWN_PEERS, MAX_PEER_FAILURES, RETRY_PEER_MS } from './tuning.ts';
import type { HolderInfo, PeerId } from './types.ts';

/** A chunk one peer was asked for. */
export interface OpenRequest {
  readonly chunk: number;
  readonly length: number;
  /** When it was sent, or last given more time. */
  sentAt: number;
  timeout: number;
  readonly coverage: Coverage;
}

/**
 * - `known`: named by the tracker, not tried (again) before `retryAt`.
 * - `connecting`, `open`: as the connection is.
 * - `spent`: failed too often or does not serve; a new word of the tracker does not bring it back.
 */
export type PeerState = 'known' | 'connecting' | 'open' | 'spent';

export interface Peer {
  readonly id: PeerId;
  /** Bytes of the content as it has it; 0 while unknown. */
  size: number;
  state: PeerState;
  /** Whether a connection to it takes less time than to others. */
  offered: boolean;
  /** What it has, as far as it said: complete holders by the tracker's word. */
  has: Bitfield | 'all' | 'nothing';
  /** Chunks that it said it should soon have. */
  coming: Bitfield | undefined;
  /** What it said in chunks that are not those here, or not yet. */
  early: (Layout & { readonly has: Bitfield }) | undefined;
  /** Whether it was told what there is here. */
  greeted: boolean;
  retryAt: number;
  failures: number;
  /** When it last sent something, or its connection opened. */
  lastHeard: number;
  /** How often it let requests pass, or was busy for too long, since it last sent a chunk. */
  timeouts: number;
  /** How often it let its turn pass, in isolation. */
  turns: number;
  /** It is asked for nothing before: it said too often that it is busy. */
  busyUntil: number;
  /** Chunks that it is not asked for before a time, in ms: it said that it is busy. Infinite: before it has them. */
  readonly busyWith: Map<number, number>;
  /** How often it said so since it last sent a chunk. */
  refusals: number;
  /** When it last let one pass. */
  timedOutAt: number;
  readonly requests: Map<number, OpenRequest>;
  /** The chunk it is asked for first, if that was said while it was connected to. */
  first: number | undefined;
  /** Bytes it was asked for and has not sent. */
  inFlight: number;
  readonly meter: Meter;
}

/** The peers one download knows. */
export class Peers {
  readonly #peers = new Map<PeerId, Peer>();

  get(id: PeerId): Peer | undefined {
    return this.#peers.get(id);
  }

  all(): Iterable<Peer> {
    return this.#peers.values();
  }

  /** Notes holders; what one that is not in use claims replaces what it claimed before. */
  learn(holders: readonly HolderInfo[], now: number): void {
    for (const { peer: id, size, partial, offered = false } of holders) {
      const has = partial ? 'nothing' : 'all';
      const peer = this.#peers.get(id) ?? this.add(id, size, has, now);
      if (peer?.state !== 'known') continue;
      peer.size = size;
      peer.has = has;
      peer.offered = offered;
    }
  }

  /** Undefined if there are too many already. */
  add(id: PeerId, size: number, has: 'all' | 'nothing', now: number): Peer | undefined {
    if (this.#peers.size >= MAX_KNOWN_PEERS && !this.#forgetOne()) return undefined;
    const peer: Peer = {
      id,
      size,
      state: 'known',
      offered: false,
      has,
      coming: undefined,
      early: undefined,
      greeted: false,
      retryAt: now,
      failures: 0,
      lastHeard: now,
      timeouts: 0,
      turns: 0,
      busyUntil: 0,
      busyWith: new Map(),
      refusals: 0,
      timedOutAt: Number.NEGATIVE_INFINITY,
      requests: new Map(),
      first: undefined,
      inFlight: 0,
      meter: new Meter(),
    };
    this.#peers.set(id, peer);
    return peer;
  }

  /**
   * The connection to a peer, or the attempt at one, failed: it is tried again later, or never.
   * @param weight 1, or less if that says little of the peer
   */
  failed(peer: Peer, now: number, weight: number): void {
    peer.failures += weight;
    peer.state = peer.failures >= MAX_PEER_FAILURES ? 'spent' : 'known';
    peer.retryAt = now + RETRY_PEER_MS * 2 ** (Math.min(peer.failures / weight, 3) - 1);
  }

  /** The size that most peers still of use claim, complete ones first; the first heard of among equals. */
  likelySize(but: ReadonlySet<number>): number | undefined {
    const votes = new Map<number, number>();
    for (const { state, size, has } of this.#peers.values()) {
      const weight = has === 'all' ? MAX_KNOWN_PEERS : 1;
      if (state !== 'spent' && size > 0 && !but.has(size))
        votes.set(size, (votes.get(size) ?? 0) + weight);
    }
    let best: number | undefined;
    for (const [size, count] of votes)
      if (best === undefined || count > (votes.get(best) as number)) best = size;
    return best;
  }

  /** Makes room: of who is of no use, else of who was not tried and might be named again. */
  #forgetOne(): boolean {
    for (const useless of ['spent', 'known'])
      for (const { id, state } of this.#peers.values())
        if (state === useless) return this.#peers.delete(id);
    return false;
  }
}
