import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { makeManifest } from '@zauberflote/convert';
import { Bench, FILE, until } from './test-bench.ts';

describe('DownloadManager with a download that can wait', () => {
  it('asks the origin like that until something of it is here, wherever it begins', async () => {
    const bench = new Bench();
    const { manifest, id, chunkSize } = await makeManifest([FILE], FILE.length, {});
    bench.manager.addManifest(manifest);
    bench.answer = (_, range) => {
      const [, first, last] = /(\d+)-(\d+)/.exec(range ?? '') ?? [];
      const headers = { 'content-range': `bytes ${first}-${last}/${FILE.length}` };
      return new Response(FILE.subarray(Number(first), Number(last) + 1), { status: 206, headers });
    };
    const result = bench.manager.download(id, { fallback: '/f', priority: 'low' });
    const lend = async (first: number, count = 1) => {
      await pause(20);
      const contentKey = bench.wanted[0] as string;
      bench.handlers.onGrant(contentKey, { first, count, unitBytes: chunkSize });
    };
    await until(() => bench.leased.includes(chunkSize));
    await lend(2);
    await until(() => bench.manager.stats().bytes.origin === chunkSize);
    // Nobody else is there: the rest is fetched.
    bench.named();
    for (let i = 0; i < 2; i++) await lend(0, 0);
    await result;
    const [first, ...others] = bench.priorities;
    assert.equal(first, 'low');
    assert.ok(others.length > 0);
    for (const other of others) assert.equal(other, undefined);
    bench.manager.close();
  });
});
