import assert from 'node:assert/strict';
import type { Of } from '../../test-support/engine/bench.ts';
import { Bench, CHUNK } from '../../test-support/engine/bench.ts';
import { layoutOf } from './layout.ts';
import {
  BUSY_CHUNK_MS,
  BUSY_PAUSE_MS,
  FIRST_PARTIAL,
  FIRST_SEEDERS,
  GIVE_UP_MS,
  MAX_KNOWN_PEERS,
  MAX_PEER_FAILURES,
  MAX_PEERS,
  MAX_REFUSALS,
  MAX_REST_BYTES,
  MAX_SILENT_TIMEOUTS,
  MAX_TURNED_AWAY,
  MAX_UNVERIFIED_BYTES,
  MIN_PIPELINE,
  MORE_PEERS_MS,
  MOVE_MS,
  REFRESH_MS,
  REQUEST_TIMEOUT_MS,
  RETRY_PEER_MS,
  ROOM_MS,
  SEEDER_PATIENCE_MS,
  SETTLE_MS,
  START_WINDOW_BYTES,
} from './tuning.ts';

const PIPELINE = Math.max(MIN_PIPELINE, START_WINDOW_BYTES / CHUNK);
const MANY = 4 * PIPELINE * CHUNK;

const chunksOf = (requests: readonly Of<'request'>[]) =>
  requests.map(({ chunk }) => chunk).sort((a, b) => a - b);

