import assert from 'node:assert/strict';
import { MAX_ASSETS, MemoryStore } from './memory-store.ts';

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
});
