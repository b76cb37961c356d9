import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bytesText, duration, fitting, grouped, linear, rateText } from './scale.ts';

describe('scales', () => {
  it('are linear from 0 where the range allows, logarithmic where it does not', () => {
    const even = fitting([40, 90], 300, 0);
    assert.equal(even.kind, 'linear');
    assert.deepEqual(even.ticks, [0, 20, 40, 60, 80, 100]);
    assert.equal(even.at(0), 300);
    assert.equal(even.at(100), 0);
    const wide = fitting([44, 117_000], 300, 0);
    assert.equal(wide.kind, 'log');
    assert.deepEqual(wide.ticks.slice(0, 4), [20, 50, 100, 200]);
    assert.ok(Math.abs(wide.at(200) - wide.at(20) - (wide.at(2000) - wide.at(200))) < 1e-9);
  });

  it('keep 0 apart from what is little, below a break', () => {
    const { at, ticks, brokenAt } = fitting([0, 0.054, 10.47], 300, 0);
    assert.deepEqual(ticks.slice(0, 3), [0, 0.05, 0.1]);
    assert.equal(at(0), 300);
    assert.ok(brokenAt !== undefined && at(0) > brokenAt && brokenAt > at(0.05));
    assert.ok(at(0) - at(0.05) > 30, 'not to be mistaken for each other');
    assert.equal(at(20), 0);
    const without = fitting([0.054, 10.47], 300, 0);
    assert.deepEqual(
      [without.ticks[0], without.at(0.05), without.brokenAt],
      [0.05, 300, undefined],
    );
    assert.equal(fitting([0, 1, 2], 300, 0).brokenAt, undefined, 'linear: 0 is on it');
  });

  it('have room for every value, whatever the values are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { maxLength: 20 }),
        (values) => {
          const scale = fitting(values, 300, 0);
          assert.ok(scale.ticks.length >= 2 && scale.ticks.length < 40, `${scale.ticks}`);
          for (const value of values) {
            const at = scale.at(value);
            assert.ok(at >= -1e-6 && at <= 300 + 1e-6, `${value} at ${at}`);
          }
          const places = scale.ticks.map(scale.at);
          assert.ok(
            places.every((at, index) => index === 0 || at < places[index - 1]!),
            `${places}`,
          );
        },
      ),
    );
  });

  it('stand without any value', () => {
    assert.deepEqual(linear(0, 0, 10).ticks.at(-1), 1);
    assert.equal(fitting([], 0, 10).kind, 'linear');
  });

  it('write numbers as people read them', () => {
    assert.deepEqual([0, 4.25, 523.4, 999.6, 1234, 12_288, 99_960, 1_170_000].map(duration), [
      '0 ms',
      '4.3 ms',
      '523 ms',
      '1.00 s',
      '1.23 s',
      '12.3 s',
      '100 s',
      '1\u202f170 s',
    ]);
    assert.equal(grouped(786_432), '786\u202f432');
    assert.equal(grouped(999), '999');
    assert.deepEqual(
      [0, 64_000, 65_536, 65_500, 512_000, 524_288, 1_048_576, 2_500_000].map(rateText),
      [
        'not limited',
        '64 KB/s',
        '64 KiB/s',
        '65.5 KB/s',
        '512 KB/s',
        '512 KiB/s',
        '1 MiB/s',
        '2.5 MB/s',
      ],
    );
    assert.deepEqual([12, 86_432, 7_864_320].map(bytesText), ['12 B', '86.4 KB', '7.86 MB']);
  });
});
