import assert from 'node:assert/strict';
import type { Of } from '../../test-support/engine/bench.ts';
import { Bench, CHUNK } from '../../test-support/engine/bench.ts';
import type { Chunks } from './chunks.ts';
import { layoutOf } from './layout.ts';
import type { Origin } from './origin.ts';
import { OriginUse } from './origin-use.ts';
import type { Swarm } from './swarm.ts';
import {
  ASK_PATIENCE_MS,
  DUE_FACTOR,
  DUE_LEAD_MS,
  DUE_MS,
  DUE_OPENING_MS,
  LATELY_MS,
  MIN_RANGE_BYTES,
  MIN_SEEDERS,
  OPENING_MS,
  SEEDER_PATIENCE_MS,
  STALL_PATIENCE_MS,
  UNKNOWN_RATE,
} from './tuning.ts';
import type { Effect } from './types.ts';

describe('OriginUse', () => {
  it('does not take seeders for idle because a chunk takes them longer than is looked at', () => {
    // A chunk of 16 KiB takes such a seeder 4.3 s, and the whole more than half an hour.
    const swarm = { rate: 4, hasSeeders: true, hasCandidates: true, isSettling: () => false };
    const leases = { isTurnedAway: false, isRefused: false, isMute: () => false };
    const rates = { expected: 0 };
    const use = new OriginUse(swarm as unknown as Swarm, { leases, rates } as unknown as Origin);
    const need = (now: number) => use.need({ missingBytes: 1e7 } as Chunks, now);
    use.start(1, () => 0);
    use.answered(1);
    for (let now = SEEDER_PATIENCE_MS; now < 60_000; now += 4_300) {
      use.served(now, 16_384);
      for (const later of [0, LATELY_MS, 2 * LATELY_MS])
        assert.notEqual(need(now + later), 'no', `${later} ms after a chunk at ${now}`);
    }
  });

  it('gives seeders their time anew when one connects at first, and not when one comes later', () => {
    const swarm = { rate: 0, hasSeeders: true, hasCandidates: true, isSettling: () => false };
    const leases = { isTurnedAway: false, isRefused: false, isMute: () => false };
    for (const [openedAt, waits] of [
      [OPENING_MS - 1, true],
      [OPENING_MS, false],
    ] as const) {
      const rates = { expected: 0 };
      const use = new OriginUse(swarm as unknown as Swarm, { leases, rates } as unknown as Origin);
      use.start(0, () => 0);
      use.answered(0);
      use.opened(openedAt);
      const need = use.need({ missingBytes: 1e6 } as Chunks, openedAt + 1);
      assert.equal(need === 'no', waits, `${openedAt} ms: ${need}`);
    }
  });

  it('asks for the whole of an origin without ranges where peers let long pauses be between bursts', () => {
    const swarm = { rate: 1_000, hasSeeders: false, hasCandidates: true, isOpen: true };
    const leases = { isFirst: false, isTurnedAway: false, isRefused: false, isMute: () => false };
    const origin = { isWhole: true, leases } as unknown as Origin;
    const use = new OriginUse(swarm as unknown as Swarm, origin);
    const chunks = { missingBytes: 7e5, offeredBytes: 6e5 } as Chunks;
    use.start(1, () => 0.5);
    use.answered(1);
    const needs = [2_000, 5_500, 9_000].map((now) => {
      use.served(now, 16_384);
      return use.need(chunks, now);
    });
    // At 4.7 KB/s they would take two minutes.
    assert.deepEqual(needs, ['no', 'lease', 'lease']);
  });

  for (const [totalPartial, borrows] of [
    [0, true],
    [3, false],
  ] as const)
    it(`of seeders who take 4 s it ${borrows ? 'borrows' : 'borrows nothing'} where ${totalPartial} others download`, () => {
      // The tracker names complete holders first, and no others where there are enough of them.
      const [peer, size] = [1n, 12 * CHUNK];
      const bench = new Bench({ verification: 'chunks' }).startChunks(12).grant(0, 0, CHUNK);
      const holders = [{ peer, size, partial: false }];
      const waiting: number[] = [];
      let asked = 0;
      const look = () => {
        waiting.push(...bench.said('request').map(({ chunk }) => chunk));
        asked += bench.said('lease').filter(({ wanted }) => wanted > 0).length;
      };
      bench.tell({ type: 'holders', holders, totalPartial }).connected(peer);
      for (look(); waiting.length > 0; look()) {
        bench.pass(350);
        look();
        const chunk = waiting.shift() as number;
        bench.deliver(peer, chunk);
        look();
        bench.checked(chunk, peer);
      }
      assert.equal(bench.said('complete').length, 1);
      assert.equal(asked > 0, borrows, `${asked} times`);
    });

  it('asks a seeder that has become idle soon for what an origin sends that has fallen silent', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(4).grant(1, 3, CHUNK);
    assert.equal(bench.sole('fetch-range').offset, CHUNK);
    bench.seeders(4 * CHUNK, 1n).connected(1n);
    assert.equal(bench.sole('request').chunk, 0);
    bench.pass(100).deliver(1n, 0);
    const asked = bench.said('request');
    bench.checked(0, 1n);
    // A chunk is taken to need 125 ms.
    asked.push(...bench.said('request'), ...bench.pass(300).said('request'));
    assert.equal(asked.length, 1);
    assert.deepEqual(bench.said('abort-range'), []);
    let wakes = 0;
    for (; bench.engine.wakeAt < bench.now + 2_000; wakes++)
      bench.pass(bench.engine.wakeAt - bench.now);
    assert.ok(wakes < 10, `${wakes}`);
  });

  /** A seeder who sends 16 of 64 chunks, one each 80 ms: 205 bytes a ms, 3.8 s for the rest. */
  function crowdAtSeeder(originRate: number): number {
    const [peer, size] = [1n, 64 * CHUNK];
    const bench = new Bench({ verification: 'chunks' });
    bench.tell({ type: 'start', originRate });
    bench.tell({ type: 'layout', layout: layoutOf(size, CHUNK) });
    const holders = [{ peer, size, partial: false }];
    bench.tell({ type: 'holders', holders, totalPartial: 5 }).connected(peer);
    const waiting: number[] = [];
    let asked = 0;
    const look = () => {
      waiting.push(...bench.said('request').map(({ chunk }) => chunk));
      asked += bench.said('fetch-range').length;
    };
    look();
    for (let n = 0; n < 16; n++) {
      bench.pass(80);
      look();
      const chunk = waiting.shift() as number;
      bench.deliver(peer, chunk);
      look();
      bench.checked(chunk, peer);
      look();
    }
    return asked;
  }

  for (const [originRate, what, isAsked] of [
    [0, 'an origin of which nothing is known', false],
    [200, 'an origin that is as fast as its seeder', false],
    [2_000, 'an origin that is ten times as fast', true],
  ] as const)
    it(`of a crowd ${isAsked ? 'asks' : 'spares'} ${what}`, () => {
      assert.equal(crowdAtSeeder(originRate) > 0, isAsked);
    });

  /** Of an origin that is said to give 2 MB/s, which takes 393 ms for 48 chunks: they are due 693 ms after a peer is open. */
  function atFastOrigin(chunks = 48): Bench {
    const bench = new Bench({ verification: 'chunks' });
    bench.tell({ type: 'start', originRate: 2_000 });
    return bench.tell({ type: 'layout', layout: layoutOf(chunks * CHUNK, CHUNK) });
  }

  it('waits for who gives nothing as long as the origin can still be in time, by leave of the tracker', () => {
    const bench = atFastOrigin()
      .grant(0, 0, CHUNK)
      .seeders(48 * CHUNK, 1n);
    assert.deepEqual(bench.pass(100).said('lease'), []);
    bench.connected(1n);
    // The quarter would be less.
    assert.deepEqual(bench.pass(DUE_MS - DUE_LEAD_MS - 1).said('lease'), []);
    assert.ok(bench.pass(1).sole('lease').wanted >= 4);
    assert.equal(bench.grant(8, 4, CHUNK).sole('fetch-range').length, MIN_RANGE_BYTES);
  });

  it('does not wait for a tracker longer than that', () => {
    const lastMs = DUE_OPENING_MS + DUE_MS - DUE_LEAD_MS;
    assert.deepEqual(
      atFastOrigin()
        .pass(lastMs - 1)
        .said('fetch-range'),
      [],
    );
    assert.equal(atFastOrigin().pass(lastMs).said('fetch-range').length, 1);
  });

  it('asks the origin for what its seeder will not have sent in time, and for no more', () => {
    const [peer, size] = [1n, 48 * CHUNK];
    const bench = atFastOrigin();
    const start = bench.now;
    const [waiting, ranges]: [number[], Of<'fetch-range'>[]] = [[], []];
    const fetched = new Set<number>();
    const take = (effects: readonly Effect[]) => {
      for (const effect of effects)
        if (effect.type === 'request') waiting.push(effect.chunk);
        else if (effect.type === 'lease' && effect.wanted > 0)
          tell(bench.grant(40, bench.now > start && fetched.size === 0 ? 1 : 0, CHUNK));
        else if (effect.type === 'check') tell(bench.checked(effect.chunk, effect.peer));
        else if (effect.type === 'fetch-range') {
          ranges.push(effect);
          for (let at = 0; at < (effect.length ?? 0); at += CHUNK) {
            const chunk = (effect.offset + at) / CHUNK;
            assert.ok(!fetched.has(chunk), `chunk ${chunk} is fetched twice`);
            fetched.add(chunk);
          }
        } else if (effect.type === 'cancel') {
          waiting.splice(waiting.indexOf(effect.chunk), 1);
          assert.ok(fetched.has(effect.chunk), `chunk ${effect.chunk} is given up`);
        }
    };
    const tell = ({ effects }: Bench) => take(effects);
    tell(bench);
    tell(bench.seeders(size, peer));
    tell(bench.connected(peer));
    // The seeder gives 410 bytes a ms; the origin 1,640, and answers a request at once.
    for (let turn = 1; !bench.engine.ended; turn++) {
      tell(bench.pass(10));
      const next = turn % 4 === 0 ? waiting.shift() : undefined;
      if (next !== undefined) tell(bench.deliver(peer, next));
      const [range] = ranges;
      if (!range) continue;
      tell(bench.head(range, size));
      tell(bench.data(range, CHUNK));
      const { offset, length = 0 } = range;
      ranges[0] = { ...range, offset: offset + CHUNK, length: length - CHUNK };
      if (length === CHUNK) tell(bench.ended(ranges.shift() as typeof range));
    }
    const tookMs = bench.now - start;
    const dueMs = size / 2_000 + DUE_MS;
    assert.ok(tookMs <= dueMs + 50, `took ${tookMs} ms, due after ${dueMs}`);
    const needed = (size - 410 * dueMs) / CHUNK;
    assert.ok(fetched.size <= needed + 4, `${fetched.size} chunks fetched, ${needed} needed`);
  });

  it('counts what is on its way from the origin', () => {
    const need = (comingBytes: number) => {
      const rates = { expected: 1_000, isHearsay: false };
      const leases = { isRefused: false, isMute: () => false };
      const swarm = { rate: 0, hasCandidates: true, hasSeeders: false };
      const origin = { rates, leases, comingBytes } as unknown as Origin;
      const use = new OriginUse(swarm as unknown as Swarm, origin);
      const chunks = { layout: layoutOf(8_000_000, CHUNK), missingBytes: 5e6 } as Chunks;
      use.start(0, () => 0);
      use.answered(0);
      use.need(chunks, 0);
      use.need(chunks, 9_000);
      return use.share(chunks, 9_000).dueBytes;
    };
    assert.deepEqual([0, 2e6, 5e6, 9e6].map(need), [5e6, 3e6, 0, 0]);
  });

  it('leaves to peers what they bring sooner, also when it is overdue', () => {
    const rates = { expected: 1_000, isHearsay: false };
    const leases = { isRefused: false, isMute: () => false };
    const swarm = { rate: 3_000, hasCandidates: true, hasSeeders: false };
    const origin = { rates, leases, comingBytes: 0 } as unknown as Origin;
    const use = new OriginUse(swarm as unknown as Swarm, origin);
    const chunks = { layout: layoutOf(8_000_000, CHUNK), missingBytes: 4e6 } as Chunks;
    use.start(0, () => 0);
    use.answered(0);
    use.need(chunks, 0);
    use.served(20_000, CHUNK);
    use.need(chunks, 20_000);
    assert.equal(use.share(chunks, 20_000).dueBytes, 1e6);
  });

  it('asks for what is in pieces all at once', () => {
    const bench = atFastOrigin(20)
      .grant(0, 0, CHUNK)
      .partial(20 * CHUNK, 1n)
      .connected(1n);
    // Every fifth chunk is here.
    const waiting = bench.holds(1n, 20 * CHUNK, 4, 9, 14, 19).said('request');
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      waiting.push(...bench.deliver(1n, next.chunk).said('request'));
      waiting.push(...bench.checked(next.chunk, 1n).said('request'));
    }
    for (let leases = 0; leases === 0; )
      leases += bench
        .pass(20)
        .said('lease')
        .filter(({ wanted }) => wanted > 0).length;
    const [first = assert.fail()] = bench.grant(0, 2, CHUNK).said('fetch-range');
    // It comes, and while it is not ended three more.
    const asked = bench.serve(first, 20 * CHUNK).said('fetch-range');
    const stretches = asked.map(({ offset, length = 0 }) => [offset / CHUNK, length / CHUNK]);
    assert.deepEqual(
      stretches.sort(([one = 0], [other = 0]) => one - other),
      [
        [5, 4],
        [10, 4],
        [15, 4],
      ],
    );
  });

  it('makes room for others who fetch by leave when it needs none any more', () => {
    const bench = atFastOrigin()
      .partial(48 * CHUNK, 1n)
      .connected(1n);
    bench.grant(0, 1, CHUNK).serve(bench.sole('fetch-range'), 48 * CHUNK);
    for (const { chunk } of bench.said('check')) bench.checked(chunk, undefined);
    // The next are lent before it is due; the second of them is still to come when it is.
    bench.grant(7, 2, CHUNK);
    const lent = bench.sole('fetch-range');
    assert.deepEqual([lent.offset, lent.length], [7 * CHUNK, 2 * CHUNK]);
    assert.deepEqual(bench.pass(80).said('lease'), []);
    bench
      .head(lent, 48 * CHUNK)
      .data(lent, CHUNK)
      .checked(7, undefined);
    assert.ok(bench.pass(300).said('fetch-range').length > 0);
    assert.deepEqual(bench.said('lease'), []);
    // Then all that is on lease is reported at once, although something is being fetched.
    bench.data(lent, CHUNK).ended(lent);
    assert.deepEqual(bench.checked(8, undefined).sole('lease').fetched, [7, 8]);
    // So is what comes too late.
    assert.deepEqual(bench.grant(20, 1, CHUNK).sole('lease').returned, [20]);
  });

  it('connects to so many seeders at once as should be needed to be in time', () => {
    const count = (originRate: number, chunks = 48) => {
      const bench = new Bench({ verification: 'chunks' });
      bench.tell({ type: 'start', originRate });
      bench.tell({ type: 'layout', layout: layoutOf(chunks * CHUNK, CHUNK) });
      bench.seeders(chunks * CHUNK, 1n, 2n, 3n, 4n, 5n);
      return bench.said('connect').length;
    };
    // At 1 Mbit/s, one needs 6 s for 786 KB. They are due after 1.6 s; 5.4; 15.9.
    assert.deepEqual(
      [1_000, 200, 64].map((rate) => count(rate)),
      [MIN_SEEDERS, 2, 1],
    );
    assert.equal(count(1_000, 2), 1, 'a small file');
    assert.equal(count(0), 1, 'an origin of which nothing is known');
  });

  it('of a crowd asks again soon for leave to fetch what is due', () => {
    const bench = atFastOrigin();
    const holders = [{ peer: 1n, size: 48 * CHUNK, partial: true }];
    bench.tell({ type: 'holders', holders, totalPartial: 300 }).grant(0, 0, CHUNK);
    let asked = 0;
    for (let ms = 0; ms < 3_000; ms += 20)
      for (bench.pass(20); bench.said('lease').some(({ wanted }) => wanted > 0); asked++)
        bench.grant(0, 0, CHUNK);
    // From 700 ms on, after pauses that double.
    assert.ok(asked >= 2 && asked <= 6, `${asked} times`);
  });

  it('of a crowd fetches by leases until the origin has shown that it is as fast as is said', () => {
    const size = 48 * CHUNK;
    const bench = atFastOrigin().grant(0, 0, CHUNK);
    const holders = [{ peer: 1n, size, partial: true }];
    bench.tell({ type: 'holders', holders, totalPartial: 300 });
    const asks = () => bench.said('lease').some(({ wanted }) => wanted > 0);
    let refusals = 0;
    for (let ms = 0; ms < 2_500; ms += 10) {
      if (asks()) {
        bench.grant(0, 0, CHUNK);
        refusals++;
      }
      assert.deepEqual(bench.pass(10).said('fetch-range'), []);
    }
    assert.ok(refusals > 1);
    for (let ms = 0; !asks() && ms < 3_000; ms += 10) bench.pass(10);
    bench.grant(0, 4, CHUNK);
    bench.serve(bench.sole('fetch-range'), size);
    let asked = bench.said('fetch-range').length;
    for (const { chunk } of bench.said('check'))
      asked += bench.checked(chunk, undefined).said('fetch-range').length;
    assert.equal(asked, 1);
  });

  for (const [what, partial, mostMs] of [
    ['knows nobody', [], ASK_PATIENCE_MS],
    ['names one who has nothing', [1n], 2 * STALL_PATIENCE_MS],
  ] as const)
    it(`does not ask a tracker for ever that lends nothing and ${what}`, () => {
      const bench = atFastOrigin().grant(0, 0, CHUNK);
      if (partial.length > 0) bench.partial(48 * CHUNK, ...partial).connected(...partial);
      for (let ms = 0; ms < mostMs; ms += 10) {
        if (bench.pass(10).said('fetch-range').length > 0) return;
        if (bench.said('lease').some(({ wanted }) => wanted > 0)) bench.grant(0, 0, CHUNK);
        if (bench.said('fetch-range').length > 0) return;
      }
      assert.fail(`nothing was fetched in ${mostMs} ms`);
    });

  it('leaves it to fast peers, although the manifest came long after the start', () => {
    const size = 48 * CHUNK;
    const bench = new Bench({ verification: 'chunks' });
    bench.tell({ type: 'start', originRate: 2_000 }).grant(0, 0, CHUNK);
    bench.seeders(size, 1n).connected(1n).pass(1_500);
    bench.tell({ type: 'layout', layout: layoutOf(size, CHUNK) });
    const waiting: number[] = [];
    const look = () => {
      assert.deepEqual([...bench.said('cancel'), ...bench.said('fetch-range')], []);
      waiting.push(...bench.said('request').map(({ chunk }) => chunk));
    };
    // 3.3 MB/s.
    for (look(); waiting.length > 0; look()) {
      bench.pass(5);
      look();
      const chunk = waiting.shift() as number;
      bench.deliver(1n, chunk);
      look();
      bench.checked(chunk, 1n);
    }
    assert.equal(bench.said('complete').length, 1);
  });

  it('expects little of a peer that has fallen silent', () => {
    const [peer, size] = [1n, 64 * CHUNK];
    const bench = new Bench({ verification: 'chunks' });
    bench.tell({ type: 'start', originRate: 1_000 });
    bench.tell({ type: 'layout', layout: layoutOf(size, CHUNK) }).grant(0, 0, CHUNK);
    bench.seeders(size, peer).connected(peer);
    const waiting = bench.said('request');
    // 819 bytes a ms, for 600 ms: so it would be done in time.
    for (let n = 0; n < 30; n++) {
      bench.pass(20);
      const { chunk } = waiting.shift() as Of<'request'>;
      waiting.push(...bench.deliver(peer, chunk).said('request'));
      waiting.push(...bench.checked(chunk, peer).said('request'));
      assert.deepEqual(bench.said('lease'), []);
    }
    // 34 chunks take the origin 557 ms of the 749 that are left.
    let asksAt = 0;
    for (let ms = 0; asksAt === 0 && ms < 1_000; ms += 5)
      if (bench.pass(5).said('lease').length > 0) asksAt = ms;
    assert.ok(asksAt > 20 && asksAt <= 200, `${asksAt} ms later`);
  });

  it('asks the origin for what a fast peer was asked for that has fallen silent', () => {
    const bench = atFastOrigin()
      .grant(0, 0, CHUNK)
      .seeders(48 * CHUNK, 1n)
      .connected(1n);
    const waiting = bench.said('request');
    // 4 MB/s: much is asked of it in advance.
    for (let n = 0; n < 30; n++) {
      bench.pass(4);
      const { chunk } = waiting.shift() as Of<'request'>;
      waiting.push(...bench.deliver(1n, chunk).said('request'));
      waiting.push(...bench.checked(chunk, 1n).said('request'));
    }
    assert.equal(waiting.length, 18);
    let asksAt = 0;
    for (let ms = 0; asksAt === 0 && ms < 2_000; ms += 5)
      if (
        bench
          .pass(5)
          .said('lease')
          .some(({ wanted }) => wanted > 0)
      )
        asksAt = ms;
    assert.ok(asksAt > 20 && asksAt < DUE_MS + 300, `${asksAt} ms later`);
  });

  it('takes back what the origin sends from who has not begun to send it', () => {
    const bench = atFastOrigin(16)
      .grant(0, 0, CHUNK)
      .seeders(16 * CHUNK, 1n)
      .connected(1n);
    const [{ chunk: begun } = assert.fail(), ...others] = bench.said('request');
    assert.equal(others.length, 15);
    bench.tell({ type: 'fragment', peer: 1n, chunk: begun, offset: 0, length: 100 });
    for (let leases = 0; leases === 0; ) leases = bench.pass(20).said('lease').length;
    const [lent] = others.map(({ chunk }) => chunk);
    bench.grant(lent as number, 1, CHUNK);
    const asked = bench.said('fetch-range');
    bench.serve(asked[0] as Of<'fetch-range'>, 16 * CHUNK);
    const cancelled = bench.said('cancel').map(({ chunk }) => chunk);
    const ranges = bench.said('fetch-range');
    const fetched = ranges.flatMap(({ offset, length = 0 }) =>
      Array.from({ length: length / CHUNK }, (_, i) => offset / CHUNK + i),
    );
    assert.ok(fetched.length >= 7, `${fetched}`);
    // What has begun to come may come twice, if it takes that long.
    assert.deepEqual(
      cancelled,
      fetched.filter((chunk) => chunk !== begun),
    );
  });

  it('does not put off when it is due while the origin becomes slower, up to a quarter of its rate', () => {
    const rates = { expected: 2_000, isHearsay: true };
    const use = new OriginUse({} as Swarm, { rates } as unknown as Origin);
    const chunks = { layout: layoutOf(8_000_000, CHUNK) } as Chunks;
    const due = (expected: number, isHearsay = false) => {
      Object.assign(rates, { expected, isHearsay });
      return use.dueMs(chunks);
    };
    const plain = (rate: number) => (DUE_FACTOR * 8_000_000) / rate;
    assert.equal(due(2_000, true), plain(2_000));
    // What was only said is forgotten.
    assert.deepEqual([due(900), due(1_000), due(250)], [900, 1_000, 1_000].map(plain));
    assert.equal(due(249), plain(249));
    // It is due to help no more where it gives less than any peer is taken to.
    const never = Number.POSITIVE_INFINITY;
    const weak = [UNKNOWN_RATE, UNKNOWN_RATE - 1, 0, 249].map((rate) => due(rate));
    assert.deepEqual(weak, [plain(249), never, never, plain(249)]);
  });
});
