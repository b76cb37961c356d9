import assert from 'node:assert/strict';
import { BlobReader, CACHE_BYTES } from './blob-reader.ts';

/** A Blob that counts how often its bytes are asked for. */
class CountedBlob extends Blob {
  reads = 0;

  override async arrayBuffer(): Promise<ArrayBuffer> {
    this.reads++;
    return super.arrayBuffer();
  }
}

const blob = (size: number) =>
  new CountedBlob([Uint8Array.from({ length: size }, (_, i) => i % 251)]);

describe('BlobReader', () => {
  it('reads a Blob once, whoever asks for what of it', async () => {
    const reader = new BlobReader();
    const asset = blob(1000);
    const { size, read } = reader.servable(asset);
    assert.equal(size, 1000);
    const early = await Promise.all([read(0, 3), read(500, 2)]);
    assert.deepEqual(early, [Uint8Array.of(0, 1, 2), Uint8Array.of(249, 250)]);
    assert.deepEqual(reader.servable(asset).read(998, 2), Uint8Array.of(245, 246));
    assert.equal(asset.reads, 1);
  });

  it('keeps those asked for most recently, up to its limit', async () => {
    const reader = new BlobReader();
    const assets = [0, 1, 2].map(() => blob(CACHE_BYTES / 2));
    const [first, second, third] = assets as [CountedBlob, CountedBlob, CountedBlob];
    for (const asset of [first, second, first, third, first])
      assert.deepEqual(await reader.servable(asset).read(251, 1), Uint8Array.of(0));
    assert.deepEqual(
      assets.map(({ reads }) => reads),
      [1, 1, 1],
    );
    await reader.servable(second).read(0, 1);
    assert.equal(second.reads, 2, 'it had made room');
  });

  it('reads large ones in part', async () => {
    const asset = blob(CACHE_BYTES / 2 + 1);
    const read = () => new BlobReader().servable(asset).read(251, 2);
    assert.deepEqual(await read(), Uint8Array.of(0, 1));
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
