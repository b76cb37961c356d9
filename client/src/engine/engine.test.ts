import assert from 'node:assert/strict';
import { DownloadEngine } from './engine.ts';
import {
  ASK_PATIENCE_MS,
  CHUNK_BYTES,
  GIVE_UP_MS,
  MAX_PEER_FAILURES,
  MAX_PEERS,
  MAX_SILENT_TIMEOUTS,
  MAX_UNVERIFIED_BYTES,
  PIPELINE,
  REFRESH_MS,
  REQUEST_TIMEOUT_MS,
  SLOW_FACTOR,
  STALL_PATIENCE_MS,
} from './tuning.ts';
import type { Effect, EngineEvent } from './types.ts';

type Of<T extends Effect['type']> = Extract<Effect, { type: T }>;

/** An engine, a clock that the test turns, and what the engine said last. */
class Bench {
  readonly engine: DownloadEngine;
  now = 1_000;
  effects: Effect[] = [];
  /** Requests not kept or cancelled yet, as `peer/chunk`. */
  readonly #open = new Set<string>();
  #seed = 1;

  constructor({ origin = true } = {}) {
    this.engine = new DownloadEngine(origin);
  }

  tell(...events: EngineEvent[]): this {
    this.effects = events.flatMap((event) => this.#handle(event));
    return this;
  }

  /** Turns the clock to every time the engine asked for until `ms` have passed. */
  pass(ms: number): this {
    const end = this.now + ms;
    const effects: Effect[] = [];
    while (this.engine.wakeAt <= end) {
      this.now = Math.max(this.now, this.engine.wakeAt);
      effects.push(...this.#handle({ type: 'wake' }));
    }
    this.now = end;
    this.effects = effects;
    return this;
  }

  said<T extends Effect['type']>(type: T): Of<T>[] {
    return this.effects.filter((effect): effect is Of<T> => effect.type === type);
  }

  /** Starts with these holders of a content, all connected. */
  open(size: number, ...peers: bigint[]): this {
    this.tell(
      { type: 'start' },
      { type: 'holders', holders: peers.map((peer) => ({ peer, size })) },
    );
    return this.tell(...peers.map((peer): EngineEvent => ({ type: 'open', peer })));
  }

  /** The peer sends a whole chunk. */
  deliver(peer: bigint, chunk: number, length = CHUNK_BYTES): this {
    return this.tell({ type: 'fragment', peer, chunk, offset: 0, length });
  }

  /** A chunk that is asked of the peer and not delivered. */
  openChunk(peer: bigint): number | undefined {
    for (const open of this.#open)
      if (open.startsWith(`${peer}/`)) return Number(open.split('/')[1]);
    return undefined;
  }

  #handle(event: EngineEvent): Effect[] {
    const effects = this.engine.handle(event, this.now, this.random);
    for (const effect of effects) {
      if (effect.type !== 'request' && effect.type !== 'cancel' && effect.type !== 'keep') continue;
      const key = `${effect.peer}/${effect.chunk}`;
      assert.equal(this.#open.has(key), effect.type !== 'request', `${effect.type} ${key}`);
      if (effect.type === 'request') this.#open.add(key);
      else this.#open.delete(key);
    }
    return effects;
  }

  readonly random = () => {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647;
    return this.#seed / 2_147_483_647;
  };
}

const MANY = 100 * CHUNK_BYTES;

describe('DownloadEngine with peers', () => {
  it('asks the tracker first and connects to the holders it names', () => {
    const bench = new Bench().tell({ type: 'start' });
    assert.deepEqual(bench.effects, [{ type: 'ask' }]);
    bench.tell({ type: 'holders', holders: [{ peer: 7n, size: 10 }] });
    assert.deepEqual(bench.effects, [{ type: 'connect', peer: 7n }]);
    assert.equal(bench.engine.size, 10);
  });

  it('connects to no more peers than it can use', () => {
    const holders = Array.from({ length: 50 }, (_, i) => ({ peer: BigInt(i + 1), size: 10 }));
    const bench = new Bench().tell({ type: 'start' }, { type: 'holders', holders });
    assert.equal(bench.said('connect').length, MAX_PEERS);
  });

  it('asks for every chunk once, the last one shorter', () => {
    const bench = new Bench().open(2 * CHUNK_BYTES + 5, 1n);
    assert.deepEqual(
      bench.said('request').map(({ chunk, offset, length }) => [chunk, offset, length]),
      [
        [0, 0, CHUNK_BYTES],
        [1, CHUNK_BYTES, CHUNK_BYTES],
        [2, 2 * CHUNK_BYTES, 5],
      ],
    );
  });

  it('spreads requests evenly and keeps each pipeline full, but not fuller', () => {
    const bench = new Bench().open(MANY, 1n, 2n, 3n);
    const requests = bench.said('request');
    for (const peer of [1n, 2n, 3n])
      assert.equal(requests.filter((request) => request.peer === peer).length, PIPELINE);
    const { chunk } = requests.find(({ peer }) => peer === 2n) as Of<'request'>;
    bench.deliver(2n, chunk);
    assert.deepEqual(
      bench.said('request').map(({ peer }) => peer),
      [2n],
    );
  });

  it('verifies when all chunks are there, completes when they are right', () => {
    const bench = new Bench().open(2 * CHUNK_BYTES, 1n).deliver(1n, 0);
    assert.deepEqual(bench.effects, [{ type: 'keep', peer: 1n, chunk: 0 }]);
    bench.deliver(1n, 1);
    assert.deepEqual(bench.effects.at(-1), { type: 'verify', supplier: 'peers' });
    bench.tell({ type: 'verified', supplier: 'peers', ok: true });
    assert.deepEqual(bench.effects, [{ type: 'complete', supplier: 'peers' }]);
    assert.ok(bench.engine.ended);
    assert.deepEqual(bench.tell({ type: 'wake' }).effects, []);
    assert.equal(bench.engine.wakeAt, Number.POSITIVE_INFINITY);
  });

  it('takes the fragments of a chunk in any order', () => {
    const bench = new Bench().open(CHUNK_BYTES, 1n);
    bench.tell({ type: 'fragment', peer: 1n, chunk: 0, offset: 100, length: CHUNK_BYTES - 100 });
    assert.deepEqual(bench.said('keep'), []);
    bench.tell({ type: 'fragment', peer: 1n, chunk: 0, offset: 0, length: 100 });
    assert.equal(bench.said('keep').length, 1);
  });

  it('bars a peer whose fragments overlap, and asks another for its chunks', () => {
    const bench = new Bench().open(2 * CHUNK_BYTES, 1n, 2n);
    const fragment = { type: 'fragment', peer: 1n, chunk: 0, offset: 0, length: 9 } as const;
    const chunk = chunkAskedOf(bench, 1n);
    bench.tell({ ...fragment, chunk }, { ...fragment, chunk });
    assert.deepEqual(bench.said('bar'), [{ type: 'bar', peer: 1n }]);
    const asked = bench.said('request');
    assert.ok(asked.some((request) => request.chunk === chunk));
    assert.ok(asked.every(({ peer }) => peer === 2n));
  });

  it('ignores fragments nobody asked for', () => {
    const bench = new Bench().open(CHUNK_BYTES, 1n);
    for (const [peer, chunk] of [
      [9n, 0],
      [1n, 5],
    ] as const)
      assert.deepEqual(bench.deliver(peer, chunk).effects, []);
  });

  it('gives the requests of a lost peer to the others', () => {
    const bench = new Bench().open(20 * CHUNK_BYTES, 1n, 2n, 3n);
    const lost = bench.said('request').filter(({ peer }) => peer === 1n);
    bench.tell({ type: 'close', peer: 1n, barred: false });
    assert.equal(bench.said('cancel').length, lost.length);
    const chunks = new Set<number>();
    for (let round = 0; round < 20; round++)
      for (const peer of [2n, 3n]) {
        const chunk = bench.openChunk(peer);
        if (chunk === undefined) continue;
        chunks.add(chunk);
        bench.deliver(peer, chunk);
      }
    for (const { chunk } of lost) assert.ok(chunks.has(chunk), `chunk ${chunk}`);
    assert.ok(bench.said('verify').length === 1 || chunks.size === 20);
  });

  it('asks another peer, with twice the time, when one stays silent', () => {
    const bench = new Bench().open(CHUNK_BYTES, 1n, 2n);
    const [first] = bench.said('request') as [Of<'request'>];
    const other = first.peer === 1n ? 2n : 1n;
    bench.pass(REQUEST_TIMEOUT_MS);
    assert.deepEqual(bench.said('cancel'), [{ type: 'cancel', peer: first.peer, chunk: 0 }]);
    assert.deepEqual(
      bench.said('request').map(({ peer }) => peer),
      [other],
    );
    // As bad as the first one after twice the time, worse after four times more.
    bench.pass((2 + 4) * REQUEST_TIMEOUT_MS - 1);
    assert.deepEqual(bench.said('cancel'), []);
    bench.pass(1);
    assert.deepEqual(bench.said('cancel'), [{ type: 'cancel', peer: other, chunk: 0 }]);
    assert.deepEqual(
      bench.said('request').map(({ peer }) => peer),
      [first.peer],
    );
  });

  it('leaves requests with the only peer, twice as long each time, until it was silent too often', () => {
    const bench = new Bench({ origin: false }).open(CHUNK_BYTES, 1n);
    const silence = REQUEST_TIMEOUT_MS * (2 ** MAX_SILENT_TIMEOUTS - 1);
    bench.pass(silence - 1);
    assert.deepEqual(bench.said('cancel'), []);
    bench.pass(1);
    assert.equal(bench.said('cancel').length, 1);
    assert.deepEqual(bench.said('fail'), [{ type: 'fail', reason: 'no-source' }]);
  });

  it('does not give up a request while its peer sends, but does not wait for ever either', () => {
    const bench = new Bench().open(2 * CHUNK_BYTES, 1n);
    bench.tell({ type: 'holders', holders: [{ peer: 2n, size: 2 * CHUNK_BYTES }] });
    bench.tell({ type: 'open', peer: 2n });
    const cancels: Effect[] = [];
    for (let i = 0; i <= SLOW_FACTOR && cancels.length === 0; i++) {
      bench.tell({ type: 'fragment', peer: 1n, chunk: 0, offset: i, length: 1 });
      bench.pass(REQUEST_TIMEOUT_MS - 1);
      cancels.push(...bench.said('cancel'));
      assert.equal(cancels.length > 0, i === SLOW_FACTOR, `after fragment ${i}`);
    }
    assert.equal(cancels.length, 2);
    assert.ok(bench.said('request').every(({ peer }) => peer === 2n));
  });

  it('asks a peer that was late for one chunk at a time, and only while there is no better', () => {
    const [late, good] = [1n, 2n];
    const bench = new Bench().open(MANY, late, good).pass(REQUEST_TIMEOUT_MS - 1);
    bench.deliver(good, bench.openChunk(good) as number).pass(1);
    assert.equal(bench.said('cancel').length, PIPELINE);
    for (let i = 0; i < 3 * PIPELINE; i++) {
      bench.deliver(good, bench.openChunk(good) as number);
      assert.ok(bench.said('request').every(({ peer }) => peer === good));
    }
    bench.tell({ type: 'close', peer: good, barred: true });
    assert.deepEqual(
      bench.said('request').map(({ peer }) => peer),
      [late],
    );
    bench.deliver(late, bench.openChunk(late) as number);
    assert.equal(bench.said('request').length, PIPELINE);
  });

  it('asks another peer when one refuses, and that one no more if it never will', () => {
    const bench = new Bench().open(CHUNK_BYTES, 1n, 2n);
    const [{ peer: first }] = bench.said('request') as [Of<'request'>];
    bench.tell({ type: 'refused', peer: first, chunk: 0, lasting: true });
    const [{ peer: second }] = bench.said('request') as [Of<'request'>];
    assert.notEqual(second, first);
    bench.tell({ type: 'refused', peer: second, chunk: 0, lasting: false });
    assert.deepEqual(
      bench.said('request').map(({ peer }) => peer),
      [second],
    );
  });

  it('refreshes the holders from the tracker while it lasts', () => {
    const bench = new Bench().open(MANY, 1n);
    bench.pass(REFRESH_MS);
    assert.equal(bench.said('ask').length, 1);
    bench.tell({ type: 'holders', holders: [{ peer: 2n, size: MANY }] });
    assert.deepEqual(bench.said('connect'), [{ type: 'connect', peer: 2n }]);
    bench.tell({ type: 'tracker', reach: 'away' }).pass(3 * REFRESH_MS);
    assert.equal(bench.said('ask').length, 0);
    bench.tell({ type: 'tracker', reach: 'there' });
    assert.equal(bench.said('ask').length, 1);
  });

  it('tries a peer that could not be reached again, later and not for ever', () => {
    const bench = new Bench({ origin: false }).tell(
      { type: 'start' },
      { type: 'holders', holders: [{ peer: 1n, size: 9 }] },
    );
    for (let i = 1; i < MAX_PEER_FAILURES; i++) {
      bench.tell({ type: 'close', peer: 1n, barred: false });
      assert.deepEqual(bench.said('connect'), []);
      bench.pass(GIVE_UP_MS / 4);
      assert.equal(bench.said('connect').length, 1);
    }
    bench.tell({ type: 'close', peer: 1n, barred: false });
    assert.deepEqual(bench.said('fail'), [{ type: 'fail', reason: 'no-source' }]);
  });

  it('believes the size that most holders claim, and the others when these are gone', () => {
    const bench = new Bench().tell(
      { type: 'start' },
      {
        type: 'holders',
        holders: [
          { peer: 1n, size: 5 },
          { peer: 2n, size: 9 },
          { peer: 3n, size: 9 },
        ],
      },
    );
    assert.equal(bench.engine.size, 9);
    assert.ok(bench.said('connect').every(({ peer }) => peer !== 1n));
    bench.tell(
      { type: 'close', peer: 2n, barred: true },
      { type: 'close', peer: 3n, barred: true },
    );
    assert.equal(bench.engine.size, 5);
    assert.deepEqual(bench.said('connect'), [{ type: 'connect', peer: 1n }]);
  });

  it('does not allocate what nobody could verify', () => {
    const size = MAX_UNVERIFIED_BYTES + 1;
    const bench = new Bench().tell(
      { type: 'start' },
      { type: 'holders', holders: [{ peer: 1n, size }] },
    );
    assert.equal(bench.engine.size, undefined);
    assert.deepEqual(bench.effects.at(-1), { type: 'fetch-origin', fresh: false });
  });
});

describe('DownloadEngine with an origin', () => {
  it('asks it at once when nobody holds the content', () => {
    const bench = new Bench().tell({ type: 'start' }, { type: 'holders', holders: [] });
    assert.deepEqual(bench.said('fetch-origin'), [{ type: 'fetch-origin', fresh: false }]);
  });

  for (const reach of ['away', 'missing'] as const)
    it(`asks it at once when the tracker is ${reach}`, () => {
      const bench = new Bench().tell({ type: 'start' }, { type: 'tracker', reach });
      assert.equal(bench.said('fetch-origin').length, 1);
    });

  it('asks it when the tracker does not answer in time', () => {
    const bench = new Bench().tell({ type: 'start' }).pass(ASK_PATIENCE_MS - 1);
    assert.deepEqual(bench.said('fetch-origin'), []);
    assert.equal(bench.pass(1).said('fetch-origin').length, 1);
  });

  it('asks it when no connection opens in time, or all fail', () => {
    const named = () =>
      new Bench().tell({ type: 'start' }, { type: 'holders', holders: [{ peer: 1n, size: MANY }] });
    assert.equal(named().pass(STALL_PATIENCE_MS).said('fetch-origin').length, 1);
    const failed = named().tell({ type: 'close', peer: 1n, barred: false });
    assert.equal(failed.said('fetch-origin').length, 1);
  });

  it('does not ask it while peers deliver', () => {
    const bench = new Bench().open(20 * CHUNK_BYTES, 1n);
    for (let i = 0; i < 19; i++) {
      bench.deliver(1n, bench.openChunk(1n) as number);
      assert.equal(bench.said('keep').length, 1);
      assert.deepEqual(bench.said('fetch-origin'), []);
      bench.pass(STALL_PATIENCE_MS - 1);
      assert.deepEqual(bench.said('fetch-origin'), []);
    }
  });

  it('asks it although bytes trickle in, and although holders come up with ever new sizes', () => {
    const trickle = new Bench().open(MANY, 1n);
    let asked = 0;
    for (let i = 0; i < 4; i++) {
      trickle.tell({ type: 'fragment', peer: 1n, chunk: 0, offset: i, length: 1 });
      asked += trickle.pass(STALL_PATIENCE_MS / 4 + 1).said('fetch-origin').length;
    }
    assert.equal(asked, 1);
    const liars = Array.from({ length: 32 }, (_, i) => ({ peer: BigInt(i + 1), size: i + 1 }));
    const sizes = new Bench().tell({ type: 'start' }, { type: 'holders', holders: liars });
    asked = 0;
    for (let i = 0; i < 4; i++) {
      const [{ peer }] = sizes.said('connect') as [Of<'connect'>];
      sizes.tell({ type: 'open', peer });
      asked += sizes.pass(STALL_PATIENCE_MS / 4 + 1).said('fetch-origin').length;
      sizes.tell({ type: 'refused', peer, chunk: 0, lasting: true });
    }
    assert.equal(asked, 1);
  });

  it('asks it when a fallback becomes known only later', () => {
    const bench = new Bench({ origin: false }).tell({ type: 'start' }, { type: 'fallback' });
    assert.deepEqual(bench.said('fetch-origin'), []);
    bench.tell({ type: 'holders', holders: [] });
    assert.equal(bench.said('fetch-origin').length, 1);
  });

  it('does not take a long sleep for several timeouts', () => {
    const bench = new Bench().open(CHUNK_BYTES, 1n);
    bench.now += 100 * REQUEST_TIMEOUT_MS;
    for (let i = 0; i < 10; i++) bench.tell({ type: 'wake' });
    assert.deepEqual(bench.said('cancel'), []);
    assert.equal(bench.openChunk(1n), 0);
  });

  it('completes with whichever verifies first and stops the other', () => {
    const origin = new Bench().open(CHUNK_BYTES, 1n).pass(STALL_PATIENCE_MS);
    origin.tell({ type: 'origin-done' });
    assert.deepEqual(origin.said('verify'), [{ type: 'verify', supplier: 'origin' }]);
    origin.tell({ type: 'verified', supplier: 'origin', ok: true });
    assert.deepEqual(
      origin.effects.map(({ type }) => type),
      ['cancel', 'complete'],
    );
    const peers = new Bench().open(CHUNK_BYTES, 1n).pass(STALL_PATIENCE_MS);
    peers.deliver(1n, 0).tell({ type: 'verified', supplier: 'peers', ok: true });
    assert.deepEqual(peers.effects, [
      { type: 'abort-origin' },
      { type: 'complete', supplier: 'peers' },
    ]);
  });

  it('asks it again past caches when its body has the wrong hash, then fails', () => {
    const bench = new Bench().tell({ type: 'start' }, { type: 'tracker', reach: 'missing' });
    const wrong: EngineEvent = { type: 'verified', supplier: 'origin', ok: false };
    bench.tell({ type: 'origin-done' }, wrong);
    assert.deepEqual(bench.said('fetch-origin'), [{ type: 'fetch-origin', fresh: true }]);
    bench.tell({ type: 'origin-done' }, wrong);
    assert.deepEqual(bench.said('fail'), [{ type: 'fail', reason: 'hash-mismatch' }]);
  });

  it('still takes the content from peers that appear after it failed', () => {
    const bench = new Bench().tell({ type: 'start' }).pass(ASK_PATIENCE_MS);
    bench.tell({ type: 'origin-failed' });
    assert.deepEqual(bench.said('fail'), []);
    bench.tell({ type: 'holders', holders: [{ peer: 1n, size: 3 }] }, { type: 'open', peer: 1n });
    bench.deliver(1n, 0, 3).tell({ type: 'verified', supplier: 'peers', ok: true });
    assert.deepEqual(bench.effects.at(-1), { type: 'complete', supplier: 'peers' });
  });

  it('fails when it failed and nobody holds the content', () => {
    const bench = new Bench().tell({ type: 'start' }, { type: 'holders', holders: [] });
    bench.tell({ type: 'origin-failed' });
    assert.deepEqual(bench.effects, [{ type: 'fail', reason: 'no-source' }]);
  });

  it('fails in bounded time when peers stay silent and it failed', () => {
    const bench = new Bench().open(CHUNK_BYTES, 1n).pass(STALL_PATIENCE_MS);
    bench.tell({ type: 'origin-failed' }).pass(GIVE_UP_MS);
    assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'no-source' });
  });

  it('waits a bounded time for a tracker that may come back', () => {
    const bench = new Bench().tell({ type: 'start' }, { type: 'tracker', reach: 'away' });
    bench.tell({ type: 'origin-failed' });
    assert.deepEqual(bench.said('fail'), []);
    assert.equal(bench.pass(GIVE_UP_MS).said('fail').length, 1);
  });
});

describe('DownloadEngine with liars', () => {
  it('discards the copy, bars the only supplier and asks the origin', () => {
    const bench = new Bench().open(CHUNK_BYTES, 1n).deliver(1n, 0);
    bench.tell({ type: 'verified', supplier: 'peers', ok: false });
    assert.deepEqual(bench.effects, [
      { type: 'bar', peer: 1n },
      { type: 'discard' },
      { type: 'fetch-origin', fresh: false },
    ]);
  });

  it('finds the honest peer one by one when the origin is gone', () => {
    const bench = new Bench().open(3 * CHUNK_BYTES, 1n, 2n, 3n);
    for (const { peer, chunk } of bench.said('request')) bench.deliver(peer, chunk);
    bench.tell({ type: 'verified', supplier: 'peers', ok: false }, { type: 'origin-failed' });
    const barred: bigint[] = [];
    for (let attempt = 0; attempt < 3; attempt++) {
      const peer = [1n, 2n, 3n].find((id) => bench.openChunk(id) !== undefined) as bigint;
      for (const chunk of [0, 1, 2]) bench.deliver(peer, chunk);
      assert.deepEqual(bench.said('verify'), [{ type: 'verify', supplier: 'peers' }]);
      const honest = peer === 3n;
      bench.tell({ type: 'verified', supplier: 'peers', ok: honest });
      if (honest) break;
      assert.deepEqual(bench.said('bar'), [{ type: 'bar', peer }]);
      barred.push(peer);
    }
    assert.deepEqual(bench.effects.at(-1), { type: 'complete', supplier: 'peers' });
    assert.ok(barred.length <= 2);
  });

  it('says so when nothing that came had the hash', () => {
    const bench = new Bench({ origin: false }).open(CHUNK_BYTES, 1n).deliver(1n, 0);
    bench.tell({ type: 'verified', supplier: 'peers', ok: false });
    assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'hash-mismatch' });
  });
});

/** A chunk that was asked of the peer in what the engine said last. */
function chunkAskedOf(bench: Bench, peer: bigint): number {
  const request = bench.said('request').find((effect) => effect.peer === peer);
  assert.ok(request, `nothing was asked of ${peer}`);
  return request.chunk;
}
