import assert from 'node:assert/strict';
import { Alarm } from './alarm.ts';
import { TestUplink } from './test-uplink.ts';

describe('Alarm', () => {
  it('rings at the earliest time it was set to, once, and can be set anew then', async () => {
    const clock = new TestUplink();
    const rung: number[] = [];
    const alarm = new Alarm(clock.platform, () => {
      rung.push(clock.now);
      if (rung.length === 1) alarm.set(100);
    });
    for (const at of [50, 30, 60, Number.POSITIVE_INFINITY]) alarm.set(at);
    assert.equal(clock.timers, 1);
    await clock.run(200);
    assert.deepEqual(rung, [30, 100]);
    assert.equal(clock.timers, 0);
  });

  it('does not ring when it is cleared, until it is set again', async () => {
    const clock = new TestUplink();
    const rung: number[] = [];
    const alarm = new Alarm(clock.platform, () => rung.push(clock.now));
    alarm.set(10);
    alarm.clear();
    assert.equal(clock.timers, 0);
    await clock.run(20);
    alarm.set(0);
    await clock.run(5);
    assert.deepEqual(rung, [25]);
  });
});
