import assert from 'node:assert/strict';
import { KEEP_MS } from '../store/kept-store.ts';
import { Bench, FILE, HASH, settle, until } from './test-bench.ts';

/** A browser's caches, which answer when the test lets them. */
class Caches {
  asked = 0;
  kept: Response | undefined;
  readonly put: string[] = [];
  #answer: (found: Response | undefined) => void = () => {};

  answer(found = this.kept): void {
    this.#answer(found);
  }

  /** As much of them as is used. */
  get storage(): CacheStorage {
    const cache = {
      put: async (request: Request) => this.put.push(request.url),
      keys: async () => [],
    };
    const storage = {
      match: () => {
        this.asked++;
        return new Promise<Response | undefined>((resolve) => {
          this.#answer = resolve;
        });
      },
      open: async () => cache,
    };
    return storage as unknown as CacheStorage;
  }
}

describe('A download of what an earlier page may have kept', () => {
  let bench: Bench;
  let caches: Caches;

  beforeEach(() => {
    caches = new Caches();
    bench = new Bench(caches.storage);
  });

  afterEach(() => bench.manager.close());

  it('asks nobody for it while it is looked for, whatever happens meanwhile', async () => {
    const first = bench.manager.download(HASH);
    await until(() => caches.asked === 1);
    const second = bench.manager.download(HASH, { fallback: '/f' });
    bench.state = 'waiting';
    bench.handlers.onState('waiting', undefined);
    bench.opens(1n);
    await settle();
    caches.answer(new Response(FILE, { headers: { 'content-type': 'text/x-zf' } }));
    const blob = await first;
    assert.equal(await second, blob);
    assert.deepEqual(Buffer.from(await blob.arrayBuffer()), FILE);
    assert.equal(blob.type, 'text/x-zf');
    assert.deepEqual([bench.wanted, bench.fetched, bench.sent, caches.asked], [[], [], [], 1]);
    assert.deepEqual(bench.had, [[`1:${HASH}`, FILE.length]]);
    const { peers, origin, store } = bench.manager.stats().bytes;
    assert.deepEqual([peers, origin, store], [0, 0, FILE.length]);
  });

  it('asks when it is not there, also where a later caller says', async () => {
    const result = bench.manager.download(HASH);
    await until(() => caches.asked === 1);
    const second = bench.manager.download(HASH, { fallback: '/f' });
    await settle();
    caches.answer();
    await until(() => bench.wanted.length > 0);
    assert.deepEqual(bench.wanted, [`1:${HASH}`]);
    bench.named();
    assert.equal(await second, await result);
    assert.deepEqual(bench.fetched, ['/f']);
  });

  it('asks when the browser does not answer', async () => {
    const result = bench.manager.download(HASH, { fallback: '/f' });
    await until(() => bench.wanted.length > 0);
    assert.equal(caches.asked, 1);
    bench.named();
    await result;
    assert.deepEqual(bench.fetched, ['/f']);
  });

  it('goes to the origin at once when the tracker went away meanwhile', async () => {
    const result = bench.manager.download(HASH, { fallback: '/f' });
    await until(() => caches.asked === 1);
    bench.state = 'closed';
    bench.handlers.onState('closed', undefined);
    caches.answer();
    await result;
    assert.deepEqual(bench.fetched, ['/f']);
  });

  it('ends when aborted, and asks nobody afterwards', async () => {
    const abort = new AbortController();
    const result = bench.manager.download(HASH, { fallback: '/f', signal: abort.signal });
    await until(() => caches.asked === 1);
    abort.abort();
    await assert.rejects(result, { code: 'aborted' });
    caches.answer();
    await settle();
    assert.deepEqual([bench.wanted, bench.fetched], [[], []]);
  });

  for (const ownId of [undefined, 1n])
    it(`${ownId ? 'keeps what came during a session' : 'leaves what came without one to the browser'}`, async () => {
      bench.ownId = ownId;
      const result = bench.manager.download(HASH, { fallback: '/f' });
      await until(() => caches.asked === 1);
      caches.answer();
      await until(() => bench.wanted.length > 0);
      bench.named();
      await result;
      // A timer that began after its own is over after it.
      await new Promise((resolve) => setTimeout(resolve, KEEP_MS + 50));
      await settle();
      const expected = ownId ? [`https://zauberflote.invalid/1:${HASH}`] : [];
      assert.deepEqual(caches.put, expected);
    });
});
