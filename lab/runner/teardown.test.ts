import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BENCH = fileURLToPath(new URL('../bench.ts', import.meta.url));

describe('A bench that is ended', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'zf-end-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));

  /** Starts one, and resolves when browsers are in the middle of a slow load. */
  async function inTheMiddle(runs = 9, shaper = 'auto'): Promise<ChildProcess> {
    const args = [
      'lone',
      '--rate',
      '16KB',
      '--modes',
      'http',
      '--runs',
      String(runs),
      '--shaper',
      shaper,
      '--out',
      join(dir, 'out'),
    ];
    const child = spawn(process.execPath, [BENCH, ...args], {
      env: { ...process.env, TMPDIR: dir },
      stdio: ['ignore', 'pipe', 'inherit'],
      // A group of its own, as one that a shell starts.
      detached: shaper === 'proxy',
    });
    let said = '';
    child.stdout.on('data', (data) => (said += data));
    const log = join(dir, 'out', 'access-fast.log');
    for (const end = Date.now() + 120_000; ; await sleep(100)) {
      // The page of the measured load; its picture takes 48 s.
      if (read(log).includes('/load.html')) return child;
      assert.equal(child.exitCode, null, said);
      assert.ok(Date.now() < end, `no load began: ${said}`);
    }
  }

  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };

  /** Everything of a bench that is still there. Its processes name its folder, or are in its namespaces. */
  function leftovers(pid: number | undefined): string[] {
    const processes = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .map((name) => read(`/proc/${name}/cmdline`).replaceAll('\0', ' '))
      .filter((line) => line.includes(dir));
    const namespaces =
      process.getuid?.() === 0
        ? execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
            .split('\n')
            .filter((line) => line.startsWith(`zfn-${pid}.`))
        : [];
    return [...processes, ...namespaces, ...readdirSync(dir).filter((name) => name !== 'out')];
  }

  async function nothingIsLeft(pid: number | undefined): Promise<void> {
    for (const end = Date.now() + 30_000; leftovers(pid).length > 0; await sleep(200))
      assert.ok(Date.now() < end, `left: ${leftovers(pid).join('\n')}`);
  }

  it('by Ctrl-C leaves no process, namespace or profile behind', async () => {
    const child = await inTheMiddle();
    assert.ok(leftovers(child.pid).length > 3);
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    assert.equal(code, 130);
    const { verdict, why, conditions } = JSON.parse(read(join(dir, 'out', 'summary.json')));
    assert.deepEqual([verdict, why[0]], ['failed', 'ended early: ended by SIGINT']);
    assert.equal(conditions.options.runs, 9);
    assert.match(read(join(dir, 'out', 'report.html')), /ended by SIGINT/);
    await nothingIsLeft(child.pid);
  });

  it('in its last run, by a signal to all of its processes, has measured nothing wrong', async () => {
    const child = await inTheMiddle(1, 'proxy');
    process.kill(-(child.pid as number), 'SIGTERM');
    const [code] = await once(child, 'exit');
    assert.equal(code, 143);
    const { verdict, why, cells } = JSON.parse(read(join(dir, 'out', 'summary.json')));
    assert.deepEqual([verdict, why[0], cells], ['failed', 'ended early: ended by SIGTERM', []]);
    assert.equal(read(join(dir, 'out', 'results.jsonl')), '');
    await nothingIsLeft(child.pid);
  });

  it('by a crash leaves no process, namespace or profile behind', async () => {
    const child = await inTheMiddle();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await nothingIsLeft(child.pid);
  });
});
