import assert from 'node:assert/strict';
import { MAX_ASSET_BYTES, MAX_ASSETS, MemoryStore } from './memory-store.ts';

describe('MemoryStore', () => {
  it('gives back what was put, by content key, until it is cleared', async () => {
    const store = new MemoryStore();
    assert.equal(store.get('1:aa'), undefined);
    store.put('1:aa', { blob: new Blob(['a']) });
    store.put('2:aa', { blob: new Blob(['b']) });
    assert.equal(await store.get('1:aa')?.blob.text(), 'a');
    assert.equal(await store.get('2:aa')?.blob.text(), 'b');
    assert.equal(store.size, 2);
    store.clear();
    assert.equal(store.get('1:aa'), undefined);
    assert.equal(store.size, 0);
  });

  it('keeps a bounded number: the oldest make room', () => {
    const store = new MemoryStore();
    const assets = Array.from({ length: MAX_ASSETS + 2 }, () => ({ blob: new Blob() }));
    const dropped = assets.flatMap((asset, i) => store.put(String(i), asset));
    assert.deepEqual(dropped, assets.slice(0, 2));
    assert.equal(store.size, MAX_ASSETS);
    assert.equal(store.get('1'), undefined);
    assert.equal(store.get('2'), assets[2]);
  });

  it('keeps bounded bytes: the oldest make room, and the last is kept whatever its size', () => {
    const store = new MemoryStore();
    const of = (size: number) => ({ blob: { size } as Blob });
    const third = Math.floor(MAX_ASSET_BYTES / 3);
    const [a, b, c, d, e] = [of(third), of(third), of(third), of(third), of(MAX_ASSET_BYTES + 1)];
    assert.deepEqual(store.put('a', a), []);
    assert.deepEqual(store.put('b', b), []);
    assert.deepEqual(store.put('a', a), [], 'the same once more is no more');
    assert.deepEqual(store.put('c', c), []);
    assert.deepEqual(store.put('d', d), [b]);
    assert.deepEqual(store.put('e', e), [a, c, d]);
    assert.equal(store.get('e'), e);
    assert.deepEqual(store.put('a', a), [e]);
    assert.equal(store.size, 1);
    store.clear();
    for (const key of ['a', 'b', 'c']) assert.deepEqual(store.put(key, of(third)), []);
  });
});
