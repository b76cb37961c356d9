import { ATTEMPT_TIMEOUT_MS, GATHER_QUIET_MS } from '@zauberflote/client/src/connection/attempt.ts';
import type { PeerId } from '@zauberflote/client/src/engine/types.ts';
import { MAX_CONNECTIONS } from '@zauberflote/client/src/zauberflote.ts';
import type { Signal } from '@zauberflote/proto';
import { DeclineReason } from '@zauberflote/proto';
import { Connection } from './connection.ts';
import type { Visitor } from './visitor.ts';

/** From the answer to an open channel, untuned: ICE 1, DTLS 1, SCTP 2 (DESIGN section 4, measured). */
export const CONNECT_ROUND_TRIPS = 4;

/** What there is with one peer. `answering`: it began. */
type Slot =
  | { readonly state: 'offering' | 'answering'; readonly id: number; readonly cancel: () => void }
  | { readonly state: 'open'; readonly connection: Connection };

/** The connections of one visitor, as the client's `ConnectionManager` has them. */
export class Contacts {
  readonly #own: Visitor;
  readonly #slots = new Map<PeerId, Slot>();
  #lastAttempt = 0;

  constructor(own: Visitor) {
    this.#own = own;
  }

  get(peer: PeerId): Connection | undefined {
    const slot = this.#slots.get(peer);
    return slot?.state === 'open' ? slot.connection : undefined;
  }

  connect(peer: PeerId): void {
    const slot = this.#slots.get(peer);
    if (slot && slot.state !== 'open') return;
    if (slot) this.#soon(() => this.get(peer) && this.#own.opened(peer));
    else if (this.#slots.size >= MAX_CONNECTIONS) this.#soon(() => this.#own.closed(peer));
    else this.#signal(peer, this.#begin(peer, 'offering', ++this.#lastAttempt), 'offer');
  }

  signaled({ peerId: peer, attempt, body }: Pick<Signal, 'peerId' | 'attempt' | 'body'>): void {
    const slot = this.#slots.get(peer);
    if (body.case === 'offer') this.#offered(peer, attempt);
    else if (slot?.state !== 'offering' || slot.id !== attempt) return;
    else if (body.case === 'decline') this.failed(peer, attempt);
    else if (body.case === 'answer') {
      const other = this.#own.world.visitor(peer);
      if (!other) return;
      const roundTrip = 2 * this.#own.oneWayMs;
      this.#own.world.clock.after(CONNECT_ROUND_TRIPS * roundTrip, () => {
        // Whichever end is left notices when its attempt has taken too long.
        if (this.#own.gone || other.gone) return;
        this.#open(other);
        other.contacts.#open(this.#own);
      });
    }
  }

  /** An attempt came to nothing. */
  failed(peer: PeerId, id: number): void {
    const slot = this.#slots.get(peer);
    if (slot && slot.state !== 'open' && slot.id === id) this.end(peer);
  }

  /** Whatever there is with a peer ends. */
  end(peer: PeerId): void {
    const slot = this.#slots.get(peer);
    if (!slot) return;
    this.#slots.delete(peer);
    if (slot.state === 'open') slot.connection.close();
    else slot.cancel();
    this.#own.closed(peer);
  }

  /** The visitor leaves: the others hear it when the last packet has reached them. */
  leave(): void {
    const { world, oneWayMs, id } = this.#own;
    for (const [peer, slot] of this.#slots) {
      if (slot.state !== 'open') slot.cancel();
      else {
        slot.connection.close();
        world.clock.after(oneWayMs, () => world.visitor(peer)?.contacts.end(id as PeerId));
      }
    }
    this.#slots.clear();
  }

  #offered(peer: PeerId, attempt: number): void {
    const slot = this.#slots.get(peer);
    if (slot?.state === 'open') return;
    // The offer of the greater id stands (signaling.proto).
    if (slot?.state === 'offering' && (this.#own.id as PeerId) > peer) return;
    if (slot) slot.cancel();
    else if (this.#slots.size >= MAX_CONNECTIONS) {
      const body = { case: 'decline' as const, value: { reason: DeclineReason.BUSY } };
      return this.#own.toTracker({ case: 'signal', value: { peerId: peer, attempt, body } });
    }
    this.#signal(peer, this.#begin(peer, 'answering', attempt), 'answer');
  }

  #begin(peer: PeerId, state: 'offering' | 'answering', id: number): number {
    const { clock } = this.#own.world;
    const cancel = clock.after(ATTEMPT_TIMEOUT_MS, () => this.failed(peer, id));
    this.#slots.set(peer, { state, id, cancel });
    return id;
  }

  /** Descriptions wait for candidates. */
  #signal(peerId: PeerId, attempt: number, kind: 'offer' | 'answer'): void {
    this.#own.world.clock.after(GATHER_QUIET_MS, () => {
      const body = { case: kind, value: {} };
      this.#own.toTracker({ case: 'signal', value: { peerId, attempt, body } });
    });
  }

  #open(other: Visitor): void {
    const peer = other.id as PeerId;
    const slot = this.#slots.get(peer);
    if (slot?.state === 'open') return;
    slot?.cancel();
    this.#slots.set(peer, { state: 'open', connection: new Connection(this.#own, other) });
    this.#own.opened(peer);
  }

  #soon(run: () => void): void {
    this.#own.world.clock.after(0, run);
  }
}
