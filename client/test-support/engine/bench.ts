import { seeded } from '../../../demo/random.ts';
import type { Verification } from '../../src/engine/engine.ts';
import { DownloadEngine } from '../../src/engine/engine.ts';
import { chunkLength, layoutOf } from '../../src/engine/layout.ts';
import type { Effect, EngineEvent, PeerId, RangeEnd } from '../../src/engine/types.ts';

export type Of<T extends Effect['type']> = Extract<Effect, { type: T }>;

/** Chunk size of contents under a whole-file id of up to 1 MiB, and of those here with a manifest. */
export const CHUNK = 16_384;

interface Options {
  /** Whether there is a fallback URL. @default true */
  readonly origin?: boolean;
  /** @default 'whole' */
  readonly verification?: Verification;
}

/** An engine, a clock that the test turns, and what the engine said last. */
export class Bench {
  readonly engine: DownloadEngine;
  now = 1_000;
  effects: Effect[] = [];
  readonly #random = seeded(1);

  constructor({ origin = true, verification = 'whole' }: Options = {}) {
    this.engine = new DownloadEngine(origin, verification);
  }

  tell(...events: EngineEvent[]): this {
    this.effects = events.flatMap((event) => this.engine.handle(event, this.now, this.#random));
    return this;
  }

  /** Turns the clock to every time the engine asked for until `ms` have passed. */
  pass(ms: number): this {
    const end = this.now + ms;
    const effects: Effect[] = [];
    while (this.engine.wakeAt <= end) {
      this.now = Math.max(this.now, this.engine.wakeAt);
      effects.push(...this.tell({ type: 'wake' }).effects);
    }
    this.now = end;
    this.effects = effects;
    return this;
  }

  said<T extends Effect['type']>(type: T): Of<T>[] {
    return this.effects.filter((effect): effect is Of<T> => effect.type === type);
  }

  /** The only one of its type that was said last. */
  sole<T extends Effect['type']>(type: T): Of<T> {
    const [effect, ...more] = this.said(type);
    if (!effect || more.length > 0)
      throw new Error(
        `${this.said(type).length} times ${type}: ${this.effects.map((e) => e.type)}`,
      );
    return effect;
  }

  start(): this {
    return this.tell({ type: 'start' });
  }

  /** Starts with a manifest. */
  startChunks(count: number): this {
    return this.start().tell({ type: 'layout', layout: layoutOf(count * CHUNK, CHUNK) });
  }

  /** The tracker names complete holders. */
  seeders(size: number, ...peers: PeerId[]): this {
    const holders = peers.map((peer) => ({ peer, size, partial: false }));
    return this.tell({ type: 'holders', holders });
  }

  /** The tracker names partial holders. */
  partial(size: number, ...peers: PeerId[]): this {
    const holders = peers.map((peer) => ({ peer, size, partial: true }));
    return this.tell({ type: 'holders', holders });
  }

  connected(...peers: PeerId[]): this {
    return this.tell(...peers.map((peer): EngineEvent => ({ type: 'open', peer })));
  }

  /** Starts with these complete holders, all connected. */
  open(size: number, ...peers: PeerId[]): this {
    return this.start()
      .seeders(size, ...peers)
      .connected(...peers);
  }

  /** A peer says which chunks of CHUNK bytes it has. */
  holds(peer: PeerId, size: number, ...chunks: number[]): this {
    const bitfield = new Uint8Array(Math.ceil(size / CHUNK / 8));
    for (const chunk of chunks) bitfield[chunk >> 3]! |= 0x80 >> (chunk & 7);
    const complete = false;
    return this.tell({ type: 'holdings', peer, size, chunkSize: CHUNK, complete, bitfield });
  }

  /** A peer sends a whole chunk. */
  deliver(peer: PeerId, chunk: number): this {
    const layout = this.engine.layout ?? layoutOf(CHUNK, CHUNK);
    const length = chunk < layout.count ? chunkLength(layout, chunk) : CHUNK;
    return this.tell({ type: 'fragment', peer, chunk, offset: 0, length });
  }

  checked(chunk: number, peer: PeerId | undefined, ok = true): this {
    return this.tell({ type: 'checked', chunk, peer, ok });
  }

  verified(ok: boolean): this {
    return this.tell({ type: 'verified', ok });
  }

  /** The origin answers a range as it was asked. */
  head({ range, offset, length }: Of<'fetch-range'>, total: number | undefined): this {
    const end = length === undefined ? total : offset + length;
    const ranged = length !== undefined;
    return this.tell({ type: 'range-head', range, offset, end, total, ranged });
  }

  data({ range }: Of<'fetch-range'>, length: number): this {
    return this.tell({ type: 'range-data', range, length });
  }

  ended({ range }: Of<'fetch-range'>, end: RangeEnd = 'done', total?: number): this {
    return this.tell({ type: 'range-end', range, end, total });
  }

  /** The origin is overrun, and asks to be left alone for a while. */
  overrun({ range }: Of<'fetch-range'>, retryAfter = 0): this {
    return this.tell({ type: 'range-end', range, end: 'failed', retryAfter });
  }

  /** The origin sends all that was asked for, in one piece. Says what the engine said to that. */
  serve(fetch: Of<'fetch-range'>, total: number): this {
    const { offset, length = total - offset } = fetch;
    const effects = [
      ...this.head(fetch, total).effects,
      ...this.data(fetch, Math.min(length, total - offset)).effects,
      ...this.ended(fetch).effects,
    ];
    this.effects = effects;
    return this;
  }

  grant(first: number, count: number, unitBytes: number): this {
    return this.tell({ type: 'grant', first, count, unitBytes });
  }
}
