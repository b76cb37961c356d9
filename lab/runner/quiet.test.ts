import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Busy, processorTimes, quiet } from './quiet.ts';

/** A machine that was so busy at each look, in per cent, and after them as at the last. */
function machine(...shares: readonly number[]) {
  const seen: Busy[] = [{ busy: 1000, idle: 1000 }];
  let looks = 0;
  const read = () => {
    const { busy, idle } = seen.at(-1) as Busy;
    const share = shares[Math.min(looks++, shares.length) - 1] ?? (shares.at(-1) as number);
    seen.push({ busy: busy + share, idle: idle + 100 - share });
    return seen.at(-1) as Busy;
  };
  return { read, looks: () => looks };
}

describe('Waiting until the machine is quiet', () => {
  it('lasts until it was so at two looks in a row', async () => {
    const { read, looks } = machine(100, 90, 3, 60, 25, 5, 100);
    assert.equal(await quiet(15_000, read), true);
    assert.equal(looks(), 7, 'the first to compare with, then six');
  });

  it('ends on a machine that is never so, and says that', async () => {
    assert.equal(await quiet(500, machine(80).read), false);
    assert.equal(await quiet(0, machine(0).read), false);
  });

  it('looks at what this machine really does', async () => {
    const before = processorTimes();
    for (const end = performance.now() + 500; performance.now() < end; );
    const spun = processorTimes();
    // Other processors may be idle or busy meanwhile, one was not.
    assert.ok(spun.busy - before.busy >= 200, `${spun.busy - before.busy} ms`);
    await sleep(300);
    const { busy, idle } = processorTimes();
    assert.ok(busy + idle - spun.busy - spun.idle >= 200, 'idle or not, time passes');
  });
});
