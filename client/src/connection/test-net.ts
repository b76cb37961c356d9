import {
  type DepositedOffer,
  decodeSessionRequest,
  decodeSessionResponse,
  encodeSessionRequest,
  encodeSessionResponse,
  type Init,
  type PeerMessage,
  type Request,
  type Signal,
  UndeliverableReason,
} from '@zauberflote/proto';
import type { Platform } from '../platform.ts';
import { SignalingChannel } from '../signaling/signaling-channel.ts';
import type { PeerId } from '../tracker/types.ts';
import type { ConnectionOptions } from './connection-manager.ts';
import { ConnectionManager } from './connection-manager.ts';
import { nodePlatform } from './node-webrtc.ts';
import type { CloseReason } from './types.ts';

/** What a manager told its handlers. */
export type Told =
  | { is: 'open'; peer: PeerId; hasAsked?: true }
  | { is: 'close'; peer: PeerId; reason: CloseReason }
  | { is: 'writable'; peer: PeerId };

/** A connection manager for tests: remembers what it was told, and lets tests wait for it. */
export class TestPeer {
  /** As the tracker assigned it; another one after {@link TestNet.restart}. */
  id: PeerId;
  readonly connections: ConnectionManager;
  readonly signaling: SignalingChannel;
  readonly told: Told[] = [];
  readonly messages: PeerMessage['body'][] = [];
  readonly pcs: RTCPeerConnection[] = [];
  /** What it asks for with an answer. */
  first: Init<Request> | undefined;
  onMessage: ((body: PeerMessage['body']) => void) | undefined;
  /** Whether it has lost its tracker. */
  isAway = false;
  readonly #waiting = new Set<() => void>();

  constructor(net: TestNet, id: PeerId, options: Partial<ConnectionOptions>, platform: Platform) {
    this.id = id;
    const ownId = () => (this.isAway ? undefined : this.id);
    this.signaling = new SignalingChannel({
      get ownId() {
        return ownId();
      },
      signal: (signal) =>
        net.relay(this.id, encodeSessionRequest({ case: 'signal', value: signal })),
      deposit: (attempt, description) =>
        net.deposit(
          this.id,
          encodeSessionRequest({ case: 'deposit', value: { offers: [{ attempt, description }] } }),
        ),
    });
    const { pcs } = this;
    const Native = platform.RTCPeerConnection;
    const Recorded =
      Native &&
      class extends Native {
        constructor(config?: RTCConfiguration) {
          super(config);
          pcs.push(this);
        }
      };
    this.connections = new ConnectionManager(
      { ...platform, RTCPeerConnection: Recorded as typeof RTCPeerConnection | undefined },
      this.signaling,
      {
        firstRequest: () => this.first,
        onOpen: (peer, hasAsked) => this.#tell({ is: 'open', peer, ...(hasAsked && { hasAsked }) }),
        onMessage: (_, message) => {
          if (this.onMessage) this.onMessage(message.body);
          else this.messages.push(message.body);
          this.wake();
        },
        onClose: (peer, reason) => this.#tell({ is: 'close', peer, reason }),
        onWritable: (peer) => this.#tell({ is: 'writable', peer }),
      },
      { maxConnections: 8, maxIncoming: 8, ...options },
    );
  }

  /** The end of what is (or was) with `peer`. */
  async closed(peer: PeerId): Promise<CloseReason> {
    const find = () => this.told.find((told) => told.is === 'close' && told.peer === peer);
    await this.until(() => find() !== undefined);
    return (find() as { reason: CloseReason }).reason;
  }

  async opened(peer: PeerId): Promise<void> {
    await this.until(() => this.connections.isOpen(peer));
  }