describe('DownloadEngine with complete holders', () => {
  it('asks the tracker first and connects to the holders it names', () => {
    const bench = new Bench({ origin: false }).start();
    assert.deepEqual(bench.effects, [{ type: 'ask' }]);
    bench.seeders(10, 7n);
    assert.deepEqual(bench.said('connect'), [{ type: 'connect', peer: 7n }]);
    assert.deepEqual(bench.engine.layout, { size: 10, chunkSize: CHUNK, count: 1 });
  });

  it('connects to no more of them at first than it can use', () => {
    const peers = Array.from({ length: 50 }, (_, i) => BigInt(i + 1));
    assert.equal(
      new Bench()
        .start()
        .seeders(10, ...peers)
        .said('connect').length,
      FIRST_SEEDERS,
    );
  });

  it('connects first to one that is reached soonest, and then to another by chance', () => {
    const holders = Array.from({ length: 50 }, (_, i) => {
      const peer = BigInt(i + 1);
      return { peer, size: 10, partial: false, offered: peer === 17n || peer === 31n };
    });
    const bench = new Bench().start().tell({ type: 'holders', holders });
    assert.equal(bench.sole('connect').peer, 17n);
    const second = bench.pass(SETTLE_MS).sole('connect');
    assert.notEqual(second.peer, 31n, 'one of 49 by chance; the seed gives another');
  });

  it('connects to a second one when the first is not open after half a second, and not before', () => {
    const bench = new Bench({ origin: false }).start().seeders(MANY, 1n, 2n, 3n);
    const { peer } = bench.sole('connect');
    assert.deepEqual(bench.pass(SETTLE_MS - 1).said('connect'), []);
    assert.notEqual(bench.pass(1).sole('connect').peer, peer);
    assert.deepEqual(bench.pass(SETTLE_MS).said('connect'), [], 'one that hangs is enough');
  });

  it('connects to the other seeder then, however many leechers are named and have connected', () => {
    const crowd = Array.from({ length: 48 }, (_, i) => BigInt(i + 3));
    const holders = [1n, 2n, ...crowd].map((peer) => ({ peer, size: MANY, partial: peer > 2n }));
    const bench = new Bench({ origin: false }).start().tell({ type: 'holders', holders });
    const { peer } = bench.sole('connect');
    bench.connected(...crowd.slice(0, 3)).pass(SETTLE_MS);
    assert.equal(bench.sole('connect').peer, 3n - peer);
  });

  it('connects to several leechers in place of the only seeder, when that does not open', () => {
    const holders = [1n, 2n, 3n, 4n, 5n].map((peer) => ({ peer, size: MANY, partial: peer > 1n }));
    const bench = new Bench({ origin: false }).start().tell({ type: 'holders', holders });
    assert.equal(bench.sole('connect').peer, 1n);
    assert.equal(bench.pass(SETTLE_MS).said('connect').length, FIRST_PARTIAL - 1);
  });

  it('connects to as many more as it takes, some of them leechers, and asks the origin only then', () => {
    const crowd = Array.from({ length: 40 }, (_, i) => BigInt(i + 1));
    const holders = crowd.map((peer) => ({ peer, size: MANY, partial: peer > 20n }));
    const bench = new Bench({ verification: 'chunks' }).startChunks(MANY / CHUNK);
    bench.tell({ type: 'grant', first: 0, count: 0, unitBytes: CHUNK });
    bench.tell({ type: 'holders', holders });
    const { peer } = bench.sole('connect');
    bench.connected(peer);
    const asked = bench.said('request');
    const begun: bigint[] = [];
    const leased: number[] = [];
    const look = () => {
      for (const other of bench.said('connect')) begun.push(other.peer);
      for (const _ of bench.said('lease').filter(({ wanted }) => wanted > 0))
        leased.push(bench.now);
    };
    const start = bench.now;
    // 64 KB/s: all would take 16 s.
    while (bench.now < start + SEEDER_PATIENCE_MS + 500) {
      bench.pass(256);
      look();
      bench.deliver(peer, asked.shift()!.chunk);
      look();
      if (bench.now < start + SETTLE_MS) assert.deepEqual(begun, []);
      else if (bench.now < start + 2 * SETTLE_MS) assert.equal(begun.length, FIRST_PARTIAL);
    }
    assert.ok(begun.some((other) => other > 20n) && begun.some((other) => other <= 20n));
    assert.ok(leased.length > 0 && leased.every((at) => at >= start + SEEDER_PATIENCE_MS));
  });

  it('keeps to one that gives much', () => {
    const bench = new Bench({ origin: false }).start().seeders(MANY, 1n, 2n, 3n);
    const { peer } = bench.sole('connect');
    bench.connected(peer);
    const asked = bench.said('request');
    let served = 0;
    for (; asked.length > 0; served++) {
      assert.deepEqual(bench.pass(20).said('connect'), []);
      assert.deepEqual(bench.deliver(peer, asked.shift()!.chunk).said('connect'), []);
      asked.push(...bench.said('request'));
    }
    assert.equal(served, MANY / CHUNK);
  });

  it('connects to one more while these are slow, and does not wait long for who is not reached', () => {
    const peers = Array.from({ length: 50 }, (_, i) => BigInt(i + 1));
    const bench = new Bench({ origin: false }).start().seeders(MANY, ...peers);
    // One opens and gives nothing, nobody else is heard of.
    const [first] = bench.said('connect');
    bench.connected(first?.peer as bigint);
    for (let connecting = 0; connecting <= FIRST_PARTIAL; connecting++) {
      bench.now += MORE_PEERS_MS - 1;
      assert.deepEqual(bench.tell({ type: 'wake' }).said('connect'), []);
      assert.equal(bench.engine.wakeAt, bench.now + 1);
      bench.now += 1;
      bench.tell({ type: 'wake' }).sole('connect');
    }
    let engaged = 2 + FIRST_PARTIAL;
    for (let turns = 0; turns < 50; turns++)
      engaged += bench.pass(MORE_PEERS_MS).said('connect').length;
    assert.ok(engaged <= MAX_PEERS + 1, 'one was given up, and its place taken');
  });

  it('asks for every chunk once, the last one shorter', () => {
    const bench = new Bench().open(2 * CHUNK + 5, 1n);
    const requests = bench.said('request').sort((a, b) => a.chunk - b.chunk);
    assert.deepEqual(
      requests.map(({ chunk, offset, length }) => [chunk, offset, length]),
      [
        [0, 0, CHUNK],
        [1, CHUNK, CHUNK],
        [2, 2 * CHUNK, 5],
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
    assert.equal(bench.sole('request').peer, 2n);
  });

  it('asks a fast peer for more', () => {
    const bench = new Bench().open(MANY, 1n, 2n);
    const asked = bench.said('request').filter(({ peer }) => peer === 1n);
    const more = asked.flatMap(({ chunk }) => {
      bench.now += 4;
      return bench.deliver(1n, chunk).said('request');
    });
    assert.ok(more.length > asked.length, `${more.length} requests`);
    assert.ok(more.every(({ peer }) => peer === 1n));
  });

  it('verifies when all chunks are there, completes when they are right', () => {
    const bench = new Bench().open(2 * CHUNK, 1n).deliver(1n, 0);
    assert.deepEqual(bench.effects, [{ type: 'keep', peer: 1n, chunk: 0 }]);
    bench.deliver(1n, 1);
    assert.deepEqual(bench.effects.at(-1), { type: 'verify' });
    assert.equal(bench.engine.wakeAt, Number.POSITIVE_INFINITY);
    bench.verified(true);
    assert.deepEqual(bench.effects, [{ type: 'complete' }]);
    assert.ok(bench.engine.ended);
    assert.deepEqual(bench.tell({ type: 'wake' }).effects, []);
    assert.equal(bench.engine.wakeAt, Number.POSITIVE_INFINITY);
  });

  it('takes the fragments of a chunk in any order', () => {
    const bench = new Bench().open(CHUNK, 1n);
    bench.tell({ type: 'fragment', peer: 1n, chunk: 0, offset: 100, length: CHUNK - 100 });
    assert.deepEqual(bench.said('keep'), []);
    bench.tell({ type: 'fragment', peer: 1n, chunk: 0, offset: 0, length: 100 });
    assert.equal(bench.said('keep').length, 1);
  });

  it('bars a peer whose fragments overlap, and asks another for its chunks', () => {
    const bench = new Bench().open(2 * CHUNK, 1n, 2n);
    const { chunk } = bench.said('request').find(({ peer }) => peer === 1n) as Of<'request'>;
    const fragment = { type: 'fragment', peer: 1n, chunk, offset: 0, length: 9 } as const;
    bench.tell(fragment, fragment);
    assert.deepEqual(bench.said('bar'), [{ type: 'bar', peer: 1n }]);
    const asked = bench.said('request');
    assert.ok(asked.some((request) => request.chunk === chunk));
    assert.ok(asked.every(({ peer }) => peer === 2n));
  });

  it('ignores fragments nobody asked for', () => {
    const bench = new Bench().open(CHUNK, 1n);
    assert.deepEqual(bench.deliver(9n, 0).effects, []);
    assert.deepEqual(bench.deliver(1n, 5).effects, []);
  });

  it('gives the requests of a lost peer to the others', () => {
    const bench = new Bench({ origin: false }).open(2 * PIPELINE * CHUNK, 1n, 2n);
    const lost = bench.said('request').filter(({ peer }) => peer === 1n);
    const kept = bench.said('request').filter(({ peer }) => peer === 2n);
    bench.tell({ type: 'close', peer: 1n, barred: false });
    assert.deepEqual(
      bench.said('cancel').map(({ chunk }) => chunk),
      lost.map(({ chunk }) => chunk),
    );
    const asked: Of<'request'>[] = [];
    for (const { chunk } of kept) asked.push(...bench.deliver(2n, chunk).said('request'));
    assert.deepEqual(chunksOf(asked), chunksOf(lost));
  });

  it('tries a peer that could not be reached again, later and not for ever', () => {
    const bench = new Bench({ origin: false }).start().seeders(9, 1n);
    for (let failures = 1; failures < MAX_PEER_FAILURES; failures++) {
      bench.tell({ type: 'close', peer: 1n, barred: false });
      const pause = RETRY_PEER_MS * 2 ** (failures - 1);
      assert.deepEqual(bench.pass(pause - 1).said('connect'), []);
      assert.equal(bench.pass(1).said('connect').length, 1);
    }
    bench.tell({ type: 'close', peer: 1n, barred: false });
    assert.deepEqual(bench.said('fail'), [{ type: 'fail', reason: 'no-source' }]);
  });

  it('waits for room at a peer longer than for one that is not there, and not for ever', () => {
    const bench = new Bench({ origin: false }).start().seeders(9, 1n);
    let tries = 1;
    for (const end = 2 * MAX_TURNED_AWAY; tries < end && bench.said('fail').length === 0; tries++) {
      bench.tell({ type: 'close', peer: 1n, barred: false, isBusy: true });
      if (bench.said('fail').length > 0) break;
      // Nothing else happens meanwhile.
      const pause = RETRY_PEER_MS * 2 ** (Math.min(tries, 3) - 1);
      assert.deepEqual(bench.pass(pause - 1).said('connect'), []);
      assert.equal(bench.pass(1).sole('connect').peer, 1n);
    }
    assert.equal(tries, MAX_TURNED_AWAY);
    // Nor for one after the other, or where there is an origin, however bad: a page has a way of its own then.
    const many = new Bench({ origin: false }).start();
    const turnAway = () => {
      for (
        const asked = many.said('connect');
        asked.length > 0 && many.said('fail').length === 0;
      ) {
        const { peer } = asked.shift()!;
        many.tell({ type: 'close', peer, barred: false, isBusy: true });
        asked.push(...many.said('connect'));
      }
    };
    let ms = 0;
    for (let peer = 1n; many.said('fail').length === 0; ms += 3_000, peer++) {
      many.seeders(9, peer);
      turnAway();
      if (many.said('fail').length === 0) many.pass(3_000);
      turnAway();
      assert.ok(ms <= ROOM_MS + GIVE_UP_MS);
    }
    assert.ok(ms >= ROOM_MS);
    const other = new Bench().start().seeders(MANY, 1n);
    for (let times = 1; times <= MAX_PEER_FAILURES; times++) {
      assert.equal(other.sole('connect').peer, 1n);
      other.tell({ type: 'close', peer: 1n, barred: false, isBusy: true });
      other.pass(RETRY_PEER_MS * 2 ** (times - 1));
    }
    assert.deepEqual(other.pass(60_000).said('connect'), []);
    // One that was served at last is a peer as any other.
    const served = new Bench({ origin: false }).start().seeders(MANY, 1n);
    served.tell({ type: 'close', peer: 1n, barred: false, isBusy: true }).pass(RETRY_PEER_MS);
    assert.ok(served.tell({ type: 'open', peer: 1n }).said('request').length > 0);
  });

  it('never tries one again that was barred', () => {
    const bench = new Bench().open(MANY, 1n).tell({ type: 'close', peer: 1n, barred: true });
    assert.deepEqual(bench.seeders(MANY, 1n).said('connect'), []);
  });

  it('refreshes the holders from the tracker while it is there', () => {
    const bench = new Bench().open(MANY, 1n);
    assert.equal(bench.pass(REFRESH_MS).said('ask').length, 1);
    assert.equal(bench.seeders(MANY, 2n).sole('connect').peer, 2n);
    bench.tell({ type: 'tracker', reach: 'away' }).pass(3 * REFRESH_MS);
    assert.equal(bench.said('ask').length, 0);
    assert.equal(bench.tell({ type: 'tracker', reach: 'there' }).said('ask').length, 1);
  });

  it('remembers a bounded number of holders, and those named last among them', () => {
    const bench = new Bench().start();
    const crowd = Array.from({ length: MAX_KNOWN_PEERS }, (_, i) => BigInt(i + 1));
    bench.partial(MANY, ...crowd).seeders(MANY, 1_000n);
    assert.ok(bench.said('connect').some(({ peer }) => peer === 1_000n));
  });
});

describe('DownloadEngine with slow and silent peers', () => {
  it('asks another peer, with twice the time, when one stays silent', () => {
    const bench = new Bench({ origin: false }).open(CHUNK, 1n, 2n);
    const { peer: first } = bench.sole('request');
    const other = first === 1n ? 2n : 1n;
    bench.pass(REQUEST_TIMEOUT_MS - 1);
    assert.deepEqual(bench.said('cancel'), []);
    bench.pass(1);
    assert.deepEqual(bench.said('cancel'), [{ type: 'cancel', peer: first, chunk: 0 }]);
    assert.equal(bench.sole('request').peer, other);
  });

  it('leaves what has begun to come with a peer twice as long, while more of it comes', () => {
    const [slow, other] = [1n, 2n];
    const bench = new Bench({ origin: false }).open(CHUNK, slow);
    const step = REQUEST_TIMEOUT_MS / 2;
    for (let offset = 0; offset < 4; offset++) {
      const fragment = { peer: slow, chunk: 0, offset, length: 1 };
      bench.tell({ type: 'fragment', ...fragment }).pass(offset < 3 ? step : step - 1);
      assert.deepEqual(bench.said('cancel'), []);
    }
    // Whoever could be asked in its place, so long.
    bench.seeders(CHUNK, other).connected(other);
    assert.deepEqual(bench.said('cancel'), []);
    assert.deepEqual(bench.pass(1).said('cancel'), [{ type: 'cancel', peer: slow, chunk: 0 }]);
  });

  it('leaves requests with the only peer until it was silent too often, then fails', () => {
    const bench = new Bench({ origin: false }).open(CHUNK, 1n);
    bench.pass(MAX_SILENT_TIMEOUTS * REQUEST_TIMEOUT_MS - 1);
    assert.deepEqual(bench.said('cancel'), []);
    bench.pass(1);
    assert.equal(bench.said('cancel').length, 1);
    assert.deepEqual(bench.said('fail'), [{ type: 'fail', reason: 'no-source' }]);
  });

  it('tries one that was silent too often anew after its connection was lost, a few times', () => {
    for (const barred of [false, true]) {
      const bench = new Bench().open(CHUNK, 1n);
      for (let tries = 1; tries <= MAX_PEER_FAILURES; tries++) {
        bench.pass(MAX_SILENT_TIMEOUTS * REQUEST_TIMEOUT_MS);
        bench.tell({ type: 'close', peer: 1n, barred });
        bench.pass(RETRY_PEER_MS * 2 ** (tries - 1));
        const mayCome = !barred && tries < MAX_PEER_FAILURES;
        assert.equal(bench.said('connect').length, mayCome ? 1 : 0, `${barred} ${tries}`);
        if (!mayCome) break;
        const asked = bench.connected(1n).said('request');
        assert.equal([...asked, ...bench.pass(1).said('request')].length, 1);
      }
    }
  });

  it('does not take a long sleep for several timeouts', () => {
    const bench = new Bench().open(CHUNK, 1n);
    bench.now += 100 * REQUEST_TIMEOUT_MS;
    for (let i = 0; i < 10; i++) assert.deepEqual(bench.tell({ type: 'wake' }).said('cancel'), []);
  });

  it('takes requests that were sent one after the other for one silence', () => {
    const bench = new Bench({ origin: false }).open(40 * CHUNK, 1n);
    for (const { chunk } of bench.said('request').slice(0, 3)) {
      bench.now += 500;
      bench.deliver(1n, chunk);
    }
    bench.pass((MAX_SILENT_TIMEOUTS - 1) * REQUEST_TIMEOUT_MS);
    assert.equal(bench.engine.ended, false);
    bench.pass(REQUEST_TIMEOUT_MS);
    assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'no-source' });
  });

  it('asks one that was late only for what no better peer has, one chunk at a time', () => {
    const [late, good] = [1n, 2n];
    const bench = new Bench({ origin: false }).startChunks(40).seeders(40 * CHUNK, late);
    bench.connected(late).holds(good, 40 * CHUNK, 0);
    const kept = bench.said('request').filter(({ peer }) => peer === good);
    bench.pass(REQUEST_TIMEOUT_MS - 1);
    for (const { chunk } of kept) bench.deliver(good, chunk);
    bench.pass(1);
    assert.deepEqual(bench.said('fail'), []);
    // The good one lacks all others, so what was asked of the late one stays there.
    assert.ok(bench.said('cancel').every(({ chunk }) => chunk === 0));
    bench.tell({ type: 'got', peer: good, chunks: [38, 39] });
    assert.ok(bench.said('request').every(({ peer }) => peer === good));
  });

  it('asks a faster peer too for what a slow one has begun, and takes what comes first', () => {
    const [slow, fast] = [1n, 2n];
    const bench = new Bench({ origin: false }).start().seeders(CHUNK, slow, fast).connected(slow);
    for (const offset of [0, 1, 2]) {
      bench.now += 60;
      bench.tell({ type: 'fragment', peer: slow, chunk: 0, offset, length: 1 });
    }
    bench.now += MOVE_MS;
    bench.connected(fast);
    assert.equal(bench.sole('request').peer, fast);
    assert.deepEqual(bench.said('cancel'), []);
    bench.deliver(fast, 0);
    assert.deepEqual(bench.said('cancel'), [{ type: 'cancel', peer: slow, chunk: 0 }]);
    assert.deepEqual(bench.sole('keep').peer, fast);
  });

  // Each takes 125 ms at the other, as is supposed. What was begun, and comes after another there, has to take 700 to
  // be asked there, too; 475 if it were not begun.
  for (const ms of [180, 600])
    it(`takes back what a slow one has not begun, for less gain: at ${ms} ms a chunk`, () => {
      const [slow, fast] = [1n, 2n];
      const bench = new Bench({ origin: false })
        .start()
        .seeders(6 * CHUNK, slow, fast)
        .connected(slow);
      const order = bench.said('request').map(({ chunk }) => chunk);
      assert.equal(order.length, 6);
      const [begun, last] = order.splice(4) as [number, number];
      for (const chunk of order) {
        bench.now += ms;
        bench.deliver(slow, chunk);
      }
      bench.tell({ type: 'fragment', peer: slow, chunk: begun, offset: 0, length: 1 });
      bench.now += MOVE_MS;
      bench.connected(fast);
      assert.deepEqual(bench.said('cancel'), [{ type: 'cancel', peer: slow, chunk: last }]);
      const { peer, chunk } = bench.sole('request');
      assert.deepEqual([peer, chunk], [fast, last]);
    });

  it('asks another peer when one refuses, and that one no more if it never will', () => {
    const bench = new Bench({ origin: false }).open(CHUNK, 1n, 2n);
    const { peer: first } = bench.sole('request');
    bench.tell({ type: 'refused', peer: first, chunk: 0, lasting: true });
    const { peer: second } = bench.sole('request');
    assert.notEqual(second, first);
    bench.tell({ type: 'refused', peer: second, chunk: 0, lasting: false });
    assert.deepEqual(bench.said('request'), [], 'it is busy');
    bench.pass(BUSY_CHUNK_MS);
    assert.equal(bench.sole('request').peer, second);
    assert.deepEqual(
      bench.tell({ type: 'refused', peer: 9n, chunk: 0, lasting: true }).effects,
      [],
    );
  });

  it('asks a busy one for other chunks meanwhile, and others for that one', () => {
    const bench = new Bench({ origin: false }).open(MANY, 1n);
    const asked = bench.said('request').length;
    const busy = (peer: bigint, chunk: number) =>
      bench.tell({ type: 'refused', peer, chunk, lasting: false }).sole('request');
    const { chunk } = bench.said('request')[0] as Of<'request'>;
    const other = busy(1n, chunk);
    assert.notEqual(other.chunk, chunk);
    bench.deliver(1n, other.chunk);
    assert.ok(asked > 2 && bench.said('request').every((request) => request.chunk !== chunk));
    bench.seeders(MANY, 2n).connected(2n);
    for (let n = 0; bench.said('request').every((request) => request.chunk !== chunk); n++) {
      assert.ok(n < MANY / CHUNK, 'the other is not asked for it');
      bench.deliver(2n, (bench.said('request')[0] as Of<'request'>).chunk);
    }
    assert.equal(bench.said('request').find((request) => request.chunk === chunk)?.peer, 2n);
  });

  it('leaves one alone for a while that is busy all the time', () => {
    const bench = new Bench({ origin: false }).open(CHUNK, 1n);
    for (let n = 1; n < MAX_REFUSALS; n++) {
      bench.tell({ type: 'refused', peer: 1n, chunk: 0, lasting: false }).pass(BUSY_CHUNK_MS);
      assert.equal(bench.sole('request').peer, 1n, `after ${n}`);
    }
    bench.tell({ type: 'refused', peer: 1n, chunk: 0, lasting: false });
    assert.deepEqual(bench.pass(2 * BUSY_PAUSE_MS - 1).said('request'), []);
    assert.equal(bench.pass(1).sole('request').peer, 1n);
    bench.deliver(1n, 0);
    assert.deepEqual(bench.effects.at(-1), { type: 'verify' });
  });
});

