import assert from 'node:assert/strict';
import { Bench, CHUNK } from '../../test-support/engine/bench.ts';
import { SETTLE_MS } from './tuning.ts';

const random = () => 0;

/** A download of a content with a manifest, whose complete holders are all being connected to. */
function connecting(chunks: number, ...peers: bigint[]): Bench {
  const bench = new Bench({ origin: false, verification: 'chunks' }).startChunks(chunks);
  bench.seeders(chunks * CHUNK, ...peers);
  while (bench.said('connect').length > 0) bench.pass(SETTLE_MS);
  return bench;
}

const asked = (bench: Bench) => bench.said('request').map(({ peer, chunk }) => [peer, chunk]);

describe('what a complete holder is asked for before it is open', () => {
  it('is a chunk, which it is then asked for once, before others', () => {
    const bench = connecting(10, 7n);
    const range = bench.engine.first(7n, () => 0.999);
    assert.deepEqual(range, { chunk: 9, offset: 9 * CHUNK, length: CHUNK });
    assert.deepEqual(bench.said('request'), [], 'it is said with the answer');
    bench.connected(7n);
    const requests = bench.said('request');
    assert.deepEqual(requests[0], { type: 'request', peer: 7n, ...range, isFirst: true });
    assert.equal(requests.filter(({ chunk, isFirst }) => chunk === 9 || isFirst).length, 1);
  });

  it('is another for each', () => {
    const bench = connecting(2, 1n, 2n);
    const chunks = [1n, 2n, 1n].map((peer) => bench.engine.first(peer, random)?.chunk);
    assert.deepEqual(chunks, [0, 1, 0], 'asked anew, it may be the same');
  });

  it('is asked of who is open before, and then of nobody else', () => {
    const bench = connecting(1, 1n, 2n);
    assert.equal(bench.engine.first(1n, random)?.chunk, 0);
    assert.deepEqual(asked(bench.connected(2n)), [[2n, 0]]);
    assert.deepEqual(asked(bench.connected(1n)), []);
  });

  it('is not asked for if it has come meanwhile', () => {
    const bench = connecting(1, 1n, 2n);
    assert.equal(bench.engine.first(1n, random)?.chunk, 0);
    bench.connected(2n).deliver(2n, 0);
    assert.deepEqual(asked(bench.connected(1n)), []);
  });

  it('is forgotten when the connection fails', () => {
    const bench = connecting(1, 1n, 2n);
    assert.equal(bench.engine.first(1n, random)?.chunk, 0);
    assert.equal(bench.engine.first(2n, random), undefined, 'there is no other');
    bench.tell({ type: 'close', peer: 1n, barred: false });
    assert.equal(bench.engine.first(2n, random)?.chunk, 0);
  });

  it('is nothing of who is open, has parts only, has another size, or is unknown', () => {
    const bench = connecting(2, 1n);
    const holders = [
      { peer: 2n, size: 2 * CHUNK, partial: true },
      { peer: 3n, size: CHUNK, partial: false },
    ];
    bench.tell({ type: 'holders', holders }).pass(SETTLE_MS).connected(1n);
    for (const peer of [1n, 2n, 3n, 4n]) assert.equal(bench.engine.first(peer, random), undefined);
  });

  it('is nothing without a manifest, whose chunks are not what others have', () => {
    const bench = new Bench({ origin: false }).start().seeders(CHUNK, 1n);
    assert.equal(bench.said('connect').length, 1);
    assert.equal(bench.engine.first(1n, random), undefined);
  });
});