  /** Resolves when `condition` holds; looked at whenever this peer is told something. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition())
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
  }

  #tell(told: Told): void {
    this.told.push(told);
    this.wake();
  }

  wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** Peers whose signals are relayed in memory, through the codec, in order, later. */
export class TestNet {
  readonly peers = new Map<PeerId, TestPeer>();
  /** Every signal that was relayed, with its sender. */
  readonly signals: { from: PeerId; signal: Signal }[] = [];
  /** Offers that were left, with who left them. */
  readonly deposits: { from: PeerId; offer: DepositedOffer }[] = [];
  /** What becomes of a signal: passed on (now or when `pass` is called), or not. */
  route: (from: PeerId, signal: Signal, pass: () => void) => void = (_, __, pass) => pass();

  peer(
    id: PeerId,
    options: Partial<ConnectionOptions> = {},
    platform: Platform = nodePlatform(),
  ): TestPeer {
    const peer = new TestPeer(this, id, options, platform);
    this.peers.set(id, peer);
    return peer;
  }

  /** Gives all peers other ids, as a tracker does that was restarted. */
  restart(newId: (id: PeerId) => PeerId): void {
    const peers = [...this.peers.values()];
    this.peers.clear();
    for (const peer of peers) {
      peer.id = newId(peer.id);
      this.peers.set(peer.id, peer);
    }
  }

  deposit(from: PeerId, frame: Uint8Array): boolean {
    const { body } = decodeSessionRequest(frame);
    if (body.case !== 'deposit') throw new Error('not a deposit');
    for (const offer of body.value.offers) this.deposits.push({ from, offer });
    for (const peer of this.peers.values()) peer.wake();
    return true;
  }

  /** Names `holder` to `to` with the latest offer that it left; `to` hears of it `ageMs` later. */
  give(to: TestPeer, holder: PeerId, ageMs = 0): DepositedOffer {
    const at = this.deposits.findLastIndex(({ from }) => from === holder);
    if (at < 0) throw new Error('no offer was left');
    const [{ offer }] = this.deposits.splice(at, 1) as [(typeof this.deposits)[0]];
    to.signaling.deposited(holder, offer.attempt, offer.description!, ageMs);
    return offer;
  }

  relay(from: PeerId, frame: Uint8Array): boolean {
    const { body } = decodeSessionRequest(frame);
    if (body.case !== 'signal') throw new Error('not a signal');
    const signal = body.value;
    this.signals.push({ from, signal });
    setImmediate(() => this.route(from, signal, () => this.#deliver(from, signal)));
    return true;
  }

  #deliver(from: PeerId, signal: Signal): void {
    const to = this.peers.get(signal.peerId);
    if (!to) {
      const sender = this.peers.get(from);
      sender?.signaling.undeliverable(signal.peerId, signal.attempt, UndeliverableReason.GONE);
      return;
    }
    const value = { ...signal, peerId: from };
    const { body } = decodeSessionResponse(encodeSessionResponse({ case: 'signal', value }));
    if (body.case === 'signal') to.signaling.receive(body.value);
  }

  /** The bodies that `from` sent, in order. */
  sent(from: PeerId): (string | undefined)[] {
    return this.signals
      .filter((entry) => entry.from === from)
      .map(({ signal }) => signal.body.case);
  }

  /** The same without candidates, which in Node come apart from offers. */
  steps(from: PeerId): (string | undefined)[] {
    return this.sent(from).filter((kind) => kind !== 'candidates');
  }

  close(): void {
    for (const peer of this.peers.values()) peer.connections.close();
  }
}

/** A platform whose timers only run when the test fires them, and whose clock the test turns. */
export function manualTimers(platform: Platform): {
  platform: Platform;
  /** Turns the clock; fires nothing. */
  advance(ms: number): void;
  /** Runs the timer of this many ms; false if there is none. */
  fire(ms: number): boolean;
} {
  const timers = new Set<{ ms: number; callback: () => void }>();
  let now = 0;
  return {
    platform: {
      ...platform,
      now: () => now,
      setTimer(ms, callback) {
        const timer = { ms, callback };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
    advance(ms) {
      now += ms;
    },
    fire(ms) {
      for (const timer of timers)
        if (timer.ms === ms) {
          timers.delete(timer);
          timer.callback();
          return true;
        }
      return false;
    },
  };
}
