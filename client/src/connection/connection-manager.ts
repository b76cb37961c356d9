import type { PeerMessageBody, SessionDescription } from '@zauberflote/proto';
import { DeclineReason, UndeliverableReason } from '@zauberflote/proto';
import type { Platform } from '../platform.ts';
import type { SignalingChannel, SignalingHandlers } from '../signaling/signaling-channel.ts';
import type { PeerId } from '../tracker/types.ts';
import { Attempt } from './attempt.ts';
import { Barred } from './barred.ts';
import { Deposits } from './deposits.ts';
import { LeftOffers } from './left-offers.ts';
import type { OfferLimits } from './offer-gate.ts';
import { OfferGate } from './offer-gate.ts';
import type { Link } from './open-connection.ts';
import { OpenConnection } from './open-connection.ts';
import type { CloseReason, ConnectionHandlers, Connections } from './types.ts';

/**
 * A connection over which nothing came or went for so long, in ms, is closed: nobody waits for
 * anything (a request that is open for a fraction of it goes to another peer), and to connect
 * again takes a second.
 */
export const IDLE_MS = 30_000;

/**
 * When there is no room for a connection that is wanted here, the one that was idle longest gives
 * way, if it was idle for so long, in ms: more than a peer that still sends pauses.
 */
export const GIVE_WAY_MS = 5_000;

export interface ConnectionOptions extends OfferLimits {
  /** Most connections and attempts at once, whoever began them. */
  readonly maxConnections: number;
  /** Most of them that others began; more offers are declined. The rest is for own downloads. */
  readonly maxIncoming: number;
  /** STUN and TURN servers. Without any, only peers with a direct route are reached. */
  readonly iceServers?: RTCIceServer[] | undefined;
  /** Hides this machine's addresses: everything goes through a TURN server of `iceServers`. */
  readonly relayOnly?: boolean | undefined;
}

/** What there is with one peer. */
type Slot = {
  /** Whether `connect()` asked for it: then a failure is reported. Else it is an incoming one. */
  wanted: boolean;
} & (
  | { readonly state: 'connecting'; readonly attempt: Attempt }
  | { readonly state: 'open'; readonly connection: OpenConnection }
);

