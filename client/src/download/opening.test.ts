import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { makeManifest } from '@zauberflote/convert';
import { parseContentId } from '../integrity/content-id.ts';
import { KEEP_MS } from '../store/kept-store.ts';
import { MemoryCaches } from '../store/test-caches.ts';
import { RECALL_MS } from './opening.ts';
import { Bench, FILE, HASH, settle, until } from './test-bench.ts';

/** A timer that began before this one, and what it began, are over after it. */
const afterKeeping = async () => {
  await pause(KEEP_MS + 50);
  for (let i = 0; i < 20; i++) await settle();
};

describe('A download of what an earlier page may have kept', () => {
  const { key } = parseContentId(HASH);
  let bench: Bench;
  let caches: MemoryCaches;
  /** Ends the time in which nobody is asked for what may be kept; in a test nothing else does. */
  let patienceEnds: Promise<() => void>;

  beforeEach(() => {
    caches = new MemoryCaches();
    bench = new Bench(caches.storage);
    const { setTimer } = bench;
    patienceEnds = new Promise((resolve) => {
      // Else a busy machine would decide which comes first: that, or what is found and hashed.
      bench.setTimer = (ms, run) => {
        if (ms !== RECALL_MS) return setTimer(ms, run);
        resolve(run);
        return () => {};
      };
    });
  });

  afterEach(() => bench.manager.close());

  it('asks nobody for it while it is looked for, whatever happens meanwhile', async () => {
    caches.keep(key, new Blob([FILE], { type: 'text/x-zf' }));
    bench.saveData(true);
    const first = bench.manager.download(HASH);
    await until(() => caches.asked === 1);
    const second = bench.manager.download(HASH, { fallback: '/f' });
    bench.saveData(false);
    bench.state = 'waiting';
    bench.handlers.onState('waiting', undefined);
    bench.opens(1n);
    const blob = await first;
    assert.equal(await second, blob);
    assert.deepEqual(Buffer.from(await blob.arrayBuffer()), FILE);
    assert.equal(blob.type, 'text/x-zf');
    assert.deepEqual([bench.wanted, bench.fetched, bench.sent, caches.asked], [[], [], [], 1]);
    assert.deepEqual(bench.had, [[key, FILE.length]]);
    const { peers, origin, store } = bench.manager.stats().bytes;
    assert.deepEqual([peers, origin, store], [0, 0, FILE.length]);
  });

  it('asks when it is not there, also where a later caller says', async () => {
    const result = bench.manager.download(HASH);
    await until(() => caches.asked === 1);
    const second = bench.manager.download(HASH, { fallback: '/f' });
    await until(() => bench.wanted.length > 0);
    assert.deepEqual(bench.wanted, [key]);
    bench.named();
    assert.equal(await second, await result);
    assert.deepEqual(bench.fetched, ['/f']);
  });

  it('asks when the browser does not answer', async () => {
    caches.answerMs = undefined;
    const result = bench.manager.download(HASH, { fallback: '/f' });
    (await patienceEnds)();
    await until(() => bench.wanted.length > 0);
    bench.named();
    await result;
    assert.deepEqual(bench.fetched, ['/f']);
  });

  it('takes what the browser finds late, if it is sooner', async () => {
    caches.answerMs = 100;
    caches.keep(key, new Blob([FILE]));
    const result = bench.manager.download(HASH);
    (await patienceEnds)();
    await until(() => bench.wanted.length > 0);
    assert.equal((await result).size, FILE.length);
    assert.equal(bench.manager.stats().bytes.store, FILE.length);
  });

  it('takes nothing that is not what it says', async () => {
    caches.keep(key, new Blob([Buffer.alloc(FILE.length)]));
    const result = bench.manager.download(HASH, { fallback: '/f' });
    await until(() => bench.wanted.length > 0);
    bench.named();
    assert.deepEqual(Buffer.from(await (await result).arrayBuffer()), FILE);
    assert.deepEqual(bench.fetched, ['/f']);
  });

  it('goes to the origin at once when the tracker went away meanwhile', async () => {
    const result = bench.manager.download(HASH, { fallback: '/f' });
    await until(() => caches.asked === 1);
    bench.state = 'closed';
    bench.handlers.onState('closed', undefined);
    await result;
    assert.deepEqual(bench.fetched, ['/f']);
  });

  for (const state of ['suspended', 'closed'] as const)
    it(`does not look while there is no consent: ${state}`, async () => {
      caches.keep(key, new Blob([FILE]));
      bench.state = state;
      await bench.manager.download(HASH, { fallback: '/f' });
      assert.deepEqual([bench.fetched, caches.asked], [['/f'], 0]);
    });

  it('ends when aborted, and asks nobody afterwards', async () => {
    const abort = new AbortController();
    const result = bench.manager.download(HASH, { fallback: '/f', signal: abort.signal });
    await until(() => caches.asked === 1);
    abort.abort();
    await assert.rejects(result, { code: 'aborted' });
    await pause(2 * (caches.answerMs as number));
    await settle();
    assert.deepEqual([bench.wanted, bench.fetched], [[], []]);
  });

  describe('by a manifest', () => {
    let id: string;
    let manifest: Uint8Array<ArrayBuffer>;

    beforeEach(async () => {
      const made = await makeManifest([FILE], FILE.length, { mediaType: 'image/x-zf' });
      ({ id, manifest } = made);
      caches.keep(parseContentId(id).key, new Blob([FILE], { type: 'text/html' }));
    });

    it('asks nobody where the page has it, and needs nobody; the type is of the manifest', async () => {
      bench.state = 'unavailable';
      bench.manager.addManifest(manifest);
      const blob = await bench.manager.download(id);
      assert.deepEqual(Buffer.from(await blob.arrayBuffer()), FILE);
      assert.equal(blob.type, 'image/x-zf');
      assert.deepEqual([bench.wanted, bench.sent], [[], []]);
      assert.deepEqual(bench.had, [[parseContentId(id).key, FILE.length]]);
    });

    it('asks the origin for the manifest alone where the page has none', async () => {
      bench.answer = () => new Response(manifest);
      await bench.manager.download(id, { fallback: '/f' });
      assert.deepEqual(bench.fetched, ['/f.zf']);
      assert.equal(bench.manager.stats().bytes.store, FILE.length);
    });
  });

  describe('is kept for the next page', () => {
    const fromOrigin = async (fallback = '/f') => {
      const result = bench.manager.download(HASH, { fallback });
      await until(() => bench.wanted.length > 0);
      bench.named();
      await result;
    };

    it('when it came during a session', async () => {
      await fromOrigin();
      await afterKeeping();
      assert.deepEqual(caches.keys, [key]);
    });

    it('when it came from visitors, and the session was lost before its end', async () => {
      const result = bench.manager.download(HASH);
      await until(() => bench.wanted.length > 0);
      bench.named(1n);
      await until(() => bench.requests(1n).length > 0);
      bench.state = 'waiting';
      bench.ownId = undefined;
      bench.handlers.onState('waiting', undefined);
      bench.serve(1n);
      await result;
      await afterKeeping();
      assert.deepEqual(caches.keys, [key]);
    });

    it('but not what came in one request without a session: the browser has that', async () => {
      bench.ownId = undefined;
      await fromOrigin();
      await afterKeeping();
      assert.deepEqual(caches.keys, []);
    });

    it('but not again when it was kept, nor as the whole that its manifest was made from', async () => {
      caches.keep(key, new Blob([FILE]));
      await bench.manager.download(HASH);
      const { id } = await makeManifest([FILE], FILE.length);
      bench.answer = (url) =>
        new Response(url === '/f' ? FILE : '', { status: url === '/f' ? 200 : 404 });
      await bench.manager.download(id, { fallback: '/f' });
      await afterKeeping();
      assert.equal(caches.opened, 0);
    });

    it('but not once consent was taken back by close()', async () => {
      await fromOrigin();
      bench.manager.close();
      await afterKeeping();
      assert.deepEqual(caches.keys, []);
    });
  });
});
