import { createHash } from 'node:crypto';
import { Arrivals } from '@zauberflote/client/src/connection/arrivals.ts';
import type { CloseReason, Connections } from '@zauberflote/client/src/connection/types.ts';
import type { NetworkHandlers } from '@zauberflote/client/src/download/download-manager.ts';
import { DownloadManager } from '@zauberflote/client/src/download/download-manager.ts';
import type { Content } from '@zauberflote/client/src/integrity/content-id.ts';
import { Verifier } from '@zauberflote/client/src/integrity/digest.ts';
import type {
  LeaseRequest,
  PeerId,
  SignalInit,
  Tracker,
  TrackerState,
} from '@zauberflote/client/src/tracker/types.ts';
import type { PeerMessage, PeerMessageBody, SessionResponse, Signal } from '@zauberflote/proto';
import { contentKey, DtlsSetup, MAX_FRAGMENT_BYTES } from '@zauberflote/proto';
import type { Traits, World } from './world.ts';

/** Bytes that may wait for one peer before its visitor is given no more. */
const HIGH_WATER = 256 * 1024;

/** Time an offer has to be answered, in ms. */
const ATTEMPT_TIMEOUT_MS = 5_000;

interface Wire {
  readonly other: Visitor;
  /** Bytes that have not left yet. */
  queued: number;
  readonly arrivals: Arrivals;
}

const sync = (name: string) => (data: Uint8Array) =>
  new Uint8Array(createHash(name).update(data).digest());

/** A page of the swarm: a real download manager with an in-memory tracker client and connections. */
export class Visitor implements Tracker, Connections {
  readonly traits: Traits;
  readonly manager: DownloadManager;
  /** When its uplink is free again. */
  /** How late every fragment leaves, in ms. */
  lateMs = 0;
  busyUntil = 0;
  gone = false;
  state: TrackerState = 'connecting';
  id: PeerId | undefined;
  readonly #world: World;
  #handlers!: NetworkHandlers;
  #unsent: (() => void)[] = [];
  readonly #wires = new Map<PeerId, Wire>();
  readonly #attempts = new Map<PeerId, { id: number; cancel: () => void }>();
  /** Peers that broke the protocol or sent wrong bytes. */
  readonly barred = new Set<PeerId>();
  #lastAttempt = 0;

  constructor(world: World, traits: Traits = {}) {
    this.#world = world;
    this.traits = traits;
    const hashes = {
      sha1: sync('sha1'),
      sha256: sync('sha256'),
      sha384: sync('sha384'),
      sha512: sync('sha512'),
    };
    const platform = {
      now: () => world.clock.now,
      random: world.random,
      setTimer: (ms: number, run: () => void) => world.clock.after(ms, run),
      fetch: world.origin.fetch,
      WebSocket: undefined,
      RTCPeerConnection: undefined,
    };
    this.manager = new DownloadManager(
      platform,
      new Verifier(undefined, async () => hashes),
      (handlers) => {
        this.#handlers = handlers;
        return { tracker: this, connections: this };
      },
    );
    world.join(this);
  }

  /** The page is closed: others notice after a while, or when they send. */
  vanish(): void {
    if (this.gone) return;
    this.gone = true;
    this.#world.leave(this);
    for (const { other } of this.#wires.values())
      this.#world.send(() => other.#cut(this.id as PeerId, 'lost'));
    this.#wires.clear();
    this.manager.close();
  }

  trackerLost(): void {
    this.state = 'waiting';
    this.id ??= 0n;
    this.#handlers.onState('waiting', undefined);
  }

  hear({ body }: SessionResponse): void {
    switch (body.case) {
      case 'welcome':
        this.id = body.value.peerId;
        this.state = 'open';
        this.#handlers.onState('open', this.id);
        for (const send of this.#unsent.splice(0)) send();
        break;
      case 'peers':
        for (const { content, holders, totalHolders, totalPartial } of body.value.swarms)
          this.#handlers.onPeers({
            contentKey: contentKey(content!),
            holders: holders.map(({ peerId, size, partial }) => ({
              peer: peerId,
              size: Number(size),
              partial,
            })),
            totalHolders,
            totalPartial,
          });
        break;
      case 'grant':
        this.#handlers.onGrant(contentKey(body.value.content!), body.value);
        break;
      case 'signal':
        this.#signaled(body.value);
        break;
      case 'undeliverable':
        this.#failed(body.value.peerId, body.value.attempt);
    }
  }

  receive(from: Visitor, message: PeerMessage): void {
    const peer = from.id as PeerId;
    const wire = this.#wires.get(peer);
    if (this.gone || !wire) return;
    const { body } = message;
    if (this.traits.mute && body.case === 'request') return;
    if (body.case === 'fragment') {
      const bytes = wire.arrivals.take(body.value.data.length);
      if (bytes) this.send(peer, { case: 'received', value: { bytes } });
    }
    this.#handlers.onMessage(peer, message);
  }

  // --- Tracker ---

  get ownId(): PeerId | undefined {
    return this.state === 'open' ? this.id : undefined;
  }

  want(contents: readonly Content[]): void {
    this.#toTracker({ case: 'want', value: { contents: contents.map(toWire), maxPeers: 0 } });
  }

  have(content: Content, size: number, partial = false): void {
    const holdings = [{ content: toWire(content), size: BigInt(size), partial }];
    this.#toTracker({ case: 'have', value: { holdings } });
  }