/** The connection manager of the paper (section 3.1). */
export class ConnectionManager implements Connections {
  readonly #platform: Platform;
  readonly #signaling: SignalingChannel;
  readonly #handlers: ConnectionHandlers;
  readonly #options: ConnectionOptions;
  readonly #slots = new Map<PeerId, Slot>();
  readonly #barred: Barred;
  readonly #offers: OfferGate;
  /** What this page left with the tracker, and what others did. */
  readonly #own: Deposits;
  readonly #left: LeftOffers;
  #welcoming = false;
  /** A peer was named: until then nobody gets to know that WebRTC is used here. */
  #named = false;
  /**
   * By chance at first: who declines does not say whose attempt it was, so those of the other side
   * should have other numbers. 28 bits are four bytes on the wire, as far as they go.
   */
  #lastAttempt: number;
  /** Runs while a connection is open. */
  #cancelIdleTimer: (() => void) | undefined;
  #state: 'running' | 'suspended' | 'closed' = 'running';

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
    this.#lastAttempt = Math.floor(platform.random() * 2 ** 28);
    this.#barred = new Barred(platform);
    this.#offers = new OfferGate(platform, options);
    this.#left = new LeftOffers(platform);
    this.#own = new Deposits(platform, () => this.#deposit());
    signaling.handlers = this.#signals();
  }

  connect(peer: PeerId): void {
    const slot = this.#slots.get(peer);
    const barred = this.#barred.why(peer);
    if (slot) slot.wanted = true;
    else if (this.#state !== 'running') this.#report(peer, 'closed');
    else if (barred) this.#report(peer, barred === 'flood' ? 'unreachable' : barred);
    else if (!this.#makeRoom()) this.#report(peer, 'busy');
    else {
      const left = this.#left.take(peer);
      const id = left?.id ?? ++this.#lastAttempt;
      const attempt = this.#begin(peer, id, true, left?.offer);
      if (!attempt) this.#report(peer, 'unreachable');
      else if (left) attempt.doubt();
    }
  }

  welcome(newcomers: boolean): void {
    this.#welcoming = newcomers;
    if (newcomers) this.#own.fill();
    else this.#own.pause();
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

  queuedBytes(peer: PeerId): number {
    return this.#open(peer)?.queuedBytes ?? 0;
  }

  /** 0 if there is no open connection. */
  maxFragmentBytes(peer: PeerId): number {
    return this.#open(peer)?.maxFragmentBytes ?? 0;
  }

  disconnect(peer: PeerId, reason: 'closed' | 'malformed'): void {
    if (reason === 'malformed') this.#barred.add(peer, reason);
    this.#end(peer, reason, true);
  }

  /**
   * Ends all and begins nothing before {@link resume}. For a page that its visitor left: the
   * browser keeps it for the way back only if it has no connections, and it could not use them.
   */
  suspend(): void {
    if (this.#state === 'running') this.#endAll('suspended');
  }

  /** After {@link suspend}: connections may be opened again. Else nothing happens. */
  resume(): void {
    if (this.#state === 'suspended') this.#state = 'running';
  }

  close(): void {
    this.#endAll('closed');
  }

  #endAll(state: 'suspended' | 'closed'): void {
    this.#state = state;
    this.#own.end();
    this.#left.clear();
    for (const peer of [...this.#slots.keys()]) this.#end(peer, 'closed', true);
  }

  #open(peer: PeerId): OpenConnection | undefined {
    const slot = this.#slots.get(peer);
    return slot?.state === 'open' ? slot.connection : undefined;
  }

  #isFull(): boolean {
    return this.#slots.size >= this.#options.maxConnections;
  }

  /** Connections and attempts that others began, without those with this one. */
  #incomingBeside(peer: PeerId): number {
    let count = 0;
    for (const [other, { wanted }] of this.#slots) if (!wanted && other !== peer) count++;
    return count;
  }

  /** False if there is no room for one more, and nothing idle that could give way. */
  #makeRoom(): boolean {
    if (!this.#isFull()) return true;
    let [idlest, longest]: [PeerId | undefined, number] = [undefined, GIVE_WAY_MS];
    for (const [peer, slot] of this.#slots) {
      const idle = slot.state === 'open' ? slot.connection.idleMs() : 0;
      if (idle >= longest) [idlest, longest] = [peer, idle];
    }
    if (idlest === undefined) return false;
    this.#end(idlest, 'closed', false);
    return true;
  }

  /** Closes what was idle for too long, and comes again when the next may be. */
  #closeIdle(): void {
    this.#stopIdleTimer();
    let next = Number.POSITIVE_INFINITY;
    for (const [peer, slot] of this.#slots) {
      if (slot.state !== 'open') continue;
      const left = IDLE_MS - slot.connection.idleMs();
      if (left <= 0) this.#end(peer, 'closed', false);
      else next = Math.min(next, left);
    }
    if (Number.isFinite(next))
      this.#cancelIdleTimer = this.#platform.setTimer(next, () => this.#closeIdle());
  }

  #stopIdleTimer(): void {
    this.#cancelIdleTimer?.();
    this.#cancelIdleTimer = undefined;
  }

  /** Starts an attempt; undefined if there is no WebRTC here. */
  #begin(
    peer: PeerId,
    id: number,
    wanted: boolean,
    offer?: SessionDescription,
  ): Attempt | undefined {
    const attempt = this.#attemptAt(peer, id, offer);
    if (!attempt) return undefined;
    this.#named = true;
    this.#slots.set(peer, { state: 'connecting', attempt, wanted });
    attempt.start();
    return attempt;
  }

  #attemptAt(
    peer: PeerId | undefined,
    id: number,
    offer?: SessionDescription,
  ): Attempt | undefined {
    const { iceServers = [], relayOnly } = this.#options;
    let pc: RTCPeerConnection;
    try {
      pc = new this.#platform.RTCPeerConnection!({
        iceServers,
        iceTransportPolicy: relayOnly ? 'relay' : 'all',
      });
    } catch {
      return undefined; // Switched off, or more of them than the browser allows.
    }
    const route = { signaling: this.#signaling, peer, id };
    const attempt: Attempt = new Attempt(
      pc,
      this.#platform,
      route,
      {
        firstRequest: () => this.#handlers.firstRequest(attempt.route.peer!),
        onOpen: (link: Link, early) => this.#opened(attempt, link, early),
        onFail: () => {
          if (attempt.route.peer === undefined) this.#own.take(id);
          else this.#end(attempt.route.peer, 'unreachable', false);
        },
      },
      offer,
    );
    return attempt;
  }

  #fill(): void {
    if (this.#welcoming && this.#state === 'running') this.#own.fill();
  }

  /** Begins an attempt to whoever comes; not with relays, each would hold one at the TURN server. */
  #deposit(): Attempt | undefined {
    const isHere = this.#state === 'running' && this.#signaling.ownId !== undefined;
    if (!isHere || !this.#welcoming || !this.#named || this.#options.relayOnly) return undefined;
    // Who has no room would draw newcomers only to decline them.
    let incoming = 0;
    for (const { wanted } of this.#slots.values()) if (!wanted) incoming++;
    if (this.#isFull() || incoming >= this.#options.maxIncoming) return undefined;
    return this.#attemptAt(undefined, ++this.#lastAttempt);
  }

  #opened({ route }: Attempt, link: Link, early: readonly unknown[]): void {
    const peer = route.peer!;
    const connection = new OpenConnection(link, this.#platform, {
      onMessage: (message) => this.#handlers.onMessage(peer, message),
      onWritable: () => this.#handlers.onWritable(peer),
      onEnd: (reason) => {
        if (reason !== 'lost') this.#barred.add(peer, reason);
        this.#end(peer, reason === 'flood' ? 'lost' : reason, false);
      },
    });
    const wanted = this.#slots.get(peer)?.wanted ?? false;
    this.#slots.set(peer, { state: 'open', connection, wanted });
    if (!this.#cancelIdleTimer) this.#closeIdle();
    this.#handlers.onOpen(peer, !!link.asked);
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
    if (![...this.#slots.values()].some(({ state }) => state === 'open')) this.#stopIdleTimer();
    this.#fill(); // There may have been no room before.
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
      onDeposited: (...what) => this.#left.add(...what),
      onAnswer: (peer, id, description) => this.#answered(peer, id, description),
      onCandidates: (peer, id, candidates) => this.#attempt(peer, id)?.addCandidates(candidates),
      onDecline: (peer, id, reason) => {
        const why = reason === DeclineReason.BUSY ? 'busy' : 'declined';
        if (this.#attempt(peer, id)) return this.#end(peer, why, false);
        const left = this.#own.take(id);
        left?.end(false);
        if (left) this.#fill();
      },
      onUndeliverable: (peer, id, reason) => {
        // A late candidate that was not delivered does not matter: the connection may come all the
        // same. A description does, and where the peer is gone it was one.
        const attempt = this.#attempt(peer, id);
        if (!attempt) return;
        const { isOffered, hasJustAnswered, role } = attempt;
        if (isOffered || hasJustAnswered || reason === UndeliverableReason.GONE)
          this.#end(peer, 'unreachable', hasJustAnswered);
        else if (role === 'answerer') attempt.doubt();
      },
      onOffline: () => {
        this.#own.end();
        this.#left.clear();
        for (const [peer, slot] of this.#slots)
          if (slot.state === 'connecting' && slot.attempt.isOffered)
            this.#end(peer, 'unreachable', false);
      },
    };
  }

  #offered(peer: PeerId, id: number, description: SessionDescription): void {
    const slot = this.#slots.get(peer);
    // Both offered at once: the offer of the greater id stands (signaling.proto).
    if (slot?.state === 'connecting' && slot.attempt.isOffered && this.#signaling.ownId! > peer)
      return;
    const wanted = this.#admit(peer, id);
    if (wanted === undefined) return;
    if (!this.#begin(peer, id, wanted, description)) {
      this.#signaling.sendDecline(peer, id, DeclineReason.NOT_SERVING);
      if (wanted) this.#report(peer, 'unreachable');
    }
    this.#fill();
  }

  #answered(peer: PeerId, id: number, description: SessionDescription): void {
    const running = this.#attempt(peer, id);
    // Each side numbers its own: one that answers may have the same number.
    if (running?.role === 'offerer') return void running.answered(description);
    const left = this.#own.take(id);
    // It came too late: another offer may be tried.
    if (!left) return void this.#signaling.sendDecline(peer, id);
    const slot = this.#slots.get(peer);
    // Meanwhile an offer was sent there, which is the later one; or each took the other's.
    const stands =
      slot?.state !== 'connecting' ||
      (slot.attempt.role === 'answerer' ? this.#signaling.ownId! > peer : !slot.attempt.isOffered);
    const wanted = stands ? this.#admit(peer, id) : undefined;
    if (wanted === undefined) left.end(false);
    else {
      left.adopt(peer);
      this.#slots.set(peer, { state: 'connecting', attempt: left, wanted });
      void left.answered(description);
    }
    this.#fill();
  }

  /**
   * Ends what there is with a peer that comes anew, if there is room for it.
   * @returns whether a connection with it is wanted here; undefined if it was declined
   */
  #admit(peer: PeerId, id: number): boolean | undefined {
    const slot = this.#slots.get(peer);
    const wanted = slot?.state === 'connecting' && slot.wanted;
    const isFull = slot ? false : this.#isFull();
    const isCrowded = !wanted && this.#incomingBeside(peer) >= this.#options.maxIncoming;
    const barred = this.#barred.why(peer);
    const isServing = this.#state === 'running' && barred !== 'malformed';
    if (!isServing || barred || isFull || isCrowded || !this.#offers.take(peer)) {
      const reason = isServing ? DeclineReason.BUSY : DeclineReason.NOT_SERVING;
      this.#signaling.sendDecline(peer, id, reason);
      return undefined;
    }
    // A peer that offers or answers knows of no connection any more, so what there is with it is over.
    if (slot?.state === 'connecting') {
      slot.attempt.end(false);
      this.#slots.delete(peer);
    } else this.#end(peer, 'lost', false);
    return wanted;
  }
}
