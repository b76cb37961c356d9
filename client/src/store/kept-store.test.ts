import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Platform } from '../platform.ts';
import { KEEP_MS, KeptStore, MAX_KEPT_BYTES } from './kept-store.ts';
import { MemoryCaches } from './test-caches.ts';

/** Bytes of each content here, unless it says otherwise. */
const SIZE = 1_000;

describe('KeptStore', () => {
  let caches: MemoryCaches;
  let timers: { ms: number; run: () => void }[];

  beforeEach(() => {
    caches = new MemoryCaches();
    timers = [];
  });

  const storeOf = (maxBytes?: number) => {
    const platform: Partial<Platform> = {
      caches: caches.storage,
      setTimer: (ms, run) => {
        timers.push({ ms, run });
        return () => {};
      },
    };
    return new KeptStore(platform as Platform, maxBytes);
  };

  /** Lets the time pass after which contents are kept, and all that is done then come to its end. */
  const pass = async () => {
    for (const { run } of timers.splice(0)) run();
    for (let i = 0; i < 200; i++) await turn();
  };

  const file = (size = SIZE) => new Blob([new Uint8Array(size)], { type: 'image/png' });

  it('gives back what was kept, with its type, to the next page', async () => {
    const store = storeOf(SIZE);
    store.putSoon('1:a', new Blob(['what was kept'], { type: 'text/css;charset=utf-8' }));
    assert.deepEqual([timers.map(({ ms }) => ms), caches.keys], [[KEEP_MS], []]);
    await pass();
    const found = await storeOf(SIZE).get('1:a');
    assert.equal(await found?.text(), 'what was kept');
    assert.equal(found?.type, 'text/css;charset=utf-8');
    assert.equal(await storeOf(SIZE).get('1:b'), undefined);
  });

  it('lets the oldest make room, also when all came at once, and never holds more than it may', async () => {
    const store = storeOf(3 * SIZE);
    for (const key of ['1:a', '1:b', '1:c']) store.putSoon(key, file());
    await pass();
    assert.deepEqual(caches.keys, ['1:a', '1:b', '1:c']);
    for (const key of ['1:d', '1:e']) store.putSoon(key, file());
    await pass();
    assert.deepEqual(caches.keys, ['1:c', '1:d', '1:e']);
    store.putSoon('1:f', file(2 * SIZE));
    await pass();
    assert.deepEqual(caches.keys, ['1:e', '1:f']);
    assert.equal(caches.most, 3 * SIZE);
  });

  it('keeps what is as large as it may be, and leaves what it has for nothing larger', async () => {
    const store = storeOf(SIZE);
    store.putSoon('1:a', file());
    await pass();
    store.putSoon('1:b', file(SIZE + 1));
    await pass();
    assert.deepEqual(caches.keys, ['1:a']);
    const large = storeOf(2 * MAX_KEPT_BYTES);
    large.putSoon('1:c', { size: MAX_KEPT_BYTES + 1 } as Blob);
    await pass();
    assert.deepEqual(caches.keys, ['1:a']);
  });

  it('makes room bit by bit where the browser gives less than it may keep', async () => {
    caches.quota = 2 * SIZE;
    const store = storeOf(10 * SIZE);
    for (const key of ['1:a', '1:b', '1:c', '1:d']) store.putSoon(key, file());
    await pass();
    assert.deepEqual(caches.keys, ['1:b', '1:d']);
  });

  it('puts the same content once, in the place of what was there', async () => {
    const store = storeOf(3 * SIZE);
    for (const key of ['1:a', '1:b', '1:a']) store.putSoon(key, file());
    await pass();
    assert.deepEqual(caches.keys, ['1:b', '1:a']);
  });

  for (const maxBytes of [undefined, 0, Number.NaN, -1])
    it(`keeps nothing when it may keep ${maxBytes}`, async () => {
      const store = storeOf(maxBytes);
      assert.equal(store.isOpen, false);
      store.putSoon('1:a', file(0));
      assert.equal(timers.length, 0);
    });

  it('keeps nothing any more once it is closed', async () => {
    const store = storeOf(SIZE);
    store.putSoon('1:a', file());
    store.close();
    await pass();
    assert.deepEqual([caches.keys, caches.opened], [[], 0]);
  });
});
