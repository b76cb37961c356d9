import assert from 'node:assert/strict';
import { Bench, CHUNK } from '../../test-support/engine/bench.ts';
import { SAMPLE_MS } from './meter.ts';
import { ASK_PATIENCE_MS, REQUEST_TIMEOUT_MS } from './tuning.ts';

describe('DownloadEngine with liars under a whole-file id', () => {
  it('discards the copy, bars the only supplier and asks the origin', () => {
    const bench = new Bench().open(CHUNK, 1n).deliver(1n, 0).verified(false);
    assert.deepEqual(bench.said('bar'), [{ type: 'bar', peer: 1n }]);
    assert.deepEqual(bench.said('discard'), [{ type: 'discard', chunk: 0 }]);
    assert.equal(bench.said('fetch-range').length, 1);
  });

  it('takes from the origin what peers gave, and bars none who gave only a part', () => {
    const bench = new Bench().start().pass(ASK_PATIENCE_MS);
    const first = bench.sole('fetch-range');
    bench.head(first, 2 * CHUNK).data(first, CHUNK);
    bench.seeders(2 * CHUNK, 1n).connected(1n);
    bench.ended(first, 'failed').deliver(1n, 1).verified(false);
    assert.deepEqual(bench.said('bar'), []);
    assert.deepEqual(bench.said('discard'), [{ type: 'discard', chunk: 1 }]);
  });

  it('passes on to others what the origin gave, and what peers gave only once all is verified', () => {
    const bench = new Bench().start().pass(ASK_PATIENCE_MS);
    const fetch = bench.sole('fetch-range');
    bench
      .head(fetch, 2 * CHUNK)
      .holds(5n, 2 * CHUNK)
      .holds(6n, 2 * CHUNK, 1);
    bench.data(fetch, CHUNK);
    assert.deepEqual(bench.said('got').length, 2);
    bench.ended(fetch, 'failed');
    bench.deliver(6n, 1);
    assert.deepEqual(bench.said('got'), []);
    bench.verified(true);
    assert.deepEqual(bench.said('got'), [{ type: 'got', peer: 5n, chunks: [1] }]);
  });

  it('finds the honest peer one by one when there is no origin', () => {
    const bench = new Bench({ origin: false }).start().seeders(3 * CHUNK, 1n, 2n, 3n);
    const asked = bench.connected(1n, 2n, 3n).said('request');
    for (const { chunk, peer } of asked) bench.deliver(peer, chunk);
    bench.verified(false);
    const suppliers: bigint[] = [];
    while (!bench.engine.ended) {
      const requests = bench.said('request');
      const [{ peer }] = requests as [(typeof requests)[0]];
      assert.ok(!suppliers.includes(peer), `${peer} again`);
      suppliers.push(peer);
      assert.ok(requests.every((request) => request.peer === peer));
      for (const chunk of [0, 1, 2]) bench.deliver(peer, chunk);
      bench.verified(peer === 3n);
      if (peer !== 3n) assert.equal(bench.sole('bar').peer, peer);
    }
    assert.deepEqual(bench.effects.at(-1), { type: 'complete' });
  });

  it('lets silent ones have a turn of one request each, however many there are', () => {
    const silent = Array.from({ length: 20 }, (_, i) => BigInt(i + 2));
    const bench = new Bench({ origin: false }).start().seeders(CHUNK, 1n, ...silent);
    bench
      .connected(1n)
      .deliver(1n, 0)
      .verified(false)
      .connected(...silent);
    const turns = new Set<bigint>();
    // Each time as long as one request may take, in all far longer than a download that gets nothing.
    while (!bench.engine.ended && turns.size < silent.length) {
      for (const { peer } of bench.said('request')) turns.add(peer);
      bench.pass(REQUEST_TIMEOUT_MS);
    }
    assert.equal(bench.engine.ended, false);
    assert.equal(turns.size, silent.length);
    const last = [...turns].at(-1)!;
    bench.deliver(last, 0).verified(true);
    assert.deepEqual(bench.effects.at(-1), { type: 'complete' });
  });

  it('waits in isolation for one who becomes complete', () => {
    const bench = new Bench({ origin: false }).open(CHUNK, 1n).holds(2n, CHUNK);
    bench.deliver(1n, 0).verified(false);
    assert.deepEqual(bench.said('fail'), []);
    bench.tell({ type: 'got', peer: 2n, chunks: [0] });
    assert.equal(bench.sole('request').peer, 2n);
    bench.deliver(2n, 0).verified(true);
    assert.deepEqual(bench.effects.at(-1), { type: 'complete' });
  });

  it('says so when nothing that came had the hash', () => {
    const bench = new Bench({ origin: false }).open(CHUNK, 1n).deliver(1n, 0).verified(false);
    assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'hash-mismatch' });
  });

  it('ignores whatever comes while the copy is hashed', () => {
    const bench = new Bench().start().pass(ASK_PATIENCE_MS);
    const fetch = bench.sole('fetch-range');
    bench.head(fetch, CHUNK).data(fetch, CHUNK);
    assert.equal(bench.said('verify').length, 1);
    assert.equal(bench.said('abort-range').length, 1);
    assert.deepEqual(bench.head(fetch, 5).effects, []);
    assert.deepEqual(bench.verified(true).effects.at(-1), { type: 'complete' });
    assert.deepEqual(bench.verified(true).effects, []);
  });
});

describe('DownloadEngine with one that keeps back the last byte of a chunk', () => {
  it('gives it no more time for the next', () => {
    const [liar, other] = [1n, 2n];
    const bench = new Bench({ origin: false, verification: 'chunks' }).startChunks(2);
    bench
      .partial(2 * CHUNK, liar)
      .connected(liar)
      .holds(liar, 2 * CHUNK, 0);
    const send = (chunk: number, offset: number, length = 1) =>
      bench.tell({ type: 'fragment', peer: liar, chunk, offset, length });
    const almost = REQUEST_TIMEOUT_MS - 1;
    send(0, 0).pass(SAMPLE_MS);
    send(0, 1, CHUNK - 2).pass(almost);
    send(0, CHUNK - 1);
    bench.checked(0, liar).holds(liar, 2 * CHUNK, 0, 1);
    assert.equal(bench.sole('request').chunk, 1);
    send(1, 0)
      .seeders(2 * CHUNK, other)
      .connected(other);
    bench.pass(almost);
    send(1, 1).pass(almost);
    send(1, 2).pass(2);
    assert.deepEqual(bench.said('cancel'), [{ type: 'cancel', peer: liar, chunk: 1 }]);
    assert.equal(bench.sole('request').peer, other);
  });
});
