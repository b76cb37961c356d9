import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Distribution, fluidLimitMs } from './index.ts';

const BYTES = 786_432;
const KB = 1000;

describe('fluid limit', () => {
  const cases: [what: string, Distribution, ms: number | null][] = [
    [
      'a flash crowd waits until the origin has sent one copy',
      { bytes: BYTES, seeders: 0, leechers: 10, originBytesPerSecond: 64 * KB },
      12_288,
    ],
    [
      'a lone visitor is as fast as plain HTTP',
      { bytes: BYTES, seeders: 0, leechers: 1, originBytesPerSecond: 64 * KB },
      12_288,
    ],
    [
      'unlimited seeders make the origin irrelevant',
      { bytes: BYTES, seeders: 1, leechers: 10, originBytesPerSecond: 64 * KB },
      null,
    ],
    [
      // 10 × 786 432 / (512 000 + 10 × 250 000) = 2.611 s, above one copy at 512 KB/s, 1.536 s.
      'peers at 8 Mbit/s down and 2 Mbit/s up share their uploads',
      {
        bytes: BYTES,
        seeders: 0,
        leechers: 10,
        originBytesPerSecond: 512 * KB,
        peerUpBytesPerSecond: 250 * KB,
        peerDownBytesPerSecond: 1000 * KB,
      },
      (10 * BYTES * 1000) / 3_012_000,
    ],
    [
      'a slow download binds even with plenty to give',
      { bytes: BYTES, seeders: 10, leechers: 1, peerDownBytesPerSecond: 100 * KB },
      7864.32,
    ],
    [
      // (786 432 + 10 × 20 000) / 64 000 s
      'scripts that only the origin has are sent to each',
      {
        bytes: BYTES,
        seeders: 0,
        leechers: 10,
        originBytesPerSecond: 64 * KB,
        extraOriginBytesPerLeecher: 20_000,
      },
      15_413,
    ],
    [
      // Seeders have the image, yet 10 × 20 000 bytes of script pass the origin's link.
      'scripts bind although seeders hold the asset',
      {
        bytes: BYTES,
        seeders: 10,
        leechers: 10,
        originBytesPerSecond: 64 * KB,
        extraOriginBytesPerLeecher: 20_000,
      },
      3125,
    ],
    ['nothing limited has no limit', { bytes: BYTES, seeders: 0, leechers: 5 }, null],
    [
      'a rate of 0 means not limited',
      { bytes: BYTES, seeders: 0, leechers: 5, originBytesPerSecond: 0 },
      null,
    ],
  ];
  for (const [what, distribution, ms] of cases)
    it(what, () => {
      const actual = fluidLimitMs(distribution);
      if (ms === null || actual === null) assert.equal(actual, ms);
      else assert.ok(Math.abs(actual - ms) < 1e-6 * ms, `${actual} ≠ ${ms}`);
    });

  it('refuses numbers that make no sense', () => {
    const good = { bytes: BYTES, seeders: 0, leechers: 1 };
    assert.throws(() => fluidLimitMs({ ...good, bytes: 0 }), /bytes is 0/);
    assert.throws(() => fluidLimitMs({ ...good, leechers: 0 }), /leechers is 0/);
    assert.throws(() => fluidLimitMs({ ...good, seeders: -1 }), /seeders is -1/);
    assert.throws(() => fluidLimitMs({ ...good, originBytesPerSecond: Number.NaN }), /NaN/);
  });

  it('never rises with a faster link or another seeder', () => {
    const speed = fc.integer({ min: 1, max: 1e7 });
    fc.assert(
      fc.property(
        fc.record({
          bytes: fc.integer({ min: 1, max: 1e9 }),
          seeders: fc.integer({ min: 0, max: 20 }),
          leechers: fc.integer({ min: 1, max: 20 }),
          originBytesPerSecond: speed,
          peerUpBytesPerSecond: speed,
          peerDownBytesPerSecond: speed,
        }),
        fc.constantFrom(
          'seeders' as const,
          'originBytesPerSecond' as const,
          'peerUpBytesPerSecond' as const,
          'peerDownBytesPerSecond' as const,
        ),
        (distribution, better) => {
          const now = fluidLimitMs(distribution)!;
          const then = fluidLimitMs({ ...distribution, [better]: distribution[better] + 1 })!;
          assert.ok(then <= now * (1 + 1e-12), `${then} > ${now} with more ${better}`);
        },
      ),
    );
  });
});
