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
});
