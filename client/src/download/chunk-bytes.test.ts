import assert from 'node:assert/strict';
import { layoutOf } from '../engine/layout.ts';
import { ChunkBytes } from './chunk-bytes.ts';

const never = () => assert.fail('must not be cancelled');
const filled = (length: number, value: number) => new Uint8Array(length).fill(value);

describe('ChunkBytes', () => {
  let bytes: ChunkBytes;

  beforeEach(() => {
    bytes = new ChunkBytes();
    bytes.layout = layoutOf(25, 10);
  });

  /** The origin sends from `offset` on. */
  const range = (id: number, offset: number, data: Uint8Array<ArrayBuffer>) => {
    const buffer = bytes.beginRange(id);
    buffer.begin(offset);
    buffer.add(data);
  };

  it('puts the fragments of a peer together, in any order', () => {
    bytes.expect(1n, 2, 5, never);
    assert.ok(bytes.fragment(1n, 2, 3, filled(2, 9)));
    assert.ok(bytes.fragment(1n, 2, 0, filled(3, 8)));
    bytes.keep(2, 1n, true);
    assert.deepEqual([...(bytes.read(20, 5) ?? [])], [8, 8, 8, 9, 9]);
  });

  it('keeps a whole chunk as it came, unless much would be kept along', () => {
    const [message, batch] = [new Uint8Array(19), new Uint8Array(20)];
    for (const [chunk, whole] of [message, batch].entries()) {
      bytes.expect(1n, chunk, 10, never);
      bytes.fragment(1n, chunk, 0, whole.fill(7).subarray(9, 19));
      const data = bytes.hash(chunk, 1n);
      assert.deepEqual(data, filled(10, 7));
      assert.equal(data.buffer === whole.buffer, whole === message);
    }
  });

  it('takes no fragment that was not asked for, and none beyond the chunk', () => {
    assert.equal(bytes.fragment(1n, 0, 0, filled(10, 1)), false);
    let cancelled = 0;
    bytes.expect(1n, 0, 10, () => cancelled++);
    assert.equal(bytes.fragment(2n, 0, 0, filled(10, 1)), false);
    assert.equal(bytes.fragment(1n, 1, 0, filled(10, 1)), false);
    bytes.fragment(1n, 0, 5, filled(6, 1));
    bytes.cancel(1n, 0);
    bytes.cancel(1n, 0);
    assert.equal(cancelled, 1);
    assert.equal(bytes.fragment(1n, 0, 0, filled(10, 1)), false);
    assert.equal(bytes.drop(0, 1n), undefined);
  });

  for (const [what, peer] of [
    ['the origin', undefined],
    ['a peer', 1n],
  ] as const)
    it(`tells a chunk of ${what} that is hashed from the same one that comes again`, () => {
      const come = (id: number) => {
        if (peer === undefined) return range(id, 0, filled(10, id));
        bytes.expect(peer, 0, 10, never);
        bytes.fragment(peer, 0, 0, filled(10, id));
      };
      come(1);
      const data = bytes.hash(0, peer);
      come(2);
      // The second is of no use: it goes, and the first is not touched by it.
      assert.deepEqual(bytes.drop(0, peer), filled(10, 2));
      come(3);
      bytes.hashed(0, peer, data);
      bytes.keep(0, peer, true);
      assert.deepEqual(bytes.read(0, 10), filled(10, 1));
      assert.deepEqual(bytes.drop(0, peer), filled(10, 3), 'it has come since');
    });

  it('counts what is on its way from the origin, hashed and kept, once', () => {
    range(1, 0, filled(25, 1));
    assert.equal(bytes.loaded, 25);
    const data = bytes.hash(0, undefined);
    assert.equal(bytes.loaded, 25);
    bytes.hashed(0, undefined, data);
    bytes.keep(0, undefined, true);
    assert.equal(bytes.loaded, 25);
    bytes.keep(1, undefined, true);
    bytes.endRange(1);
    assert.equal(bytes.loaded, 20);
    bytes.discard(1);
    bytes.discard(1);
    assert.equal(bytes.loaded, 10);
    bytes.clear();
    assert.equal(bytes.loaded, 0);
  });

  it('gives across chunks what may be served, and no more', () => {
    range(
      1,
      0,
      Uint8Array.from({ length: 25 }, (_, i) => i),
    );
    bytes.keep(0, undefined, true);
    bytes.keep(1, undefined, true);
    bytes.keep(2, undefined, false);
    assert.deepEqual([...(bytes.read(8, 5) ?? [])], [8, 9, 10, 11, 12]);
    assert.equal(bytes.read(18, 5), undefined);
    assert.deepEqual(
      bytes
        .inOrder()
        .flatMap((part) => [...part])
        .at(-1),
      24,
    );
  });

  it('cancels what peers were asked for when it is cleared', () => {
    const cancelled: number[] = [];
    for (const chunk of [0, 1]) bytes.expect(1n, chunk, 10, () => cancelled.push(chunk));
    bytes.fragment(1n, 0, 0, filled(10, 1));
    bytes.keep(0, 1n, true);
    bytes.clear();
    assert.deepEqual(cancelled, [1]);
  });
});
