import assert from 'node:assert/strict';
import { makeManifest } from '@zauberflote/convert';
import { HashAlgorithm } from '@zauberflote/proto';
import { Bench, digestOf, FILE, settle, until } from './test-bench.ts';

describe('DownloadManager of a visitor who saves data', () => {
  let bench: Bench;

  beforeEach(() => {
    bench = new Bench();
  });

  afterEach(() => bench.manager.close());

  it('tells peers of what is here only while it serves, and anew when that changes', async () => {
    const { manifest, id, chunkSize } = await makeManifest([FILE], FILE.length);
    const content = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: digestOf(id) };
    const holdings = { content, size: BigInt(FILE.length), chunkSize };
    const heard = () => bench.told(2n, 'holdings').map(({ bitfield = [] }) => [...bitfield]);
    const news = () => bench.told(2n, 'got').flatMap(({ chunks = [] }) => chunks);
    bench.saveData(true);
    bench.manager.addManifest(manifest);
    const result = bench.manager.download(id);
    await settle();
    for (const peer of [1n, 2n]) {
      bench.open.add(peer);
      bench.handlers.onOpen(peer);
    }
    bench.hear(1n, { case: 'holdings', value: { ...holdings, bitfield: Uint8Array.of(0x80) } });
    bench.hear(2n, { case: 'holdings', value: holdings });
    await until(() => bench.requests(1n).length > 0);
    bench.serve(1n);
    bench.hear(1n, { case: 'got', value: { content, chunks: [2] } });
    await until(() => bench.requests(1n).length > 1);
    bench.serve(1n);
    await settle();
    assert.deepEqual(heard().flat(), []);
    assert.deepEqual(news(), []);
    assert.deepEqual(bench.had, []);

    bench.saveData(false);
    assert.deepEqual(bench.had, [[bench.wanted[0], FILE.length, true]]);
    // A chunk that is being hashed follows as news.
    const isTold = (chunk: number) =>
      ((heard().at(-1)?.[0] ?? 0) & (0x80 >> chunk)) !== 0 || news().includes(chunk);
    await until(() => isTold(0) && isTold(2));

    bench.saveData(true);
    assert.deepEqual(heard().at(-1), []);
    bench.hear(1n, { case: 'got', value: { content, chunks: [1, 3] } });
    bench.serve(1n);
    await result;
    assert.ok(!news().includes(1) && !news().includes(3));
  });
});
