import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNet } from '../net/index.ts';
import { sender } from '../net/net-test-tools.ts';
import { steady } from './steady.ts';

describe('A counter that is read until it is steady', () => {
  it('is read again as long as it changes, and after pauses that are short', async () => {
    // Each value is seen twice: two looks alike are no proof.
    const values = [1, 1, 2, 2, 3, 3, 7];
    let looks = 0;
    const read = async () => values[Math.min(looks++, values.length - 1)] as number;
    assert.deepEqual(await steady(read, 200, 15_000), { value: 7, steady: true });
  });

  it('is taken as it is when it never ends, and said to be so', async () => {
    let looks = 0;
    const { value, steady: ended } = await steady(async () => ++looks, 100, 300);
    assert.equal(ended, false);
    assert.equal(value, looks);
  });

  it('has counted what was still queued on a real link when it was first looked at', async () => {
    const net = await createNet({ shaper: 'proxy' });
    try {
      const host = await net.host('origin', { upBytesPerSecond: 200_000 });
      const at = await host.expose(await sender(host, 200_000));
      const response = fetchBytes(at);
      while ((await host.counters()).upBytes === 0) await sleep(5);
      const read = async () => (await host.counters()).upBytes;
      const early = await read();
      assert.ok(early < 200_000, `all had passed at the first look: ${early}`);
      assert.deepEqual(await steady(read, 300, 15_000), { value: 200_000, steady: true });
      assert.equal(await response, 200_000);
    } finally {
      await net.close();
    }
  });
});

async function fetchBytes({ host, port }: { host: string; port: number }): Promise<number> {
  let bytes = 0;
  for await (const data of connect(port, host)) bytes += (data as Buffer).length;
  return bytes;
}
