import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { cpuBetween, cpuNow, kindOf, meanCpu } from './cpu.ts';

describe('Processor time', () => {
  it('is that of children and their children, by role and kind, and of no one else', async () => {
    if (process.platform !== 'linux') assert.fail('this test needs /proc: run it on Linux');
    // When it is told to, and as much as it wants, not as a busy machine lets it in some time.
    const burn = `require("fs").readSync(3, Buffer.alloc(1));
      const end = process.cpuUsage().user + 400_000;
      while (process.cpuUsage().user < end);
      console.log("done");`;
    // A shell whose child computes, as a chromedriver's browser does.
    const shell = spawn(
      'sh',
      ['-c', `"${process.execPath}" -e '${burn} setInterval(() => {}, 9)' & wait`],
      {
        detached: true,
        stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
      },
    );
    try {
      const before = await cpuNow();
      (shell.stdio[3] as Writable).write('.');
      await once(shell.stdout!, 'data');
      const after = await cpuNow();
      const seen = cpuBetween(before, after, new Map());
      assert.ok((seen?.kinds.driver?.user ?? 0) > 0.1, JSON.stringify(seen));
      assert.ok(seen!.machine.busy >= 0.1 && seen!.wallMs > 0);
      const strange = cpuBetween(
        before,
        {
          ...after!,
          processes: new Map([...after!.processes].filter(([pid]) => pid !== shell.pid)),
        },
        new Map(),
      );
      assert.ok((strange?.kinds.others?.user ?? 0) > 0.1, JSON.stringify(strange));
    } finally {
      process.kill(-shell.pid!, 'SIGKILL');
    }
  });

  it('tells the processes of a browser apart, and the servers', () => {
    for (const [command, kind] of [
      ['/usr/lib/chromium/chromium --headless=new', 'browser'],
      ['/usr/lib/chromium/chromium --type=renderer --lang=en', 'renderer'],
      [
        '/usr/lib/chromium/chromium --type=utility --utility-sub-type=network.mojom.NetworkService',
        'network',
      ],
      ['/usr/lib/chromium/chromium --type=gpu-process', 'browser'],
      ['/usr/bin/chromedriver --port=1', 'driver'],
      ['/usr/sbin/nginx -p /x', 'nginx'],
      ['nginx: master process', 'nginx'],
      ['node tracker/bin/zauberflote-tracker.ts --port 1', 'tracker'],
      ['node lab/modes/bittorrent-tracker.ts 1', 'tracker'],
      ['node lab/net/delay-line.ts', 'delay line'],
      ['socat UNIX-LISTEN:x TCP:y', 'driver'],
    ] as const)
      assert.equal(kindOf(command), kind, command);
  });

  it('is put together as a mean in which what is missing is nothing', () => {
    const use = (kinds: Record<string, { user: number; system: number }>) => ({
      ...{ wallMs: 1000, cores: 2, machine: { busy: 1, softirq: 0.5, idle: 1 }, kinds },
      threads: {},
    });
    const mean = meanCpu([use({ nginx: { user: 1, system: 3 } }), use({})]);
    assert.deepEqual(mean?.kinds, { nginx: { user: 0.5, system: 1.5 } });
    assert.equal(meanCpu([]), undefined);
  });
});
