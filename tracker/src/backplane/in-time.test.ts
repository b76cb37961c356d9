import assert from 'node:assert/strict';
import { pass, timersByHand } from '../../test-support/timers.ts';
import { inTime } from './in-time.ts';

describe('inTime', () => {
  timersByHand();

  it('gives what comes in time, and fails as it does', async () => {
    assert.equal(await inTime(Promise.resolve(7), 1_000), 7);
    await assert.rejects(inTime(Promise.reject(new Error('Redis is away')), 1_000), /is away/);
  });

  it('fails when nothing comes', async () => {
    const failed = assert.rejects(inTime(new Promise(() => {}), 5), /no answer for 5 ms/);
    pass(5);
    await failed;
  });

  it('takes what has come while this process was busy', async () => {
    // As with a socket, it is read after all timers that are due.
    const answer = new Promise<number>((resolve) => setImmediate(resolve, 7));
    const came = inTime(answer, 20);
    pass(20);
    assert.equal(await came, 7);
  });
});
