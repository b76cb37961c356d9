import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import manifest from '../package.json' with { type: 'json' };
import type { MochaResult } from './mocha-reporter.ts';
import type { Step } from './steps.ts';
import { runSteps, summary } from './steps.ts';
import { MOCHA_STEPS, tally } from './test.ts';

const node = (name: string, code: string, more: Partial<Step> = {}): Step => ({
  name,
  command: [process.execPath, '-e', code],
  ...more,
});
const options = { cwd: tmpdir(), env: process.env, log: () => {} };

describe('steps', () => {
  it('run in order, go on after one that failed, and leave out what needs it', async () => {
    const results = await runSteps(
      [
        node('a', 'process.exit(process.env.STEP === "1" ? 0 : 9)', { env: { STEP: '1' } }),
        node('b', 'process.exit(3)'),
        node('c', 'process.exit(0)', { needs: ['a', 'b'] }),
        node('d', 'process.exit(0)', { needs: ['c'] }),
        node('e', 'process.exit(0)', { needs: ['a'] }),
        { name: 'f', command: ['there-is-no-such-program'] },
        node('g', 'process.kill(process.pid, "SIGKILL")'),
      ],
      options,
    );
    assert.deepEqual(
      results.map(({ name, state, cause }) => [name, state, cause]),
      [
        ['a', 'passed', undefined],
        ['b', 'failed', 'exit code 3'],
        ['c', 'not run', '"b" did not pass'],
        ['d', 'not run', '"c" did not pass'],
        ['e', 'passed', undefined],
        ['f', 'failed', 'spawn there-is-no-such-program ENOENT'],
        ['g', 'failed', 'ended by SIGKILL (9)'],
      ],
    );
    assert.equal(summary(results).split('\n').length, 7);
    assert.match(summary(results), /^failed {3}b +\d+\.\d s {2}exit code 3$/m);
  });
});

describe('the count at the end of npm test', () => {
  const ok = { name: 'lint', state: 'passed', seconds: 1 } as const;
  const tests = { name: 'tests', state: 'passed', seconds: 1 } as const;
  const broken = { ...tests, state: 'failed', cause: 'exit code 1' } as const;
  const mocha = (more: Partial<MochaResult> = {}): MochaResult => ({
    passed: 10,
    failed: [],
    pending: [],
    ...more,
  });
  const numbers = (...args: Parameters<typeof tally>) => {
    const { passed, failed } = tally(...args);
    return { passed, failed };
  };
  const report = (tests?: MochaResult) => ({ tests });

  it('is of tests and of other steps', () => {
    assert.deepEqual(numbers([ok, ok, tests], report(mocha())), { passed: 12, failed: 0 });
    const failed = [{ title: 'a b', message: 'c' }];
    assert.deepEqual(numbers([ok, broken], report(mocha({ failed }))), { passed: 11, failed: 1 });
    const lint = { ...ok, state: 'failed' } as const;
    assert.deepEqual(numbers([lint, tests], report(mocha())), { passed: 10, failed: 1 });
  });

  it('takes a skipped test for a failure, and names it', () => {
    const result = tally([ok, tests], report(mocha({ pending: ['x y'] })));
    assert.equal(result.failed, 1);
    assert(result.notes.includes('pending, which counts as failed: x y'));
  });

  it('takes a step that was not run for a failure', () => {
    assert.equal(tally([{ ...ok, state: 'not run' }, tests], report(mocha())).failed, 1);
  });

  it('takes mocha without result, without tests, or that failed on its own for a failure', () => {
    assert.deepEqual(numbers([ok, broken], report()), { passed: 1, failed: 1 });
    assert.deepEqual(numbers([ok, tests], report(mocha({ passed: 0 }))), { passed: 1, failed: 1 });
    assert.deepEqual(numbers([ok, broken], report(mocha())), { passed: 11, failed: 1 });
  });

  it('is of all runs of mocha, one of which may not have come to its end', () => {
    const more = { ...tests, name: 'more' };
    const both = { tests: mocha(), more: mocha({ passed: 5 }) };
    assert.deepEqual(numbers([ok, tests, more], both), { passed: 16, failed: 0 });
    assert.deepEqual(numbers([tests, more], { ...both, more: undefined }), {
      passed: 10,
      failed: 1,
    });
  });

  it('leaves out no test of those that npm run unit has', () => {
    const { scripts } = manifest;
    const filesOf = (script: string) => script.match(/"\S+\.test\.ts"/g) ?? [];
    const parts = Object.values(MOCHA_STEPS).map((name) => scripts[name as keyof typeof scripts]);
    assert.deepEqual(parts.flatMap(filesOf), filesOf(scripts.unit));
  });
});

describe('mocha-reporter', () => {
  const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-mocha-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs mocha on a file with `code`. */
  function mocha(code: string) {
    const test = join(folder, 'a.test.mjs');
    const result = join(folder, 'result.json');
    writeFileSync(test, code);
    const { status } = spawnSync(
      process.execPath,
      [
        path('../node_modules/mocha/bin/mocha.js'),
        '--no-config',
        '--reporter',
        path('mocha-reporter.ts'),
        test,
      ],
      { env: { ...process.env, MOCHA_RESULT_FILE: result }, encoding: 'utf8' },
    );
    return { status, result: JSON.parse(readFileSync(result, 'utf8')) as MochaResult };
  }

  it('writes what passed, failed and was skipped, hooks included', () => {
    const { status, result } = mocha(`
      describe('a', () => {
        it('b', () => {});
        it('c', () => { throw new Error('d'); });
        it.skip('e', () => {});
        it('f');
      });
      describe('g', () => {
        before(() => { throw new Error('h'); });
        it('i', () => {});
      });`);
    assert.equal(status, 2);
    assert.deepEqual(result, {
      passed: 1,
      failed: [
        { title: 'a c', message: 'd' },
        { title: 'g "before all" hook for "i"', message: 'h' },
      ],
      pending: ['a e', 'a f'],
    });
  });

  it('ends and fails a process that something left open', () => {
    const { status, result } = mocha(`it('a', () => { setInterval(() => {}, 1000); });`);
    assert.equal(status, 1);
    assert.equal(result.passed, 1);
  });
});

describe('need-node', () => {
  const script = fileURLToPath(new URL('need-node.mjs', import.meta.url));

  it('is silent on a Node that will do', () => {
    assert.equal(String(execFileSync(process.execPath, [script])), '');
  });

  it('says what to do on an older one', () => {
    const older = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.1.0'})`;
    const { status, stderr } = spawnSync(process.execPath, ['--import', older, script], {
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /This is Node 20\.1\.0; Zauberflöte needs 24 or later\.\n.*npm ci/);
  });
});
