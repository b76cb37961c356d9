import assert from 'node:assert/strict';
import type { Of } from '../../test-support/engine/bench.ts';
import { Bench, CHUNK } from '../../test-support/engine/bench.ts';
import { Chunks } from './chunks.ts';
import { layoutOf } from './layout.ts';
import { Origin } from './origin.ts';
import { RangeRate } from './range-rate.ts';
import { Reading } from './reading.ts';
import {
  ALONE_RANGE_MS,
  CONFIRMING_MS,
  MAX_RANGE_BYTES,
  MIN_RANGE_BYTES,
  RANGE_GROWTH,
  RANGE_MS,
} from './tuning.ts';
import type { HolderInfo, PeerId } from './types.ts';

const FIRST = { start: 0, end: MIN_RANGE_BYTES, askedAt: 0 };

describe('RangeRate', () => {
  it('knows nothing before half of a range has come', () => {
    const rate = new RangeRate();
    rate.begin();
    rate.add({ ...FIRST, at: FIRST.end / 2 - 1 }, FIRST.end / 2 - 1, 2);
    assert.equal(rate.affordable(RANGE_MS), 0);
    assert.equal(rate.remainingMs(1), Number.POSITIVE_INFINITY);
  });

  it('goes by the whole time of a range that came at once, its round trip included', () => {
    const rate = new RangeRate();
    rate.begin();
    rate.add({ ...FIRST, at: FIRST.end }, FIRST.end, 1_024);
    assert.equal(rate.remainingMs(640), 10);
    assert.equal(rate.affordable(RANGE_MS), 64 * RANGE_MS);
  });

  it('goes by what was said of the origin until enough has come of a range, or one failed', () => {
    const rate = new RangeRate();
    rate.hint = 2_000;
    assert.equal(rate.expected, 2_000);
    // Too little to say more: a round trip.
    rate.begin();
    rate.add({ start: 0, end: CHUNK, askedAt: 0, at: CHUNK }, CHUNK, 50);
    assert.equal(rate.expected, 2_000);
    rate.begin();
    rate.add({ ...FIRST, at: FIRST.end }, FIRST.end, 1_024);
    assert.equal(rate.expected, 64);
    const failed = new RangeRate();
    failed.hint = 2_000;
    failed.forget();
    assert.equal(failed.expected, 0);
  });

  it('takes an origin for as fast as was said while its ranges are too short to show more than round trips', () => {
    const rate = new RangeRate();
    rate.hint = 1_000;
    assert.ok(rate.isHearsay);
    const take = (bytes: number, ms: number) => {
      rate.begin();
      rate.add({ start: 0, end: bytes, askedAt: 0, at: bytes }, bytes, ms);
    };
    take(CHUNK, CONFIRMING_MS);
    assert.ok(rate.isHearsay, 'a chunk that took long');
    take(CHUNK, 80);
    assert.ok(!rate.isHearsay);
    assert.equal(rate.expected, 1_000);
    // So more than this shows is asked for.
    assert.equal(rate.affordable(100), 100_000);
    take(MIN_RANGE_BYTES, 50);
    assert.equal(rate.expected, MIN_RANGE_BYTES / 50);
    take(2 * CHUNK, 100);
    assert.equal(rate.expected, MIN_RANGE_BYTES / 50, 'a short one after that');
    take(2 * CHUNK, 1_000);
    assert.ok(rate.expected < 40, `${rate.expected}`);
    rate.forget();
    rate.hint = 1_000;
    assert.ok(rate.isHearsay);
  });

  it('lets ranges take longer where all that was said came over long round trips', () => {
    const [near, far] = [new RangeRate(), new RangeRate()];
    // 40 KB in a round trip of 150 ms; a range takes two.
    for (const [rate, hint] of [
      [near, 2_000],
      [far, 267],
    ] as const) {
      rate.hint = hint;
      rate.begin();
      rate.add({ start: 0, end: CHUNK, askedAt: 0, at: CHUNK }, CHUNK, 360);
    }
    assert.deepEqual([near.isHearsay, far.isHearsay], [true, false]);
    // A round trip bears out only so much.
    const said = new RangeRate();
    said.hint = 10_000;
    said.begin();
    said.add({ start: 0, end: CHUNK, askedAt: 0, at: CHUNK }, CHUNK, 200);
    assert.equal(said.expected, (RANGE_GROWTH * CHUNK) / 200);
    // What one range has shown another takes back, however short.
    said.begin();
    said.add({ start: 0, end: CHUNK, askedAt: 200, at: CHUNK }, CHUNK, 2_200);
    assert.equal(said.expected, CHUNK / 2_000);
  });

  it('does not take an origin for fast that let a range wait', () => {
    const rate = new RangeRate();
    // 256 KiB that came in 128 ms after 20 s in line.
    rate.begin();
    for (let at = 65_536, now = 20_000; at <= 262_144; at += 65_536, now += 64)
      rate.add({ start: 0, end: 262_144, askedAt: 0, at }, 65_536, now);
    assert.ok(rate.expected < 14, `${rate.expected}`);
    assert.ok(rate.affordable(RANGE_MS) > 0);
  });

  it('lets ranges that come at once grow by steps', () => {
    const rate = new RangeRate();
    let [now, start] = [0, 0];
    const asked: number[] = [];
    for (let length = MIN_RANGE_BYTES; asked.length < 6; length = rate.affordable(RANGE_MS)) {
      asked.push(length);
      rate.begin();
      now += 5;
      rate.add({ start, end: start + length, at: start + length, askedAt: now - 5 }, length, now);
      start += length;
    }
    for (const [i, length] of asked.slice(1).entries())
      assert.equal(length, Math.min(RANGE_GROWTH * asked[i]!, MAX_RANGE_BYTES));
  });

  it('does not know when the next range is done before half of that has come', () => {
    const rate = new RangeRate();
    rate.begin();
    rate.add({ ...FIRST, at: FIRST.end }, FIRST.end, 1);
    rate.asked(1);
    assert.equal(rate.remainingMs(1), Number.POSITIVE_INFINITY);
    assert.equal(rate.affordable(RANGE_MS), RANGE_GROWTH * MIN_RANGE_BYTES);
  });

  it('does not take the rest of one range for the next', () => {
    const rate = new RangeRate();
    rate.begin();
    rate.add({ ...FIRST, at: FIRST.end / 2 }, FIRST.end / 2, 1);
    rate.asked(1);
    rate.add({ ...FIRST, at: FIRST.end }, FIRST.end / 2, 2);
    assert.equal(rate.remainingMs(1), Number.POSITIVE_INFINITY);
  });

  it('begins small again after it was told to forget', () => {
    const rate = new RangeRate();
    rate.begin();
    rate.add({ ...FIRST, at: FIRST.end }, FIRST.end, 1);
    assert.ok(rate.affordable(RANGE_MS) > MIN_RANGE_BYTES);
    rate.forget();
    assert.equal(rate.affordable(RANGE_MS), 0);
  });

  it('goes by what is measured as soon as a range lasts long enough', () => {
    const rate = new RangeRate();
    rate.begin();
    rate.add({ ...FIRST, at: FIRST.end }, FIRST.end, 1);
    rate.begin();
    // What passed at once was all that a shaped line lets pass at once: it gives 64 bytes a ms.
    let at = FIRST.end;
    for (let now = 100; now <= 200; now += 10) {
      at += 640;
      rate.add({ start: FIRST.end, end: 9 * FIRST.end, at, askedAt: 90 }, 640, now);
    }
    assert.equal(rate.affordable(RANGE_MS), 64 * RANGE_MS);
    assert.equal(rate.remainingMs(640), 10);
  });
});

