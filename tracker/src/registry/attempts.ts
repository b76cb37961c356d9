import type { Signal } from '@zauberflote/proto';
import type { Peer } from './peer.ts';

/** An offer that was relayed, and what became of it. */
export interface Attempt<C> {
  readonly offerer: Peer<C>;
  readonly recipient: Peer<C>;
  /** The offerer's number for it. */
  readonly number: number;
  /** When the offer was relayed, in milliseconds. */
  readonly since: number;
  /** - `offered`: no answer yet. - `answered`: only candidates and a decline may follow. */
  state: 'offered' | 'answered';
}

/** The open attempts of all peers: at most one in each direction between two peers. */
export class Attempts<C> {
  readonly #ttlMs: number;
  readonly #maxPerPeer: number;
  // All have the same time to live, so the order of insertion is the order of expiry.
  readonly #all = new Set<Attempt<C>>();

  constructor(ttlMs: number, maxPerPeer: number) {
    this.#ttlMs = ttlMs;
    this.#maxPerPeer = maxPerPeer;
  }

  get size(): number {
    return this.#all.size;
  }

  /**
   * Whether `sender` may send this to `recipient`: undefined if not, else what to call once it is
   * relayed.
   */
  permit(
    sender: Peer<C>,
    recipient: Peer<C>,
    { attempt: number, body }: Pick<Signal, 'attempt' | 'body'>,
    now: number,
  ): (() => void) | undefined {
    this.expire(now);
    const incoming = open(recipient, sender, number);
    const either = incoming ?? open(sender, recipient, number);
    switch (body.case) {
      case 'offer':
        if (!sender.introductions.has(recipient)) return undefined;
        return () => this.#open(sender, recipient, number, now);
      case 'answer':
        if (incoming?.state !== 'offered') return undefined;
        return () => {
          incoming.state = 'answered';
        };
      case 'candidates':
        return either && (() => {});
      case 'decline':
        // When both offered under the same number, declining is the reply to the other's offer.
        return either && (() => this.#close(either));
      default:
        return undefined;
    }
  }

  /**
   * `recipient` is given an offer that `offerer` had left, unless there is an attempt between the two:
   * returns what `take` does.
   */
  give<Offer extends { readonly attempt: number }>(
    offerer: Peer<C>,
    recipient: Peer<C>,
    take: () => Offer | undefined,
    now: number,
  ): Offer | undefined {
    if (offerer.offered.has(recipient) || offerer.received.has(recipient)) return undefined;
    const offer = take();
    if (offer) this.#open(offerer, recipient, offer.attempt, now);
    return offer;
  }

  /** Closes every attempt that `peer` takes part in. */
  forget(peer: Peer<C>): void {
    for (const attempt of peer.offered.values()) this.#close(attempt);
    for (const attempt of peer.received.values()) this.#close(attempt);
  }

  /** Closes attempts that are too old; takes time only for those. */
  expire(now: number): void {
    for (const attempt of this.#all) {
      if (now - attempt.since < this.#ttlMs) break;
      this.#close(attempt);
    }
  }

  #open(offerer: Peer<C>, recipient: Peer<C>, number: number, now: number): void {
    const earlier = offerer.offered.get(recipient);
    if (earlier) this.#close(earlier);
    const attempt: Attempt<C> = { offerer, recipient, number, since: now, state: 'offered' };
    this.#all.add(attempt);
    offerer.offered.set(recipient, attempt);
    recipient.received.set(offerer, attempt);
    if (offerer.offered.size <= this.#maxPerPeer) return;
    const [oldest] = offerer.offered.values();
    this.#close(oldest!);
  }

  #close(attempt: Attempt<C>): void {
    this.#all.delete(attempt);
    attempt.offerer.offered.delete(attempt.recipient);
    attempt.recipient.received.delete(attempt.offerer);
  }
}

/** The open attempt of `offerer` to `recipient`, if `number` is its number. */
function open<C>(offerer: Peer<C>, recipient: Peer<C>, number: number): Attempt<C> | undefined {
  const attempt = offerer.offered.get(recipient);
  return attempt?.number === number ? attempt : undefined;
}
