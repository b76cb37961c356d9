import assert from 'node:assert/strict';
import { BlobReader, CACHE_BYTES, LOAD_SHARE } from './blob-reader.ts';
import type { Servable } from './uploads.ts';

/** So much of the largest that are kept has them read as a whole. */
const PART = CACHE_BYTES / 2 / LOAD_SHARE;

/** A Blob that counts how often its bytes are asked for. */
class CountedBlob extends Blob {
  reads = 0;

  override async arrayBuffer(): Promise<ArrayBuffer> {
    this.reads++;
    return super.arrayBuffer();
  }
}

const bytesOf = async (read: ReturnType<Servable['read']>) => {
  const bytes = await read;
  return bytes instanceof Uint8Array ? bytes : assert.fail(`${bytes}`);
};

const blob = (size: number) =>
  new CountedBlob([Uint8Array.from({ length: size }, (_, i) => i % 251)]);

describe('BlobReader', () => {
  it('reads a Blob once, whoever asks for what of it', async () => {
    const reader = new BlobReader();
    const asset = blob(1000);
    const { size, read } = reader.servable(asset);
    assert.equal(size, 1000);
    const early = await Promise.all([read(0, 100), read(500, 2)].map(bytesOf));
    assert.deepEqual(early[1], Uint8Array.of(249, 250));
    assert.deepEqual(early[0]?.subarray(0, 3), Uint8Array.of(0, 1, 2));
    assert.deepEqual(reader.servable(asset).read(998, 2), Uint8Array.of(245, 246));
    assert.equal(asset.reads, 1);
  });

  it('keeps those asked for most recently, up to its limit', async () => {
    const reader = new BlobReader();
    const assets = [0, 1, 2].map(() => blob(CACHE_BYTES / 2));
    const [first, second, third] = assets as [CountedBlob, CountedBlob, CountedBlob];
    for (const asset of [first, second, first, third, first]) {
      const read = await bytesOf(reader.servable(asset).read(251, PART));
      assert.deepEqual(read.subarray(0, 2), Uint8Array.of(0, 1));
    }
    assert.deepEqual(
      assets.map(({ reads }) => reads),
      [1, 1, 1],
    );
    await reader.servable(second).read(0, PART);
    assert.equal(second.reads, 2, 'it had made room');
  });

  it('reads the parts of a Blob until so much was asked for that the whole is worth it', async () => {
    const asset = blob(LOAD_SHARE * 100);
    const { read } = new BlobReader().servable(asset);
    for (let n = 0; n < 99; n++) assert.deepEqual(await read(n, 1), Uint8Array.of(n));
    assert.equal(asset.reads, 0);
    assert.deepEqual(await read(7, 1), Uint8Array.of(7));
    assert.equal(asset.reads, 1);
  });

  it('reads no more at once than it may keep, whatever has made room meanwhile', async () => {
    const reader = new BlobReader();
    const assets = [0, 1, 2, 3].map(() => blob(CACHE_BYTES / 2));
    const all = [...assets, ...assets];
    const reads = all.map((asset) => reader.servable(asset).read(0, PART));
    for (const read of await Promise.all(reads.map(bytesOf))) assert.equal(read.length, PART);
    assert.equal(assets.filter(({ reads }) => reads > 0).length, 2);
    assert.deepEqual(
      assets.map(({ reads }) => reads > 1),
      [false, false, false, false],
    );
  });

  it('reads large ones in part', async () => {
    const asset = blob(CACHE_BYTES / 2 + 1);
    const read = await bytesOf(new BlobReader().servable(asset).read(251, PART));
    assert.deepEqual(read.subarray(0, 2), Uint8Array.of(0, 1));
    assert.equal(asset.reads, 0);
  });

  it('tries again after a read that failed', async () => {
    const asset = blob(10);
    const { read } = new BlobReader().servable(asset);
    asset.arrayBuffer = () => Promise.reject(new Error('the disk is gone'));
    await assert.rejects(async () => read(0, 1), /disk/);
    asset.arrayBuffer = () => Promise.resolve(Uint8Array.of(7, 8).buffer);
    assert.deepEqual(await read(0, 2), Uint8Array.of(7, 8));
  });
});
