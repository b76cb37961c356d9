import assert from 'node:assert/strict';
import { makeManifest } from '@zauberflote/convert';
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

  it('counts all that came while the manifest was looked for, and does not go back', async () => {
    const { id } = await makeManifest([FILE], FILE.length);
    const old = FILE.subarray(0, 50_000);
    bench.now = 1_000;
    bench.answer = (url) => {
      bench.now! += PROGRESS_MS;
      if (url.endsWith('.zf')) return new Response('', { status: 404 });
      const isFirst = bench.fetched.filter((one) => one === '/f').length === 1;
      return new Response(Uint8Array.from(isFirst ? old : FILE));
    };
    const seen: Progress[] = [];
    const onProgress = (progress: Progress) =>
      seen.push({ ...progress, bytes: { ...progress.bytes } });
    await bench.manager.download(id, { fallback: '/f', onProgress });
    assert.deepEqual(bench.fetched, ['/f.zf', '/f', '/f']);
    const loaded = seen.map((progress) => progress.loaded);
    assert.deepEqual(
      loaded,
      [...loaded].sort((a, b) => a - b),
    );
    assert.equal(loaded[0], old.length);
    assert.equal(loaded.at(-1), FILE.length);
    const origin = old.length + FILE.length;
    assert.deepEqual(seen.at(-1)?.bytes, { peers: 0, origin, store: 0 });
    assert.equal(bench.manager.stats().bytes.origin, origin);
  });

  it('does not go back when what came is thrown away', async () => {
    bench.now = 1_000;
    bench.answer = () => {
      bench.now! += PROGRESS_MS;
      const isFirst = bench.fetched.length === 1;
      return new Response(isFirst ? new Uint8Array(FILE.length) : Uint8Array.from(FILE));
    };
    const seen: Progress[] = [];
    const onProgress = (progress: Progress) => seen.push(progress);
    const result = bench.manager.download(HASH, { fallback: '/f', onProgress });
    await settle();
    bench.named();
    await result;
    assert.deepEqual(
      seen.map(({ loaded }) => loaded),
      seen.map(() => FILE.length),
    );
    assert.equal(seen.at(-1)?.bytes.origin, 2 * FILE.length);
  });
});
