import type { PeerMessageBody, SessionDescription } from '@zauberflote/proto';
import { DeclineReason } from '@zauberflote/proto';
import type { Platform } from '../platform.ts';
import type { SignalingChannel, SignalingHandlers } from '../signaling/signaling-channel.ts';
import type { PeerId } from '../tracker/types.ts';
import { Attempt } from './attempt.ts';
import { OfferGate } from './offer-gate.ts';
import type { Link } from './open-connection.ts';
import { OpenConnection } from './open-connection.ts';
import type { CloseReason, ConnectionHandlers, Connections } from './types.ts';

export interface ConnectionOptions {
  /** Most connections and attempts at once, whoever began them. Beyond it offers are declined. */
  readonly maxConnections: number;
  /** STUN and TURN servers. Without any, only peers with a direct route are reached. */
  readonly iceServers?: RTCIceServer[] | undefined;
  /** Hides this machine's addresses: everything goes through a TURN server of `iceServers`. */
  readonly relayOnly?: boolean | undefined;
}

/** What there is with one peer. */
type Slot =
  | {
      readonly state: 'connecting';
      readonly attempt: Attempt;
      /** Whether `connect()` asked for it: then a failure is reported. */
      wanted: boolean;
    }
  | { readonly state: 'open'; readonly connection: OpenConnection };

/** The connection manager of the paper (section 3.1). */
export class ConnectionManager implements Connections {
  readonly #platform: Platform;
  readonly #signaling: SignalingChannel;
  readonly #handlers: ConnectionHandlers;
  readonly #options: ConnectionOptions;
  readonly #slots = new Map<PeerId, Slot>();
  readonly #barred = new Set<PeerId>();
  readonly #offers: OfferGate;
  #lastAttempt = 0;
  #state: 'running' | 'closed' = 'running';

  /** @param handlers are never called from within a method of this object. */
  constructor(
    platform: Platform,
    signaling: SignalingChannel,
    handlers: ConnectionHandlers,
    options: ConnectionOptions,
  ) {
    this.#platform = platform;
    this.#signaling = signaling;
    this.#handlers = handlers;
    this.#options = options;
    this.#offers = new OfferGate(platform);
    signaling.handlers = this.#signals();
  }

  connect(peer: PeerId): void {
    const slot = this.#slots.get(peer);
    if (slot?.state === 'connecting') slot.wanted = true;
    if (slot) return;
    if (this.#state === 'closed') this.#report(peer, 'closed');
    else if (this.#barred.has(peer)) this.#report(peer, 'malformed');
    else if (this.#isFull() || !this.#begin(peer, ++this.#lastAttempt, true))
      this.#report(peer, 'unreachable');
  }

  isOpen(peer: PeerId): boolean {
    return this.#slots.get(peer)?.state === 'open';
  }

  send(peer: PeerId, body: PeerMessageBody): boolean {
    return this.#open(peer)?.send(body) ?? false;
  }

  isWritable(peer: PeerId): boolean {
    return this.#open(peer)?.isWritable ?? false;
  }

  /** 0 if there is no open connection. */
  maxFragmentBytes(peer: PeerId): number {
    return this.#open(peer)?.maxFragmentBytes ?? 0;
  }

  disconnect(peer: PeerId, reason: 'closed' | 'malformed'): void {
    if (reason === 'malformed') this.#barred.add(peer);
    this.#end(peer, reason, true);
  }

  close(): void {
    this.#state = 'closed';
    for (const peer of [...this.#slots.keys()]) this.#end(peer, 'closed', true);
  }

  #open(peer: PeerId): OpenConnection | undefined {
    const slot = this.#slots.get(peer);
    return slot?.state === 'open' ? slot.connection : undefined;
  }

  #isFull(): boolean {
    return this.#slots.size >= this.#options.maxConnections;
  }

  /** Starts an attempt; false if there is no WebRTC here. */
  #begin(peer: PeerId, id: number, wanted: boolean, offer?: SessionDescription): boolean {
    const { iceServers = [], relayOnly } = this.#options;
    let pc: RTCPeerConnection;
    try {
      pc = new this.#platform.RTCPeerConnection!({
        iceServers,
        iceTransportPolicy: relayOnly ? 'relay' : 'all',
      });
    } catch {
      return false; // Switched off, or more of them than the browser allows.
    }
    const route = { signaling: this.#signaling, peer, id };
    const handlers = {
      onOpen: (link: Link, early: readonly unknown[]) => this.#opened(peer, link, early),
      onFail: () => this.#end(peer, 'unreachable', false),
    };
    const attempt = new Attempt(pc, this.#platform, route, handlers, offer);
    this.#slots.set(peer, { state: 'connecting', attempt, wanted });
    attempt.start();
    return true;
  }

  #opened(peer: PeerId, link: Link, early: readonly unknown[]): void {
    const connection = new OpenConnection(link, this.#platform, {
      onMessage: (message) => this.#handlers.onMessage(peer, message),
      onWritable: () => this.#handlers.onWritable(peer),
      onEnd: (reason) => {
        if (reason === 'malformed') this.#barred.add(peer);
        this.#end(peer, reason, false);
      },
    });
    this.#slots.set(peer, { state: 'open', connection });
    this.#handlers.onOpen(peer);
    for (const frame of early) connection.receive(frame);
  }

