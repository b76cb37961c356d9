import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Arrivals, type Distribution, fluidLimitMs, leastMeanMs } from './index.ts';

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
    [
      'who leaves gives, but need not be given',
      {
        bytes: BYTES,
        seeders: 2,
        leechers: 5,
        helpers: 3,
        originBytesPerSecond: 50 * KB,
        peerUpBytesPerSecond: 25 * KB,
      },
      (5 * BYTES * 1000) / 300_000,
    ],
    [
      // Uplinks of 516 KB/s could send 3 copies in 4.6 s, but those who hold it send one in no less than 5.6.
      'one copy must leave those who hold it',
      {
        bytes: BYTES,
        seeders: 1,
        leechers: 3,
        originBytesPerSecond: 16 * KB,
        peerUpBytesPerSecond: 125 * KB,
      },
      (BYTES * 1000) / 141_000,
    ],
    [
      // 2 × 20 000 bytes are the origin's to send, all else the seeder's as well.
      'scripts leave beside that copy',
      {
        bytes: BYTES,
        seeders: 1,
        leechers: 2,
        originBytesPerSecond: 100 * KB,
        peerUpBytesPerSecond: 200 * KB,
        extraOriginBytesPerLeecher: 20_000,
      },
      ((BYTES + 40_000) * 1000) / 300_000,
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

describe('least mean time of those who come one after the other', () => {
  const none = { originBytesPerSecond: 0, peerUpBytesPerSecond: 0, peerDownBytesPerSecond: 0 };
  const cases: [what: string, Arrivals, ms: number | null][] = [
    [
      'nothing limited has none',
      { bytes: 100, seeders: 0, gotMs: [0, 5], leftMs: [], ...none },
      null,
    ],
    [
      // Nobody holds it: 10 s for one copy from 1 s on. Waits of 10, 6 and 0 s.
      'the first copy is waited for, by who comes later less long',
      { bytes: 1000, seeders: 0, gotMs: [5000, 1000, 90_000], leftMs: [], ...none, originBytesPerSecond: 100 },
      16_000 / 3,
    ],
    [
      // The origin has been asked by who did not stay.
      'the first copy may be sent to one who leaves',
      { bytes: 1000, seeders: 0, gotMs: [5000], leftMs: [1000], ...none, originBytesPerSecond: 100 },
      6000,
    ],
    [
      'a download takes its time for each',
      { bytes: 1000, seeders: 1, gotMs: [0, 0, 7000], leftMs: [], ...none, peerDownBytesPerSecond: 500 },
      2000,
    ],
    [
      // By hand: origin and seeder send one copy in 5 s, before which nobody can have it. The first alone
      // with 100 + 2 × 100 bytes/s, so 900 are sent when the second comes at 3 s, then 400/s: two
      // copies at 5.75 s. Waits of 5 and 2.75 s.
      'all uplinks together send one copy after the other',
      {
        ...{ bytes: 1000, seeders: 1, gotMs: [0, 3000], leftMs: [] },
        ...{ originBytesPerSecond: 100, peerUpBytesPerSecond: 100, peerDownBytesPerSecond: 0 },
      },
      3875,
    ],
    [
      // As above with 500/s from 3 s on: two copies at 5.2 s.
      'an uplink counts although its owner leaves',
      {
        ...{ bytes: 1000, seeders: 1, gotMs: [0, 3000], leftMs: [3000] },
        ...{ originBytesPerSecond: 100, peerUpBytesPerSecond: 100, peerDownBytesPerSecond: 0 },
      },
      (5000 + 2200) / 2,
    ],
  ]; // biome-ignore format: a case a line
  for (const [what, arrivals, ms] of cases)
    it(what, () => {
      const actual = leastMeanMs(arrivals);
      if (ms === null || actual === null) assert.equal(actual, ms);
      else assert.ok(Math.abs(actual - ms) < 1e-6 * ms, `${actual} ≠ ${ms}`);
    });

  it('is below what an origin reaches that serves one after the other, and peers who relay', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 10, max: 1000 }),
        (gotMs, originBytesPerSecond) => {
          const bytes = 1000;
          const took = (bytes / originBytesPerSecond) * 1000;
          const sorted = gotMs.toSorted((a, b) => a - b);
          // With uplinks a thousand times as fast, whoever has it gives it to all who come.
          let [free, queued, relayed] = [0, 0, 0];
          for (const at of sorted) {
            free = Math.max(free, at) + took;
            queued += free - at;
            relayed += Math.max(0, sorted[0]! + took - at);
          }
          const least = (peerUpBytesPerSecond: number) =>
            leastMeanMs({
              ...{ bytes, seeders: 0, gotMs, leftMs: [], ...none },
              ...{ originBytesPerSecond, peerUpBytesPerSecond },
            })!;
          assert.ok(least(1) <= (queued / gotMs.length) * (1 + 1e-9));
          assert.ok(least(1) >= (relayed / gotMs.length) * (1 - 1e-9));
          assert.ok(Math.abs(least(0) - relayed / gotMs.length) < 1e-6);
        },
      ),
    );
  });

  it('is never above the limit of all at once, when they do come at once', () => {
    fc.assert(
      fc.property(
        fc.record({
          bytes: fc.integer({ min: 1, max: 1e6 }),
          seeders: fc.integer({ min: 0, max: 5 }),
          originBytesPerSecond: fc.integer({ min: 1, max: 1e6 }),
          peerUpBytesPerSecond: fc.integer({ min: 1, max: 1e6 }),
          peerDownBytesPerSecond: fc.integer({ min: 1, max: 1e6 }),
        }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 20 }),
        (links, leechers, helpers) => {
          const at = (count: number): number[] => Array(count).fill(77);
          const least = leastMeanMs({ ...links, gotMs: at(leechers), leftMs: at(helpers) })!;
          const limit = fluidLimitMs({ ...links, leechers, helpers })!;
          assert.ok(least <= limit * (1 + 1e-9), `${least} > ${limit}`);
        },
      ),
    );
  });
});
