import { DISCONNECTED_GRACE_MS } from '@zauberflote/client/src/connection/open-connection.ts';
import { News } from '@zauberflote/client/src/download/news.ts';
import type { Servable } from '@zauberflote/client/src/download/uploads.ts';
import { Uploads } from '@zauberflote/client/src/download/uploads.ts';
import { Bitfield } from '@zauberflote/client/src/engine/bitfield.ts';
import { DownloadEngine } from '@zauberflote/client/src/engine/engine.ts';
import { chunkLength } from '@zauberflote/client/src/engine/layout.ts';
import type { Effect, EngineEvent, PeerId } from '@zauberflote/client/src/engine/types.ts';
import type {
  PeerMessageBody,
  Request,
  SessionRequestBody,
  SessionResponseBody,
  Signal,
} from '@zauberflote/proto';
import { RefuseReason } from '@zauberflote/proto';
import type { Connection } from './connection.ts';
import { Contacts } from './contacts.ts';
import { Link } from './link.ts';
import { OriginClient } from './origin.ts';
import { Player } from './player.ts';
import type { World } from './world.ts';
import { CONTENT } from './world.ts';

/** How the visit of a leecher ended; `running`: it has not. */
export type Ending = 'running' | 'complete' | 'failed' | 'left';

/** Hashing of a chunk, with the way to the browser's crypto and back, in ms. */
const CHECK_MS = 1;

/**
 * Chromium (156) says `disconnected` 6.1, 6.8 and 7.5 s after the last message of one that is killed
 * (three measured); then the client waits.
 */
const UNHEARD_MS = 7_000 + DISCONNECTED_GRACE_MS;

/** Stands for all bytes: nobody looks into them. */
let blank = new Uint8Array(1 << 20);

