import assert from 'node:assert/strict';
import { seeded } from '../../../demo/random.ts';
import { Chunks } from './chunks.ts';
import { layoutOf } from './layout.ts';

describe('Chunks', () => {
  it('counts what is missing here and peers have, whatever happens to which chunk', () => {
    const random = seeded(7);
    const chunks = new Chunks(layoutOf(6 * 100, 100));
    const acts = [
      (chunk: number) => chunks.addHolder(chunk),
      (chunk: number) => chunks.holders(chunk) > 0 && chunks.removeHolder(chunk),
      (chunk: number) => chunks.check(chunk),
      (chunk: number) => chunks.hold(chunk, true),
      (chunk: number) => chunks.lose(chunk),
    ];
    for (let i = 0; i < 2_000; i++) {
      const chunk = Math.floor(random() * 6);
      acts[Math.floor(random() * acts.length)]!(chunk);
      let bytes = 0;
      for (let at = 0; at < 6; at++)
        if (chunks.isMissing(at) && chunks.holders(at) > 0) bytes += 100;
      assert.equal(chunks.offeredBytes, bytes);
    }
  });

  it('picks the rarest of what a peer has, wherever it begins to look, or any', () => {
    const chunks = new Chunks(layoutOf(6 * 100, 100));
    for (const [chunk, holders] of [3, 2, 4, 2, 1, 3].entries())
      for (let holder = 0; holder < holders; holder++) chunks.addHolder(chunk);
    const without = (...missing: number[]) => {
      const picked = (rarest: boolean) =>
        new Set(
          Array.from({ length: 6 }, (_, i) =>
            chunks.pick(
              (chunk) => !missing.includes(chunk),
              () => i / 6,
              rarest,
            ),
          ),
        );
      return { rarest: [...picked(true)], any: picked(false).size };
    };
    assert.deepEqual(without(), { rarest: [4], any: 6 });
    assert.deepEqual(without(4).rarest.toSorted(), [1, 3]);
    assert.deepEqual(without(1, 3, 4).rarest.toSorted(), [0, 5]);
    assert.equal(without(1, 3, 4).any, 3);
  });
});