describe('DownloadEngine with partial holders', () => {
  const SIZE = 20 * CHUNK;
  const chunks = () => new Bench({ verification: 'chunks', origin: false }).startChunks(20);

  it('connects to more of them, greets them, and asks each for what it said it has', () => {
    const peers = Array.from({ length: 20 }, (_, i) => BigInt(i + 1));
    const bench = chunks().partial(SIZE, ...peers);
    assert.equal(bench.said('connect').length, FIRST_PARTIAL);
    const { peer } = bench.said('connect')[0] as Of<'connect'>;
    const { layout, bitfield } = bench.connected(peer).sole('holdings');
    assert.deepEqual(layout, { size: SIZE, chunkSize: CHUNK, count: 20 });
    assert.deepEqual(bitfield, new Uint8Array(3));
    assert.equal(bench.holds(peer, SIZE, 3).sole('request').chunk, 3);
    assert.equal(bench.tell({ type: 'got', peer, chunks: [7, 99] }).sole('request').chunk, 7);
  });

  it('takes the word of a peer that nobody named', () => {
    assert.equal(chunks().holds(5n, SIZE, 2).sole('request').peer, 5n);
  });

  it('remembers what a peer said before the manifest came', () => {
    const bench = new Bench({ verification: 'chunks', origin: false }).start();
    bench.holds(5n, SIZE, 2).tell({ type: 'got', peer: 5n, chunks: [4] });
    assert.deepEqual(bench.said('request'), []);
    bench.startChunks(20);
    assert.deepEqual(chunksOf(bench.said('request')), [2, 4]);
    assert.equal(bench.said('holdings').length, 1);
  });

  it('takes one that got everything for a complete holder', () => {
    const bench = chunks().holds(5n, SIZE);
    bench.tell({ type: 'got', peer: 5n, chunks: Array.from({ length: 20 }, (_, i) => i) });
    assert.equal(bench.said('request').length, Math.min(PIPELINE, 20));
    // And does not tell it of what it has.
    const [{ chunk }] = bench.said('request') as [Of<'request'>];
    bench.deliver(5n, chunk).checked(chunk, 5n);
    assert.deepEqual(bench.said('got'), []);
  });

  it('tells those who lack a chunk of it once it is checked', () => {
    const bench = chunks().holds(5n, SIZE, 2).holds(6n, SIZE).holds(7n, SIZE, 2);
    const { peer } = bench.tell({ type: 'wake' }).deliver(5n, 2).effects.length
      ? { peer: 5n }
      : { peer: 7n };
    bench.deliver(peer, 2);
    bench.checked(2, peer);
    assert.deepEqual(bench.said('got'), [{ type: 'got', peer: 6n, chunks: [2] }]);
  });

  it('promises it as soon as the rest should soon be here, once, and says what becomes of it', () => {
    const bench = chunks().holds(5n, SIZE, 3).holds(6n, SIZE);
    const part = (offset: number, length: number) =>
      bench.tell({ type: 'fragment', peer: 5n, chunk: 3, offset, length });
    const expected = () => bench.engine.expects(3 * CHUNK + 9, CHUNK - 9);
    assert.equal(expected(), undefined);
    const { effects } = part(CHUNK - 1, 1);
    assert.deepEqual(effects, [{ type: 'coming', peer: 6n, chunks: [3] }]);
    assert.equal(expected(), 'coming');
    assert.equal(bench.engine.expects(3 * CHUNK, CHUNK + 1), undefined, 'not the next one');
    assert.deepEqual(part(0, 9).said('coming'), []);
    const { bitfield } = bench.holds(7n, SIZE).sole('holdings');
    assert.deepEqual(bitfield, new Uint8Array(3), 'it is not here');
    part(9, CHUNK - 10).sole('check');
    assert.equal(expected(), 'coming', 'it is being checked');
    const told = bench
      .checked(3, 5n)
      .said('got')
      .map(({ peer }) => peer);
    assert.deepEqual(told, [6n, 7n]);
  });

  it('tells peers to ask others for what it promised and does not get, or was wrong', () => {
    const bench = chunks().holds(5n, SIZE, 3).holds(6n, SIZE, 4);
    const expected = (...[chunk, length = CHUNK]: [number, number?]) =>
      bench.engine.expects(chunk * CHUNK, length);
    bench.tell({ type: 'fragment', peer: 5n, chunk: 3, offset: 0, length: 1 });
    bench.tell({ type: 'close', peer: 5n, barred: false });
    assert.equal(expected(3), 'busy');
    bench.deliver(6n, 4).checked(4, 6n, false);
    assert.equal(expected(4), undefined, 'it never was promised');
    assert.equal(expected(3, 2 * CHUNK), undefined);
    bench.holds(7n, SIZE, 3).deliver(7n, 3).checked(3, 7n, false);
    assert.equal(expected(3), 'busy');
    bench.holds(8n, SIZE, 3).tell({ type: 'fragment', peer: 8n, chunk: 3, offset: 0, length: 1 });
    assert.deepEqual(
      [bench.said('coming'), expected(3)],
      [[], 'coming'],
      'nobody believes it twice',
    );
  });

  it('promises nothing of a long chunk of which much is to come, nor of what nothing vouches for', () => {
    const long = 3 * MAX_REST_BYTES;
    const layout = { size: long, chunkSize: long, count: 1 };
    const bench = new Bench({ verification: 'chunks', origin: false }).start();
    bench.tell({ type: 'layout', layout });
    const said = { size: long, chunkSize: long, complete: false };
    for (const [peer, has] of [
      [5n, 128],
      [6n, 0],
    ] as const)
      bench.tell({ type: 'holdings', peer, ...said, bitfield: Uint8Array.of(has) });
    const part = (offset: number) =>
      bench.tell({ type: 'fragment', peer: 5n, chunk: 0, offset, length: MAX_REST_BYTES });
    assert.deepEqual(part(0).said('coming'), []);
    assert.equal(bench.engine.expects(0, long), undefined);
    assert.equal(part(MAX_REST_BYTES).sole('coming').peer, 6n);
    const whole = new Bench({ origin: false }).open(CHUNK, 1n).holds(2n, CHUNK);
    whole.tell({ type: 'fragment', peer: 1n, chunk: 0, offset: 0, length: 1 });
    assert.deepEqual(whole.said('coming'), []);
    assert.equal(whole.engine.expects(0, CHUNK), undefined);
  });

  it('promises little in the name of one that begins everything and ends nothing', () => {
    const bench = chunks().seeders(SIZE, 5n).connected(5n).holds(6n, SIZE);
    const promised: number[] = [];
    for (let chunk = 0; chunk < PIPELINE; chunk++) {
      bench.tell({ type: 'fragment', peer: 5n, chunk, offset: 0, length: 1 });
      promised.push(...bench.said('coming').flatMap((coming) => coming.chunks));
    }
    assert.equal(promised.length, 1);
  });

  it('asks once for what is coming to a peer, and again when it is there', () => {
    const bench = chunks().holds(5n, SIZE);
    const coming = () => bench.tell({ type: 'coming', peer: 5n, chunks: [3, 99] });
    assert.equal(coming().sole('request').chunk, 3);
    bench.tell({ type: 'refused', peer: 5n, chunk: 3, lasting: false });
    assert.deepEqual(bench.pass(4 * BUSY_PAUSE_MS).said('request'), []);
    assert.deepEqual(coming().said('request'), [], 'it says so anew');
    assert.equal(bench.tell({ type: 'got', peer: 5n, chunks: [3] }).sole('request').chunk, 3);
    assert.equal(bench.holds(6n, SIZE, 4).sole('request').chunk, 4);
    bench.tell({ type: 'coming', peer: 7n, chunks: [5] });
    assert.deepEqual(bench.said('request'), [], 'nobody knows who that is');
  });

  it('asks who has a chunk rather than who promised it, if that one is not busy with it', () => {
    const bench = chunks().holds(5n, SIZE, 0, 1, 2, 3);
    const [first] = bench.tell({ type: 'got', peer: 5n, chunks: [4] }).said('request');
    assert.equal(first, undefined, 'two are asked of it');
    assert.deepEqual(bench.holds(6n, SIZE).said('request'), []);
    bench.tell({ type: 'coming', peer: 6n, chunks: [0, 1, 2, 3, 4] });
    assert.deepEqual(bench.said('request'), []);
    const asked: number[] = [];
    for (let chunk = 0; chunk < 5; chunk++) {
      bench.tell({ type: 'refused', peer: 5n, chunk, lasting: false });
      for (const request of bench.said('request').filter(({ peer }) => peer === 6n))
        asked.push(request.chunk);
    }
    assert.ok(asked.length > 0);
  });

  it('forgets promises with all else that a peer said, and when its connection ends', () => {
    for (const end of ['holdings', 'close'] as const) {
      const bench = chunks().holds(6n, SIZE, 3, 4).holds(5n, SIZE);
      // Both are asked of 6, and wait there.
      bench.tell({ type: 'coming', peer: 5n, chunks: [3, 4] });
      if (end === 'holdings') bench.holds(5n, SIZE);
      else bench.tell({ type: 'close', peer: 5n, barred: false }).holds(5n, SIZE);
      bench.tell({ type: 'close', peer: 6n, barred: true });
      assert.deepEqual(bench.said('request'), [], end);
    }
  });

  it('forgives refusals when a chunk has come', () => {
    const bench = chunks().holds(5n, SIZE, 3, 4, 5);
    const chunk = () => bench.said('request')[0]?.chunk as number;
    for (let round = 0; round < 2; round++) {
      for (let n = 1; n < MAX_REFUSALS; n++) {
        bench.tell({ type: 'refused', peer: 5n, chunk: 3, lasting: false });
        bench.tell({ type: 'refused', peer: 5n, chunk: 4, lasting: false });
        bench.tell({ type: 'refused', peer: 5n, chunk: 5, lasting: false });
        bench.pass(BUSY_CHUNK_MS);
        n += 2;
      }
      assert.ok(bench.said('request').length > 0, 'it is left alone');
      bench.deliver(5n, chunk());
      bench.pass(BUSY_CHUNK_MS);
    }
  });

  it('tells one that it has what that one promised, and takes nothing back for a promise', () => {
    const bench = chunks().holds(5n, SIZE, 3, 4, 5).holds(6n, SIZE);
    const asked = bench.said('request').length;
    assert.equal(asked, 0, 'two are asked of 5 already');
    // From 1 Mbit/s, as is supposed, it would come so much sooner.
    bench.tell({ type: 'coming', peer: 6n, chunks: [3, 4, 5] });
    bench.pass(MOVE_MS);
    assert.deepEqual(bench.said('cancel'), []);
    for (const chunk of [3, 4, 5]) {
      bench.deliver(5n, chunk).checked(chunk, 5n);
      const { peer, chunks } = bench.sole('got');
      assert.deepEqual([peer, chunks], [6n, [chunk]]);
    }
  });

  it('asks no peer for a chunk that is being checked; again if it was wrong, and not the liar', () => {
    const bench = chunks().holds(5n, SIZE, 2);
    bench.deliver(5n, 2);
    assert.deepEqual(bench.effects, [{ type: 'check', chunk: 2, peer: 5n }]);
    assert.deepEqual(bench.holds(6n, SIZE, 2).said('request'), []);
    bench.checked(2, 5n, false);
    assert.deepEqual(bench.said('drop'), [{ type: 'drop', chunk: 2, peer: 5n }]);
    assert.deepEqual(bench.said('bar'), [{ type: 'bar', peer: 5n }]);
    assert.equal(bench.sole('request').peer, 6n);
  });

  it('drops the second copy of a chunk', () => {
    const bench = chunks().holds(5n, SIZE, 2);
    bench.deliver(5n, 2).checked(2, 5n);
    assert.deepEqual(bench.deliver(5n, 2).effects, []);
  });

  it('forgets what a peer has that lost it, until it says so anew', () => {
    const bench = chunks().holds(5n, SIZE, 2, 3, 4);
    const [{ chunk }] = bench.said('request') as [Of<'request'>];
    bench.tell({ type: 'refused', peer: 5n, chunk, lasting: true });
    assert.deepEqual(bench.said('request'), []);
    assert.deepEqual(bench.tell({ type: 'close', peer: 5n, barred: false }).said('bar'), []);
  });

  it('connects to a complete holder however many partial ones there are', () => {
    const peers = Array.from({ length: MAX_PEERS }, (_, i) => BigInt(i + 1));
    const bench = chunks();
    for (const peer of peers) bench.holds(peer, SIZE);
    assert.equal(bench.seeders(SIZE, 99n).sole('connect').peer, 99n);
  });

  it('waits for a check before it fails', () => {
    const bench = new Bench({ verification: 'chunks', origin: false }).startChunks(1);
    bench.seeders(CHUNK, 1n).connected(1n).deliver(1n, 0);
    bench.tell({ type: 'close', peer: 1n, barred: true });
    assert.deepEqual(bench.said('fail'), []);
    assert.deepEqual(bench.checked(0, 1n).effects.at(-1), { type: 'complete' });
  });

  it('completes an empty content as soon as it is known to be empty', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(0);
    assert.deepEqual(bench.effects.at(-1), { type: 'complete' });
  });

  it('asks nobody before it knows the manifest, and fails without any source', () => {
    const bench = new Bench({ verification: 'chunks', origin: false }).open(SIZE, 1n);
    assert.deepEqual(bench.said('request'), []);
    bench.tell({ type: 'close', peer: 1n, barred: true });
    assert.deepEqual(bench.sole('fail'), { type: 'fail', reason: 'no-source' });
  });
});

