import assert from 'node:assert/strict';
import { MemoryStore } from './memory-store.ts';

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
});
