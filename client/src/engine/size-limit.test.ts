import assert from 'node:assert/strict';
import type { Of } from '../../test-support/engine/bench.ts';
import { Bench } from '../../test-support/engine/bench.ts';
import { MAX_CHUNKS, MAX_WHOLE_FILE_BYTES } from './layout.ts';

const alone = () => new Bench().start().tell({ type: 'tracker', reach: 'missing' });

describe('DownloadEngine without a manifest', () => {
  it('takes the largest file that fits into the chunks there may be', () => {
    const bench = alone();
    bench.head(bench.sole('fetch-range'), MAX_WHOLE_FILE_BYTES);
    assert.deepEqual(bench.said('abort-range'), []);
    const { layout } = bench.sole('lay-out');
    assert.equal(layout.count, MAX_CHUNKS);
    bench.connected(1n).tell({
      type: 'holdings',
      peer: 1n,
      size: 0,
      chunkSize: 0,
      complete: false,
      bitfield: new Uint8Array(),
    });
    assert.equal(bench.sole('holdings').bitfield.length, MAX_CHUNKS / 8);
  });

  const more = MAX_WHOLE_FILE_BYTES + 1;
  const ways: Record<string, (bench: Bench, fetch: Of<'fetch-range'>) => void> = {
    'by its length': (bench, fetch) => bench.head(fetch, more),
    'by a length beyond all numbers': (bench, fetch) => bench.head(fetch, Number.MAX_VALUE),
    'where a range begins past its end': (bench, fetch) => bench.ended(fetch, 'beyond', more),
    'by what comes of it': (bench, fetch) => {
      bench.head(fetch, undefined).data(fetch, MAX_WHOLE_FILE_BYTES);
      assert.deepEqual(bench.said('abort-range'), []);
      bench.data(fetch, 1);
    },
  };
  for (const [way, tell] of Object.entries(ways))
    it(`asks past the caches, then fails, where the origin has more: ${way}`, () => {
      const bench = alone();
      const first = bench.sole('fetch-range');
      tell(bench, first);
      assert.equal(bench.sole('abort-range').range, first.range);
      assert.deepEqual(bench.said('lay-out'), []);
      const second = bench.sole('fetch-range');
      assert.ok(!first.fresh && second.fresh);
      tell(bench, second);
      assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'too-large' });
    });

  it('has no such limit with one', () => {
    const bench = new Bench({ verification: 'chunks' }).start();
    bench.tell({ type: 'tracker', reach: 'missing' });
    const layout = { size: more, chunkSize: 2 ** 20, count: 4_097 };
    const fetch = bench.tell({ type: 'layout', layout }).sole('fetch-range');
    bench.head(fetch, more);
    assert.deepEqual(bench.said('abort-range'), []);
  });
});
