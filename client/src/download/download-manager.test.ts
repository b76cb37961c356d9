import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { makeManifest } from '@zauberflote/convert';
import { HashAlgorithm, RefuseReason } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';
import { Bench, digestOf, FILE, HASH, settle, until } from './test-bench.ts';
import type { Progress } from './types.ts';

describe('DownloadManager', () => {
  let bench: Bench;

  beforeEach(() => {
    bench = new Bench();
  });

  afterEach(() => bench.manager.close());

  it('asks the tracker, gets the chunks from peers, announces the verified whole', async () => {
    // A tracker and peers that take too long would have the origin asked as well.
    bench.now = 0;
    const seen: Progress[] = [];
    const result = bench.manager.download(HASH, {
      fallback: '/f',
      onProgress: (progress) => seen.push(progress),
    });
    await settle();
    assert.deepEqual(bench.wanted, [`1:${HASH}`]);
    bench.named(1n, 2n);
    assert.equal(bench.connected.length, 1);
    bench.serve(1n);
    bench.serve(2n);
    const blob = await result;
    assert.deepEqual(Buffer.from(await blob.arrayBuffer()), FILE);
    assert.equal(blob.type, '');
    assert.deepEqual(bench.had, [
      [`1:${HASH}`, 0, true],
      [`1:${HASH}`, FILE.length],
    ]);
    assert.deepEqual(bench.fetched, []);
    const bytes = { peers: FILE.length, origin: 0, store: 0 };
    assert.deepEqual(seen.at(-1), { loaded: FILE.length, total: FILE.length, bytes });
    assert.deepEqual(bench.manager.stats().bytes, { ...bytes, uploaded: 0 });
  });

  it('gets the whole from the origin, with its media type, when nobody has it', async () => {
    const result = bench.manager.download(HASH, { fallback: '/f' });
    await settle();
    bench.named();
    const blob = await result;
    assert.equal(blob.type, 'text/x-zf');
    assert.deepEqual(bench.fetched, ['/f']);
    assert.equal(bench.manager.stats().bytes.origin, FILE.length);
    assert.deepEqual(bench.had.at(-1), [`1:${HASH}`, FILE.length]);
  });

  it('does not take a network that is gone for an origin without ranges, and fetches only what is missing', async () => {
    const { manifest, id, chunkSize } = await makeManifest([FILE], FILE.length, {});
    bench.manager.addManifest(manifest);
    bench.now = 0;
    let isGone = false;
    const asked: (string | undefined)[] = [];
    bench.answer = (_, range) => {
      asked.push(range);
      if (isGone) throw new TypeError('Failed to fetch');
      const [, first, last] = /(\d+)-(\d+)/.exec(range ?? '') ?? [];
      const data = FILE.subarray(Number(first), Number(last) + 1);
      const headers = { 'content-range': `bytes ${first}-${last}/${FILE.length}` };
      return new Response(data, { status: 206, headers });
    };
    const result = bench.manager.download(id, { fallback: '/f' });
    // The manifest is hashed in another thread, and only then can chunks be lent.
    await until(() => bench.leased.includes(chunkSize));
    const key = bench.wanted[0] as string;
    const lend = async (first: number, count = 1) => {
      await pause(20);
      bench.handlers.onGrant(key, { first, count, unitBytes: chunkSize });
    };
    await lend(0);
    await until(() => bench.manager.stats().bytes.origin === chunkSize);
    isGone = true;
    await lend(1);
    await until(() => asked.length === 2);
    await pause(20);
    isGone = false;
    bench.now += 3_000;
    // It is alone: nobody is named, and nothing lent.
    bench.named();
    for (let i = 0; i < 2; i++) await lend(0, 0);
    assert.deepEqual(Buffer.from(await (await result).arrayBuffer()), FILE);
    const ranges = [`bytes=0-${chunkSize - 1}`, `bytes=${chunkSize}-${2 * chunkSize - 1}`];
    assert.deepEqual(asked, [...ranges, `bytes=${chunkSize}-${FILE.length - 1}`]);
  });

  it('never announces as complete or returns what has the wrong hash', async () => {
    bench.answer = () => new Response('something else');
    const result = bench.manager.download(HASH, { fallback: '/f' });
    await settle();
    bench.named();
    await assert.rejects(result, { code: 'hash-mismatch', message: /\/f changed after hashing/ });
    assert.equal(bench.fetched.length, 2);
    assert.deepEqual(bench.had, [[`1:${HASH}`, 0, true]]);
    assert.deepEqual(bench.dropped, [`1:${HASH}`]);
  });

  it('says what there is of a content under way, and serves it', async () => {
    const manifest = await makeManifest([FILE], FILE.length, { mediaType: 'text/x-zf' });
    bench.manager.addManifest(manifest.manifest);
    const result = bench.manager.download(manifest.id);
    await settle();
    const content = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: digestOf(manifest.id) };
    const holdings = { content, size: BigInt(FILE.length), chunkSize: manifest.chunkSize };
    bench.opens(1n, 2n);
    // Nobody named them: they introduce themselves, one with the first chunk, one with none.
    bench.hear(1n, { case: 'holdings', value: { ...holdings, bitfield: Uint8Array.of(0x80) } });
    bench.hear(2n, { case: 'holdings', value: holdings });
    // The manifest is hashed in another thread, and only then is anything asked for.
    await until(() => bench.requests(1n).length > 0);
    const told = bench.sent.flatMap(({ peer, body }) => (body?.case === 'holdings' ? [peer] : []));
    assert.deepEqual([...new Set(told)], [1n, 2n]);
    assert.deepEqual(
      bench.requests(1n).map(({ offset }) => offset),
      [0n],
    );
    bench.serve(1n);
    await until(() => bench.sent.some(({ body }) => body?.case === 'got'));
    const news = bench.sent.flatMap(({ peer, body }) =>
      body?.case === 'got' ? [[peer, body.value.chunks]] : [],
    );
    assert.deepEqual(news, [[2n, [0]]]);
    const request = { requestId: 1, content, offset: 0n, length: manifest.chunkSize };
    bench.hear(2n, { case: 'request', value: request });
    bench.hear(2n, { case: 'request', value: { ...request, requestId: 2, offset: 16_384n } });
    await settle();
    bench.hear(2n, { case: 'received', value: { bytes: 16_384 } });
    await settle();
    const sent = bench.sent.flatMap(({ peer, body }) =>
      peer === 2n && body?.case === 'fragment' ? [body.value.data] : [],
    );
    assert.deepEqual(Buffer.concat(sent as Uint8Array[]), FILE.subarray(0, 16_384));
    const refusal = bench.sent.find(({ body }) => body?.case === 'refuse')?.body;
    assert.deepEqual(refusal?.value, { requestId: 2, reason: RefuseReason.NOT_HELD });
    bench.hear(1n, { case: 'got', value: { content, chunks: [1, 2, 3] } });
    bench.serve(1n);
    const blob = await result;
    assert.deepEqual(Buffer.from(await blob.arrayBuffer()), FILE);
    assert.equal(blob.type, 'text/x-zf');
    bench.hear(2n, { case: 'holdings', value: holdings });
    assert.deepEqual(bench.sent.at(-1)?.body?.value, {
      content,
      size: holdings.size,
      complete: true,
    });
  });

  it('tells partial holders of the whole that came where only the manifest was looked for', async () => {
    const { id } = await makeManifest([FILE], FILE.length, { mediaType: 'text/x-zf' });
    const content = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: digestOf(id) };
    let send = () => {};
    const start = (controller: ReadableStreamDefaultController) => {
      send = () => {
        controller.enqueue(FILE);
        controller.close();
      };
    };
    const headers = { 'content-type': 'text/x-zf' };
    bench.answer = (url) =>
      url.endsWith('.zf')
        ? new Response('', { status: 404 })
        : new Response(new ReadableStream({ start }), { headers });
    const result = bench.manager.download(id, { fallback: '/f' });
    await until(() => bench.fetched.includes('/f'));
    bench.opens(1n);
    bench.hear(1n, { case: 'holdings', value: { content, size: 0n } });
    send();
    await result;
    const told = bench.sent.flatMap(({ peer, body }) =>
      body?.case === 'holdings' ? [[peer, body.value.size, body.value.complete ?? false]] : [],
    );
    assert.deepEqual(told, [
      [1n, 0n, false],
      [1n, BigInt(FILE.length), true],
    ]);
  });

  it('tells why the origin failed', async () => {
    bench.answer = () => new Response('', { status: 404 });
    const result = bench.manager.download(HASH, { fallback: '/f' });
    await settle();
    bench.named();
    await assert.rejects(result, { code: 'no-source', message: /\/f answered 404/ });
    assert.deepEqual(bench.fetched, ['/f']);
  });

  it('bars a peer that sends beyond what it was asked for', async () => {
    bench.manager.download(HASH, { fallback: '/f' }).catch(() => {});
    await settle();
    bench.named(1n);
    const { requestId = 0, length = 0 } = bench.requests(1n)[0] ?? {};
    const data = new Uint8Array(length + 1);
    bench.hear(1n, { case: 'fragment', value: { requestId, offset: 0, data } });
    assert.deepEqual(bench.barred, [1n]);
  });

  it('asks another peer when one refuses', async () => {
    const result = bench.manager.download(HASH, { fallback: '/f' });
    await settle();
    bench.named(1n);
    for (const { requestId = 0 } of bench.requests(1n))
      bench.hear(1n, { case: 'refuse', value: { requestId, reason: RefuseReason.NOT_HELD } });
    await result;
    assert.deepEqual(bench.fetched, ['/f']);
  });

  for (const { reason, tries } of [
    { reason: 'busy', tries: 5 },
    { reason: 'unreachable', tries: 3 },
    { reason: 'malformed', tries: 1 },
  ] as const)
    it(`tries a peer ${tries} times in 40 s whose connections end as ${reason}`, async () => {
      bench.now = 0;
      const timers: (() => void)[] = [];
      bench.setTimer = (_, run) => {
        timers.push(run);
        return () => {};
      };
      bench.manager.download(HASH).catch(() => {});
      await settle();
      const holders = [{ peer: 1n, size: bench.size, partial: false }];
      const contentKey = bench.wanted.at(-1) as string;
      bench.handlers.onPeers({ contentKey, holders, totalHolders: 1, totalPartial: 0 });
      for (let turns = 0; turns < 4; turns++) {
        bench.handlers.onClose(1n, reason);
        bench.now += 10_000;
        for (const run of timers.splice(0)) run();
      }
      assert.deepEqual(bench.connected, Array(tries).fill(1n));
    });

  it('downloads a content once for several callers, and again from its own store', async () => {
    const both = [1, 2].map(() => bench.manager.download(HASH, { fallback: '/f' }));
    await settle();
    bench.named();
    const [first, second] = await Promise.all(both);
    assert.equal(first, second);
    let last: Progress | undefined;
    const onProgress = (progress: Progress) => {
      last = progress;
    };
    assert.equal(await bench.manager.download(HASH, { fallback: '/f', onProgress }), first);
    assert.equal(last?.bytes.store, FILE.length);
    assert.deepEqual(bench.fetched, ['/f']);
  });

  it('goes on while one caller is left, and stops when the last has aborted', async () => {
    const callers = [new AbortController(), new AbortController()];
    const results = callers.map(({ signal }) => bench.manager.download(HASH, { signal }));
    await settle();
    callers[0]?.abort();
    await assert.rejects(results[0] as Promise<Blob>, { code: 'aborted' });
    assert.equal(bench.manager.stats().downloads, 1);
    callers[1]?.abort();
    await assert.rejects(results[1] as Promise<Blob>, { code: 'aborted' });
    await settle();
    assert.equal(bench.manager.stats().downloads, 0);
    assert.deepEqual(bench.dropped, [`1:${HASH}`]);
    const { signal } = callers[0] as AbortController;
    await assert.rejects(bench.manager.download(HASH, { signal }), { code: 'aborted' });
  });

  it('starts anew when a content is asked for in the moment its last caller aborts', async () => {
    const caller = new AbortController();
    const first = bench.manager.download(HASH, { fallback: '/f', signal: caller.signal });
    await settle();
    caller.abort();
    const second = bench.manager.download(HASH, { fallback: '/f' });
    await assert.rejects(first, { code: 'aborted' });
    bench.named();
    assert.equal((await second).size, FILE.length);
    assert.equal(bench.manager.stats().downloads, 0);
  });

  it('uses the fallback of a later caller when the first has none', async () => {
    const results = [{}, { fallback: '/f' }].map((options) =>
      bench.manager.download(HASH, options),
    );
    await settle();
    bench.named();
    for (const result of results) assert.equal((await result).size, FILE.length);
    assert.deepEqual(bench.fetched, ['/f']);
  });

  it('tells the page of a listener that throws, and goes on', async () => {
    const told: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => told.push(error.message));
    try {
      const onProgress = () => {
        throw new Error('a slip of the page');
      };
      const result = bench.manager.download(HASH, { fallback: '/f', onProgress });
      await settle();
      bench.named();
      assert.equal((await result).size, FILE.length);
      await settle();
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of others) process.on('uncaughtException', listener);
    }
    assert.ok(told.length > 0 && told.every((message) => message === 'a slip of the page'));
  });

  it('serves what it has to peers that ask', async () => {
    const result = bench.manager.download(HASH, { fallback: '/f' });
    await settle();
    bench.named();
    await result;
    const content = { algorithm: HashAlgorithm.SHA1, digest: Buffer.from(HASH, 'hex') };
    bench.hear(9n, { case: 'request', value: { requestId: 4, content, offset: 10n, length: 20 } });
    while (bench.sent.length === 0) await pause(1);
    const { body } = bench.sent.at(-1) ?? {};
    assert.ok(body?.case === 'fragment' && body.value.requestId === 4);
    assert.deepEqual(Buffer.from(body.value.data ?? []), FILE.subarray(10, 30));
    assert.equal(bench.manager.stats().bytes.uploaded, 20);
  });

  it('serves what a peer asked for before the whole was here', async () => {
    const { manifest, id, chunkSize } = await makeManifest([FILE], FILE.length);
    const content = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: digestOf(id) };
    bench.manager.addManifest(manifest);
    const result = bench.manager.download(id);
    await settle();
    bench.named(1n);
    bench.opens(2n);
    bench.hear(2n, { case: 'holdings', value: { content, size: BigInt(FILE.length), chunkSize } });
    await until(() => bench.requests(1n).length > 1);
    const [{ requestId = 0, offset = 0n, length = 0 } = {}] = bench.requests(1n);
    const data = Uint8Array.from(FILE.subarray(Number(offset), Number(offset) + length));
    bench.hear(1n, { case: 'fragment', value: { requestId, offset: 0, data } });
    await until(() => bench.told(2n, 'got').length === 1);
    bench.full.add(2n);
    bench.hear(2n, { case: 'request', value: { requestId: 1, content, offset, length } });
    bench.serve(1n);
    await result;
    bench.full.clear();
    bench.handlers.onWritable(2n);
    const answers = () => [...bench.told(2n, 'fragment'), ...bench.told(2n, 'refuse')];
    await until(() => answers().length > 0);
    const [{ data: sent } = {}] = bench.told(2n, 'fragment');
    assert.ok(sent?.length, 'it was refused');
    assert.deepEqual(sent, data.subarray(0, sent.length));
  });

  for (const end of ['comes', 'goes', 'is not wanted any more'] as const)
    it(`lets a peer wait for a chunk that it promised, until it ${end}`, async () => {
      const { manifest, id, chunkSize } = await makeManifest([FILE], FILE.length);
      const content = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: digestOf(id) };
      // A peer waits only so long, and a busy machine may take longer.
      bench.now = 0;
      bench.manager.addManifest(manifest);
      const leaving = new AbortController();
      const result = bench.manager.download(id, { signal: leaving.signal });
      result.catch(() => {});
      await settle();
      bench.named(1n);
      bench.opens(2n);
      const none = { content, size: BigInt(FILE.length), chunkSize };
      bench.hear(2n, { case: 'holdings', value: none });
      await until(() => bench.requests(1n).length > 1);
      const [{ requestId = 0, offset = 0n, length = 0 } = {}] = bench.requests(1n);
      const part = (from: number, to: number) => {
        const data = Uint8Array.from(FILE.subarray(Number(offset) + from, Number(offset) + to));
        bench.hear(1n, { case: 'fragment', value: { requestId, offset: from, data } });
      };
      part(0, 4_000);
      await until(() => bench.told(2n, 'coming').length === 1);
      bench.hear(2n, { case: 'request', value: { requestId: 1, content, offset, length } });
      await settle();
      const answers = () => [...bench.told(2n, 'fragment'), ...bench.told(2n, 'refuse')];
      assert.deepEqual(answers(), []);
      if (end === 'comes') part(4_000, length);
      else if (end === 'goes') bench.handlers.onClose(1n, 'lost');
      else leaving.abort();
      await settle();
      // Only a chunk is hashed, by another thread.
      if (end === 'comes') await until(() => answers().length > 0);
      const [{ data } = {}] = bench.told(2n, 'fragment');
      if (end === 'comes')
        assert.deepEqual(
          Buffer.from(data as Uint8Array),
          FILE.subarray(Number(offset), Number(offset) + (data as Uint8Array).length),
        );
      else {
        const { BUSY, NOT_HELD } = RefuseReason;
        const reason = end === 'goes' ? BUSY : NOT_HELD;
        assert.deepEqual(answers(), [{ requestId: 1, reason }]);
      }
      bench.manager.close();
    });

  it('refuses a bad hash, and everything once it is closed', async () => {
    await assert.rejects(bench.manager.download('nonsense'), { code: 'bad-hash' });
    const result = bench.manager.download(HASH, { fallback: '/f' });
    await settle();
    bench.manager.close();
    bench.manager.close();
    await assert.rejects(result, (error) => error instanceof ZfError && error.code === 'aborted');
    await assert.rejects(bench.manager.download(HASH), { code: 'aborted' });
    assert.equal(bench.closed, 2);
  });
});
