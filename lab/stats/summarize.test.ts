import assert from 'node:assert/strict';
import type { ResultRow } from '../results.ts';
import { summarize } from './index.ts';

const ASSET = { bytes: 1000 };

function row(over: Partial<ResultRow>): ResultRow {
  return {
    scenario: 'flash',
    mode: 'zauberflote',
    seeders: 0,
    leechers: 2,
    rateBytesPerSecond: 64_000,
    run: 1,
    peer: 1,
    loadMs: 100,
    bytes: null,
    ok: true,
    error: null,
    ...over,
  };
}

const origin = (mode: string, run: number, originBytes: number) => ({
  mode,
  seeders: 0,
  leechers: 2,
  rateBytesPerSecond: 64_000,
  run,
  originBytes,
});

describe('summarize', () => {
  it('counts a failed load and leaves its time out', () => {
    const rows = [
      row({ loadMs: 100 }),
      row({ peer: 2, loadMs: 300 }),
      row({ run: 2, ok: false, loadMs: null, error: 'no image within 60 s' }),
      // Shown, but the wrong bytes: fast and worthless.
      row({ run: 2, peer: 2, ok: false, loadMs: 1, error: 'differs from the source' }),
    ];
    const origins = [origin('zauberflote', 1, 1000), origin('zauberflote', 2, 1400)];
    assert.deepEqual(
      summarize(rows, origins, ASSET, () => 50),
      [
        {
          mode: 'zauberflote',
          seeders: 0,
          leechers: 2,
          rateBytesPerSecond: 64_000,
          loads: 4,
          failed: 2,
          meanMs: 200,
          medianMs: 200,
          p95Ms: 290,
          minMs: 100,
          maxMs: 300,
          sdMs: Math.sqrt(20_000),
          ci95Ms: null,
          originBytes: 1200,
          originCopies: 1.2,
          fluidLimitMs: 50,
        },
      ],
    );
  });

  it('bounds the mean by how far runs differ, not by how many loads each has', () => {
    const rows = [100, 110, 120].flatMap((ms, run) =>
      [-50, 0, 50].map((off, peer) => row({ run: run + 1, peer: peer + 1, loadMs: ms + off })),
    );
    const origins = [1, 2, 3].map((run) => origin('zauberflote', run, 1000));
    const [cell] = summarize(rows, origins, ASSET, () => null);
    // Student's t of two degrees of freedom, a deviation of 10, three runs.
    assert.ok(Math.abs((cell?.ci95Ms ?? 0) - (4.3027 * 10) / Math.sqrt(3)) < 0.01);
    assert.equal(cell?.meanMs, 110);
  });

  it('has no times where every load failed', () => {
    const [cell] = summarize(
      [row({ ok: false, loadMs: null })],
      [origin('zauberflote', 1, 0)],
      ASSET,
      () => null,
    );
    assert.equal(cell?.failed, 1);
    for (const key of [
      'meanMs',
      'medianMs',
      'p95Ms',
      'minMs',
      'maxMs',
      'sdMs',
      'ci95Ms',
      'fluidLimitMs',
    ] as const)
      assert.equal(cell?.[key], null, key);
  });

  it('orders cells by rate, size and mode, in whatever order the loads came', () => {
    const keys = [
      { mode: 'a-control', leechers: 2 },
      { mode: 'webtorrent', leechers: 2 },
      { mode: 'http', leechers: 10 },
      { mode: 'zauberflote', leechers: 2 },
      { mode: 'http', leechers: 2 },
    ];
    const cells = summarize(
      keys.map(row),
      keys.map((key) => ({ ...origin(key.mode, 1, 0), leechers: key.leechers })),
      ASSET,
      ({ leechers }) => leechers,
    );
    assert.deepEqual(
      cells.map(({ mode, leechers, fluidLimitMs }) => [mode, leechers, fluidLimitMs]),
      [
        ['http', 2, 2],
        ['zauberflote', 2, 2],
        ['webtorrent', 2, 2],
        ['a-control', 2, 2],
        ['http', 10, 10],
      ],
    );
  });

  it('refuses loads without a counter of the origin and rows that contradict themselves', () => {
    const counter = [origin('zauberflote', 1, 0)];
    assert.throws(() => summarize([row({})], [], ASSET, () => null), /no counter of the origin/);
    assert.throws(
      () => summarize([row({ loadMs: null })], counter, ASSET, () => null),
      /good load of null/,
    );
    assert.throws(() => summarize([row({})], counter, { bytes: 0 }, () => null), /0 bytes/);
  });

  it('takes the mean of each mark over the good loads that have it', () => {
    const rows = [
      row({ marks: { page: 10, firstByte: 200 }, firstPeerByteMs: 200 }),
      row({ peer: 2, marks: { page: 20 }, firstPeerByteMs: null }),
      row({ run: 2, marks: { page: 9_000, firstByte: 1 }, ok: false, loadMs: null, error: 'no' }),
    ];
    const origins = [origin('zauberflote', 1, 0)];
    const cells = (of: readonly ResultRow[]) => summarize(of, origins, ASSET, () => null)[0];
    const { firstPeerByteMs, marks } = cells(rows) ?? {};
    assert.deepEqual(
      { firstPeerByteMs, marks },
      { firstPeerByteMs: 200, marks: { page: 15, firstByte: 200 } },
    );
    assert.equal(cells(rows.slice(1))?.firstPeerByteMs, null);
    assert.equal('marks' in (cells([row({})]) ?? {}), false);
  });

  it('compares with the bare data channel of the same place, from the first byte on', () => {
    const bytes = { peers: 1000, origin: 0, store: 0 };
    const rows = [
      row({ loadMs: 600, firstPeerByteMs: 100, bytes }),
      row({ mode: 'bare-channel', loadMs: 500, firstPeerByteMs: 250, bytes }),
    ];
    const origins = [origin('zauberflote', 1, 0), origin('bare-channel', 1, 0)];
    const [ours, bare] = summarize(rows, origins, ASSET, () => null);
    assert.deepEqual([ours?.peerBytesPerSecond, ours?.ofBareChannel], [2000, 0.5]);
    assert.deepEqual([bare?.peerBytesPerSecond, bare?.ofBareChannel], [4000, 1]);
    const [alone] = summarize(rows.slice(0, 1), origins, ASSET, () => null);
    assert.equal('ofBareChannel' in (alone ?? {}), false);
  });
});
