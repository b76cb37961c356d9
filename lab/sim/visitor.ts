import { DownloadEngine } from '@zauberflote/client/src/engine/engine.ts';
import type { Effect, EngineEvent, PeerId } from '@zauberflote/client/src/engine/types.ts';
import type { SessionRequestBody, SessionResponseBody, Signal } from '@zauberflote/proto';
import { Contacts } from './contacts.ts';
import { Link } from './link.ts';
import type { World } from './world.ts';
import { CONTENT } from './world.ts';

/** How the visit of a leecher ended; `running`: it has not. */
export type Ending = 'running' | 'complete' | 'failed' | 'left';

/**
 * A page with the client: the real engine, whose effects are carried out on simulated links as
 * `client/src/download/download.ts` carries them out on real ones.
 */
export class Visitor {
  readonly world: World;
  readonly contacts: Contacts;
  readonly up: Link;
  readonly down: Link;
  gone = false;
  id: PeerId | undefined;
  /** Payload bytes that left by its uplink. */
  uploaded = 0;
  fromPeers = 0;
  fromOrigin = 0;
  ending: Ending = 'running';
  /** From arrival to completion, in ms. */
  tookMs = 0;
  /** Leaves at this share of the download; from 1 on, as far into the same time again. */
  readonly #leaveAt: number;
  #engine: DownloadEngine | undefined;
  #arrivedAt = 0;
  /** Bytes of the chunks at hand, and of the origin's body so far. */
  #kept = 0;
  #originLoaded = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelWake = () => {};
  #abortOrigin = () => {};
  readonly #unsent: SessionRequestBody[] = [];

  /** @param leaveAt see `churn` of the scenario; infinite: stays */
  constructor(world: World, leaveAt: number) {
    const { peerUpBytesPerSecond, peerDownBytesPerSecond, peerOverhead } = world.scenario;
    this.world = world;
    this.contacts = new Contacts(this);
    this.up = new Link(world.clock, peerUpBytesPerSecond, peerOverhead);
    this.down = new Link(world.clock, peerDownBytesPerSecond, peerOverhead);
    this.#leaveAt = leaveAt;
  }

  /** Is there from the start and holds the content. */
  startAsSeeder(): void {
    this.ending = 'complete';
    this.#have();
    this.world.seat(this);
  }

  /** Opens the page: connects to the tracker and wants the content. */
  startAsLeecher(): void {
    this.#arrivedAt = this.world.clock.now;
    this.#engine = new DownloadEngine(true);
    this.world.enter(this);
    this.#tell({ type: 'start' });
  }

  /** Time of a packet to anybody. */
  get oneWayMs(): number {
    return this.world.scenario.rttMs / 2;
  }

  // --- the tracker ---

  hear(body: SessionResponseBody): void {
    switch (body?.case) {
      case 'welcome':
        this.id = body.value.peerId as PeerId;
        for (const unsent of this.#unsent.splice(0)) this.world.tell(this, unsent);
        break;
      case 'peers': {
        const named = body.value.swarms?.[0]?.holders ?? [];
        const holders = named.map(({ peerId, size }) => ({
          peer: peerId as PeerId,
          size: Number(size),
        }));
        this.#tell({ type: 'holders', holders });
        break;
      }
      case 'signal':
        this.contacts.signaled(body.value as Signal);
        break;
      case 'undeliverable':
        this.contacts.failed(body.value.peerId as PeerId, body.value.attempt as number);
    }
  }

  toTracker(body: SessionRequestBody): void {
    if (this.gone) return;
    if (this.id === undefined) this.#unsent.push(body);
    else this.world.tell(this, body);
  }

  #have(): void {
    const holdings = [{ content: CONTENT, size: BigInt(this.world.scenario.bytes) }];
    this.toTracker({ case: 'have', value: { holdings } });
  }

  // --- connections ---

  opened(peer: PeerId): void {
    this.#tell({ type: 'open', peer });
  }

  closed(peer: PeerId): void {
    this.#tell({ type: 'close', peer, barred: false });
  }

