import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TokenBucket } from './token-bucket.ts';

describe('token bucket', () => {
  it('lets a burst through, then the rate', () => {
    const bucket = new TokenBucket(10, 5, 0);
    for (let i = 0; i < 5; i++) assert.equal(bucket.take(1, 0), 0);
    assert.equal(bucket.take(1, 0), 100);
    assert.equal(bucket.take(0, 50), 50);
    assert.equal(bucket.take(0, 100), 0);
    assert.equal(bucket.tryTake(1, 199), false);
    assert.equal(bucket.tryTake(1, 200), true);
    assert.equal(bucket.isFull(600), false);
    assert.equal(bucket.isFull(1_000), true);
    assert.equal(bucket.tryTake(6, 99_999), false);
  });

  it('never lets more through than a burst and the rate since it began', () => {
    const step = fc.record({ after: fc.nat(2_000), tokens: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 50 }), (steps, rate) => {
        const bucket = new TokenBucket(rate, 20, 0);
        let now = 0;
        let taken = 0;
        for (const { after, tokens } of steps) {
          now += after;
          if (bucket.tryTake(tokens, now)) taken += tokens;
          assert.ok(taken <= 20 + (now * rate) / 1_000 + 1e-6);
        }
      }),
    );
  });
});
