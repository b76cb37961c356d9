/**
 * `npm test`: everything that must hold, from the formatting to real browsers. The last line is
 * "N passed, N failed": mocha's tests, and each other step as one.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MochaResult } from './mocha-reporter.ts';
import type { Step, StepResult } from './steps.ts';
import { runSteps, summary } from './steps.ts';
import { systemPath } from './system-path.ts';

const TESTS = 'tests';

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** What to tell about mocha beyond the numbers. */
  readonly notes: readonly string[];
}

/**
 * Counts.
 * @param tests what mocha reported; undefined if it did not come to that
 */
export function tally(steps: readonly StepResult[], tests: MochaResult | undefined): Tally {
  const notes: string[] = [];
  const others = steps.filter((step) => step.name !== TESTS);
  let passed = others.filter((step) => step.state === 'passed').length;
  let failed = others.length - passed;
  const mocha = steps.find((step) => step.name === TESTS);
  if (!tests || tests.passed + tests.failed.length === 0) {
    failed++;
    notes.push(`mocha ran no tests to the end: ${mocha?.cause ?? 'no result'}`);
  } else {
    passed += tests.passed;
    failed += tests.failed.length + tests.pending.length;
    for (const { title, message } of tests.failed)
      notes.push(`failed: ${title}: ${message.split('\n')[0]}`);
    notes.push(`${tests.pending.length} tests pending`);
    for (const title of tests.pending) notes.push(`pending, which counts as failed: ${title}`);
    if (mocha?.state !== 'passed' && tests.failed.length === 0) {
      failed++;
      notes.push(`mocha itself failed after its tests: ${mocha?.cause}`);
    }
  }
  return { passed, failed, notes };
}

async function main(): Promise<void> {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const result = join(root, 'coverage', 'mocha.json');
  const scripts = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts;
  const npm = (script: string): [string, ...string[]] => {
    if (!scripts[script]) throw new Error(`package.json has no script ${script}`);
    return ['npm', 'run', '-s', script];
  };
  const steps: readonly Step[] = [
    { name: 'Debian packages', command: ['node', 'scripts/debian-packages.ts'] },
    { name: 'generate', command: npm('generate') },
    { name: 'lint', command: npm('lint') },
    { name: 'types', command: npm('types'), needs: ['generate'] },
    { name: 'protocol lint', command: ['buf', 'lint'] },
    { name: 'protocol breaking', command: ['node', 'scripts/buf-breaking.ts'] },
    { name: 'build', command: npm('build'), needs: ['generate'] },
    { name: 'size', command: ['node', 'scripts/size.ts', '--check'], needs: ['build'] },
    {
      name: TESTS,
      command: npm('coverage'),
      env: { MOCHA_RESULT_FILE: result },
      needs: ['generate'],
    },
    // Also after tests that failed: c8 writes its summary all the same.
    {
      name: 'coverage',
      command: ['node', '--disable-warning=ExperimentalWarning', 'scripts/coverage.ts'],
      needs: ['generate'],
    },
  ];

  rmSync(join(root, 'coverage'), { recursive: true, force: true });
  const path = [join(root, 'node_modules', '.bin'), systemPath(process.env.PATH)].join(delimiter);
  const results = await runSteps(steps, {
    cwd: root,
    env: { ...process.env, PATH: path },
    log: console.log,
  });
  const tests = existsSync(result) ? JSON.parse(readFileSync(result, 'utf8')) : undefined;
  const { passed, failed, notes } = tally(results, tests);
  console.log(`\n=== Summary\n${summary(results)}\n${notes.join('\n')}\n`);
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

if (import.meta.main)
  await main().catch((error) => {
    console.error(error);
    console.log('0 passed, 1 failed');
    process.exitCode = 1;
  });
