import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Coverage } from './coverage.ts';

describe('Coverage', () => {
  it('is complete when fragments in any order cover the range', () => {
    const coverage = new Coverage(10);
    assert.ok(coverage.add(6, 4));
    assert.ok(coverage.add(0, 2));
    assert.equal(coverage.complete, false);
    assert.ok(coverage.add(2, 4));
    assert.equal(coverage.complete, true);
    assert.equal(coverage.received, 10);
  });

  it('refuses what is empty, out of range or there already', () => {
    const coverage = new Coverage(10);
    coverage.add(2, 3);
    for (const [offset, length] of [
      [0, 0],
      [-1, 1],
      [8, 3],
      [2, 3],
      [0, 3],
      [4, 1],
      [4, 6],
      [0, 10],
    ] as const)
      assert.equal(coverage.add(offset, length), false, `${offset}+${length}`);
    assert.equal(coverage.received, 3);
  });

  it('agrees with a bitmap', () => {
    const fragment = fc.tuple(fc.integer({ min: -2, max: 40 }), fc.integer({ min: -1, max: 12 }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fragment), (length, fragments) => {
        const coverage = new Coverage(length);
        const bitmap = new Array<boolean>(length).fill(false);
        for (const [offset, size] of fragments) {
          const end = offset + size;
          const fits = size > 0 && offset >= 0 && end <= length;
          const free = fits && !bitmap.slice(offset, end).includes(true);
          assert.equal(coverage.add(offset, size), free);
          if (free) bitmap.fill(true, offset, end);
        }
        assert.equal(coverage.received, bitmap.filter(Boolean).length);
        assert.equal(coverage.complete, !bitmap.includes(false));
      }),
      { numRuns: 2000 },
    );
  });
});
