import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { type DiskFile, openAs } from './disk-file.ts';
import { DiskStore } from './disk-store.ts';
import { identify } from './identify.ts';
import { TestFolder } from './test-folder.ts';

describe('DiskStore', () => {
  let folder: TestFolder;
  let store: DiskStore;
  let lost: DiskFile[];

  beforeEach(() => {
    folder = new TestFolder();
    lost = [];
    store = new DiskStore((file) => lost.push(file));
  });

  afterEach(() => folder.remove());

  const known = async (name: string): Promise<DiskFile> => {
    const { signal } = new AbortController();
    const forms = ['zf1', 'sha256'] as const;
    return (await identify(await folder.find(name), { forms, signal })).file;
  };

  it('gives the slices of a content that a Blob would give', async () => {
    const data = folder.put('a.bin', 100_000);
    const file = await known('a.bin');
    const [content] = store.add(file);
    const { blob } = store.get(content!.key)!;
    const like = new Blob([new Uint8Array(data)]);
    assert.equal(blob.size, like.size);
    for (const range of [[], [0, 16_384], [16_384], [5, 70_000], [99_999, 200_000], [200_000]]) {
      const [a, b] = [blob.slice(...range), like.slice(...range)];
      assert.equal(a.size, b.size);
      assert.deepEqual(await a.arrayBuffer(), await b.arrayBuffer());
    }
    const inner = blob.slice(10, 50_000).slice(5, 20);
    assert.deepEqual(Buffer.from(await inner.arrayBuffer()), data.subarray(15, 30));
    assert.equal(store.fileOf(await blob.arrayBuffer()), file);
  });

  it('holds a content as long as one of its files is there', async () => {
    const data = folder.put('a.bin', 1_000);
    folder.write('b.bin', data);
    const [a, b] = [await known('a.bin'), await known('b.bin')];
    assert.deepEqual(store.add(a), a.contents);
    assert.deepEqual(store.add(b), []);
    assert.equal(store.size, 2);
    rmSync(folder.at('a.bin'));
    assert.deepEqual(store.remove(a), []);
    const { blob } = store.get(a.contents[0]!.key)!;
    assert.deepEqual(Buffer.from(await blob.arrayBuffer()), data);
    assert.deepEqual(store.remove(a), [], 'a second time');
    assert.deepEqual(store.remove(b), b.contents);
    assert.deepEqual([store.size, store.get(a.contents[0]!.key)], [0, undefined]);
  });

  it('tells of a file whose bytes cannot be had', async () => {
    folder.put('a.bin', 1_000);
    const file = await known('a.bin');
    const [content] = store.add(file);
    const { blob } = store.get(content!.key)!;
    folder.put('a.bin', 1_001);
    await assert.rejects(blob.slice(0, 10).arrayBuffer());
    assert.deepEqual(lost, [file]);
    await assert.rejects(openAs(file.path, file.state), { message: 'it was changed' });
  });
});
