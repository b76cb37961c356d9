import assert from 'node:assert/strict';
import fc from 'fast-check';
import { confidence95, deviation, gini, mean, median, percentile } from './index.ts';

const sample = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), {
  minLength: 1,
  maxLength: 60,
});

function close(actual: number, expected: number, scale = 1): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1, scale), `${actual} ≠ ${expected}`);
}

describe('descriptive statistics', () => {
  it('agree with cases worked by hand', () => {
    assert.equal(mean([1, 2, 6]), 3);
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.equal(percentile([10, 20, 30, 40, 50], 95), 48);
    assert.equal(percentile([7], 95), 7);
    assert.equal(gini([5, 5, 5]), 0);
    assert.equal(gini([0, 0, 0, 8]), 0.75);
    assert.equal(gini([1, 3]), 0.25);
    assert.equal(gini([0, 0]), 0);
  });

  it('sort by value, not by spelling, and leave the sample as it was', () => {
    const values = [100, 9, 80];
    assert.equal(median(values), 80);
    assert.deepEqual(values, [100, 9, 80]);
  });

  it('refuse what has no answer', () => {
    for (const statistic of [mean, median, gini]) assert.throws(() => statistic([]), RangeError);
    assert.throws(() => percentile([1], 101), /give 0 to 100/);
    assert.throws(() => percentile([1], Number.NaN), /give 0 to 100/);
    assert.throws(() => gini([1, -1]), /0 or more/);
    assert.throws(() => gini([Number.NaN]), /0 or more/);
  });

  it('mean stands where the deviations cancel out', () => {
    fc.assert(
      fc.property(sample, (values) => {
        const middle = mean(values);
        close(
          values.reduce((sum, value) => sum + (value - middle), 0),
          0,
          1e6 * values.length,
        );
      }),
    );
  });

  it('percentile interpolates the ranks, as an oracle that walks over them finds', () => {
    fc.assert(
      fc.property(sample, fc.integer({ min: 0, max: 100 }), (values, percent) => {
        const sorted = [...values].sort((a, b) => a - b);
        let expected = sorted.at(-1)!;
        for (let rank = 0; rank + 1 < sorted.length; rank += 1) {
          // Rank i lies at 100 i / (n - 1) percent.
          const from = (100 * rank) / (sorted.length - 1);
          const to = (100 * (rank + 1)) / (sorted.length - 1);
          if (percent < from || percent > to) continue;
          const share = (percent - from) / (to - from);
          expected = sorted[rank]! * (1 - share) + sorted[rank + 1]! * share;
          break;
        }
        close(percentile(values, percent), expected, 1e6);
      }),
    );
  });

  it('gini is the mean difference of all pairs over twice the mean', () => {
    fc.assert(
      fc.property(sample, (values) => {
        const total = values.reduce((a, b) => a + b, 0);
        let differences = 0;
        for (const a of values) for (const b of values) differences += Math.abs(a - b);
        const expected = total === 0 ? 0 : differences / (2 * values.length * total);
        // Subnormal totals lose digits on both sides; nobody uploads 1e-300 bytes.
        fc.pre(total === 0 || total > 1e-6);
        close(gini(values), expected);
      }),
    );
  });

  it('bound a mean as tables of Student’s t do, from two values on', () => {
    for (const [freedom, t] of [
      [1, 12.706],
      [2, 4.303],
      [10, 2.228],
      [11, 2.201],
      [30, 2.042],
      [60, 2.0],
      [1000, 1.962],
    ] as const) {
      const values = Array.from({ length: freedom + 1 }, (_, index) => (index * 7919) % 1013);
      const expected = (t * deviation(values)) / Math.sqrt(freedom + 1);
      const bound = confidence95(values);
      assert.ok(Math.abs(bound / expected - 1) < 0.0005, `${freedom}: ${bound} ≠ ${expected}`);
    }
    assert.equal(deviation([10, 20, 30]), 10);
    for (const few of [[], [1]]) assert.throws(() => confidence95(few), RangeError);
  });
});
