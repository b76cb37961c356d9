import type { Layout } from '@zauberflote/client/src/engine/layout.ts';
import { layoutOf } from '@zauberflote/client/src/engine/layout.ts';
import type { PeerId } from '@zauberflote/client/src/engine/types.ts';
import type { Platform } from '@zauberflote/client/src/platform.ts';
import type { SessionRequest, SessionRequestBody, SessionResponseBody } from '@zauberflote/proto';
import { chunkSizeFor, HashAlgorithm } from '@zauberflote/proto';
import type { Effect } from '@zauberflote/tracker';
import { Registry } from '@zauberflote/tracker';
import { seeded } from '../../demo/random.ts';
import { Clock } from './clock.ts';
import { EngineTime } from './engine-time.ts';
import { Origin } from './origin.ts';
import type { Scenario } from './scenario.ts';
import type { Visitor } from './visitor.ts';

/** The one content that is distributed. */
export const CONTENT = {
  algorithm: HashAlgorithm.MANIFEST_SHA256,
  digest: new Uint8Array(32).fill(7),
};

/** TCP and WebSocket handshakes: how long until a visitor has the tracker's answer to its first words. */
const TRACKER_ROUND_TRIPS = 2;

/** The tracker's registry, the origin, and what lies between them and the visitors. */
export class World {
  readonly scenario: Scenario;
  readonly layout: Layout;
  readonly clock = new Clock();
  readonly random: () => number;
  readonly platform: Platform;
  readonly registry: Registry<Visitor>;
  readonly origin: Origin;
  readonly engineTime = new EngineTime();
  /** Bytes whose receiver had left when they came. */
  lostBytes = 0;
  /** When a visitor last completed or left. */
  doneAt = 0;
  readonly #online = new Map<PeerId, Visitor>();

  constructor(scenario: Scenario) {
    const { seed, bytes, seeders, peers } = scenario;
    const { clock } = this;
    this.scenario = scenario;
    this.layout = layoutOf(bytes, chunkSizeFor(bytes));
    this.random = seeded(seed);
    this.registry = new Registry<Visitor>({ maxPeers: seeders + peers });
    this.origin = new Origin(scenario, clock);
    this.platform = {
      now: () => clock.now,
      random: this.random,
      setTimer: (ms, run) => clock.after(ms, run),
      fetch: () => Promise.reject(new Error('the simulation has no fetch')),
      WebSocket: undefined,
      RTCPeerConnection: undefined,
    };
  }

  visitor(id: PeerId): Visitor | undefined {
    return this.#online.get(id);
  }

  // --- the tracker: messages as objects, the codec left out ---

  /** A visitor opens its connection to the tracker and is greeted. @param first what it says with the request */
  enter(visitor: Visitor, first: readonly SessionRequestBody[]): void {
    const { rttMs } = this.scenario;
    this.clock.after((TRACKER_ROUND_TRIPS - 0.5) * rttMs, () => this.seat(visitor, first));
  }

  /** The tracker learns of a visitor. @param first what it says right then */
  seat(visitor: Visitor, first: readonly SessionRequestBody[]): void {
    if (visitor.gone) return;
    this.#carryOut(this.registry.connect(visitor, this.random));
    for (const body of first) this.#receive(visitor, body);
  }

  /** Half a round trip later the tracker hears it. */
  tell(visitor: Visitor, body: SessionRequestBody): void {
    this.clock.after(this.scenario.rttMs / 2, () => this.#receive(visitor, body));
  }

  leave(visitor: Visitor): void {
    this.clock.after(this.scenario.rttMs / 2, () =>
      this.registry.disconnect(visitor, this.clock.now),
    );
  }

  #receive(visitor: Visitor, body: SessionRequestBody): void {
    const message = { body } as Pick<SessionRequest, 'body'>;
    this.#carryOut(this.registry.receive(visitor, message, this.clock.now, this.random));
  }

  #carryOut(effects: readonly Effect<Visitor>[]): void {
    for (const effect of effects) {
      if (!('send' in effect)) throw new Error('the registry refused a visitor, or asked others');
      this.clock.after(this.scenario.rttMs / 2, () => this.#deliver(effect.to, effect.send));
    }
  }

  #deliver(visitor: Visitor, body: SessionResponseBody): void {
    if (visitor.gone) return;
    if (body?.case === 'welcome') this.#online.set(body.value.peerId as PeerId, visitor);
    visitor.hear(body);
  }
}
