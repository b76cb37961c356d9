import assert from 'node:assert/strict';
import { makeManifest } from '@zauberflote/convert';
import { HashAlgorithm } from '@zauberflote/proto';
import { NEWS_MS } from './news.ts';
import { Bench, digestOf, FILE, HASH, settle, until } from './test-bench.ts';

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
    bench.opens(1n, 2n);
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

  it('tells peers of many chunks in few messages, the first at once', async () => {
    const { manifest, id, chunkSize } = await makeManifest([FILE], FILE.length);
    const content = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: digestOf(id) };
    const holdings = { content, size: BigInt(FILE.length), chunkSize };
    const news = () => bench.told(2n, 'got').map(({ chunks = [] }) => chunks);
    bench.manager.addManifest(manifest);
    const result = bench.manager.download(id);
    await settle();
    bench.opens(1n, 2n);
    bench.now = 1_000;
    bench.hear(2n, { case: 'holdings', value: holdings });
    bench.hear(1n, { case: 'holdings', value: { ...holdings, bitfield: Uint8Array.of(0x80) } });
    let requestId = 0;
    for (const chunk of [0, 1, 2]) {
      await until(() => bench.requests(1n).length === chunk + 1);
      bench.serve(1n);
      // Other threads hash them, and not in order; who has one, serves it.
      const first = requestId + 1;
      const offset = BigInt(chunk * chunkSize);
      await until(() => {
        const value = { requestId: ++requestId, content, offset, length: 1 };
        bench.hear(2n, { case: 'request', value });
        // Of this chunk: of the one before, more than one answer may have come.
        return bench.told(2n, 'fragment').some(({ requestId: id = 0 }) => id >= first);
      });
      // All but the last, so that the download goes on.
      if (chunk < 2) bench.hear(1n, { case: 'got', value: { content, chunks: [chunk + 1] } });
    }
    assert.deepEqual(news(), [[0]]);
    bench.now += NEWS_MS;
    await until(() => news().length > 1);
    assert.deepEqual(news(), [[0], [1, 2]]);
    bench.hear(1n, { case: 'got', value: { content, chunks: [3] } });
    await until(() => bench.requests(1n).length === 4);
    bench.serve(1n);
    await result;
    assert.deepEqual(news(), [[0], [1, 2], [3]]);
  });

  it('tells nobody of chunks that were thrown away before it told of them', async () => {
    const content = {
      algorithm: HashAlgorithm.SHA1,
      digest: Uint8Array.from(Buffer.from(HASH, 'hex')),
    };
    const news = () => bench.told(2n, 'got').map(({ chunks = [] }) => chunks);
    const sizes = () => bench.told(2n, 'holdings').map(({ size }) => Number(size));
    const bodies: ReadableStreamDefaultController[] = [];
    bench.answer = () => {
      const start = (body: ReadableStreamDefaultController) => void bodies.push(body);
      const headers = { 'content-length': `${FILE.length}`, 'cache-control': 'public' };
      return new Response(new ReadableStream({ start }), { headers });
    };
    bench.state = 'unavailable';
    bench.now = 1_000;
    bench.manager.download(HASH, { fallback: '/f' }).catch(() => {});
    bench.opens(2n);
    await until(() => bodies.length === 1);
    const wrong = Buffer.from(FILE).fill('x');
    bench.hear(2n, {
      case: 'holdings',
      value: { content, size: BigInt(FILE.length), chunkSize: 16_384 },
    });
    await until(() => sizes().at(-1) === FILE.length);
    bodies[0]?.enqueue(wrong.subarray(0, 16_384));
    await until(() => news().length === 1);
    bodies[0]?.enqueue(wrong.subarray(16_384));
    bodies[0]?.close();
    // It has the wrong hash: it is fetched anew, and peers hear that nothing is here.
    await until(() => bench.told(2n, 'holdings').length === 2);
    bench.now += NEWS_MS;
    bodies.at(-1)?.enqueue(FILE.subarray(0, 16_384));
    await until(() => news().length > 1);
    assert.deepEqual(news(), [[0], [0]]);
  });
});
