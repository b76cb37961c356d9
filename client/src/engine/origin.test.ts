import assert from 'node:assert/strict';
import type { Of } from '../../test-support/engine/bench.ts';
import { Bench, CHUNK } from '../../test-support/engine/bench.ts';
import { MAX_CHUNKS, WHOLE_FILE_UNIT_BYTES } from './layout.ts';
import {
  ASK_PATIENCE_MS,
  CONFIRM_MS,
  GIVE_UP_MS,
  LEASE_PATIENCE_MS,
  LEASE_RETRY_MS,
  MAX_ORIGIN_FAILURES,
  MIN_RANGE_BYTES,
  RETRY_ORIGIN_MS,
  RETRY_PEER_MS,
  SEEDER_PATIENCE_MS,
  STALL_PATIENCE_MS,
} from './tuning.ts';
import type { Effect, EngineEvent } from './types.ts';

const UNIT = WHOLE_FILE_UNIT_BYTES;
const SIZE = 8 * UNIT;

/** The tracker is missing: the origin is asked as if nobody else were there. */
const alone = () => new Bench().start().tell({ type: 'tracker', reach: 'missing' });

describe('DownloadEngine alone with an origin', () => {
  for (const reach of ['away', 'missing'] as const)
    it(`asks for the whole file at once when the tracker is ${reach}`, () => {
      const bench = new Bench().start().tell({ type: 'tracker', reach });
      const { offset, length, fresh } = bench.sole('fetch-range');
      assert.deepEqual([offset, length, fresh], [0, undefined, false]);
    });

  it('keeps, offers and verifies what comes, and completes', () => {
    const bench = alone();
    bench.serve(bench.sole('fetch-range'), 3 * CHUNK + 1);
    assert.deepEqual(
      bench.said('keep').map(({ chunk, peer }) => [chunk, peer]),
      [0, 1, 2, 3].map((chunk) => [chunk, undefined]),
    );
    assert.equal(bench.said('verify').length, 1);
    assert.deepEqual(bench.verified(true).effects.at(-1), { type: 'complete' });
  });

  it('takes a file whose size nobody says when it ends', () => {
    const bench = alone();
    const fetch = bench.sole('fetch-range');
    bench.head(fetch, undefined).data(fetch, CHUNK + 5);
    assert.deepEqual(bench.effects, []);
    bench.ended(fetch);
    assert.deepEqual(bench.said('lay-out')[0]?.layout.size, CHUNK + 5);
    assert.equal(bench.said('keep').length, 2);
    assert.equal(bench.said('verify').length, 1);
  });

  it('keeps what came before peers said how long it is', () => {
    const bench = new Bench().start().tell({ type: 'tracker', reach: 'away' });
    const fetch = bench.sole('fetch-range');
    bench.head(fetch, undefined).data(fetch, CHUNK + 5);
    bench.seeders(3 * CHUNK, 1n);
    assert.deepEqual(bench.said('keep'), [{ type: 'keep', chunk: 0, peer: undefined }]);
  });

  it('completes an empty file', () => {
    const bench = alone();
    const fetch = bench.sole('fetch-range');
    assert.deepEqual(bench.ended(fetch, 'beyond', 0).effects.at(-1), { type: 'verify' });
    assert.deepEqual(bench.verified(true).effects, [{ type: 'complete' }]);
  });

  it('asks again past caches when the body has the wrong hash, then fails', () => {
    const bench = alone();
    bench.serve(bench.sole('fetch-range'), CHUNK).verified(false);
    assert.deepEqual(bench.said('discard'), [{ type: 'discard', chunk: 0 }]);
    assert.equal(bench.sole('fetch-range').fresh, true);
    bench.serve(bench.sole('fetch-range'), CHUNK).verified(false);
    assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'hash-mismatch' });
  });

  it('does not end in a circle when the body is empty and wrong', () => {
    const bench = alone();
    for (const fresh of [false, true]) {
      const fetch = bench.sole('fetch-range');
      assert.equal(fetch.fresh, fresh);
      bench.head(fetch, 0).verified(false);
    }
    assert.deepEqual(bench.sole('fail').reason, 'hash-mismatch');
  });

  it('does not end in a circle when not even the whole file can be used', () => {
    const bench = alone();
    bench.ended(bench.sole('fetch-range'), 'no-ranges');
    assert.deepEqual(bench.said('fetch-range'), []);
    assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'no-source' });
  });

  it('asks past caches once, however many chunks of one answer were wrong', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(4);
    bench.tell({ type: 'tracker', reach: 'missing' });
    const fetch = bench.sole('fetch-range');
    bench.head(fetch, 4 * CHUNK).data(fetch, 2 * CHUNK);
    assert.equal(bench.said('check').length, 2);
    bench.checked(0, undefined, false);
    const again = bench.sole('fetch-range');
    assert.equal(again.fresh, true);
    assert.deepEqual(bench.checked(1, undefined, false).said('fail'), []);
    bench
      .head(again, 4 * CHUNK)
      .data(again, CHUNK)
      .checked(again.offset / CHUNK, undefined, false);
    assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'hash-mismatch' });
  });

  it('goes on with the whole while the tracker is tried again, until others have come', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(40);
    bench.tell({ type: 'tracker', reach: 'away' });
    const fetch = bench.sole('fetch-range');
    assert.deepEqual([fetch.offset, fetch.length], [0, undefined]);
    bench.head(fetch, 40 * CHUNK);
    const drip = (seconds: number) => {
      const effects = [];
      for (let s = 0; s < seconds; s++) {
        effects.push(...bench.pass(1_000).effects);
        effects.push(...bench.data(fetch, CHUNK).effects);
      }
      return effects.filter(({ type }) => type === 'abort-range' || type === 'fetch-range');
    };
    // It does not answer: three times it is tried again, and given up again.
    for (let tries = 0; tries < 3; tries++)
      for (const reach of ['there', 'away'] as const) {
        bench.tell({ type: 'tracker', reach });
        assert.deepEqual([...bench.said('abort-range'), ...drip(2)], []);
      }
    bench.tell({ type: 'tracker', reach: 'there' }).seeders(0);
    assert.deepEqual([...bench.said('abort-range'), ...drip(2)], [], 'nobody is there');
    bench.partial(40 * CHUNK, 9n);
    assert.equal(bench.sole('abort-range').range, fetch.range);
  });

  it('refuses a file of another size than the manifest says', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(4);
    bench.tell({ type: 'tracker', reach: 'missing' });
    bench.head(bench.sole('fetch-range'), 9);
    assert.equal(bench.said('abort-range').length, 1);
    assert.equal(bench.sole('fetch-range').fresh, true);
    bench.ended(bench.sole('fetch-range'), 'beyond', 9);
    assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'hash-mismatch' });
  });

  it('does not fetch again what is being checked', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(2);
    bench.tell({ type: 'tracker', reach: 'missing' });
    bench.serve(bench.sole('fetch-range'), 2 * CHUNK);
    assert.deepEqual(bench.said('fetch-range'), []);
    bench.checked(0, undefined).checked(1, undefined);
    assert.deepEqual(bench.effects.at(-1), { type: 'complete' });
  });

  it('fetches the rest of a truncated body after a pause, and gives up in the end', () => {
    const bench = alone();
    const fetch = bench.sole('fetch-range');
    bench
      .head(fetch, SIZE)
      .data(fetch, CHUNK + 9)
      .ended(fetch, 'failed');
    assert.deepEqual(bench.said('fetch-range'), []);
    for (let failures = 1; failures < MAX_ORIGIN_FAILURES; failures++) {
      assert.deepEqual(bench.pass(RETRY_ORIGIN_MS * 2 ** (failures - 1) - 1).effects, []);
      const again = bench.pass(1).sole('fetch-range');
      assert.equal(again.offset, CHUNK);
      assert.equal(again.length, SIZE - CHUNK);
      bench.ended(again, 'failed');
    }
    assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'no-source' });
  });

  it('ignores what still comes of a range that it took back', () => {
    const bench = new Bench({ verification: 'chunks' })
      .startChunks(1)
      .seeders(CHUNK, 1n)
      .connected(1n);
    bench.tell({ type: 'tracker', reach: 'away' }).pass(2 * STALL_PATIENCE_MS);
    const fetch = bench.sole('fetch-range');
    bench.deliver(1n, 0);
    assert.equal(bench.sole('abort-range').range, fetch.range);
    assert.deepEqual(bench.head(fetch, 5).data(fetch, 5).ended(fetch).effects, []);
  });
});