  lease(content: Content, { needed, fetched = [], returned = [], ...what }: LeaseRequest): boolean {
    if (this.state !== 'open' && this.state !== 'connecting') return false;
    const lists = { fetched: [...fetched], returned: [...returned] };
    const bits = Uint8Array.from(needed ?? []);
    const value = { content: toWire(content), ...what, ...lists, needed: bits };
    this.#toTracker({ case: 'lease', value });
    return true;
  }

  drop(contents: readonly Content[]): void {
    this.#toTracker({ case: 'drop', value: { contents: contents.map(toWire) } });
  }

  signal(value: SignalInit): boolean {
    if (this.state === 'open') this.#toTracker({ case: 'signal', value });
    return this.state === 'open';
  }

  #toTracker(body: Parameters<World['tell']>[1]): void {
    if (this.gone) return;
    if (this.state === 'open') this.#world.tell(this, body);
    else this.#unsent.push(() => this.#world.tell(this, body));
  }

  // --- Connections ---

  connect(peer: PeerId): void {
    if (this.#wires.has(peer) || this.#attempts.has(peer)) return;
    const id = ++this.#lastAttempt;
    if (this.barred.has(peer) || !this.signal({ peerId: peer, attempt: id, body: offer() })) {
      const reason = this.barred.has(peer) ? 'malformed' : 'unreachable';
      queueMicrotask(() => this.#handlers.onClose(peer, reason));
      return;
    }
    const cancel = this.#world.clock.after(ATTEMPT_TIMEOUT_MS, () => this.#failed(peer, id));
    this.#attempts.set(peer, { id, cancel });
  }

  /** Offers left with the tracker are tested with real connections. */
  welcome(): void {}

  deposit(): boolean {
    return false;
  }

  isOpen(peer: PeerId): boolean {
    return this.#wires.has(peer);
  }

  send(peer: PeerId, body: PeerMessageBody): boolean {
    if (body?.case !== 'fragment' || this.lateMs === 0) return this.#send(peer, body);
    this.#world.clock.after(this.lateMs, () => this.#send(peer, body));
    return this.isOpen(peer);
  }

  #send(peer: PeerId, body: PeerMessageBody): boolean {
    const wire = this.#wires.get(peer);
    if (!wire || this.gone) return false;
    const bytes = body?.case === 'fragment' ? (body.value.data?.length ?? 0) : 0;
    wire.queued += bytes;
    this.#world.transmit(this, wire.other, body, () => {
      wire.queued -= bytes;
      if (bytes > 0 && !this.gone) this.#handlers.onWritable(peer);
    });
    return true;
  }

  isWritable(peer: PeerId): boolean {
    return this.#wires.has(peer) && this.queuedBytes(peer) < HIGH_WATER;
  }

  queuedBytes(peer: PeerId): number {
    return this.#wires.get(peer)?.queued ?? 0;
  }

  maxFragmentBytes(): number {
    return MAX_FRAGMENT_BYTES;
  }

  disconnect(peer: PeerId, reason: 'closed' | 'malformed'): void {
    if (reason === 'malformed') this.barred.add(peer);
    const wire = this.#wires.get(peer);
    if (!wire) return;
    this.#world.send(() => wire.other.#cut(this.id as PeerId, 'lost'));
    queueMicrotask(() => this.#cut(peer, reason));
  }

  close(): void {
    this.state = 'closed';
    for (const peer of [...this.#wires.keys()]) this.disconnect(peer, 'closed');
  }

  #signaled({ peerId, attempt, body }: Signal): void {
    if (body.case === 'offer') {
      if (this.barred.has(peerId)) return;
      // The offer of the greater id stands (signaling.proto).
      const own = this.#attempts.get(peerId);
      if (own && (this.id as PeerId) > peerId) return;
      if (own) this.#endAttempt(peerId);
      this.signal({ peerId, attempt, body: { ...offer(), case: 'answer' } });
      this.#opened(peerId);
    } else if (body.case === 'answer' && this.#attempts.get(peerId)?.id === attempt) {
      this.#endAttempt(peerId);
      this.#opened(peerId);
    }
  }

  #opened(peer: PeerId): void {
    const other = this.#world.visitor(peer);
    if (!other || other.gone || this.#wires.has(peer)) return;
    this.#wires.set(peer, { other, queued: 0, arrivals: new Arrivals() });
    this.#handlers.onOpen(peer, false);
  }

  #endAttempt(peer: PeerId): void {
    this.#attempts.get(peer)?.cancel();
    this.#attempts.delete(peer);
  }

  #failed(peer: PeerId, id: number): void {
    if (this.#attempts.get(peer)?.id !== id) return;
    this.#endAttempt(peer);
    this.#handlers.onClose(peer, 'unreachable');
  }

  #cut(peer: PeerId, reason: CloseReason): void {
    if (this.#wires.delete(peer)) this.#handlers.onClose(peer, reason);
  }
}

function toWire({ algorithm, digest }: Content) {
  return { algorithm, digest: digest as Uint8Array<ArrayBuffer> };
}

/** A description that the codec accepts; nothing is connected by it. */
function offer() {
  const value = {
    iceUfrag: 'ufrag',
    icePwd: 'p'.repeat(24),
    fingerprintSha256: new Uint8Array(32),
    setup: DtlsSetup.ACTIVE,
  };
  return { case: 'offer' as const, value };
}
