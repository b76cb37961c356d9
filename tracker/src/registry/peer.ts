import type {
  DepositedOffer,
  ErrorCode,
  Init,
  Lease,
  NodeMessageBody,
  SessionResponseBody,
  Sought,
  Want,
} from '@zauberflote/proto';
import { MAX_DEPOSITED_OFFERS } from '@zauberflote/proto';
import type { LimitName } from '../limits.ts';
import type { Attempt } from './attempts.ts';
import type { Membership } from './swarm.ts';

/** What the registry wants done. `to` is the connection as it was given to `connect`. */
export type Effect<C> =
  | { readonly to: C; readonly send: SessionResponseBody }
  /** Send an Error and end the connection; the registry has forgotten its peer already. */
  | {
      readonly to: C;
      readonly close: ErrorCode;
      /** For people. */
      readonly message: string;
      /** When to come back, in milliseconds; 0 leaves it to the client. */
      readonly retryAfterMs: number;
      /** The setting that was at its limit. */
      readonly limit: LimitName;
    }
  /** Look for holders at other nodes, then call `answer` with what they say, if anything. */
  | { readonly to: C; readonly seek: Wanted }
  /** Find out which node keeps the leases of a content; then forward this to it, or call `lend`. */
  | { readonly to: C; readonly borrow: Borrowing }
  /** Send a message to another node. */
  | { readonly node: string; readonly message: NodeMessageBody };

/** By which version of IP a peer has come; 0 where that is not known. */
export type IpVersion = 0 | 4 | 6;

/** What a peer wants and too few complete holders are connected here. */
export interface Wanted {
  readonly want: Want;
  /** Who wants it. */
  readonly peerId: bigint;
  /** Who of theirs to prefer. */
  readonly ipVersion: IpVersion;
  /** How many deposited offers others may add. */
  readonly maxOffers: number;
  /** What there is too little of. */
  readonly sought: readonly Init<Sought>[];
}

/** A Lease of a peer, where other nodes may keep the leases of its content. */
export interface Borrowing {
  /** Of the content. */
  readonly key: string;
  readonly peerId: bigint;
  readonly lease: Lease;
}

/** What two peers that signal have in common, wherever they are connected. */
export abstract class Party<C> {
  /** Random, never 0, not in use by another peer. */
  readonly id: bigint;
  /** Peers to which this one was named. */
  readonly introducedTo = new Set<Peer<C>>();
  /** Its open attempts by recipient, the oldest first. */
  readonly offered = new Map<Party<C>, Attempt<C>>();
  /** How many of those began with an offer that it had left. */
  given = 0;
  /** Open attempts of others by offerer. */
  readonly received = new Map<Party<C>, Attempt<C>>();

  constructor(id: bigint) {
    this.id = id;
  }

  /** Whether `other` was named to it. */
  abstract knows(other: Party<C>): boolean;

  /** Removes it from the introductions of every other. */
  forgetIntroductions(): void {
    for (const other of this.introducedTo) other.introductions.delete(this);
    this.introducedTo.clear();
  }
}

/** A peer that is connected to another node. Kept while somebody here was named it or signals with it. */
export class Stranger<C> extends Party<C> {
  readonly node: string;

  constructor(id: bigint, node: string) {
    super(id);
    this.node = node;
  }

  /** What it may offer to whom was decided by its own node. */
  knows(): boolean {
    return true;
  }

  get isForgettable(): boolean {
    return this.introducedTo.size + this.offered.size + this.received.size === 0;
  }
}

/** A connected peer and everything that is kept about it. */
export class Peer<C> extends Party<C> {
  readonly connection: C;
  readonly ipVersion: IpVersion;
  /** What it announced, by content key. */
  readonly holdings = new Map<string, Membership<C>>();
  /** Peers that were named to this one, the oldest first: it may send them offers. */
  readonly introductions = new Set<Party<C>>();
  /** Whether peers of other nodes were named to it: they need not leave it offers any more. */
  hasMetStrangers = false;

  /** Offers it left for whoever comes, the oldest first. */
  #deposits: { readonly offer: DepositedOffer; readonly since: number }[] = [];

  constructor(id: bigint, connection: C, ipVersion: IpVersion = 0) {
    super(id);
    this.connection = connection;
    this.ipVersion = ipVersion;
  }

  knows(other: Party<C>): boolean {
    return this.introductions.has(other);
  }

  /** Keeps offers for whoever comes; of too many, the latest. */
  deposit(offers: readonly DepositedOffer[], now: number): void {
    const all = [...this.#deposits, ...offers.map((offer) => ({ offer: own(offer), since: now }))];
    this.#deposits = all.slice(-MAX_DEPOSITED_OFFERS);
  }

  /** How many offers it has left. */
  get deposits(): number {
    return this.#deposits.length;
  }

  /** Forgets the offers left that are older than `ttlMs`: they hold its addresses. */
  expireDeposits(ttlMs: number, now: number): void {
    if (this.#deposits.length === 0) return;
    this.#deposits = this.#deposits.filter(({ since }) => now - since < ttlMs);
  }

  /** The latest offer left, if it is not older than `ttlMs`: it is given away. */
  takeDeposit(ttlMs: number, now: number): DepositedOffer | undefined {
    const latest = this.#deposits.pop();
    if (latest && now - latest.since < ttlMs) return latest.offer;
    this.#deposits = []; // The others are older.
    return undefined;
  }

  /** Names `other` to this peer; of too many introductions the oldest is forgotten. */
  introduce(other: Party<C>, max: number): void {
    // Deleting first makes it the youngest again.
    this.introductions.delete(other);
    this.introductions.add(other);
    other.introducedTo.add(this);
    if (this.introductions.size <= max) return;
    const [oldest] = this.introductions;
    this.introductions.delete(oldest!);
    oldest!.introducedTo.delete(this);
  }

  forgetOldestIntroductions(count: number): void {
    for (const oldest of [...this.introductions].slice(0, count)) {
      this.introductions.delete(oldest);
      oldest.introducedTo.delete(this);
    }
  }

  override forgetIntroductions(): void {
    super.forgetIntroductions();
    for (const other of this.introductions) other.introducedTo.delete(this);
    this.introductions.clear();
  }
}

/** A copy: what was decoded are views on a frame, which may be much larger. */
function own({ attempt, description }: DepositedOffer): DepositedOffer {
  if (!description) return { attempt };
  const { fingerprintSha256, sctpInit } = description;
  const copies = { fingerprintSha256: fingerprintSha256.slice(), sctpInit: sctpInit.slice() };
  return { attempt, description: { ...description, ...copies } };
}
