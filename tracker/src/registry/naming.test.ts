import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PLACES_PER_STRANGER } from '../limits.ts';
import { merge } from './naming.ts';

interface Holder {
  readonly at: 'here' | 'there';
  readonly partial: boolean;
}

const holders = (at: Holder['at'], complete: number, partial: number): Holder[] => [
  ...Array.from({ length: complete }, () => ({ at, partial: false })),
  ...Array.from({ length: partial }, () => ({ at, partial: true })),
];

/** How many of each kind were chosen. */
function chosen(here: readonly [number, number], there: readonly [number, number], count: number) {
  const all = merge(holders('here', ...here), holders('there', ...there), count);
  const of = (at: Holder['at'], partial: boolean) =>
    all.filter((one) => one.at === at && one.partial === partial).length;
  return {
    here: [of('here', false), of('here', true)],
    there: [of('there', false), of('there', true)],
    all,
  };
}

describe('holders of several nodes', () => {
  it('are those here, then those elsewhere', () => {
    const { here, there } = chosen([2, 3], [4, 5], 4);
    assert.deepEqual(
      [here, there],
      [
        [2, 0],
        [2, 0],
      ],
    );
  });

  it('keep a part of the places for partial ones elsewhere', () => {
    const { here, there } = chosen([2, 90], [2, 90], 12);
    assert.deepEqual(
      [here, there],
      [
        [2, 6],
        [2, 2],
      ],
    );
  });

  it('are as many as there are and as are wanted, complete ones first', () => {
    const few = fc.nat({ max: 20 });
    fc.assert(
      fc.property(fc.tuple(few, few), fc.tuple(few, few), fc.nat({ max: 30 }), (a, b, count) => {
        const { here, there, all } = chosen(a, b, count);
        assert.equal(all.length, Math.min(count, a[0] + a[1] + b[0] + b[1]));
        const complete = all.findIndex(({ partial }) => partial);
        assert.ok(complete < 0 || all.slice(complete).every(({ partial }) => partial));
        const wholes = Math.min(count, a[0] + b[0]);
        assert.equal(here[0]! + there[0]!, wholes);
        assert.equal(here[0], Math.min(count, a[0]));
        const least = Math.min(b[1], Math.floor((count - wholes) / PLACES_PER_STRANGER));
        assert.ok(there[1]! >= least);
      }),
    );
  });
});
