import type {
  ContentId,
  Delivery,
  Departure,
  ForwardedLease,
  Grant,
  Holding,
  Init,
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
import { freePeerId } from './ids.ts';
import { LeaseBook } from './lease-book.ts';
import type { Found } from './naming.ts';
import { Naming } from './naming.ts';
import type { RegistryOptions, RegistryStats } from './options.ts';
import type { Effect, IpVersion, Party } from './peer.ts';
import { Peer } from './peer.ts';
import { Strangers } from './strangers.ts';
import { largest, Swarm } from './swarm.ts';

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
  readonly #onDeparture: (peerId: bigint, keys: readonly string[]) => void;
  readonly #byConnection = new Map<C, Peer<C>>();
  readonly #byId = new Map<bigint, Peer<C>>();
  readonly #swarms = new Map<string, Swarm<C>>();
  readonly #attempts = new Attempts<C>(
    limits.ATTEMPT_TTL_MS,
    limits.MAX_ATTEMPTS_PER_PEER,
    limits.MAX_GIVEN_PER_PEER,
  );

  readonly #leases = new LeaseBook(this.#swarms);
  readonly #holdings = new Heaviest<Peer<C>>();
  readonly #strangers = new Strangers<C>((id) => this.#byId.has(id));
  readonly #naming: Naming<C>;
  /** Announcements of contents that are not served, since the start: nobody is told of them. */
  unserved = 0;

  constructor(options: RegistryOptions<C> = {}) {
    this.#isCongested = options.isCongested ?? (() => false);
    this.#maxPeers = options.maxPeers ?? limits.MAX_PEERS;
    this.#maxHoldings = options.maxHoldings ?? limits.MAX_HOLDINGS;
    this.#holdingsPerPeer = options.holdingsPerPeer ?? limits.MAX_HOLDINGS_PER_PEER;
    this.#isServed = options.isServed ?? (() => true);
    this.#isAlone = options.isAlone ?? (() => true);
    this.#onSwarm = options.onSwarm ?? (() => {});
    this.#onDeparture = options.onDeparture ?? (() => {});
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
  connect(connection: C, random: () => number, ipVersion: IpVersion = 0): Effect<C>[] {
    if (this.#byConnection.has(connection)) throw new Error('this connection is connected already');
    if (this.#byConnection.size >= this.#maxPeers) {
      const message = 'this tracker is full; connect again later';
      return [turnAway(connection, message, 'max-peers', random)];
    }
    const id = freePeerId((id) => this.#byId.has(id) || !!this.#strangers.get(id), random);
    const peer = new Peer(id, connection, ipVersion);
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
        this.#dropAll(peer, message.body.value.contents.map(contentKey), now);
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
    this.#dropAll(peer, [...peer.holdings.keys()], now);
    this.#naming.forget(peer);
    this.#attempts.forget(peer);
  }

  /** A content is not served any more: nobody holds it. Its peers stay. Takes time for each of them. */
  close(key: string, now: number): void {
    for (const { peer } of this.#swarms.get(key)?.members() ?? []) this.#drop(peer, key, now);
    this.#leases.forget(key);
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

  /** Answers a Lease from the leases that are kept here. Nothing if its peer has left. */
  lend(connection: C, lease: Lease, now: number): Effect<C>[] {
    const peer = this.#byConnection.get(connection);
    if (!peer) return [];
    // Who serves nobody has nothing to fetch for others.
    const grant = peer.holdings.has(contentKey(lease.content as ContentId))
      ? this.#leases.ask(peer.id, lease, now)
      : { content: lease.content, unitBytes: lease.unitBytes };
    return lease.wanted === 0 ? [] : this.granted(connection, grant);
  }

  /** Another node is to hear a Lease of a peer. @returns how many here download that; undefined: it holds it no more */
  forward(peerId: bigint, key: string): number | undefined {
    const membership = this.#byId.get(peerId)?.holdings.get(key);
    if (!membership) return undefined;
    membership.isForwarded = true;
    return membership.swarm.partial;
  }

  /** A peer of another node has sent a Lease. */
  forwarded(node: string, forwarded: ForwardedLease, now: number): Effect<C>[] {
    const { number, peerId, downloading, lease } = forwarded;
    const { content, unitBytes } = lease as Lease;
    const grant = this.#isServed(contentKey(content as ContentId))
      ? this.#leases.ask(peerId, lease as Lease, now, { node, downloading })
      : { content, unitBytes };
    return number === 0
      ? []
      : [{ node, message: { case: 'grant', value: { number, peerId, grant } } }];
  }

  /** What another node lends to a peer of this. Nothing if it has left. */
  granted(connection: C, grant: Init<Grant>): Effect<C>[] {
    if (!this.#byConnection.has(connection)) return [];
    return [{ to: connection, send: { case: 'grant', value: grant } }];
  }

  /** A peer of another node holds contents no more, or all of them none. */
  departed(node: string, departure: Departure, now: number): void {
    this.#leases.departed(node, departure, now);
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
      guests: this.#leases.guests,
    };
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
        this.unserved++;
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

  #dropAll(peer: Peer<C>, keys: readonly string[], now: number): void {
    const forwarded = keys.filter((key) => peer.holdings.get(key)?.isForwarded);
    if (forwarded.length > 0) this.#onDeparture(peer.id, forwarded);
    for (const key of keys) this.#drop(peer, key, now);
  }

  #drop(peer: Peer<C>, key: string, now: number): void {
    const membership = peer.holdings.get(key);
    if (!membership) return;
    const { swarm } = membership;
    peer.holdings.delete(key);
    this.#holdings.set(peer, peer.holdings.size);
    this.#leases.leave(key, peer.id, now);
    swarm.remove(membership);
    if (swarm.complete + swarm.partial > 0) return;
    this.#swarms.delete(key);
    this.#onSwarm(key, false);
    this.#leases.tidy(key);
  }

  /** Answers a Lease, or has it answered by whoever keeps the leases of its content. */
  #lease({ id, connection, holdings }: Peer<C>, lease: Lease, now: number): Effect<C>[] {
    const key = contentKey(lease.content as ContentId);
    if (this.#isAlone() || !holdings.has(key)) return this.lend(connection, lease, now);
    return [{ to: connection, borrow: { key, peerId: id, lease } }];
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
