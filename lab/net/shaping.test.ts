import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { checkOptions, netem, sentBytes, shape } from './shaping.ts';

describe('shaping', () => {
  it('speaks of netem so that tc understands, whether the kernel has it or not', () => {
    for (const args of [
      netem({ delayMs: 12.5, loss: 0 }, undefined),
      netem({ delayMs: 0, loss: 0.02 }, 65536),
      netem({ delayMs: 1e3 / 3, loss: 1 / 3 }, 65536),
    ]) {
      // No such device: only what tc itself complains about comes before that.
      const line = `qdisc add dev zf-no-device root ${args}`;
      const { stderr } = spawnSync('tc', line.split(' '), { encoding: 'utf8' });
      assert.equal(stderr.trim(), 'Cannot find device "zf-no-device"', line);
    }
  });

  it('puts netem in the place of the queue, as long as the link and the delay need', () => {
    const impairment = { delayMs: 100, loss: 0.01 };
    const lines = shape('eth0', 1e6, 'dst', '10.77.1.1', impairment);
    // (0.5 s + 0.1 s) of 1 MB/s, in packets of 512 bytes.
    const leaf = 'parent 1:10 handle 10: netem limit 1172 delay 100ms loss 1%';
    assert.ok(lines.includes(`qdisc add dev eth0 ${leaf}`), lines.join('\n'));
  });

  it('reads what has left of what tc shows', () => {
    const shown = `class htb 1:10 root leaf 10: prio 0 rate 524288bit ceil 524288bit burst 1514b
 Sent 1234567 bytes 900 pkt (dropped 3, overlimits 4 requeues 0)
 backlog 0b 0p requeues 0
class htb 1:20 root leaf 20: prio 0 rate 32Gbit ceil 32Gbit burst 0b cburst 0b
 Sent 99 bytes 1 pkt (dropped 0, overlimits 0 requeues 0)`;
    assert.equal(sentBytes(shown), 1234567);
    assert.throws(() => sentBytes(''), /tc shows no counter/);
  });

  it('refuses limits that are not numbers', () => {
    assert.throws(() => checkOptions('a', { upBytesPerSecond: Number.NaN }), /is NaN/);
    assert.throws(() => checkOptions('a', { rttMs: -1 }), /rttMs is -1, it must be from 0/);
    checkOptions('a', { upBytesPerSecond: 65536, rttMs: 0, loss: 0 });
  });
});
