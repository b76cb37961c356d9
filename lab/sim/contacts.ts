import { ATTEMPT_TIMEOUT_MS, GATHER_QUIET_MS } from '@zauberflote/client/src/connection/attempt.ts';
import { GIVE_WAY_MS, IDLE_MS } from '@zauberflote/client/src/connection/connection-manager.ts';
import { OfferGate } from '@zauberflote/client/src/connection/offer-gate.ts';
import type { Connections } from '@zauberflote/client/src/connection/types.ts';
import type { PeerId } from '@zauberflote/client/src/engine/types.ts';
import { MAX_CONNECTIONS, MAX_INCOMING } from '@zauberflote/client/src/zauberflote.ts';
import type { PeerMessageBody, Signal } from '@zauberflote/proto';
import { DeclineReason, MAX_FRAGMENT_BYTES } from '@zauberflote/proto';
import { Connection } from './connection.ts';
import type { Visitor } from './visitor.ts';

/** From the answer to an open channel, untuned: ICE 1, DTLS 1, SCTP 2 (DESIGN section 4, measured). */
export const CONNECT_ROUND_TRIPS = 4;

/** What there is with one peer. `wanted`: begun here. `answering`: the other began it. */
type Slot = { readonly wanted: boolean } & (
  | { readonly state: 'offering' | 'answering'; readonly id: number; readonly cancel: () => void }
  | { readonly state: 'open'; readonly connection: Connection }
);

/** The connections of one visitor, as the client's `ConnectionManager` has them. */
export class Contacts implements Connections {
  readonly #own: Visitor;
  readonly #slots = new Map<PeerId, Slot>();
  readonly #offers: OfferGate;
  #lastAttempt = 0;
  #cancelIdleTimer: (() => void) | undefined;
  /** Set by who serves others. */
  onWritable = () => {};

  constructor(own: Visitor) {
    this.#own = own;
    const { clock } = own.world;
    this.#offers = new OfferGate({ now: () => clock.now });
  }

  get(peer: PeerId): Connection | undefined {
    const slot = this.#slots.get(peer);
    return slot?.state === 'open' ? slot.connection : undefined;
  }

  /** What offers left with the tracker save is not modelled. */
  welcome(): void {}

  isOpen(peer: PeerId): boolean {
    return this.#slots.get(peer)?.state === 'open';
  }

  send(peer: PeerId, body: PeerMessageBody): boolean {
    return (body && this.get(peer)?.send(body)) ?? false;
  }

  isWritable(peer: PeerId): boolean {
    return this.get(peer)?.isWritable ?? false;
  }

  queuedBytes(peer: PeerId): number {
    return this.get(peer)?.queued ?? 0;
  }

  maxFragmentBytes(): number {
    return MAX_FRAGMENT_BYTES;
  }