describe('DownloadEngine with an origin beside peers', () => {
  it('asks the origin when the tracker does not answer in time', () => {
    const bench = new Bench().start().pass(ASK_PATIENCE_MS - 1);
    assert.deepEqual(bench.said('fetch-range'), []);
    assert.equal(bench.pass(1).said('fetch-range').length, 1);
  });

  it('does not ask it while complete holders deliver', () => {
    const bench = new Bench().open(SIZE, 1n);
    for (const { chunk } of bench.said('request')) {
      bench.pass(SEEDER_PATIENCE_MS - 1);
      assert.deepEqual([...bench.said('lease'), ...bench.said('fetch-range')], []);
      bench.deliver(1n, chunk);
    }
  });

  it('asks it when nobody opens in time, and when all fail', () => {
    const named = () => new Bench().start().seeders(SIZE, 1n);
    const late = named().pass(SEEDER_PATIENCE_MS + 2 * STALL_PATIENCE_MS);
    assert.ok(late.said('lease').length + late.said('fetch-range').length > 0);
    const failed = named().tell({ type: 'close', peer: 1n, barred: true });
    assert.equal(failed.pass(LEASE_PATIENCE_MS).said('fetch-range').length, 1);
  });

  it('asks it although bytes trickle in', () => {
    const bench = new Bench().open(SIZE, 1n);
    const [{ chunk }] = bench.said('request') as [Of<'request'>];
    let asked = 0;
    for (let offset = 0; offset < 20; offset++) {
      bench.tell({ type: 'fragment', peer: 1n, chunk, offset, length: 1 });
      asked += bench.said('fetch-range').length + bench.pass(1_000).said('fetch-range').length;
    }
    assert.ok(asked > 0);
  });

  it('asks it when a fallback becomes known only later', () => {
    const bench = new Bench({ origin: false }).start();
    assert.deepEqual(bench.pass(ASK_PATIENCE_MS).said('fetch-range'), []);
    assert.equal(bench.tell({ type: 'fallback' }).said('fetch-range').length, 1);
  });

  it('takes back what peers have sent meanwhile', () => {
    const bench = new Bench({ verification: 'chunks' })
      .startChunks(2)
      .seeders(2 * CHUNK, 1n)
      .connected(1n);
    bench.tell({ type: 'tracker', reach: 'away' }).pass(2 * STALL_PATIENCE_MS);
    const { range } = bench.sole('fetch-range');
    const aborted = [0, 1].flatMap((chunk) => bench.deliver(1n, chunk).said('abort-range'));
    assert.deepEqual(aborted, [{ type: 'abort-range', range }]);
  });

  it('fails when it failed and nobody holds the content, with time for a tracker to come back', () => {
    const none = new Bench().start().seeders(0).tell({ type: 'tracker', reach: 'missing' });
    none.ended(none.sole('fetch-range'), 'failed');
    assert.deepEqual(none.effects.at(-1), { type: 'fail', reason: 'no-source' });
    const away = new Bench().start().tell({ type: 'tracker', reach: 'away' });
    away.ended(away.sole('fetch-range'), 'failed');
    assert.deepEqual(away.said('fail'), []);
    for (let i = 0; i < MAX_ORIGIN_FAILURES && !away.engine.ended; i++) {
      away.pass(GIVE_UP_MS);
      for (const fetch of away.said('fetch-range')) away.ended(fetch, 'failed');
    }
    assert.ok(away.engine.ended);
  });

  it('waits for an origin that is overrun, though nobody else is there', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(8).seeders(8 * CHUNK);
    bench.tell({ type: 'tracker', reach: 'missing' });
    bench.overrun(bench.sole('fetch-range'), RETRY_ORIGIN_MS + 1);
    assert.deepEqual(bench.pass(RETRY_ORIGIN_MS).effects, []);
    bench.serve(bench.pass(1).sole('fetch-range'), 8 * CHUNK);
    for (let chunk = 0; chunk < 8; chunk++) bench.checked(chunk, undefined);
    assert.deepEqual(bench.effects.at(-1), { type: 'complete' });
  });

  it('asks for the whole at last where ranges alone are limited, and then gives up', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(8).seeders(8 * CHUNK);
    bench.grant(0, 1, CHUNK);
    const asked: (number | undefined)[] = [];
    for (let i = 0; i < 40; i++) {
      for (const fetch of bench.said('fetch-range')) {
        asked.push(fetch.length);
        bench.overrun(fetch);
      }
      if (bench.engine.ended) break;
      if (bench.said('lease').some(({ wanted }) => wanted > 0)) bench.grant(0, 1, CHUNK);
      else bench.pass(1_000);
    }
    assert.equal(asked.length, MAX_ORIGIN_FAILURES);
    assert.deepEqual(
      asked.map((length) => length === undefined),
      [false, false, true],
    );
    assert.deepEqual(bench.effects.at(-1), { type: 'fail', reason: 'no-source' });
  });

  it('believes the origin on the size, and peers again once it lied', () => {
    const bench = new Bench().start().seeders(5, 1n).connected(1n);
    bench.tell({ type: 'tracker', reach: 'away' }).pass(2 * STALL_PATIENCE_MS);
    const { range } = bench.sole('fetch-range');
    const ranged = false;
    bench.tell({ type: 'range-head', range, offset: 0, end: 9, total: 9, ranged });
    assert.equal(bench.engine.layout?.size, 9);
    bench.tell({ type: 'range-data', range, length: 9 }).verified(false);
    assert.equal(bench.engine.layout?.size, 5);
    assert.equal(bench.sole('request').length, 5);
  });
});