describe('DownloadEngine at a fast origin', () => {
  /** Requests of a visitor whose every range comes `ms` after it was asked for; `holders`: of no use. */
  function fetched(count: number, ms: number, holders: readonly HolderInfo[] = []): number[] {
    const bench = new Bench({ verification: 'chunks' }).startChunks(count);
    const lengths: number[] = [];
    let first = 0;
    let waiting: Of<'fetch-range'>[] = [];
    // As soon as it asks for a lease, the tracker lends as much as was wanted, there being nobody else.
    const look = () => {
      const effects = [...bench.effects];
      for (const effect of effects) if (effect.type === 'fetch-range') waiting.push(effect);
      for (const effect of effects)
        if (effect.type === 'lease' && effect.wanted > 0 && first < count) {
          const units = Math.min(effect.wanted, count - first);
          bench.grant(first, units, CHUNK);
          first += units;
          look();
        }
    };
    look();
    bench.tell({ type: 'holders', holders });
    look();
    for (let turns = 0; turns < 1_000 && waiting.length > 0; turns++) {
      const [fetch, ...rest] = waiting;
      waiting = rest;
      bench.pass(ms);
      look();
      lengths.push(fetch!.length ?? 0);
      bench.head(fetch!, count * CHUNK);
      look();
      bench.data(fetch!, fetch!.length ?? 0);
      look();
      bench.ended(fetch!);
      look();
    }
    return lengths;
  }

  it('asks for more at a time when ranges come at once, however short they are', () => {
    for (const ms of [0, 5, 20, 49]) {
      const lengths = fetched(480, ms);
      assert.equal(
        lengths.reduce((sum, length) => sum + length, 0),
        480 * CHUNK,
      );
      assert.ok(lengths.length <= 6, `${lengths.length} requests, each after ${ms} ms`);
    }
  });

  it('does not take more than one range on trust when what came at once was all that a line lets pass at once', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(480);
    const { wanted } = bench.sole('lease');
    bench.tell({ type: 'holders', holders: [] }).grant(0, wanted, CHUNK);
    const first = bench.sole('fetch-range');
    bench
      .pass(3)
      .head(first, 480 * CHUNK)
      .data(first, MIN_RANGE_BYTES);
    const more = bench.sole('lease').wanted;
    bench.grant(wanted, more, CHUNK);
    const second = bench.sole('fetch-range');
    assert.equal(second.length, RANGE_GROWTH * MIN_RANGE_BYTES);
    bench.ended(first);
    assert.deepEqual(
      bench.said('lease').filter((lease) => lease.wanted > 0),
      [],
    );
    // 64 KB/s from now on.
    bench.pass(100).head(second, 480 * CHUNK);
    for (let ms = 0; ms < 3_000; ms += 100) {
      assert.deepEqual(bench.said('fetch-range'), []);
      assert.deepEqual(
        bench.said('lease').filter((lease) => lease.wanted > 0),
        [],
      );
      bench.pass(100).data(second, 6_400);
    }
  });

  it('goes on by little where each takes long, by less when there are others', () => {
    const others = fetched(48, 1_000, [{ peer: 1n as PeerId, size: 48 * CHUNK, partial: true }]);
    assert.deepEqual(others, Array(12).fill(MIN_RANGE_BYTES));
    // The second, four times as long, comes in the same time, so the rest is worth one more.
    const alone = fetched(48, 1_000);
    assert.deepEqual(
      alone,
      [1, ALONE_RANGE_MS / RANGE_MS, 7].map((n) => n * MIN_RANGE_BYTES),
    );
  });
});

