import assert from 'node:assert/strict';
import { Bench, CHUNK } from '../../test-support/engine/bench.ts';
import { Origin } from './origin.ts';
import type { Reader } from './reading.ts';
import {
  ASK_PATIENCE_MS,
  GIVE_UP_MS,
  MAX_ORIGIN_FAILURES,
  MAX_WINDOW_BYTES,
  READ_STEP_BYTES,
  READ_WINDOW_BYTES,
  REFRESH_MS,
  STALL_PATIENCE_MS,
} from './tuning.ts';

const chunks = (origin: boolean) => new Bench({ origin, verification: 'chunks' });
const ALL = Number.POSITIVE_INFINITY;
/** Chunks that are read in order, and those of a step. */
const [WINDOW, STEP] = [READ_WINDOW_BYTES / CHUNK, READ_STEP_BYTES / CHUNK];
/** More than a reader is given in advance. */
const MANY = 4 * STEP;

describe('DownloadEngine that is read from', () => {
  const reads = (bench: Bench, from: number, to: number, isAll = false, isWaiting = true) => {
    const reader: Reader = { offset: from * CHUNK, end: to * CHUNK, isWaiting };
    return bench.tell({ type: 'read', readers: [reader], isAll });
  };
  const asked = (bench: Bench) => bench.said('request').map(({ chunk }) => chunk);
  /** A reader of a content of so many chunks, before anybody is there. */
  const begin = (bench: Bench, count: number, from = 0, to = ALL, isAll = false) => {
    reads(bench.start(), from, to, isAll);
    bench.tell({
      type: 'layout',
      layout: { size: count * CHUNK, chunkSize: CHUNK, count },
    });
    return bench;
  };
  const seeder = (bench: Bench, count: number) => bench.seeders(count * CHUNK, 1n).connected(1n);
  /** The peer sends all it is asked for; in which order. */
  const drain = (bench: Bench, limit = ALL) => {
    const given: number[] = [];
    for (let next = asked(bench); next.length > 0 && given.length < limit; next = asked(bench)) {
      const effects = [];
      for (const chunk of next) {
        given.push(chunk);
        effects.push(...bench.deliver(1n, chunk).effects, ...bench.checked(chunk, 1n).effects);
      }
      bench.effects = effects;
    }
    return given;
  };

  it('asks for what is read next, in order', () => {
    const bench = seeder(begin(chunks(false), 20, 5), 20);
    assert.deepEqual(
      drain(bench),
      [...Array(15).keys()].map((i) => i + 5),
    );
  });

  it('asks for what is beyond the window by chance, and for nothing beyond what is read in advance', () => {
    const bench = begin(chunks(false), MANY, 2);
    reads(bench, 2, ALL, false, false);
    const given = drain(seeder(bench, MANY));
    const all = [...Array(2 * STEP - 2).keys()].map((i) => i + 2);
    assert.deepEqual(given.slice(0, WINDOW), all.slice(0, WINDOW));
    assert.notDeepEqual(given.slice(0, STEP), all.slice(0, STEP));
    assert.deepEqual(
      [...given].sort((a, b) => a - b),
      all,
    );
  });

  it('asks in order for more where the reader waits', () => {
    const given = drain(seeder(begin(chunks(false), MANY, 2), MANY));
    const all = [...Array(STEP).keys()].map((i) => i + 2);
    assert.deepEqual(given.slice(0, STEP), all);
  });

  it('fetches more in steps, not with every chunk that is read', () => {
    const bench = seeder(begin(chunks(false), MANY), MANY);
    assert.equal(drain(bench).length, 2 * STEP);
    reads(bench, STEP - 1, ALL, false, false);
    assert.deepEqual(asked(bench), []);
    reads(bench, STEP, ALL, false, false);
    assert.equal(drain(bench).length, STEP);
  });

  it('fetches no more of a range than that', () => {
    const bench = seeder(begin(chunks(false), 100, 40, 43), 100);
    assert.deepEqual(drain(bench), [40, 41, 42]);
  });

  it('fetches all where somebody wants all, what is read first of it', () => {
    const bench = seeder(begin(chunks(false), 40, 30, ALL, true), 40);
    const given = drain(bench);
    assert.deepEqual(
      given.slice(0, 10),
      [...Array(10).keys()].map((i) => i + 30),
    );
    assert.equal(given.length, 40);
    assert.equal(bench.said('complete').length, 1);
  });

  it('asks for what a reader waits for before what others, who may have left, read next', () => {
    const bench = chunks(false).start();
    const left = [0, 1, 2].map((i) => ({ offset: i * STEP * CHUNK, end: ALL, isWaiting: false }));
    const waits = { offset: 3 * STEP * CHUNK, end: ALL, isWaiting: true };
    bench.tell({ type: 'read', readers: [...left, waits], isAll: false });
    bench.tell({ type: 'layout', layout: { size: MANY * CHUNK, chunkSize: CHUNK, count: MANY } });
    const given = drain(seeder(bench, MANY), STEP / 2).slice(0, STEP / 2);
    assert.deepEqual(
      given,
      [...given.keys()].map((i) => i + 3 * STEP),
    );
  });

  it('leaves a range of which another reader waits for some', () => {
    const bench = begin(chunks(true), MANY, 0);
    bench.tell({ type: 'tracker', reach: 'missing' });
    const range = bench.sole('fetch-range');
    bench.head(range, MANY * CHUNK).data(range, CHUNK);
    const readers = [1, 3 * STEP].map((at) => ({ offset: at * CHUNK, end: ALL, isWaiting: true }));
    bench.tell({ type: 'read', readers, isAll: false });
    assert.deepEqual(bench.said('abort-range'), []);
  });

  it('asks an origin again that had failed for good before a pause', () => {
    const bench = begin(chunks(true), MANY, 3);
    bench.seeders(MANY * CHUNK, 1n).connected(1n);
    // The peer gives everything but what is waited for, so the origin is asked for that, and fails.
    const left: number[] = [];
    let failures = 0;
    const hear = () => {
      left.push(...asked(bench));
      const ranges = bench.said('fetch-range');
      for (const range of ranges) {
        failures++;
        bench.ended(range, 'failed');
        hear();
      }
    };
    hear();
    for (let i = 0; i < 400 && failures < MAX_ORIGIN_FAILURES; i++) {
      const at = left.findIndex((chunk) => chunk !== 3);
      const [chunk] = at < 0 ? [] : left.splice(at, 1);
      if (chunk !== undefined) {
        bench.deliver(1n, chunk);
        hear();
        bench.checked(chunk, 1n);
        hear();
      }
      bench.pass(200);
      hear();
    }
    assert.equal(failures, MAX_ORIGIN_FAILURES);
    for (let chunk = left.shift(); chunk !== undefined; chunk = left.shift()) {
      bench.deliver(1n, chunk);
      hear();
      bench.checked(chunk, 1n);
      hear();
    }
    bench.pass(3_600_000).tell({ type: 'close', peer: 1n, barred: false });
    reads(bench, 3 * STEP, ALL);
    const effects = [...bench.effects, ...bench.tell({ type: 'holders', holders: [] }).effects];
    effects.push(...bench.pass(STALL_PATIENCE_MS).effects);
    assert.ok(effects.some(({ type }) => type === 'fetch-range'));
    assert.equal(bench.engine.ended, false);
  });

  it('never asks one again that gave wrong bytes', () => {
    const origin = new Origin(true, () => {});
    for (const fresh of [false, true]) origin.mistrust(fresh);
    origin.askAgain();
    assert.equal(origin.phase, 'failed');
  });

  it('takes back what nobody has begun to send when a reader goes elsewhere, and asks for that', () => {
    const bench = seeder(begin(chunks(false), MANY), MANY);
    const before = asked(bench);
    bench.tell({ type: 'fragment', peer: 1n, chunk: 0, offset: 0, length: 1 });
    reads(bench, STEP + 1, ALL);
    assert.deepEqual(
      bench.said('cancel').map(({ chunk }) => chunk),
      before.filter((chunk) => chunk !== 0),
    );
    assert.equal(asked(bench)[0], STEP + 1);
  });

  it('leaves what it asked for as a reader reads on', () => {
    const bench = seeder(begin(chunks(false), MANY), MANY);
    reads(bench, 1, ALL);
    assert.deepEqual(bench.said('cancel'), []);
  });

  it('takes everything back when nobody reads any more, and asks for nothing', () => {
    const bench = seeder(begin(chunks(false), MANY), MANY);
    const before = asked(bench);
    bench.tell({ type: 'read', readers: [], isAll: false });
    assert.equal(bench.said('cancel').length, before.length);
    assert.deepEqual(asked(bench), []);
    assert.deepEqual(bench.pass(REFRESH_MS).said('request'), []);
  });

  it('neither fails nor asks the tracker while it has all that is wanted, and goes on after that', () => {
    const bench = seeder(begin(chunks(false), 10, 0, 4), 10);
    drain(bench);
    bench.tell({ type: 'close', peer: 1n, barred: false });
    bench.pass(10 * GIVE_UP_MS);
    assert.deepEqual([...bench.said('ask'), ...bench.said('fail')], []);
    reads(bench, 4, ALL);
    assert.equal(bench.said('ask').length, 1);
    assert.deepEqual(bench.said('fail'), []);
    bench.seeders(10 * CHUNK, 1n).connected(1n);
    assert.deepEqual(drain(bench), [4, 5, 6, 7, 8, 9]);
    assert.equal(bench.engine.ended, true);
  });

  it('fails when what is read next is nowhere', () => {
    const bench = begin(chunks(false), 10, 0, 4);
    bench.seeders(10 * CHUNK);
    assert.equal(bench.sole('fail').reason, 'no-source');
  });

  it('gives peers their time anew before the origin is asked, when more is wanted after a pause', () => {
    const bench = seeder(begin(chunks(true), 10, 0, 4), 10);
    drain(bench);
    bench.pass(10 * STALL_PATIENCE_MS);
    reads(bench, 4, ALL);
    assert.deepEqual(bench.said('fetch-range'), []);
    assert.ok(asked(bench).length > 0);
  });

  it('asks the origin for a chunk that a reader has waited for too long, though others come', () => {
    const bench = begin(chunks(true), 64, 3);
    bench.seeders(64 * CHUNK, 1n).connected(1n);
    // It gives everything else.
    const fetched: number[] = [];
    for (let i = 0; i < 60 && fetched.length === 0; i++) {
      for (const chunk of asked(bench)
        .filter((one) => one !== 3)
        .slice(0, 1))
        bench.deliver(1n, chunk).checked(chunk, 1n);
      fetched.push(
        ...bench
          .pass(STALL_PATIENCE_MS / 16)
          .said('fetch-range')
          .map((r) => r.offset),
      );
    }
    assert.equal(fetched[0], 3 * CHUNK);
  });

  it('asks a peer for what is read next and the origin does not send, before what is read later', () => {
    const bench = begin(chunks(true), MANY, 0).pass(ASK_PATIENCE_MS);
    const range = bench.said('fetch-range').at(-1)!;
    assert.equal(range.offset, 0);
    bench.head(range, MANY * CHUNK);
    seeder(bench, MANY);
    const others = new Set<number>();
    for (
      let left = asked(bench);
      others.size < STEP && !others.has(0);
      left.push(...asked(bench))
    ) {
      const chunk = left.shift()!;
      others.add(chunk);
      bench.deliver(1n, chunk);
      left.push(...asked(bench));
      bench.checked(chunk, 1n);
      left.push(...asked(bench));
      bench.pass(10);
    }
    assert.ok(others.has(0), 'it was not asked');
  });

  it('fetches from what is read on where nobody else is, and in order', () => {
    const bench = begin(chunks(true), MANY, STEP + 3);
    bench.tell({ type: 'tracker', reach: 'missing' });
    const { offset, length } = bench.sole('fetch-range');
    assert.equal(offset, (STEP + 3) * CHUNK);
    assert.ok(length! <= (2 * STEP - 3) * CHUNK, 'no more than is read in advance');
  });

  it('breaks off what the origin sends for elsewhere when a reader goes to what nobody has', () => {
    const bench = begin(chunks(true), MANY, 0);
    bench.tell({ type: 'tracker', reach: 'missing' });
    const range = bench.sole('fetch-range');
    bench.head(range, MANY * CHUNK).data(range, CHUNK);
    reads(bench, 2 * STEP + 1, ALL);
    assert.equal(bench.sole('abort-range').range, range.range);
    assert.equal(bench.sole('fetch-range').offset, (2 * STEP + 1) * CHUNK);
  });

  it('breaks off what the origin sends when nobody reads any more', () => {
    const bench = begin(chunks(true), MANY, 0);
    bench.tell({ type: 'tracker', reach: 'missing' });
    const range = bench.sole('fetch-range');
    bench.head(range, MANY * CHUNK).data(range, CHUNK);
    bench.tell({ type: 'read', readers: [], isAll: false });
    assert.equal(bench.sole('abort-range').range, range.range);
    assert.deepEqual(bench.said('fetch-range'), []);
    assert.equal(bench.engine.mayRest, true);
  });

  it('asks the tracker to lend what is read next', () => {
    const bench = begin(chunks(true), MANY, 7);
    const bits = bench.sole('lease').needed ?? [];
    const has = (chunk: number) => (bits[chunk >> 3]! & (0x80 >> (chunk & 7))) !== 0;
    const needed = [...Array(MANY).keys()].filter(has);
    assert.ok(needed.length > 0);
    assert.deepEqual(
      needed,
      [...Array(needed.length).keys()].map((i) => i + 7),
    );
  });

  it('wants all where the origin has no ranges, and cannot rest then', () => {
    const bench = begin(chunks(true), 10, 4, 6);
    bench.tell({ type: 'tracker', reach: 'missing' });
    const range = bench.sole('fetch-range');
    bench.ended(range, 'no-ranges');
    const whole = bench.said('fetch-range');
    assert.equal(whole.at(-1)?.length, undefined);
    assert.equal(bench.engine.mayRest, false);
  });

  it('wants all of what is verified as a whole', () => {
    const bench = new Bench();
    reads(bench.open(10 * CHUNK, 1n), 4, 6);
    assert.equal(bench.engine.mayRest, false);
    const given = new Set<number>();
    for (let i = 0; i < 100 && !bench.engine.ended && given.size < 10; i++)
      for (let chunk = 0; chunk < 10; chunk++)
        if (!given.has(chunk) && bench.deliver(1n, chunk)) given.add(chunk);
    assert.equal(bench.said('verify').length, 1);
  });

  it('never asks one peer for more at once than the window of a connection', () => {
    const bench = seeder(begin(chunks(false), MANY), MANY);
    assert.ok(asked(bench).length * CHUNK <= MAX_WINDOW_BYTES);
  });
});