describe('DownloadEngine and leases of the origin', () => {
  const leased = () => new Bench().start().partial(0, 9n);

  it('asks for a lease along with the first question, and fetches what is granted', () => {
    const bench = new Bench().start();
    const { unitBytes, units, wanted, needed } = bench.sole('lease');
    assert.deepEqual([unitBytes, units, wanted, needed], [UNIT, 0, 1, undefined]);
    const { offset, length } = bench.partial(0, 9n).grant(2, 1, UNIT).sole('fetch-range');
    assert.deepEqual([offset, length], [2 * UNIT, UNIT]);
  });

  it('counts in chunks under a manifest, and asks for what peers do not have', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(10);
    const { unitBytes, units, needed } = bench.sole('lease');
    assert.deepEqual([unitBytes, units, needed], [CHUNK, 10, new Uint8Array([0xff, 0xc0])]);
    bench
      .holds(9n, 10 * CHUNK, 0, 1)
      .partial(0, 9n)
      .grant(4, 1, CHUNK);
    bench.serve(bench.sole('fetch-range'), 10 * CHUNK).checked(4, undefined);
    const reports = bench.said('lease');
    assert.deepEqual(
      reports.flatMap(({ fetched }) => fetched),
      [4],
    );
  });

  it('reports what it fetched with the next lease it wants', () => {
    const bench = leased().grant(2, 1, UNIT);
    const before = bench.sole('fetch-range');
    bench.serve(before, SIZE);
    const lease = bench.said('lease').find(({ wanted }) => wanted > 0) as Of<'lease'>;
    assert.equal(lease.units, 8);
    assert.deepEqual([...(lease.needed as Uint8Array)], [0b11011111]);
    const fetched = bench.said('lease').flatMap((said) => said.fetched);
    assert.deepEqual(fetched, [2]);
  });

  it('returns what it will not fetch', () => {
    const bench = leased().grant(2, 3, UNIT);
    bench.ended(bench.sole('fetch-range'), 'failed');
    assert.deepEqual(bench.sole('lease').returned, [2, 3, 4]);
    const late = new Bench().open(SIZE, 1n).grant(1, 1, UNIT);
    assert.deepEqual(late.said('fetch-range'), []);
    assert.deepEqual(late.sole('lease').returned, [1]);
  });

  it('keeps them while it fetches', () => {
    const bench = leased().grant(2, 1, UNIT);
    const fetch = bench.sole('fetch-range');
    bench.head(fetch, SIZE).data(fetch, 1).pass(CONFIRM_MS);
    const { wanted, fetched, returned } = bench.said('lease').at(-1) as Of<'lease'>;
    assert.deepEqual([wanted, fetched, returned], [0, [], []]);
  });

  it('fetches by chance what is missing when the tracker does not reply', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(40).partial(0, 9n);
    assert.deepEqual(bench.pass(LEASE_PATIENCE_MS - 1).said('fetch-range'), []);
    const { offset, length = 0 } = bench.pass(1).sole('fetch-range');
    assert.equal(offset % CHUNK, 0);
    assert.ok(length > 0 && length < 40 * CHUNK);
  });

  it('asks for no less than a range at a time while it hears nothing of the tracker', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(11).pass(ASK_PATIENCE_MS);
    const asked: Of<'fetch-range'>[] = [];
    const note = () => asked.push(...bench.said('fetch-range'));
    note();
    for (const fetch of asked) {
      const first = fetch.offset / CHUNK;
      const length = fetch.length as number;
      bench.serve(fetch, 11 * CHUNK);
      note();
      for (let chunk = first; chunk < first + length / CHUNK; chunk++) {
        bench.checked(chunk, undefined);
        note();
      }
    }
    assert.ok(bench.engine.ended);
    for (const { offset } of asked) assert.equal(offset % MIN_RANGE_BYTES, 0);
    assert.ok(asked.length <= 3, String(asked.length));
  });

  it('shares the origin when a late reply says that others are there, unless it is nearly done', () => {
    for (const left of [40, 2]) {
      // Nobody is named and no grant comes: it goes on as if it were alone.
      const bench = new Bench({ verification: 'chunks' }).startChunks(100).partial(0);
      const fetch = bench.pass(LEASE_PATIENCE_MS).sole('fetch-range');
      assert.equal(fetch.length, undefined);
      bench.head(fetch, 100 * CHUNK);
      for (let chunk = 0; chunk < 100 - left; chunk++) {
        bench.now += 100;
        bench.data(fetch, CHUNK).checked(chunk, undefined);
      }
      const aborted = bench.grant(0, 0, CHUNK).said('abort-range');
      aborted.push(...bench.partial(100 * CHUNK, 5n).said('abort-range'));
      bench.connected(5n).holds(5n, 100 * CHUNK, ...Array.from({ length: 100 }, (_, i) => i));
      const asked = bench.said('request').map(({ chunk }) => chunk);
      if (left < 10) assert.deepEqual([aborted, asked], [[], []]);
      else {
        assert.equal(aborted[0]?.range, fetch.range);
        assert.ok(asked.length > 0 && asked.every((chunk) => chunk >= 100 - left));
      }
    }
  });

  it('takes one refusal for the end of its turn when it was lent something before, but not the next', () => {
    const refused = (lentBefore: boolean) => {
      const bench = new Bench({ verification: 'chunks' }).startChunks(40).partial(0);
      if (lentBefore) {
        const fetch = bench.grant(0, 4, CHUNK).sole('fetch-range');
        bench.serve(fetch, 40 * CHUNK);
        for (let chunk = 0; chunk < 4; chunk++) bench.checked(chunk, undefined);
      }
      return bench.grant(0, 0, CHUNK);
    };
    assert.equal(refused(false).sole('fetch-range').length, undefined);
    const bench = refused(true);
    assert.deepEqual(bench.said('fetch-range'), []);
    assert.ok(bench.pass(2 * LEASE_RETRY_MS).sole('lease').wanted > 0);
    assert.equal(bench.grant(0, 0, CHUNK).sole('fetch-range').length, 36 * CHUNK);
  });

  it('is not woken over a reply that it no longer waits for', () => {
    const bench = new Bench().start().seeders(SIZE, 1n).connected(1n);
    bench.now += LEASE_PATIENCE_MS;
    bench.tell({ type: 'wake' });
    assert.ok(bench.engine.wakeAt > bench.now);
  });

  it('forgets them when the tracker has', () => {
    const bench = leased().grant(2, 1, UNIT);
    const fetch = bench.sole('fetch-range');
    bench.tell({ type: 'tracker', reach: 'away' }, { type: 'tracker', reach: 'there' });
    const lease = bench.serve(fetch, SIZE).said('lease');
    assert.ok(lease.every(({ fetched, returned }) => fetched.length + returned.length === 0));
  });

  it('does without them where they are in units of another size', () => {
    assert.equal(leased().grant(0, 1, 7).sole('fetch-range').length, undefined);
  });

  it('does not fetch twice what is on its way in the middle of a grant', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(8).partial(0, 9n);
    bench.grant(3, 1, CHUNK);
    const first = bench.sole('fetch-range');
    bench.head(first, 8 * CHUNK);
    for (const length of [CHUNK / 2, CHUNK / 2 - 1]) {
      bench.now += 60;
      bench.data(first, length);
    }
    bench.grant(2, 3, CHUNK);
    const { offset, length } = bench.sole('fetch-range');
    assert.deepEqual([offset, length], [2 * CHUNK, CHUNK]);
  });
});

