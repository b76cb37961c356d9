import assert from 'node:assert/strict';
import { Bench, CHUNK } from '../../test-support/engine/bench.ts';
import type { Chunks } from './chunks.ts';
import { layoutOf } from './layout.ts';
import type { Origin } from './origin.ts';
import { OriginUse } from './origin-use.ts';
import type { Swarm } from './swarm.ts';
import { LATELY_MS, SEEDER_PATIENCE_MS } from './tuning.ts';

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
  function crowdAtSeeder(originRate: number): { bench: Bench; asked: () => number } {
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
    return { bench, asked: () => asked };
  }

  for (const [originRate, what, isAsked] of [
    [0, 'an origin of which nothing is known', false],
    [200, 'an origin that is as fast as its seeder', false],
    [2_000, 'an origin that is ten times as fast', true],
  ] as const)
    it(`of a crowd ${isAsked ? 'asks' : 'spares'} ${what}`, () => {
      assert.equal(crowdAtSeeder(originRate).asked() > 0, isAsked);
    });

  it('asks the origin for no more than what peers will not have sent soon', () => {
    const { bench } = crowdAtSeeder(2_000);
    const [range] = bench.said('fetch-range');
    const requested = new Set(bench.said('request').map(({ chunk }) => chunk));
    for (const { offset, length = 0 } of range ? [range] : [])
      for (let at = offset; at < offset + length; at += CHUNK)
        assert.ok(!requested.has(at / CHUNK), `chunk ${at / CHUNK}`);
  });

  it('waits for who gives nothing no longer than makes sense at a fast origin', () => {
    const bench = new Bench({ verification: 'chunks' });
    bench.tell({ type: 'start', originRate: 2_000 });
    bench.tell({ type: 'layout', layout: layoutOf(48 * CHUNK, CHUNK) });
    bench.seeders(48 * CHUNK, 1n);
    assert.deepEqual(bench.pass(500).said('fetch-range'), []);
    const [range] = bench.pass(400).said('fetch-range');
    assert.ok(range);
  });

  for (const laterMs of [0, 300])
    it(`wakes when who was asked last, ${laterMs} ms after all else came, has had its time`, () => {
      const [bench, size] = [new Bench({ verification: 'chunks' }), 16 * CHUNK];
      bench.tell({ type: 'start', originRate: 2_000 });
      bench.tell({ type: 'layout', layout: layoutOf(size, CHUNK) });
      bench.partial(size, 1n, 2n).connected(1n, 2n).grant(0, 2, CHUNK);
      bench.serve(bench.sole('fetch-range'), size);
      for (const { chunk } of bench.said('check')) bench.checked(chunk, undefined);
      const first = Array.from({ length: 12 }, (_, chunk) => chunk);
      bench.holds(1n, size, ...first);
      const waiting = bench.said('request');
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        bench.pass(40);
        waiting.push(...bench.said('request'));
        bench.deliver(1n, next.chunk);
        waiting.push(...bench.said('request'));
        bench.checked(next.chunk, 1n);
        waiting.push(...bench.said('request'));
      }
      bench.grant(0, 0, CHUNK).pass(laterMs).holds(2n, size, 12, 13, 14, 15);
      assert.ok(bench.said('request').length > 0);
      assert.equal(bench.pass(500).said('fetch-range').length, 0);
      assert.equal(bench.pass(100).said('fetch-range').length, 1);
    });

  it('of a crowd fetches by leases until the origin has shown that it is as fast as is said', () => {
    const size = 48 * CHUNK;
    const bench = new Bench({ verification: 'chunks' });
    bench.tell({ type: 'start', originRate: 2_000 });
    bench.tell({ type: 'layout', layout: layoutOf(size, CHUNK) }).grant(0, 0, CHUNK);
    const holders = [{ peer: 1n, size, partial: true }];
    bench.tell({ type: 'holders', holders, totalPartial: 300 });
    const asks = () => bench.said('lease').some(({ wanted }) => wanted > 0);
    let refusals = 0;
    for (let ms = 0; ms < 6_000 || !asks(); ms += 100) {
      if (asks()) {
        bench.grant(0, 0, CHUNK);
        refusals++;
      }
      assert.deepEqual(bench.pass(100).said('fetch-range'), []);
    }
    assert.ok(refusals > 0);
    bench.grant(0, 4, CHUNK);
    bench.serve(bench.sole('fetch-range'), size);
    let asked = bench.said('fetch-range').length;
    for (const { chunk } of bench.said('check'))
      asked += bench.checked(chunk, undefined).said('fetch-range').length;
    assert.equal(asked, 1);
  });
});
