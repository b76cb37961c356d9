import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { commandOf, keep, MEASUREMENTS, parse, unfitToKeep } from './measure.ts';
import { parseOptions } from './runner/options.ts';

describe('What npm run measure runs', () => {
  for (const one of MEASUREMENTS.filter(({ bench }) => bench))
    it(`can be run: ${one.name}`, () => {
      const [program, ...args] = commandOf(one, '7', '/nowhere');
      assert.equal(program, 'lab/bench.ts');
      const options = parseOptions(args);
      assert.ok(options !== 'help');
      assert.deepEqual([options.setup.runs, options.out], [7, '/nowhere']);
    });

  it('is chosen by name and from a name on, and a wrong name is refused', () => {
    const chosen = (...args: string[]) => {
      const options = parse(args);
      assert.ok(options !== 'help');
      return options.chosen.map(({ name }) => name);
    };
    assert.deepEqual(chosen('--only', 'sim,flash'), ['flash', 'sim']);
    assert.deepEqual(chosen('--only', 'size, flash'), ['size', 'flash']);
    assert.deepEqual(chosen('--from', 'sim'), ['sim', 'sim-beside', 'sim-10000', 'soak']);
    assert.equal(chosen().length, MEASUREMENTS.length);
    for (const args of [
      ['--only', 'x'],
      ['--from', 'x'],
      ['--runs', '0'],
      ['--minutes', 'no'],
    ])
      assert.throws(() => parse(args), /no measurement|takes a number/);
    assert.throws(
      () => parse(['--from', 'soak', '--only', 'flash']),
      /none of --only flash comes after/,
    );
  });
});

describe('What npm run measure keeps', () => {
  const cell = {} as Parameters<typeof unfitToKeep>[0]['cells'][number];

  it('is what was measured to its end, also where loads failed', () => {
    assert.equal(unfitToKeep({ verdict: 'ok', why: [], cells: [cell] }), undefined);
    const failed = { verdict: 'failed' as const, why: ['http 0:1: 1 of 5 loads failed'] };
    assert.equal(unfitToKeep({ ...failed, cells: [cell] }), undefined);
    assert.match(unfitToKeep({ ...failed, cells: [] }) ?? '', /nothing was measured/);
    const early = { ...failed, why: ['ended early: the browser is gone', ...failed.why] };
    assert.match(unfitToKeep({ ...early, cells: [cell] }) ?? '', /ended early/);
    for (const verdict of ['void', 'unsupported'] as const)
      assert.match(unfitToKeep({ verdict, why: ['a link'], cells: [cell] }) ?? '', /: a link/);
  });

  it('takes the place of what was there, raw data and drawings and nothing else', () => {
    const dir = mkdtempSync(join(tmpdir(), 'zf-keep-'));
    try {
      const [out, place] = [join(dir, 'out'), join(dir, 'place')];
      for (const folder of [out, place]) mkdirSync(join(folder, 'figures'), { recursive: true });
      writeFileSync(join(place, 'old.json'), 'old');
      for (const file of ['summary.json', 'trials.jsonl', 'access-fast.log', 'report.html'])
        writeFileSync(join(out, file), file);
      for (const file of ['a.svg', 'a.png']) writeFileSync(join(out, 'figures', file), file);
      keep(out, place);
      assert.deepEqual(readdirSync(dir).sort(), ['out', 'place']);
      assert.deepEqual(readdirSync(place).sort(), ['figures', 'summary.json', 'trials.jsonl']);
      assert.deepEqual(readdirSync(join(place, 'figures')), ['a.svg']);
      assert.equal(readFileSync(join(place, 'trials.jsonl'), 'utf8'), 'trials.jsonl');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('npm run measure that is ended', () => {
  it('ends what is under way, and keeps nothing of it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'zf-measure-test-'));
    const program = fileURLToPath(new URL('measure.ts', import.meta.url));
    // Ten minutes, and of a single process.
    const child = spawn(process.execPath, [program, '--only', 'sim-10000'], {
      env: { ...process.env, TMPDIR: dir },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    child.stdout.on('data', (data) => (said += data));
    const children = () =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ')[0];
    let one = '';
    try {
      for (const end = Date.now() + 30_000; one === ''; await sleep(50)) {
        assert.ok(Date.now() < end && child.exitCode === null, `nothing began: ${said}`);
        one = children() ?? '';
      }
      child.kill('SIGTERM');
      const [code] = await once(child, 'exit');
      assert.equal(code, 1);
      assert.match(said, /kept: nothing\nnot kept: sim-10000 \(it ended with SIGTERM/);
      assert.throws(() => process.kill(Number(one), 0), /ESRCH/);
    } finally {
      child.kill('SIGKILL');
      try {
        process.kill(Number(one || child.pid), 'SIGKILL');
      } catch {
        // It has ended, as it should.
      }
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