describe('DownloadEngine among peers that only promise', () => {
  it('takes more of the origin each time that nothing came of their word', () => {
    // So many that none is due yet.
    const count = 2_048;
    const bench = new Bench({ verification: 'chunks' })
      .startChunks(count)
      .partial(0, 9n)
      .connected(9n);
    bench.holds(9n, count * CHUNK).grant(0, 0, CHUNK);
    const lengths: number[] = [];
    const total = count * CHUNK;
    const tell = (...events: EngineEvent[]) => {
      for (const event of events) answer(bench.tell(event).effects);
    };
    const answer = (effects: readonly Effect[]) => {
      for (const effect of effects)
        if (effect.type === 'lease' && effect.wanted > 0)
          tell({ type: 'grant', first: 0, count: 0, unitBytes: CHUNK });
        else if (effect.type === 'request')
          tell({ type: 'refused', peer: 9n, chunk: effect.chunk, lasting: false });
        else if (effect.type === 'check') tell({ ...effect, type: 'checked', ok: true });
        else if (effect.type === 'fetch-range') {
          const { range, offset, length = total } = effect;
          lengths.push(length / CHUNK);
          const end = offset + length;
          tell({ type: 'range-head', range, offset, end, total, ranged: true });
          // One that is much faster would not be spared.
          answer(bench.pass(500).effects);
          tell({ type: 'range-data', range, length }, { type: 'range-end', range, end: 'done' });
        }
    };
    for (let n = 0; n < 500; n++) {
      tell({ type: 'coming', peer: 9n, chunks: [n % count] });
      answer(bench.pass(100).effects);
    }
    assert.deepEqual(lengths.slice(0, 4), [1, 2, 4, 8]);
  });
});

