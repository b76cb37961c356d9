import assert from 'node:assert/strict';
import { Meter, SAMPLE_MS } from './meter.ts';

describe('Meter', () => {
  it('counts pauses by their length in the pace, and once in the rate', () => {
    const meter = new Meter();
    meter.begin();
    let now = 0;
    const add = (bytes: number, ms: number) => {
      now += ms;
      meter.add(bytes, now);
    };
    add(1, 0);
    // 100 bytes per ms for a chunk, then a second for the chunks of others.
    for (let chunk = 0; chunk < 5; chunk++) {
      if (chunk > 0) add(100, 1_000);
      for (let i = 0; i < 4; i++) add(100 * SAMPLE_MS, SAMPLE_MS);
    }
    const { rate = 0, pace = 0 } = meter;
    assert.ok(rate > 80, `${rate}`);
    assert.ok(pace < 70, `${pace}`);
    meter.add(100, now + 1_000);
    assert.ok((meter.rate ?? 0) > 50, `${meter.rate}`);
    assert.ok((meter.pace ?? 0) < 2, `${meter.pace}`);
  });

  it('says nothing of the first bytes after nothing was asked', () => {
    const meter = new Meter();
    meter.begin();
    meter.add(1_000_000, 0);
    assert.deepEqual([meter.rate, meter.pace], [undefined, undefined]);
    meter.add(100, SAMPLE_MS);
    assert.deepEqual([meter.rate, meter.pace], [100 / SAMPLE_MS, 100 / SAMPLE_MS]);
    meter.begin();
    meter.add(1_000_000, 10_000);
    assert.deepEqual([meter.rate, meter.pace], [100 / SAMPLE_MS, 100 / SAMPLE_MS]);
  });
});