  /** Forgets a peer and reports it where someone waits for that. */
  #end(peer: PeerId, reason: CloseReason, tell: boolean): void {
    const slot = this.#slots.get(peer);
    if (!slot) return;
    this.#slots.delete(peer);
    if (slot.state === 'open') slot.connection.end();
    else slot.attempt.end(tell);
    if (slot.state === 'open' || slot.wanted) this.#report(peer, reason);
  }

  #report(peer: PeerId, reason: CloseReason): void {
    queueMicrotask(() => this.#handlers.onClose(peer, reason));
  }

  /** The running attempt with this number, or none. */
  #attempt(peer: PeerId, id: number): Attempt | undefined {
    const slot = this.#slots.get(peer);
    return slot?.state === 'connecting' && slot.attempt.route.id === id ? slot.attempt : undefined;
  }

  #signals(): SignalingHandlers {
    return {
      onOffer: (peer, id, description) => this.#offered(peer, id, description),
      onAnswer: (peer, id, description) => void this.#attempt(peer, id)?.answered(description),
      onCandidates: (peer, id, candidates) => this.#attempt(peer, id)?.addCandidates(candidates),
      onDecline: (peer, id) => {
        if (this.#attempt(peer, id)) this.#end(peer, 'declined', false);
      },
      onUndeliverable: (peer, id) => {
        // A late candidate that was not delivered does not matter: the connection may come all the same.
        if (this.#attempt(peer, id)?.isOffered) this.#end(peer, 'unreachable', false);
      },
      onOffline: () => {
        for (const [peer, slot] of this.#slots)
          if (slot.state === 'connecting' && slot.attempt.isOffered)
            this.#end(peer, 'unreachable', false);
      },
    };
  }

  #offered(peer: PeerId, id: number, description: SessionDescription): void {
    const decline = (reason: DeclineReason) => this.#signaling.sendDecline(peer, id, reason);
    if (this.#state === 'closed' || this.#barred.has(peer)) {
      decline(DeclineReason.NOT_SERVING);
      return;
    }
    const slot = this.#slots.get(peer);
    // Both offered at once: the offer of the greater id stands (signaling.proto).
    if (slot?.state === 'connecting' && slot.attempt.isOffered && this.#signaling.ownId! > peer)
      return;
    if ((!slot && this.#isFull()) || !this.#offers.take(peer)) {
      decline(DeclineReason.BUSY);
      return;
    }
    // A peer that offers knows of no connection any more, so what there is with it is over.
    const wanted = slot?.state === 'connecting' && slot.wanted;
    if (slot?.state === 'connecting') {
      slot.attempt.end(false);
      this.#slots.delete(peer);
    } else this.#end(peer, 'lost', false);
    if (this.#begin(peer, id, wanted, description)) return;
    decline(DeclineReason.NOT_SERVING);
    if (wanted) this.#report(peer, 'unreachable');
  }
}