describe('DownloadEngine with an origin that may give each visitor something else', () => {
  it('passes on nothing unverified, and takes nothing on for others', () => {
    const bench = new Bench().start().partial(0, 9n).connected(9n);
    bench.holds(9n, SIZE).grant(0, 1, UNIT);
    const fetch = bench.sole('fetch-range');
    const { range } = fetch;
    const answer = { type: 'range-head', range, offset: 0, ranged: true, isPrivate: true } as const;
    bench.tell({ ...answer, end: UNIT, total: SIZE }).data(fetch, UNIT);
    assert.ok(bench.said('keep').length > 0);
    assert.deepEqual(bench.said('got'), []);
    assert.ok(bench.sole('fetch-range').offset >= UNIT);
    assert.ok(bench.said('lease').every(({ wanted }) => wanted === 0));
  });
});

describe('DownloadEngine with an origin without ranges that may give each visitor something else', () => {
  it('reports no part of it as one that others can have', () => {
    const bench = alone();
    const fetch = bench.sole('fetch-range');
    const answer = { offset: 0, end: SIZE, total: SIZE, ranged: false } as const;
    const { range } = fetch;
    bench.tell({ type: 'range-head', range, ...answer, isWhole: true, isPrivate: true });
    bench.data(fetch, SIZE);
    assert.equal(bench.said('verify').length, 1);
    assert.deepEqual(bench.said('lease'), []);
  });
});

