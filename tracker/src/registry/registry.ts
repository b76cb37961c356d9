import type {
  ContentId,
  Delivery,
  Holding,
  Inquiry,
  Lease,
  Rejection,
  SessionRequest,
  Signal,
  Want,
} from '@zauberflote/proto';
import {
  contentKey,
  ErrorCode,
  MAX_HOLDERS_PER_SWARM,
  UndeliverableReason,
} from '@zauberflote/proto';
import * as limits from '../limits.ts';
import { Attempts } from './attempts.ts';
import { deliver, turnAway, undeliverable } from './effects.ts';
import { Heaviest } from './heaviest.ts';
import { LeaseBook } from './lease-book.ts';
import type { Found } from './naming.ts';
import { Naming } from './naming.ts';
import type { Effect, Party } from './peer.ts';
import { Peer } from './peer.ts';
import { Strangers } from './strangers.ts';
import { largest, Swarm } from './swarm.ts';

/** How much a registry keeps. All 0 when every peer is gone. */
export interface RegistryStats {
  /** Connected peers. */
  readonly peers: number;
  /** Contents that at least one peer holds, or a part of them. */
  readonly swarms: number;
  /** Announcements: pairs of a peer and a content it holds, complete or not. */
  readonly holdings: number;
  /** Pairs of peers one of which may send the other an offer. */
  readonly introductions: number;
  /** Attempts whose signals are relayed. */
  readonly attempts: number;
  /** Units of contents that one peer alone should fetch from the origin. */
  readonly leases: number;
  /** Peers of other nodes that peers here were named, or signal with. */
  readonly strangers: number;
}

export interface RegistryOptions<C> {
  /** Whether a connection has so much unsent that nothing should be relayed to it. @default never */
  readonly isCongested?: (connection: C) => boolean;
  /** Most peers at once. @default MAX_PEERS */
  readonly maxPeers?: number;
  /** Most announcements of all peers. @default MAX_HOLDINGS */
  readonly maxHoldings?: number;
  /** Most announcements of one peer. @default MAX_HOLDINGS_PER_PEER */
  readonly holdingsPerPeer?: number;
  /** Most introductions of all peers. @default MAX_INTRODUCTIONS */
  readonly maxIntroductions?: number;
  /** Most holders named for one content. @default MAX_HOLDERS_PER_SWARM */
  readonly holdersPerContent?: number;
  /** Whether holders of a content are taken. @default always */
  readonly isServed?: (key: string) => boolean;
  /** Whether there is no other node that could be asked. @default always */
  readonly isAlone?: () => boolean;
  /** Hears of each content that somebody here begins to hold, and that nobody holds any more. */
  readonly onSwarm?: (key: string, isThere: boolean) => void;
}

/**
 * Who is connected, who holds what, and who may signal whom.
 *
 * A state machine without I/O, clock or randomness: a call says what happened, `now` is in
 * milliseconds of a clock that never runs backwards, `random` is uniform over [0, 1) and, since
 * peer ids are drawn from it, should not be guessable. It returns what is to be done, in order: at
 * most MAX_MESSAGES_OUT effects.
 * No call takes time that grows with the number of peers, except for what the peer itself caused.
 *
 * `C` is whatever stands for a connection; it is compared by identity and handed back in effects.
 */
