import assert from 'node:assert/strict';
import fc from 'fast-check';
import { OVERLOAD_AFTER_MS, OVERLOAD_DELAY_MS, OVERLOAD_STEP_MS } from '../limits.ts';
import { Overload } from './overload.ts';

/** Samples of one delay for so long. */
function feed(overload: Overload, delayMs: number, forMs: number): void {
  for (let ms = 0; ms < forMs; ms += 100) overload.sample(delayMs, 100);
}

describe('overload', () => {
  it('needs the event loop to be late for a while, and well for a while', () => {
    const overload = new Overload();
    feed(overload, OVERLOAD_DELAY_MS, OVERLOAD_AFTER_MS - 100);
    assert.equal(overload.isOverloaded, false);
    feed(overload, OVERLOAD_DELAY_MS, 100);
    assert.equal(overload.isOverloaded, true);
    feed(overload, 0, OVERLOAD_AFTER_MS - 100);
    assert.equal(overload.isOverloaded, true);
    feed(overload, 0, 100);
    assert.equal(overload.isOverloaded, false);
  });

  it('changes nothing between late and well', () => {
    const between = OVERLOAD_DELAY_MS / 2;
    const overload = new Overload();
    feed(overload, between, 10 * OVERLOAD_AFTER_MS);
    assert.equal(overload.isOverloaded, false);
    feed(overload, OVERLOAD_DELAY_MS, OVERLOAD_AFTER_MS);
    feed(overload, between, 10 * OVERLOAD_AFTER_MS);
    assert.equal(overload.isOverloaded, true);
    feed(overload, 0, OVERLOAD_AFTER_MS);
    assert.equal(overload.isOverloaded, false);
  });

  it('does not mind pauses that are soon over, however long', () => {
    const overload = new Overload();
    for (let n = 0; n < 100; n++) {
      overload.sample(60_000, 60_100);
      feed(overload, 0, OVERLOAD_STEP_MS);
    }
    assert.equal(overload.isOverloaded, false);
  });

  it('is not healed by single good moments, nor made ill by single bad ones', () => {
    const overload = new Overload();
    for (let n = 0; n < 100; n++) {
      feed(overload, 2 * OVERLOAD_DELAY_MS, 500);
      feed(overload, 0, 100);
    }
    assert.equal(overload.isOverloaded, true);
    for (let n = 0; n < 100; n++) {
      feed(overload, 0, 500);
      feed(overload, 2 * OVERLOAD_DELAY_MS, 100);
    }
    assert.equal(overload.isOverloaded, false);
  });

  it('cannot change twice within less time than it is told, whatever the delays', () => {
    const samples = fc.array(fc.tuple(fc.nat({ max: 600 }), fc.nat({ max: 3_000 })), {
      minLength: 100,
      maxLength: 300,
    });
    fc.assert(
      fc.property(samples, (all) => {
        const overload = new Overload();
        let was = false;
        let passed = 0;
        for (const [delayMs, sinceMs] of all) {
          overload.sample(delayMs, sinceMs);
          passed += sinceMs;
          if (overload.isOverloaded === was) continue;
          was = overload.isOverloaded;
          assert.ok(passed >= OVERLOAD_AFTER_MS, `changed after ${passed} ms`);
          passed = 0;
        }
      }),
    );
  });
});