describe('DownloadEngine whose only complete holder cannot be reached', () => {
  it('asks for a part of the origin at once, as if there were none, and tries it again later', () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(9).seeders(9 * CHUNK, 1n);
    assert.equal(bench.sole('connect').peer, 1n);
    // What was asked for before anybody knew of a holder is given back.
    assert.deepEqual(bench.grant(0, 1, CHUNK).sole('lease').returned, [0]);
    bench.tell({ type: 'close', peer: 1n, barred: false });
    assert.ok(bench.sole('lease').wanted > 0);
    assert.equal(bench.grant(0, 9, CHUNK).sole('fetch-range').length, 9 * CHUNK);
    assert.deepEqual(
      bench
        .pass(RETRY_PEER_MS)
        .said('connect')
        .map(({ peer }) => peer),
      [1n],
    );
  });

  it('tries it again however many others have come by themselves', () => {
    const size = 9 * CHUNK;
    const bench = new Bench({ verification: 'chunks' }).startChunks(9).seeders(size, 1n);
    for (let peer = 11n; peer < 19n; peer++) bench.holds(peer, size);
    bench.tell({ type: 'close', peer: 1n, barred: false });
    assert.deepEqual(bench.said('connect'), []);
    assert.equal(bench.pass(RETRY_PEER_MS).sole('connect').peer, 1n);
  });
});