  connect(peer: PeerId): void {
    const slot = this.#slots.get(peer);
    if (slot?.state === 'open') this.#soon(() => this.isOpen(peer) && this.#own.opened(peer));
    else if (slot) this.#slots.set(peer, { ...slot, wanted: true });
    else if (!this.#makeRoom()) this.#soon(() => this.#own.closed(peer));
    else this.#signal(peer, this.#begin(peer, 'offering', ++this.#lastAttempt, true), 'offer');
  }

  disconnect(peer: PeerId): void {
    const { world, oneWayMs, id } = this.#own;
    if (this.isOpen(peer))
      world.clock.after(oneWayMs, () => world.visitor(peer)?.contacts.end(id as PeerId));
    this.end(peer);
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
        if (!this.#own.gone && !other.gone) this.#open(other);
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
    if (slot.state === 'open' || slot.wanted) this.#own.closed(peer);
  }

  /** The visitor leaves. @param heardMs after how long the others know: by default a packet's time */
  close(heardMs = this.#own.oneWayMs): void {
    const { world, id } = this.#own;
    this.#cancelIdleTimer?.();
    for (const [peer, slot] of this.#slots) {
      if (slot.state !== 'open') slot.cancel();
      else {
        slot.connection.close();
        world.clock.after(heardMs, () => world.visitor(peer)?.contacts.end(id as PeerId));
      }
    }
    this.#slots.clear();
  }

  #offered(peer: PeerId, attempt: number): void {
    const slot = this.#slots.get(peer);
    if (slot?.state === 'open') return;
    // The offer of the greater id stands (signaling.proto).
    if (slot?.state === 'offering' && (this.#own.id as PeerId) > peer) return;
    const wanted = slot?.wanted ?? false;
    const isFull = !slot && this.#slots.size >= MAX_CONNECTIONS;
    const isCrowded = !wanted && this.#incomingBeside(peer) >= MAX_INCOMING;
    if (isFull || isCrowded || !this.#offers.take(peer)) {
      const body = { case: 'decline' as const, value: { reason: DeclineReason.BUSY } };
      return this.#own.toTracker({ case: 'signal', value: { peerId: peer, attempt, body } });
    }
    slot?.cancel();
    this.#signal(peer, this.#begin(peer, 'answering', attempt, wanted), 'answer');
  }

  #incomingBeside(peer: PeerId): number {
    let count = 0;
    for (const [other, { wanted }] of this.#slots) if (!wanted && other !== peer) count++;
    return count;
  }

  /** False if there is no room for one more, and nothing idle that could give way. */
  #makeRoom(): boolean {
    if (this.#slots.size < MAX_CONNECTIONS) return true;
    let [idlest, longest]: [PeerId | undefined, number] = [undefined, GIVE_WAY_MS];
    for (const [peer, slot] of this.#slots) {
      const idle = slot.state === 'open' ? this.#own.world.clock.now - slot.connection.usedAt : 0;
      if (idle >= longest) [idlest, longest] = [peer, idle];
    }
    if (idlest === undefined) return false;
    this.disconnect(idlest);
    return true;
  }

  /** Closes what was idle for too long, and comes again when the next may be. */
  #closeIdle(): void {
    const { clock } = this.#own.world;
    let next = Number.POSITIVE_INFINITY;
    for (const [peer, slot] of [...this.#slots]) {
      if (slot.state !== 'open') continue;
      const at = slot.connection.usedAt + IDLE_MS;
      if (at <= clock.now) this.disconnect(peer);
      else next = Math.min(next, at);
    }
    this.#cancelIdleTimer = Number.isFinite(next)
      ? clock.at(next, () => this.#closeIdle())
      : undefined;
  }

  #begin(peer: PeerId, state: 'offering' | 'answering', id: number, wanted: boolean): number {
    const { clock } = this.#own.world;
    const cancel = clock.after(ATTEMPT_TIMEOUT_MS, () => this.failed(peer, id));
    this.#slots.set(peer, { state, id, cancel, wanted });
    return id;
  }

  /** Descriptions wait for candidates. */
  #signal(peerId: PeerId, attempt: number, kind: 'offer' | 'answer'): void {
    this.#own.world.clock.after(GATHER_QUIET_MS, () => {
      const body = { case: kind, value: {} };
      this.#own.toTracker({ case: 'signal', value: { peerId, attempt, body } });
    });
  }

  /** A connection has come about: both ends have it. */
  #open(other: Visitor): void {
    const [mine, theirs] = Connection.pair(this.#own, other);
    if (this.isOpen(other.id as PeerId)) return;
    this.#opened(mine);
    other.contacts.#opened(theirs);
  }

  #opened(connection: Connection): void {
    const { peer } = connection;
    const slot = this.#slots.get(peer);
    if (slot?.state === 'open') slot.connection.close();
    else slot?.cancel();
    this.#slots.set(peer, { state: 'open', connection, wanted: slot?.wanted ?? false });
    if (!this.#cancelIdleTimer) this.#closeIdle();
    this.#own.opened(peer);
  }

  #soon(run: () => void): void {
    this.#own.world.clock.after(0, run);
  }
}
