import assert from 'node:assert/strict';
import { PROGRESS_MS } from './download.ts';
import { Bench, FILE, HASH, settle } from './test-bench.ts';
import type { Progress } from './types.ts';

describe('Progress of a download', () => {
  let bench: Bench;

  beforeEach(() => {
    bench = new Bench();
  });

  afterEach(() => bench.manager.close());

  it('is told when something comes, then not at every part, and at the end', async () => {
    const loaded: number[] = [];
    const onProgress = (progress: Progress) => loaded.push(progress.loaded);
    bench.now = 1_000;
    const result = bench.manager.download(HASH, { onProgress });
    await settle();
    bench.named(1n);
    const [{ requestId = 0, length = 0, offset = 0n } = {}] = bench.requests(1n);
    const half = length / 2;
    for (const start of [0, half]) {
      const from = Number(offset) + start;
      const data = Uint8Array.from(FILE.subarray(from, from + half));
      bench.hear(1n, { case: 'fragment', value: { requestId, offset: start, data } });
    }
    assert.equal(loaded.length, 1);
    bench.now += PROGRESS_MS;
    bench.serve(1n);
    await result;
    assert.equal(loaded.length, 3);
    assert.equal(loaded.at(-1), FILE.length);
  });
});