describe('Origin asked at once', () => {
  it('gets in one range what lies between two chunks that are wanted, and nothing after the last', () => {
    const asked: Of<'fetch-range'>[] = [];
    const origin = new Origin(true, (effect) => {
      if (effect.type === 'fetch-range') asked.push(effect);
    });
    const chunks = new Chunks(layoutOf(64 * CHUNK, CHUNK));
    origin.begin(chunks);
    const peers = { areSlow: () => true, arePeersIdle: () => false, hasOthers: true };
    const none = { ...peers, dueBytes: 0, reading: new Reading(), takeBack: () => {} };
    const wants = (chunk: number) => chunk !== 3 && chunk < 7;
    const proceed = (now: number) =>
      origin.proceed({ ...none, need: 'free', chunks, wants }, now, () => 0);
    proceed(0);
    const [{ range, length = 0 } = assert.fail()] = asked;
    const end = { range, offset: 0, end: length, ranged: true, isWhole: false };
    origin.head({ type: 'range-head', total: 64 * CHUNK, ...end });
    for (const chunk of origin.data({ type: 'range-data', range, length }, 100))
      chunks.check(chunk);
    origin.ended({ type: 'range-end', range, end: 'done' }, 100);
    proceed(200);
    assert.deepEqual(
      asked.map(({ offset, length = 0 }) => [offset / CHUNK, length / CHUNK]),
      [
        [0, 1],
        [1, 6],
      ],
    );
  });
});