  /** Payload that reached its downlink; `onTaken` when it has come through, unless it has left. */
  take(flow: object, bytes: number, onTaken: () => void): void {
    this.down.send(flow, bytes, () => {
      if (this.gone) this.world.lostBytes += bytes;
      else onTaken();
    });
  }

  received(from: Visitor, request: number, offset: number, length: number): void {
    this.fromPeers += length;
    const peer = from.id as PeerId;
    const chunk = this.contacts.get(peer)?.asked.get(request)?.chunk;
    if (chunk !== undefined) this.#tell({ type: 'fragment', peer, chunk, offset, length });
  }

  refused(by: Visitor, request: number): void {
    const peer = by.id as PeerId;
    const asked = this.contacts.get(peer)?.asked;
    const chunk = asked?.get(request)?.chunk;
    if (chunk === undefined) return;
    asked?.delete(request);
    this.#tell({ type: 'refused', peer, chunk, lasting: false });
  }

  // --- the engine ---

  #tell(event: EngineEvent): void {
    const { world } = this;
    const engine = this.#engine;
    if (!engine || this.gone || engine.ended) return;
    world.engineEvents++;
    for (const effect of engine.handle(event, world.clock.now, world.random))
      this.#carryOut(effect);
    if (!engine.ended) this.#schedule(engine);
    this.#perhapsLeave();
  }

  /** One timer at most: one that is early looks again, which costs less than calling it off. */
  #schedule(engine: DownloadEngine): void {
    const at = engine.wakeAt;
    if (at >= this.#wakeAt) return;
    this.#cancelWake();
    this.#wakeAt = at;
    const { clock } = this.world;
    this.#cancelWake = clock.after(Math.max(0, at - clock.now), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      if (engine.ended || this.gone) return;
      if (engine.wakeAt <= clock.now) this.#tell({ type: 'wake' });
      else this.#schedule(engine);
    });
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'ask':
        return this.toTracker({ case: 'want', value: { contents: [CONTENT], maxPeers: 0 } });
      case 'connect':
        return this.contacts.connect(effect.peer);
      case 'bar':
        return this.contacts.end(effect.peer);
      case 'request':
        return this.contacts.get(effect.peer)?.request(effect.chunk, effect.length);
      case 'cancel':
        this.contacts.get(effect.peer)?.settle(effect.chunk, 'cancelled');
        return;
      case 'keep':
        this.#kept += this.contacts.get(effect.peer)?.settle(effect.chunk, 'answered') ?? 0;
        return;
      case 'discard':
        this.#kept = 0;
        return;
      case 'fetch-origin':
        return this.#fetchOrigin();
      case 'abort-origin':
        return this.#abortOrigin();
      case 'verify': {
        const { supplier } = effect;
        this.world.clock.after(0, () => this.#tell({ type: 'verified', supplier, ok: true }));
        return;
      }
      case 'complete':
        return this.#complete();
      case 'fail':
        this.ending = 'failed';
        return;
      default:
        throw new Error(
          `the simulation cannot carry out ${JSON.stringify(effect satisfies never)}`,
        );
    }
  }

  #fetchOrigin(): void {
    this.#originLoaded = 0;
    this.#abortOrigin = this.world.fetch(this, (bytes) => {
      this.fromOrigin += bytes;
      this.#originLoaded += bytes;
      if (this.#originLoaded === this.world.scenario.bytes) this.#tell({ type: 'origin-done' });
      this.#perhapsLeave();
    });
  }

  #complete(): void {
    const { clock } = this.world;
    this.ending = 'complete';
    this.tookMs = clock.now - this.#arrivedAt;
    this.#have();
    if (this.#leaveAt < Number.POSITIVE_INFINITY)
      clock.after((this.#leaveAt - 1) * this.tookMs, () => this.#leave());
  }

  #perhapsLeave(): void {
    const loaded = Math.max(this.#kept, this.#originLoaded);
    if (this.ending !== 'running' || loaded < this.#leaveAt * this.world.scenario.bytes) return;
    this.ending = 'left';
    this.#leave();
  }

  /** The page is closed. */
  #leave(): void {
    this.gone = true;
    this.#cancelWake();
    this.#abortOrigin();
    this.contacts.leave();
    this.world.leave(this);
  }
}
