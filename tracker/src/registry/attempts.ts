import type { Signal } from '@zauberflote/proto';
import type { Party } from './peer.ts';

/** An offer that was relayed, and what became of it. */
export interface Attempt<C> {
  readonly offerer: Party<C>;
  readonly recipient: Party<C>;
  /** The offerer's number for it. */
  readonly number: number;
  /** Whether the offer was left with the tracker: the offerer did not choose the recipient. */
  readonly given: boolean;
  /** When the offer was relayed, in milliseconds. */
  readonly since: number;
  /** - `offered`: no answer yet. - `answered`: only candidates and a decline may follow. */
  state: 'offered' | 'answered';
}

/** The open attempts of all peers: at most one in each direction between two peers. */
export class Attempts<C> {
  readonly #ttlMs: number;
  readonly #maxPerPeer: number;
  readonly #maxGiven: number;
  // All have the same time to live, so the order of insertion is the order of expiry.
  readonly #all = new Set<Attempt<C>>();

  /**
   * @param maxPerPeer offers that a peer sent; of more, the oldest is forgotten
   * @param maxGiven offers that it left and that others were given; beside those
   */
  constructor(ttlMs: number, maxPerPeer: number, maxGiven: number) {
    this.#ttlMs = ttlMs;
    this.#maxPerPeer = maxPerPeer;
    this.#maxGiven = maxGiven;
  }

  get size(): number {
    return this.#all.size;
  }

  /**
   * Whether `sender` may send this to `recipient`: undefined if not, else what to call once it is
   * relayed.
   */
  permit(
    sender: Party<C>,
    recipient: Party<C>,
    { attempt: number, body }: Pick<Signal, 'attempt' | 'body'>,
    now: number,
  ): (() => void) | undefined {
    this.expire(now);
    if (body.case === 'offer')
      return sender.knows(recipient)
        ? () => this.#open(sender, recipient, number, now, false)
        : undefined;
    const incoming = open(recipient, sender, number);
    if (body.case === 'answer') {
      if (incoming?.state !== 'offered') return undefined;
      return () => {
        incoming.state = 'answered';
      };
    }
    const either = incoming ?? open(sender, recipient, number);
    switch (body.case) {
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
   * `recipient` is given an offer that `offerer` had left, unless there is an attempt between the two,
   * or too many were given: returns what `take` does.
   */
  give<Offer extends { readonly attempt: number }>(
    offerer: Party<C>,
    recipient: Party<C>,
    take: () => Offer | undefined,
    now: number,
  ): Offer | undefined {
    this.expire(now);
    if (offerer.given >= this.#maxGiven) return undefined;
    if (offerer.offered.has(recipient) || offerer.received.has(recipient)) return undefined;
    const offer = take();
    if (offer) this.#open(offerer, recipient, offer.attempt, now, true);
    return offer;
  }

  /** Closes every attempt that `peer` takes part in. */
  forget(peer: Party<C>): void {
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

  #open(offerer: Party<C>, recipient: Party<C>, number: number, now: number, given: boolean): void {
    const earlier = offerer.offered.get(recipient);
    if (earlier) this.#close(earlier);
    const attempt: Attempt<C> = { offerer, recipient, number, given, since: now, state: 'offered' };
    this.#all.add(attempt);
    offerer.offered.set(recipient, attempt);
    recipient.received.set(offerer, attempt);
    if (given) offerer.given++;
    if (offerer.offered.size - offerer.given <= this.#maxPerPeer) return;
    for (const oldest of offerer.offered.values()) if (!oldest.given) return this.#close(oldest);
  }

  #close(attempt: Attempt<C>): void {
    if (this.#all.delete(attempt) && attempt.given) attempt.offerer.given--;
    attempt.offerer.offered.delete(attempt.recipient);
    attempt.recipient.received.delete(attempt.offerer);
  }
}

/** The open attempt of `offerer` to `recipient`, if `number` is its number. */
function open<C>(offerer: Party<C>, recipient: Party<C>, number: number): Attempt<C> | undefined {
  const attempt = offerer.offered.get(recipient);
  return attempt?.number === number ? attempt : undefined;
}
