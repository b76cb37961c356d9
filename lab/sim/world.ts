import type { PeerId } from '@zauberflote/client/src/engine/types.ts';
import type { SessionRequest, SessionRequestBody, SessionResponseBody } from '@zauberflote/proto';
import { HashAlgorithm } from '@zauberflote/proto';
import type { Effect } from '@zauberflote/tracker';
import { Registry } from '@zauberflote/tracker';
import { seeded } from '../swarm/clock.ts';
import { Clock } from './clock.ts';
import { Link } from './link.ts';
import type { Scenario } from './scenario.ts';
import type { Visitor } from './visitor.ts';

/** The one content that is distributed. */
export const CONTENT = {
  algorithm: HashAlgorithm.MANIFEST_SHA256,
  digest: new Uint8Array(32).fill(7),
};

/** Largest parcel of the origin's body: it shares its link in the same steps as peers do. */
const ORIGIN_PARCEL_BYTES = 16 * 1024;

/** TCP and WebSocket handshakes: how long until a visitor can speak to the tracker. */
const TRACKER_ROUND_TRIPS = 2;

/** TCP handshake before a request to the origin can be sent. */
const ORIGIN_ROUND_TRIPS = 1;

/** The tracker's registry, the origin, and what lies between them and the visitors. */
export class World {
  readonly scenario: Scenario;
  readonly clock = new Clock();
  readonly random: () => number;
  readonly registry: Registry<Visitor>;
  /** Payload bytes that left the origin. */
  originBytes = 0;
  /** Payload bytes whose receiver had left when they came. */
  lostBytes = 0;
  engineEvents = 0;
  readonly #origin: Link;
  readonly #online = new Map<PeerId, Visitor>();

  constructor(scenario: Scenario) {
    const { seed, originBytesPerSecond, originOverhead, seeders, peers } = scenario;
    this.scenario = scenario;
    this.random = seeded(seed);
    this.registry = new Registry<Visitor>({ maxPeers: seeders + peers });
    this.#origin = new Link(this.clock, originBytesPerSecond, originOverhead);
  }

  visitor(id: PeerId): Visitor | undefined {
    return this.#online.get(id);
  }

  // --- the tracker: messages as objects, the codec left out ---

  /** A visitor opens its connection to the tracker and is greeted. */
  enter(visitor: Visitor): void {
    const { rttMs } = this.scenario;
    this.clock.after((TRACKER_ROUND_TRIPS - 0.5) * rttMs, () => this.seat(visitor));
  }

  /** The tracker learns of a visitor. */
  seat(visitor: Visitor): void {
    if (!visitor.gone) this.#carryOut(this.registry.connect(visitor, this.random));
  }

  /** Half a round trip later the tracker hears it. */
  tell(visitor: Visitor, body: SessionRequestBody): void {
    this.clock.after(this.scenario.rttMs / 2, () => {
      const message = { body } as Pick<SessionRequest, 'body'>;
      this.#carryOut(this.registry.receive(visitor, message, this.clock.now, this.random));
    });
  }

  leave(visitor: Visitor): void {
    this.clock.after(this.scenario.rttMs / 2, () =>
      this.registry.disconnect(visitor, this.clock.now),
    );
  }

  #carryOut(effects: readonly Effect<Visitor>[]): void {
    for (const effect of effects) {
      if ('close' in effect) throw new Error(`the registry refused a visitor: ${effect.message}`);
      this.clock.after(this.scenario.rttMs / 2, () => this.#deliver(effect.to, effect.send));
    }
  }

  #deliver(visitor: Visitor, body: SessionResponseBody): void {
    if (visitor.gone) return;
    if (body?.case === 'welcome') this.#online.set(body.value.peerId as PeerId, visitor);
    visitor.hear(body);
  }

  // --- the origin ---

  /**
   * The whole content over HTTP; the result aborts it.
   * @param onBytes called for every part that arrives
   */
  fetch(visitor: Visitor, onBytes: (bytes: number) => void): () => void {
    const flow = {};
    let state: 'asked' | 'sending' | 'aborted' = 'asked';
    const { bytes: size, rttMs } = this.scenario;
    this.clock.after((ORIGIN_ROUND_TRIPS + 0.5) * rttMs, () => {
      if (state === 'aborted') return;
      state = 'sending';
      for (let offset = 0; offset < size; offset += ORIGIN_PARCEL_BYTES) {
        const bytes = Math.min(ORIGIN_PARCEL_BYTES, size - offset);
        this.#origin.send(flow, bytes, () => {
          this.originBytes += bytes;
          this.clock.after(rttMs / 2, () => visitor.take(flow, bytes, () => onBytes(bytes)));
        });
      }
    });
    return () => {
      if (state === 'asked') state = 'aborted';
      else this.clock.after(rttMs / 2, () => this.#origin.drop(flow));
    };
  }
}