describe('DownloadEngine and sizes that peers claim', () => {
  it('remembers no more chunks of a peer than there may be, whatever it claims', () => {
    const bench = new Bench({ origin: false, verification: 'chunks' }).start();
    const claim = { size: 2 ** 53 - 1, chunkSize: 1, complete: false };
    bench.connected(1n).tell({ type: 'holdings', peer: 1n, ...claim, bitfield: Uint8Array.of(1) });
    bench.tell({ type: 'got', peer: 1n, chunks: [65_535] });
    bench.tell({ type: 'layout', layout: layoutOf(10, CHUNK) });
    assert.deepEqual(bench.said('request'), []);
  });

  it('believes the size that most holders claim, and the others when these are gone', () => {
    const bench = new Bench({ origin: false }).start();
    const holders = [
      { peer: 1n, size: 5, partial: false },
      { peer: 2n, size: 9, partial: false },
      { peer: 3n, size: 9, partial: false },
    ];
    bench.tell({ type: 'holders', holders });
    assert.equal(bench.engine.layout?.size, 9);
    assert.ok(bench.said('connect').every(({ peer }) => peer !== 1n));
    bench.tell(
      { type: 'close', peer: 2n, barred: true },
      { type: 'close', peer: 3n, barred: true },
    );
    assert.equal(bench.engine.layout?.size, 5);
    assert.equal(bench.said('connect').at(-1)?.peer, 1n);
  });

  it('does not allocate what nobody could verify', () => {
    const bench = new Bench({ origin: false }).start().seeders(MAX_UNVERIFIED_BYTES + 1, 1n);
    assert.equal(bench.engine.layout, undefined);
    assert.deepEqual(bench.said('connect'), []);
    const huge = new Bench({ origin: false, verification: 'chunks' }).start();
    assert.equal(huge.seeders(MAX_UNVERIFIED_BYTES + 1, 1n).said('connect').length, 1);
  });
});
