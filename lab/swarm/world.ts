import type { PeerMessageBody, SessionRequestBody, SessionResponse } from '@zauberflote/proto';
import {
  decodePeerMessage,
  decodeSessionRequest,
  decodeSessionResponse,
  encodePeerMessage,
  encodeSessionRequest,
  encodeSessionResponse,
  RefuseReason,
} from '@zauberflote/proto';
import type { Effect } from '@zauberflote/tracker';
import { Registry } from '@zauberflote/tracker';
import { seeded } from '../../demo/random.ts';
import { Clock } from './clock.ts';
import { Origin } from './origin.ts';
import type { Visitor } from './visitor.ts';

/** One way through the network, in ms. */
const LATENCY_MS = 20;

/** How a visitor differs from a good one. */
export interface Traits {
  /** Bytes per second it can send to others. @default 1,000,000 */
  readonly uplink?: number;
  /** Changes every fragment it sends. */
  readonly lies?: boolean;
  /** Takes requests but answers none. */
  readonly mute?: boolean;
}

/**
 * A tracker, an origin and visitors in one process: the tracker's own registry, every message
 * through the codec, only the wires are made up.
 */
export class World {
  readonly clock = new Clock();
  readonly random: () => number;
  readonly registry = new Registry<Visitor>();
  readonly origin = new Origin(this.clock, LATENCY_MS);
  trackerUp = true;
  /** Requests that anybody refused, but for those who said that they are busy. */
  refusals = 0;
  readonly #online = new Map<bigint, Visitor>();

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  /** Carries `run` over the network. */
  send(run: () => void): void {
    this.clock.after(LATENCY_MS, run);
  }

  visitor(id: bigint): Visitor | undefined {
    return this.#online.get(id);
  }

  // --- the tracker ---

  join(visitor: Visitor): void {
    this.send(() => {
      if (visitor.gone) return;
      if (this.trackerUp) this.#carryOut(this.registry.connect(visitor, this.random));
      else visitor.trackerLost();
    });
  }

  tell(visitor: Visitor, body: SessionRequestBody): void {
    const frame = encodeSessionRequest(body);
    this.send(() => {
      if (!this.trackerUp) return;
      const message = decodeSessionRequest(frame);
      this.#carryOut(this.registry.receive(visitor, message, this.clock.now, this.random));
    });
  }

  leave(visitor: Visitor): void {
    this.registry.disconnect(visitor, this.clock.now);
    if (visitor.id !== undefined) this.#online.delete(visitor.id);
  }

  /** The tracker vanishes; it knows nobody when it comes back. */
  killTracker(): void {
    this.trackerUp = false;
    for (const visitor of this.#online.values()) {
      this.registry.disconnect(visitor, this.clock.now);
      visitor.trackerLost();
    }
  }

  #carryOut(effects: Effect<Visitor>[]): void {
    for (const effect of effects) {
      if (!('send' in effect)) throw new Error('the registry closed a connection, or asked others');
      const frame = encodeSessionResponse(effect.send);
      this.send(() => this.#deliver(effect.to, decodeSessionResponse(frame)));
    }
  }

  #deliver(visitor: Visitor, message: SessionResponse): void {
    if (!this.trackerUp || visitor.gone) return;
    if (message.body.case === 'welcome') this.#online.set(message.body.value.peerId, visitor);
    visitor.hear(message);
  }

  // --- the wires between visitors ---

  /** Sends a message over an open connection; `sent` is called when it has left the uplink. */
  transmit(from: Visitor, to: Visitor, body: PeerMessageBody, sent: () => void): void {
    const frame = encodePeerMessage(body);
    if (body?.case === 'refuse' && body.value.reason !== RefuseReason.BUSY) this.refusals++;
    if (from.traits.lies && body?.case === 'fragment') frame[frame.length - 1]! ^= 1;
    const seconds = frame.length / (from.traits.uplink ?? 1_000_000);
    from.busyUntil = Math.max(from.busyUntil, this.clock.now) + seconds * 1_000;
    this.clock.after(from.busyUntil - this.clock.now, () => {
      sent();
      this.send(() => {
        if (!from.gone) to.receive(from, decodePeerMessage(frame));
      });
    });
  }
}