/**
 * A page with the client: its engine and its uploads, whose effects are carried out on simulated
 * links as `client/src/download` carries them out on real ones. Nobody lies.
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
  /** Headers included. */
  fromOrigin = 0;
  ending: Ending = 'running';
  /** From arrival to completion, in ms. */
  tookMs = 0;
  /** Plays it while it comes. */
  player: Player | undefined;
  readonly #uploads: Uploads;
  readonly #news: News;
  readonly #origin: OriginClient;
  readonly #aborts = new Map<number, () => void>();
  /** Leaves at this share of the download; from 1 on, as far into the same time again. */
  readonly #leaveAt: number;
  #engine: DownloadEngine | undefined;
  #arrivedAt = 0;
  readonly #held: Bitfield;
  /** The size it was last announced with, and whether as complete. */
  #announced: string | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelWake = () => {};
  readonly #unsent: SessionRequestBody[] = [];

  /** @param leaveAt see `churn` of the scenario; infinite: stays */
  constructor(world: World, leaveAt: number) {
    const { peerUpBytesPerSecond, peerDownBytesPerSecond, peerOverhead } = world.scenario;
    this.world = world;
    this.contacts = new Contacts(this);
    this.up = new Link(world.clock, peerUpBytesPerSecond, peerOverhead);
    this.down = new Link(world.clock, peerDownBytesPerSecond, peerOverhead);
    this.#leaveAt = leaveAt;
    this.#origin = new OriginClient(this, world.origin);
    this.#held = new Bitfield(world.layout.count);
    const servable = {
      size: world.scenario.bytes,
      read: (offset: number, length: number) => this.#read(offset, length),
    };
    this.#uploads = new Uploads(this.contacts, () => servable, world.platform);
    this.#news = new News(world.platform, (peer, chunks) => this.#say('got', peer, chunks));
    this.contacts.onWritable = () => this.#uploads.writable();
  }

  /** Is there from the start and holds the content. */
  startAsSeeder(): void {
    this.ending = 'complete';
    this.#have();
    this.world.seat(this, this.#unsent.splice(0));
  }

  /** Opens the page, which has the manifest: connects to the tracker and wants the content. */
  startAsLeecher(): void {
    this.#arrivedAt = this.world.clock.now;
    this.#engine = new DownloadEngine(true, 'chunks');
    this.#tell({ type: 'start', originRate: this.world.origin.shownRate });
    const { world } = this;
    const { playBytesPerSecond: rate } = world.scenario;
    const has = (chunk: number) => this.#held.has(chunk);
    if (rate > 0)
      this.player = new Player(world.clock, world.layout, rate, has, (event) => this.#tell(event));
    this.player?.begin();
    this.#tell({ type: 'layout', layout: world.layout });
    // As in the client: in the request for the socket (docs/protocol.md, first frames).
    this.world.enter(this, this.#unsent.splice(0));
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
        const { holders: named = [], totalPartial } = body.value.swarms?.[0] ?? {};
        const holders = named.map(({ peerId, size, partial = false }) => ({
          peer: peerId as PeerId,
          size: Number(size),
          partial,
        }));
        this.#tell({ type: 'holders', holders, totalPartial });
        break;
      }
      case 'grant': {
        const { first = 0, count = 0, unitBytes = 0 } = body.value;
        this.#tell({ type: 'grant', first, count, unitBytes });
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

  /** Announces what there is here, unless the tracker was told the same before. */
  #have(): void {
    const partial = this.ending !== 'complete';
    const size = partial ? (this.#engine?.layout?.size ?? 0) : this.world.scenario.bytes;
    if (this.#announced === `${partial} ${size}`) return;
    this.#announced = `${partial} ${size}`;
    const holdings = [{ content: CONTENT, size: BigInt(size), partial }];
    this.toTracker({ case: 'have', value: { holdings } });
  }

  // --- connections ---

  opened(peer: PeerId): void {
    this.#tell({ type: 'open', peer });
  }

  closed(peer: PeerId): void {
    this.#uploads.closed(peer);
    this.#tell({ type: 'close', peer, barred: false });
  }

  /** Payload that reached its downlink; `onTaken` when it has come through, unless it has left. */
  take(flow: object, bytes: number, onTaken: () => void): void {
    this.down.send(flow, bytes, () => {
      if (this.gone) this.world.lostBytes += bytes;
      else onTaken();
    });
  }

  /** A message came by a connection. */
  received(connection: Connection, body: NonNullable<PeerMessageBody>): void {
    const { peer, asked } = connection;
    switch (body.case) {
      case 'request':
        this.#uploads.request(peer, body.value as Request);
        break;
      case 'cancel':
        this.#uploads.cancel(peer, body.value.requestId as number);
        break;
      case 'refuse': {
        const { requestId, reason } = body.value;
        const chunk = asked.get(requestId as number)?.chunk;
        asked.delete(requestId as number);
        const lasting = reason !== RefuseReason.BUSY;
        if (chunk !== undefined) this.#tell({ type: 'refused', peer, chunk, lasting });
        break;
      }
      case 'fragment': {
        const { requestId, offset = 0, data } = body.value;
        const chunk = asked.get(requestId as number)?.chunk;
        const length = data?.length ?? 0;
        if (chunk !== undefined) this.#tell({ type: 'fragment', peer, chunk, offset, length });
        break;
      }
      case 'holdings': {
        const { size, chunkSize = 0, complete = false, bitfield } = body.value;
        const told = { size: Number(size), chunkSize, complete, bitfield: bitfield ?? blank };
        if (this.ending === 'running') this.#tell({ type: 'holdings', peer, ...told });
        else if (this.ending === 'complete' && !complete) this.#answerHoldings(connection);
        break;
      }
      case 'got':
      case 'coming':
        this.#tell({ type: body.case, peer, chunks: body.value.chunks ?? [] });
        break;
      case 'received':
        this.#uploads.received(peer, body.value.bytes ?? 0);
    }
  }

  #answerHoldings(connection: Connection): void {
    const size = BigInt(this.world.scenario.bytes);
    const value = { content: CONTENT, size, complete: true };
    connection.send({ case: 'holdings', value });
  }

  /** Stands for a chunk that is here. */
  #read(offset: number, length: number): ReturnType<Servable['read']> {
    const chunk = Math.floor(offset / this.world.layout.chunkSize);
    if (this.ending !== 'complete' && !this.#held.has(chunk))
      return this.#engine?.expects(offset, length);
    if (blank.length < length) blank = new Uint8Array(length);
    return blank.subarray(0, length);
  }

  // --- the engine ---

  #tell(event: EngineEvent): void {
    const { world } = this;
    const engine = this.#engine;
    if (!engine || this.gone || engine.ended) return;
    const { effects, wakeAt } = world.engineTime.measure(event.type, () => ({
      effects: engine.handle(event, world.clock.now, world.random),
      wakeAt: engine.wakeAt,
    }));
    for (const effect of effects) this.#carryOut(effect);
    this.#news.tellSoon();
    if (!engine.ended) this.#schedule(engine, wakeAt);
    this.#perhapsLeave();
  }

  /** One timer at most: one that is early looks again, which costs less than calling it off. */
  #schedule(engine: DownloadEngine, at: number): void {
    if (at >= this.#wakeAt) return;
    this.#cancelWake();
    this.#wakeAt = at;
    const { clock } = this.world;
    this.#cancelWake = clock.at(Math.max(at, clock.now), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      if (engine.ended || this.gone) return;
      const due = engine.wakeAt;
      if (due <= clock.now) this.#tell({ type: 'wake' });
      else this.#schedule(engine, due);
    });
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'ask':
        this.toTracker({ case: 'want', value: { contents: [CONTENT], maxPeers: 0 } });
        return this.#have();
      case 'lease': {
        const { type, needed = new Uint8Array(), fetched, returned, ...lease } = effect;
        const lists = { needed, fetched: [...fetched], returned: [...returned] };
        return this.toTracker({ case: 'lease', value: { content: CONTENT, ...lease, ...lists } });
      }
      case 'connect':
        return this.contacts.connect(effect.peer);
      case 'bar':
        return this.contacts.disconnect(effect.peer);
      case 'holdings': {
        const { size = 0, chunkSize = 0 } = effect.layout ?? {};
        const value = {
          content: CONTENT,
          size: BigInt(size),
          chunkSize,
          bitfield: effect.bitfield,
        };
        this.contacts.send(effect.peer, { case: 'holdings', value });
        return;
      }
      case 'got':
        return this.#news.add(effect.peer, effect.chunks);
      case 'coming':
        return this.#say('coming', effect.peer, [...effect.chunks]);
      case 'request': {
        const connection = this.contacts.get(effect.peer);
        const { offset, length } = effect;
        const requestId = connection?.ask(effect) as number;
        const value = { requestId, content: CONTENT, offset: BigInt(offset), length };
        connection?.send({ case: 'request', value });
        return;
      }
      case 'cancel': {
        const connection = this.contacts.get(effect.peer);
        const requestId = connection?.settle(effect.chunk);
        if (requestId !== undefined) connection?.send({ case: 'cancel', value: { requestId } });
        return;
      }
      case 'check': {
        const { chunk, peer } = effect;
        if (peer !== undefined) this.contacts.get(peer)?.settle(chunk);
        this.world.clock.after(CHECK_MS, () =>
          this.#tell({ type: 'checked', chunk, peer, ok: true }),
        );
        return;
      }
      case 'keep':
        this.#held.add(effect.chunk);
        // The page hears of it when the engine has said all.
        if (this.player) this.world.clock.after(0, () => this.player?.proceed());
        return this.#uploads.ready();
      case 'drop':
        if (effect.peer !== undefined) this.contacts.get(effect.peer)?.settle(effect.chunk);
        return;
      case 'fetch-range':
        return this.#fetch(effect);
      case 'abort-range':
        this.#aborts.get(effect.range)?.();
        this.#aborts.delete(effect.range);
        return;
      case 'lay-out':
        return;
      case 'complete':
        this.#news.tell();
        return this.#complete();
      case 'fail':
        this.ending = 'failed';
        return;
      case 'discard':
      case 'verify':
        throw new Error(`${effect.type}: chunks were verified one by one, and nobody lies`);
      default:
        throw new Error(
          `the simulation cannot carry out ${JSON.stringify(effect satisfies never)}`,
        );
    }
  }

  #say(what: 'got' | 'coming', peer: PeerId, chunks: number[]): void {
    this.contacts.send(peer, { case: what, value: { content: CONTENT, chunks } });
  }

  #fetch({ range, offset, length }: Extract<Effect, { type: 'fetch-range' }>): void {
    const total = this.world.scenario.bytes;
    const abort = this.#origin.fetch(
      { offset, length },
      {
        onHead: (end, ranged) =>
          this.#tell({
            type: 'range-head',
            range,
            offset: ranged ? offset : 0,
            isWhole: !this.world.scenario.ranges,
            end,
            total,
            ranged,
          }),
        onData: (bytes) => this.#tell({ type: 'range-data', range, length: bytes }),
        onEnd: () => {
          this.#aborts.delete(range);
          this.#tell({ type: 'range-end', range, end: 'done' });
        },
        onBeyond: () => {
          this.#aborts.delete(range);
          this.#tell({ type: 'range-end', range, end: 'beyond', total });
        },
      },
    );
    this.#aborts.set(range, abort);
  }

  #complete(): void {
    const { clock } = this.world;
    this.ending = 'complete';
    this.tookMs = clock.now - this.#arrivedAt;
    this.world.doneAt = clock.now;
    this.#have();
    // Its last chunk may have come before it left within that chunk.
    const more = Math.max(this.#leaveAt - 1, 0);
    if (more < Number.POSITIVE_INFINITY) clock.after(more * this.tookMs, () => this.#leave());
  }

  #perhapsLeave(): void {
    if (this.ending !== 'running' || this.#leaveAt === Number.POSITIVE_INFINITY) return;
    const { layout } = this.world;
    const last = layout.count - 1;
    const short = this.#held.has(last) ? layout.chunkSize - chunkLength(layout, last) : 0;
    const loaded = this.#held.size * layout.chunkSize - short;
    if (loaded < this.#leaveAt * layout.size) return;
    this.ending = 'left';
    this.#leave();
  }

  /** Its process is killed: only the tracker, whose socket is closed, hears of it soon. */
  crash(): void {
    this.#end(UNHEARD_MS);
  }

  /** The page is closed: the others hear it when the last packet has reached them. */
  #leave(): void {
    this.world.doneAt = this.world.clock.now;
    this.#end();
  }

  #end(heardMs?: number): void {
    this.gone = true;
    this.#cancelWake();
    for (const abort of this.#aborts.values()) abort();
    this.#uploads.close();
    this.#news.close();
    this.contacts.close(heardMs);
    this.world.leave(this);
  }
}