describe('DownloadEngine with origins without ranges', () => {
  const whole = (bench: Bench, { range }: Of<'fetch-range'>, total: number | undefined) =>
    bench.tell({ type: 'range-head', range, offset: 0, end: total, total, ranged: false });

  it('goes on with an answer that is the whole file if it needs its start', () => {
    const bench = new Bench().start().partial(0, 9n).grant(0, 1, UNIT);
    const fetch = bench.sole('fetch-range');
    assert.deepEqual(whole(bench, fetch, SIZE).said('abort-range'), []);
    assert.ok(bench.data(fetch, SIZE).said('verify').length === 1);
  });

  it('asks for the whole file if nobody else fetches it, and waits for others if they are there', () => {
    for (const others of [[], [9n]]) {
      const bench = new Bench()
        .start()
        .partial(0, ...others)
        .grant(2, 1, UNIT);
      whole(bench, bench.sole('fetch-range'), SIZE);
      assert.equal(bench.said('abort-range').length, 1);
      assert.deepEqual(bench.said('fetch-range'), []);
      bench.grant(0, 0, UNIT);
      // Who has the first part may have come since it was asked who is there.
      assert.equal(bench.said('ask').length, others.length === 0 ? 1 : 0);
      bench.pass(100);
      const asked = bench.grant(0, 1, UNIT).said('fetch-range');
      assert.deepEqual(
        asked.map(({ offset, length }) => [offset, length]),
        [[0, undefined]],
      );
    }
  });

  /** Was lent another part than the first, which the origin answered with the whole; 9n has nothing yet. */
  const waiting = () => {
    const bench = new Bench({ verification: 'chunks' }).startChunks(9);
    bench.partial(0, 9n).grant(2, 1, CHUNK);
    const { range } = bench.sole('fetch-range');
    const total = 9 * CHUNK;
    bench.tell({ type: 'range-head', range, offset: 0, end: total, total, ranged: false });
    assert.deepEqual(bench.said('fetch-range'), []);
    return bench;
  };
  const isFirstAsked = ({ wanted, needed }: Of<'lease'>) =>
    wanted > 0 && needed?.[0] === 0x80 && needed[1] === 0;

  it('fetches the whole when it is lent the first part, which stays lent until all has come', () => {
    const bench = waiting();
    assert.ok(bench.said('lease').some(isFirstAsked));
    const fetch = bench.grant(0, 1, CHUNK).sole('fetch-range');
    assert.deepEqual([fetch.offset, fetch.length], [0, undefined]);
    bench.head(fetch, 9 * CHUNK).data(fetch, 8 * CHUNK);
    for (let chunk = 0; chunk < 8; chunk++) bench.checked(chunk, undefined);
    const reported = bench.pass(CONFIRM_MS).said('lease');
    assert.deepEqual(
      reported.flatMap(({ fetched, returned }) => [...fetched, ...returned]),
      [1, 2, 3, 4, 5, 6, 7],
    );
    assert.deepEqual(bench.data(fetch, CHUNK).ended(fetch).sole('lease').fetched, [0]);
  });

  it('reports a large whole that comes at once in messages that the tracker takes', () => {
    const count = 17_000;
    const bench = new Bench({ verification: 'chunks' }).startChunks(count);
    const fetch = bench.tell({ type: 'tracker', reach: 'away' }).sole('fetch-range');
    const [{ range }, end] = [fetch, count * CHUNK];
    const answer = { offset: 0, end, total: end, ranged: false, isWhole: true };
    bench.tell({ type: 'range-head', range, ...answer }).data(fetch, end);
    const chunks = Array.from({ length: count }, (_, chunk) => chunk);
    const checked = chunks.map((chunk) => ({ type: 'checked', chunk, peer: undefined, ok: true }));
    const reports = bench.tell(...(checked as EngineEvent[])).said('lease');
    assert.deepEqual(
      reports.flatMap(({ fetched }) => fetched),
      chunks.slice(1),
    );
    for (const { fetched } of reports) assert.ok(fetched.length <= MAX_CHUNKS / 4);
  });

  it('waits for nobody where nobody is, though it is not said how long the whole is', () => {
    const bench = new Bench().start().partial(0).grant(2, 1, UNIT);
    whole(bench, bench.sole('fetch-range'), undefined);
    assert.ok(bench.said('lease').some(({ wanted }) => wanted > 0));
    const { offset, length } = bench.grant(3, 1, UNIT).sole('fetch-range');
    assert.deepEqual([offset, length], [0, undefined]);
  });

  it('goes on alone with the whole when others come, where nothing says that there are ranges', () => {
    for (const isWhole of [true, false]) {
      const bench = new Bench({ verification: 'chunks' }).startChunks(40);
      const total = 40 * CHUNK;
      const fetch = bench.tell({ type: 'tracker', reach: 'away' }).sole('fetch-range');
      const head = {
        type: 'range-head',
        range: fetch.range,
        offset: 0,
        end: total,
        total,
      } as const;
      bench.tell({ ...head, ranged: false, isWhole });
      for (let s = 0; s < 4; s++) bench.pass(1_000).data(fetch, CHUNK);
      bench.tell({ type: 'tracker', reach: 'there' }).partial(total, 9n);
      assert.equal(bench.said('abort-range').length, isWhole ? 0 : 1);
      // It takes the first part on lease, so that others leave it to this one.
      if (isWhole) assert.ok(bench.said('lease').some(isFirstAsked));
    }
  });

  it('leaves it to who was lent that, as long as it passes on what comes', () => {
    const bench = waiting().grant(0, 0, CHUNK).connected(9n);
    for (let chunk = 0; chunk < 9; chunk++) {
      bench.holds(9n, 9 * CHUNK, ...Array.from({ length: chunk + 1 }, (_, i) => i));
      assert.deepEqual(bench.pass(1_000).said('fetch-range'), []);
      bench.deliver(9n, chunk).checked(chunk, 9n).grant(0, 0, CHUNK);
    }
    assert.equal(bench.engine.ended, true);
  });

  it('waits no longer for who was lent that than for any other, as long as it reaches nobody', () => {
    for (const isReached of [true, false]) {
      const bench = waiting().grant(0, 0, CHUNK);
      if (isReached) bench.connected(9n);
      const fetches: unknown[] = [];
      for (let ms = 100; ms < 2 * STALL_PATIENCE_MS; ms += 100) {
        fetches.push(...bench.pass(100).said('fetch-range'));
        if (bench.said('lease').some(isFirstAsked)) bench.grant(0, 0, CHUNK);
        fetches.push(...bench.said('fetch-range'));
      }
      assert.equal(fetches.length > 0, !isReached);
    }
  });

  it('asks again at once when somebody leaves, who may have been that one', () => {
    const bench = waiting().grant(0, 0, CHUNK).connected(9n);
    assert.deepEqual(bench.said('lease'), []);
    assert.ok(
      bench.tell({ type: 'close', peer: 9n, barred: false }).said('lease').some(isFirstAsked),
    );
  });

  it('asks for the whole file where ranges are refused, of no use, or hide the size', () => {
    const bench = () => new Bench().start().partial(0).grant(0, 1, UNIT);
    const refused = bench();
    refused.ended(refused.sole('fetch-range'), 'no-ranges');
    assert.equal(refused.sole('fetch-range').length, undefined);
    const beyond = bench();
    beyond.ended(beyond.sole('fetch-range'), 'beyond');
    assert.equal(beyond.sole('fetch-range').length, undefined);
    const hidden = bench();
    hidden.head(hidden.sole('fetch-range'), undefined);
    assert.equal(hidden.sole('fetch-range').length, undefined);
    const cut = new Bench({ verification: 'chunks' }).startChunks(9).partial(0).grant(0, 1, CHUNK);
    const fetch = cut.sole('fetch-range');
    const { range } = fetch;
    cut.tell({ type: 'range-head', range, offset: 0, end: 9, total: 9 * CHUNK, ranged: true });
    cut.data(fetch, 9).ended(fetch);
    assert.equal(cut.sole('fetch-range').length, undefined);
  });
});