export class Registry<C> {
  readonly #isCongested: (connection: C) => boolean;
  readonly #maxPeers: number;
  readonly #maxHoldings: number;
  readonly #holdingsPerPeer: number;
  readonly #isServed: (key: string) => boolean;
  readonly #isAlone: () => boolean;
  readonly #onSwarm: (key: string, isThere: boolean) => void;
  readonly #byConnection = new Map<C, Peer<C>>();
  readonly #byId = new Map<bigint, Peer<C>>();
  readonly #swarms = new Map<string, Swarm<C>>();
  readonly #attempts = new Attempts<C>(
    limits.ATTEMPT_TTL_MS,
    limits.MAX_ATTEMPTS_PER_PEER,
    limits.MAX_GIVEN_PER_PEER,
  );

  readonly #leases = new LeaseBook<C>();
  readonly #holdings = new Heaviest<Peer<C>>();
  readonly #strangers = new Strangers<C>((id) => this.#byId.has(id));
  readonly #naming: Naming<C>;
  #unserved = 0;

  constructor(options: RegistryOptions<C> = {}) {
    this.#isCongested = options.isCongested ?? (() => false);
    this.#maxPeers = options.maxPeers ?? limits.MAX_PEERS;
    this.#maxHoldings = options.maxHoldings ?? limits.MAX_HOLDINGS;
    this.#holdingsPerPeer = options.holdingsPerPeer ?? limits.MAX_HOLDINGS_PER_PEER;
    this.#isServed = options.isServed ?? (() => true);
    this.#isAlone = options.isAlone ?? (() => true);
    this.#onSwarm = options.onSwarm ?? (() => {});
    this.#naming = new Naming({
      swarms: this.#swarms,
      attempts: this.#attempts,
      strangers: this.#strangers,
      isServed: this.#isServed,
      holdersPerContent: options.holdersPerContent ?? MAX_HOLDERS_PER_SWARM,
      maxIntroductions: options.maxIntroductions ?? limits.MAX_INTRODUCTIONS,
    });
  }

  /**
   * A connection was opened: greets it, or turns it away when the registry is full.
   * @throws if it is connected already, or `random` keeps giving ids that are in use.
   */
  connect(connection: C, random: () => number): Effect<C>[] {
    if (this.#byConnection.has(connection)) throw new Error('this connection is connected already');
    if (this.#byConnection.size >= this.#maxPeers) {
      const message = 'this tracker is full; connect again later';
      return [turnAway(connection, message, 'max-peers', random)];
    }
    const peer = new Peer(this.#freeId(random), connection);
    this.#byConnection.set(connection, peer);
    this.#byId.set(peer.id, peer);
    return [{ to: connection, send: { case: 'welcome', value: { peerId: peer.id } } }];
  }

  /**
   * A connection sent a message that `decodeSessionRequest` accepted. From a connection that is
   * not connected, and of a kind that is not known, it is ignored.
   */
  receive(
    connection: C,
    message: Pick<SessionRequest, 'body'>,
    now: number,
    random: () => number,
  ): Effect<C>[] {
    const peer = this.#byConnection.get(connection);
    if (!peer) return [];
    switch (message.body.case) {
      case 'want':
        return this.#want(peer, message.body.value, now, random);
      case 'have':
        return this.#have(peer, message.body.value.holdings, now, random);
      case 'deposit':
        peer.deposit(message.body.value.offers, now);
        return [];
      case 'drop':
        for (const id of message.body.value.contents) this.#drop(peer, contentKey(id), now);
        return [];
      case 'lease':
        return this.#lease(peer, message.body.value, now);
      case 'signal':
        return this.#signal(peer, message.body.value, now);
      default:
        return [];
    }
  }

  /** A connection ended: its peer is forgotten at once. Does nothing if it is not connected. */
  disconnect(connection: C, now: number): void {
    const peer = this.#byConnection.get(connection);
    if (!peer) return;
    this.#byConnection.delete(connection);
    this.#byId.delete(peer.id);
    for (const key of peer.holdings.keys()) this.#drop(peer, key, now);
    this.#naming.forget(peer);
    this.#attempts.forget(peer);
  }

  /** A content is not served any more: nobody holds it. Its peers stay. Takes time for each of them. */
  close(key: string, now: number): void {
    for (const { peer } of this.#swarms.get(key)?.members() ?? []) this.#drop(peer, key, now);
  }

  /** Time passed: forgets attempts, leases and offers left that are too old. Call it about twice a
   * minute; it looks at every peer. */
  tick(now: number): void {
    for (const peer of this.#byConnection.values()) peer.expireDeposits(limits.DEPOSIT_TTL_MS, now);
    this.#attempts.expire(now);
    this.#leases.expire(now);
    this.#strangers.sweep();
  }

  /** A Want that was sought is answered, with what other nodes said. Nothing if its peer has left. */
  answer(
    connection: C,
    want: Want,
    found: readonly Found[],
    now: number,
    random: () => number,
  ): Effect<C>[] {
    const peer = this.#byConnection.get(connection);
    if (!peer) return [];
    return [{ to: connection, send: this.#naming.answer(peer, want, found, now, random) }];
  }

  /** Another node asks. */
  inquired(node: string, inquiry: Inquiry, now: number, random: () => number): Effect<C> {
    const value = this.#naming.inquired(node, inquiry, now, random);
    return { node, message: { case: 'findings', value } };
  }

  /** A peer of another node signals to one of this. */
  delivered(node: string, { to, signal }: Delivery, now: number): Effect<C>[] {
    const { peerId, ...rest } = signal!;
    const sender = this.#strangers.meet(peerId, node);
    // Two peers with one id: of 2^64 there are enough that somebody must have made it up.
    if (!sender) return [];
    const recipient = this.#byId.get(to);
    const effects = this.#relay(sender, recipient, { peerId: to, ...rest }, now);
    if (sender.isForgettable) this.#strangers.forget(sender);
    return effects;
  }

  /** Another node could not pass on what a peer of this one signalled. */
  rejected(node: string, { to, undeliverable }: Rejection): Effect<C>[] {
    const { peerId, reason } = undeliverable!;
    const peer = this.#byId.get(to);
    if (!peer || this.#strangers.get(peerId)?.node !== node) return [];
    if (reason === UndeliverableReason.GONE) this.#naming.forgetStranger(peerId);
    return [{ to: peer.connection, send: { case: 'undeliverable', value: undeliverable! } }];
  }

  /** The contents that somebody here holds. Goes on while they change. */
  keys(): IterableIterator<string> {
    return this.#swarms.keys();
  }

  /** Counts what is kept; looks at every swarm with leases. */
  stats(): RegistryStats {
    return {
      ...this.counts(),
      holdings: this.#holdings.total,
      introductions: this.#naming.introductions,
      attempts: this.#attempts.size,
      leases: this.#leases.lent,
      strangers: this.#strangers.size,
    };
  }

  /** Announcements of contents that are not served, since the start: nobody is told of them. */
  get unserved(): number {
    return this.#unserved;
  }

  /** Introductions that were forgotten because there were too many of all peers, since the start. */
  get introductionsForgotten(): number {
    return this.#naming.forgotten;
  }

  /** The swarms with most holders, the largest first; looks at MAX_SWARMS_RANKED of them. */
  largest(count: number): readonly Pick<Swarm<C>, 'key' | 'complete' | 'partial'>[] {
    return largest(this.#swarms.values(), count, limits.MAX_SWARMS_RANKED);
  }

  /** How many hold a content, or a part of it. */
  swarm(content: ContentId): Pick<Swarm<C>, 'complete' | 'partial'> {
    const { complete = 0, partial = 0 } = this.#swarms.get(contentKey(content)) ?? {};
    return { complete, partial };
  }

  /** The counts that cost nothing. */
  counts(): Pick<RegistryStats, 'peers' | 'swarms'> {
    return { peers: this.#byConnection.size, swarms: this.#swarms.size };
  }

  #freeId(random: () => number): bigint {
    for (let tries = 0; tries < limits.MAX_PEER_ID_TRIES; tries++) {
      // A double carries 53 random bits, so one is not enough.
      const high = BigInt(Math.floor(random() * 2 ** 32));
      const low = BigInt(Math.floor(random() * 2 ** 32));
      const id = (high << 32n) | low;
      if (id !== 0n && !this.#byId.has(id) && !this.#strangers.get(id)) return id;
    }
    throw new Error('no free peer id found: the source of randomness repeats itself');
  }

  /** Answers a Want, or has it sought elsewhere first. */
  #want(peer: Peer<C>, want: Want, now: number, random: () => number): Effect<C>[] {
    const lacking = this.#isAlone() ? undefined : this.#naming.lacking(peer, want);
    if (lacking) return [{ to: peer.connection, seek: lacking }];
    return [{ to: peer.connection, send: this.#naming.answer(peer, want, [], now, random) }];
  }

  /**
   * When all have announced too much, one of those who announced about the most is turned away,
   * which may be the announcer: at most one other for each message, then the announcer.
   */
  #have(
    peer: Peer<C>,
    holdings: readonly Holding[],
    now: number,
    random: () => number,
  ): Effect<C>[] {
    const effects: Effect<C>[] = [];
    for (const { content, size, partial } of holdings) {
      const key = contentKey(content as ContentId);
      const held = peer.holdings.get(key);
      if (held) {
        held.swarm.update(held, size, partial);
        continue;
      }
      if (!this.#isServed(key)) {
        this.#unserved++;
        continue;
      }
      if (peer.holdings.size >= this.#holdingsPerPeer) {
        this.disconnect(peer.connection, now);
        const message = `more than ${this.#holdingsPerPeer} contents announced; drop some first`;
        const close = ErrorCode.LIMIT_EXCEEDED;
        const limit = 'holdings-per-peer';
        return [...effects, { to: peer.connection, close, message, retryAfterMs: 0, limit }];
      }
      if (this.#holdings.total >= this.#maxHoldings) {
        // It may be the announcer itself, as likely as another that announced about as much.
        const picked = effects.length === 0 ? this.#holdings.pick(random) : peer;
        const { connection } = picked ?? peer;
        this.disconnect(connection, now);
        const message = 'contents announced to this tracker are too many; connect again later';
        effects.push(turnAway(connection, message, 'max-holdings', random));
        if (connection === peer.connection) return effects;
      }
      const swarm = this.#swarms.get(key) ?? this.#found(key);
      // The swarm's string, not an equal one of its own for each of its holders.
      peer.holdings.set(swarm.key, swarm.add(peer, size, partial));
      this.#holdings.set(peer, peer.holdings.size);
    }
    return effects;
  }

  #found(key: string): Swarm<C> {
    const swarm = new Swarm<C>(key);
    this.#swarms.set(key, swarm);
    this.#onSwarm(key, true);
    return swarm;
  }

  #drop(peer: Peer<C>, key: string, now: number): void {
    const membership = peer.holdings.get(key);
    if (!membership) return;
    const { swarm } = membership;
    peer.holdings.delete(key);
    this.#holdings.set(peer, peer.holdings.size);
    this.#leases.leave(membership, now);
    swarm.remove(membership);
    if (swarm.complete + swarm.partial > 0) return;
    this.#swarms.delete(key);
    this.#onSwarm(key, false);
    this.#leases.forget(swarm);
  }

  #lease({ connection, holdings }: Peer<C>, lease: Lease, now: number): Effect<C>[] {
    const content = lease.content as ContentId;
    const membership = holdings.get(contentKey(content));
    // Who serves nobody has nothing to fetch for others.
    const grant = membership
      ? this.#leases.ask(membership, lease, now)
      : { first: 0, count: 0, unitBytes: lease.unitBytes };
    if (lease.wanted === 0) return [];
    return [{ to: connection, send: { case: 'grant', value: { content, ...grant } } }];
  }

  #signal(sender: Peer<C>, signal: Signal, now: number): Effect<C>[] {
    const recipient = this.#byId.get(signal.peerId) ?? this.#strangers.get(signal.peerId);
    return this.#relay(sender, recipient, signal, now);
  }

  #relay(
    sender: Party<C>,
    recipient: Party<C> | undefined,
    signal: Signal,
    now: number,
  ): Effect<C>[] {
    if (!recipient) return [undeliverable(sender, signal, UndeliverableReason.GONE)];
    const onRelay = this.#attempts.permit(sender, recipient, signal, now);
    if (!onRelay) return [undeliverable(sender, signal, UndeliverableReason.NOT_INTRODUCED)];
    if (recipient instanceof Peer && this.#isCongested(recipient.connection))
      return [undeliverable(sender, signal, UndeliverableReason.CONGESTED)];
    onRelay();
    const relayed = { ...signal, peerId: sender.id };
    return [
      recipient instanceof Peer
        ? { to: recipient.connection, send: { case: 'signal', value: relayed } }
        : deliver(recipient, { case: 'delivery', value: { to: recipient.id, signal: relayed } }),
    ];
  }
}
