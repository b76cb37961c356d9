import assert from 'node:assert/strict';
import type { Of } from '../../test-support/engine/bench.ts';
import { Bench, CHUNK } from '../../test-support/engine/bench.ts';
import { layoutOf } from './layout.ts';
import { STALL_PATIENCE_MS } from './tuning.ts';

const COUNT = 48;
const SIZE = COUNT * CHUNK;
/** Of the origin, in bytes per ms: alone it would take 0.8 s. */
const RATE = 1_000;

/**
 * A download of which others have all on lease, while a peer that seems to have all but one chunk says so again and again
 * and sends one now and then.
 * @param originRate what the script showed of the origin
 * @returns ms until all is there
 */
function held(originRate: number): number {
  const bench = new Bench({ verification: 'chunks' });
  const begun = bench.now;
  bench.tell({ type: 'start', originRate }, { type: 'layout', layout: layoutOf(SIZE, CHUNK) });
  const wanted = new Set<number>();
  const coming: { readonly fetch: Of<'fetch-range'>; readonly at: number }[] = [];
  let isComplete = false;
  /** Of the answer to a question, too. */
  const look = (): void => {
    const { effects } = bench;
    for (const effect of effects) {
      if (effect.type === 'request') wanted.add(effect.chunk);
      if (effect.type === 'cancel') wanted.delete(effect.chunk);
      if (effect.type === 'fetch-range')
        coming.push({ fetch: effect, at: bench.now + (effect.length ?? SIZE) / RATE });
      if (effect.type === 'complete') isComplete = true;
    }
    for (const effect of effects) {
      if (effect.type === 'check') follow(() => bench.checked(effect.chunk, effect.peer));
      if (effect.type === 'lease' && effect.wanted > 0) follow(() => bench.grant(0, 0, CHUNK));
    }
  };
  const follow = (act: () => unknown) => {
    act();
    look();
  };
  look();
  follow(() => bench.partial(SIZE, 1n));
  follow(() => bench.connected(1n));
  const chunks = Array.from({ length: COUNT - 1 }, (_, chunk) => chunk);
  follow(() => bench.holds(1n, SIZE, ...chunks));
  for (let tick = 1; !isComplete; tick++) {
    assert.ok(bench.now < begun + 120_000, 'it waits for ever');
    follow(() => bench.pass(100));
    for (const done of coming.filter(({ at }) => at <= bench.now)) {
      coming.splice(coming.indexOf(done), 1);
      follow(() => bench.serve(done.fetch, SIZE));
    }
    const [chunk] = wanted;
    if (tick % 39 === 0 && chunk !== undefined) {
      wanted.delete(chunk);
      follow(() => bench.deliver(1n, chunk));
    }
    if (tick % 20 === 0) follow(() => bench.tell({ type: 'got', peer: 1n, chunks: [0] }));
  }
  return bench.now - begun;
}

describe('a download whose origin others seem to be asking', () => {
  for (const [rate, what] of [
    [0, 'is not known'],
    [RATE, 'was shown by the script'],
  ] as const)
    it(`turns to it where the rate ${what}, whatever peers say and however seldom they give something`, () => {
      const ms = held(rate);
      // Not before it has had its time, else a crowd would do so.
      assert.ok(ms > STALL_PATIENCE_MS, `${ms} ms`);
      assert.ok(ms < 3 * STALL_PATIENCE_MS, `${ms} ms`);
    });
});
