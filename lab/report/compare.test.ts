import assert from 'node:assert/strict';
import { MODES } from '../modes/index.ts';
import type { Cell } from '../results.ts';
import { findings, praise } from './compare.ts';

function cell(
  mode: string,
  leechers: number,
  meanMs: number | null,
  over: Partial<Cell> = {},
): Cell {
  return {
    mode,
    seeders: 1,
    leechers,
    rateBytesPerSecond: 64_000,
    loads: leechers,
    failed: meanMs === null ? leechers : 0,
    meanMs,
    medianMs: meanMs,
    p95Ms: meanMs,
    minMs: meanMs,
    maxMs: meanMs,
    originBytes: 0,
    originCopies: 0,
    fluidLimitMs: null,
    ...over,
  };
}

describe('where we are worse', () => {
  it('is nowhere when we are as fast and take no more', () => {
    const found = findings([cell('http', 2, 100), cell('zauberflote', 2, 100)]);
    assert.deepEqual(found.worse, []);
    assert.equal(
      praise(found),
      'In this run (2 loads a cell) no mean above that of Plain HTTP, nowhere more from the origin, no load of ours failed.',
    );
  });

  it('is not claimed where nobody was compared', () => {
    const found = findings([cell('zauberflote', 2, 100), cell('http', 3, 1)]);
    assert.equal(praise(found), null);
    assert.deepEqual(found.worse, []);
  });

  it('names the place, both figures and by how much', () => {
    assert.deepEqual(
      findings([
        cell('http', 2, 3082),
        cell('zauberflote', 2, 10_356),
        cell('webtorrent', 2, 11_000),
      ]).worse,
      [
        'Slower than Plain HTTP at 1 seeder, 2 leechers, 64 KB/s: 10.4 s against 3.08 s (3.36 ×, 2 loads each).',
      ],
    );
  });

  it('counts many findings and tells the worst', () => {
    const cells = [1, 2, 3, 4, 5, 6].flatMap((n) => [
      cell('webtorrent', n, 100),
      cell('zauberflote', n, 100 + n),
    ]);
    assert.deepEqual(findings(cells).worse, [
      'Slower than WebTorrent in 6 of 6 cells, worst at 1 seeder, 6 leechers, 64 KB/s: 106 ms against 100 ms (1.06 ×, 6 loads each).',
    ]);
  });

  it('tells bytes from the origin and failed loads', () => {
    assert.deepEqual(
      findings([
        cell('http', 4, 300),
        cell('zauberflote', 4, 100, { originCopies: 1.5, failed: 1 }),
        cell('webtorrent', 4, 200, { originCopies: 0.5, loads: 8 }),
      ]).worse,
      [
        'More taken from the origin than by Plain HTTP at 1 seeder, 4 leechers, 64 KB/s: 1.50 copies against 0.00 (4 loads each).',
        'More taken from the origin than by WebTorrent at 1 seeder, 4 leechers, 64 KB/s: 1.50 copies against 0.50 (3.00 ×, 4 loads against 8).',
        '1 of 4 loads failed at 1 seeder, 4 leechers, 64 KB/s.',
      ],
    );
  });

  it('compares neither way with a rival whose loads failed, and says so', () => {
    for (const theirMean of [null, 50, 500]) {
      const found = findings([
        cell('http', 3, 100),
        cell('zauberflote', 3, 100, { originCopies: 0.5 }),
        cell('http', 4, theirMean, { failed: theirMean === null ? 4 : 1 }),
        cell('zauberflote', 4, 100, { originCopies: 0.5 }),
      ]);
      assert.deepEqual(found.worse, [
        'More taken from the origin than by Plain HTTP at 1 seeder, 3 leechers, 64 KB/s: 0.50 copies against 0.00 (3 loads each).',
      ]);
      assert.deepEqual(found.leftOut, [
        `Not compared with Plain HTTP at 1 seeder, 4 leechers, 64 KB/s: ${theirMean === null ? 4 : 1} of its 4 loads failed.`,
      ]);
    }
  });

  it('praises nobody for being faster than what failed', () => {
    const failed = [1, 2, 3, 4, 5].flatMap((n) => [
      cell('webtorrent', n, null),
      cell('zauberflote', n, 100),
    ]);
    const found = findings(failed);
    assert.equal(praise(found), null);
    assert.deepEqual(found.rivals, []);
    assert.deepEqual(found.leftOut, [
      'Not compared with WebTorrent in 5 of 5 cells: loads of it failed there.',
    ]);
    const more = findings([...failed, cell('webtorrent', 9, 200), cell('zauberflote', 9, 100)]);
    assert.match(
      praise(more)!,
      /^In this run \(9 loads a cell\), in the cells that can be compared, no mean above/,
    );
  });

  it('compares with every rival, but not with a control', () => {
    const { worse, rivals } = findings([
      cell('zauberflote', 1, 100),
      cell('webtorrent-rarest', 1, 90),
      cell('control-wrong-bytes', 1, 10),
    ]);
    assert.deepEqual(rivals, ['webtorrent-rarest']);
    assert.match(worse.join('\n'), /^Slower than WebTorrent, rarest first [^\n]*$/);
  });

  it('takes nobody for a rival but plain HTTP and other peer systems', () => {
    const found = findings(MODES.map(({ name }) => cell(name, 2, 100)));
    assert.deepEqual(found.rivals, ['http', 'webtorrent', 'webtorrent-rarest']);
    // Ourselves with two trackers, and undisturbed: faster and slower alike.
    for (const mean of [50, 200]) {
      const own = ['zauberflote-two-trackers', 'zauberflote-undisturbed'];
      const alone = findings([
        cell('zauberflote', 2, 100),
        ...own.map((mode) => cell(mode, 2, mean)),
      ]);
      assert.deepEqual([alone.worse, alone.rivals, praise(alone)], [[], [], null]);
    }
  });

  it('says so when none of our loads got through', () => {
    assert.match(
      findings([cell('http', 1, 50), cell('zauberflote', 1, null)]).worse[0]!,
      /Slower than Plain HTTP .*: no load got through against 50 ms \(1 load each\)\.$/,
    );
  });
});
