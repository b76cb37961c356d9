import assert from 'node:assert/strict';
import { inTime } from './in-time.ts';

describe('inTime', () => {
  it('gives what comes in time, and fails as it does', async () => {
    assert.equal(await inTime(Promise.resolve(7), 1_000), 7);
    await assert.rejects(inTime(Promise.reject(new Error('Redis is away')), 1_000), /is away/);
  });

  it('fails when nothing comes', async () => {
    await assert.rejects(inTime(new Promise(() => {}), 5), /no answer for 5 ms/);
  });

  it('takes what has come while this process was busy', async () => {
    const answer = new Promise<number>((resolve) => {
      setImmediate(() => {
        const until = performance.now() + 40;
        while (performance.now() < until);
        // As with a socket, it is read after all timers that are due.
        setImmediate(resolve, 7);
      });
    });
    assert.equal(await inTime(answer, 20), 7);
  });
});
