import assert from 'node:assert/strict';
import { Bench, CHUNK } from '../../test-support/engine/bench.ts';
import { GIVE_UP_MS, SEEDER_PATIENCE_MS, TURN_MS } from './tuning.ts';
import type { Effect } from './types.ts';

const SIZE = 4 * CHUNK;
const HONEST = [101n, 102n];
/** They send a byte each in every such time, in ms: no request of theirs is ever silent. */
const DRIP_MS = 2_500;

/** Runs a download without an origin until it ends, or so long, among those who drip and honest ones who send at once. */
function run(bench: Bench, mostMs: number): Effect['type'] | 'nothing' {
  const open = new Map<bigint, Map<number, number>>();
  let end: Effect['type'] | 'nothing' = 'nothing';
  const follow = (act: () => unknown): void => {
    act();
    for (const effect of [...bench.effects])
      switch (effect.type) {
        case 'request':
          if (HONEST.includes(effect.peer)) follow(() => bench.deliver(effect.peer, effect.chunk));
          else open.set(effect.peer, (open.get(effect.peer) ?? new Map()).set(effect.chunk, 0));
          break;
        case 'cancel':
          open.get(effect.peer)?.delete(effect.chunk);
          break;
        case 'connect':
          follow(() => bench.connected(effect.peer));
          break;
        case 'verify':
          follow(() => bench.verified(true));
          break;
        case 'complete':
        case 'fail':
          end = effect.type;
      }
  };
  follow(() => {});
  const until = bench.now + mostMs;
  while (end === 'nothing' && bench.now < until) {
    follow(() => bench.pass(DRIP_MS));
    for (const [peer, requests] of open) {
      const [next] = requests;
      if (!next) continue;
      const [chunk, offset] = next;
      requests.set(chunk, offset + 1);
      follow(() => bench.tell({ type: 'fragment', peer, chunk, offset, length: 1 }));
    }
  }
  return end;
}

describe('DownloadEngine without an origin, among peers that send a byte now and then', () => {
  const drippers = Array.from({ length: 8 }, (_, i) => BigInt(i + 1));

  it('leaves a size that only they claim', () => {
    const bench = new Bench({ origin: false }).start().seeders(SIZE - 1, ...drippers);
    bench.seeders(SIZE, ...HONEST).pass(0);
    assert.equal(bench.engine.layout?.size, SIZE - 1);
    assert.equal(run(bench, 60_000), 'complete');
    assert.equal(bench.engine.layout?.size, SIZE);
  });

  it('stays with a size whose holders are slow, though another is claimed', () => {
    const bench = new Bench({ origin: false })
      .start()
      .seeders(SIZE, 1n, 2n)
      .seeders(SIZE + 1, 3n);
    bench.connected(1n);
    const [chunk] = bench.said('request').map((request) => request.chunk);
    // 1.5 KB/s: a chunk takes 11 s.
    for (let offset = 0; offset < CHUNK - 1_536; offset += 1_536)
      bench.pass(1_024).tell({ type: 'fragment', peer: 1n, chunk: chunk!, offset, length: 1_536 });
    assert.deepEqual(bench.said('lay-out'), []);
    assert.equal(bench.engine.layout?.size, SIZE);
  });

  it('gives each a turn, after a liar, and not for ever', () => {
    const bench = new Bench({ origin: false }).start().seeders(SIZE, 99n).connected(99n);
    for (const chunk of [0, 1, 2, 3]) bench.deliver(99n, chunk);
    bench.seeders(SIZE, ...drippers, ...HONEST).verified(false);
    assert.equal(run(bench, (drippers.length + 1) * (TURN_MS + DRIP_MS)), 'complete');
  });

  it('gives up where there is nobody else', () => {
    const bench = new Bench({ origin: false }).start().seeders(SIZE, ...drippers);
    assert.equal(run(bench, 4 * GIVE_UP_MS), 'fail');
  });
});

describe('DownloadEngine with complete holders that give nothing', () => {
  /** When the origin is asked, in ms from the start, while one connects after each of these times. */
  function asked(openAfter: readonly number[]): number {
    const bench = new Bench({ verification: 'chunks' }).startChunks(4).grant(0, 0, CHUNK);
    const start = bench.now;
    bench.seeders(SIZE, ...openAfter.map((_, i) => BigInt(i + 1)));
    for (const [i, after] of openAfter.entries()) {
      const leased = bench.pass(start + after - bench.now).said('fetch-range');
      if (leased.length > 0) return bench.now - start;
      bench.connected(BigInt(i + 1));
    }
    while (bench.pass(10).said('fetch-range').length === 0)
      for (const _ of bench.said('lease')) bench.grant(0, 0, CHUNK);
    return bench.now - start;
  }

  it('turns to the origin soon, however many of them come', () => {
    const two = asked([100, 200]);
    assert.ok(two >= 200 + SEEDER_PATIENCE_MS, `${two} ms`);
    assert.equal(asked([100, 200, 1_000, 1_900]), two);
  });
});
