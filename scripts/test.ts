/**
 * `npm test`: everything that must hold, from the formatting to real browsers. The last line is
 * "N passed, N failed": mocha's tests, and each other step as one.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MochaResult } from './mocha-reporter.ts';
import type { Step, StepResult } from './steps.ts';
import { runSteps, summary } from './steps.ts';
import { systemPath } from './system-path.ts';

/** The steps that run mocha, each with a result of its own. c8 slows down what it watches, up to twice: only code that must be covered. */
export const MOCHA_STEPS = {
  'tests of the code': 'coverage',
  'tests of tools and lab': 'unit:tools',
};

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** What to tell about mocha beyond the numbers. */
  readonly notes: readonly string[];
}

/**
 * Counts.
 * @param reports what mocha reported, by the name of its step; undefined if it did not come to that
 */
export function tally(
  steps: readonly StepResult[],
  reports: Readonly<Record<string, MochaResult | undefined>>,
): Tally {
  const notes: string[] = [];
  const others = steps.filter((step) => !(step.name in reports));
  let passed = others.filter((step) => step.state === 'passed').length;
  let failed = others.length - passed;
  for (const [name, tests] of Object.entries(reports)) {
    const mocha = steps.find((step) => step.name === name);
    if (!tests || tests.passed + tests.failed.length === 0) {
      failed++;
      notes.push(`${name}: mocha ran none to the end: ${mocha?.cause ?? 'no result'}`);
      continue;
    }
    passed += tests.passed;
    failed += tests.failed.length + tests.pending.length;
    for (const { title, message } of tests.failed)
      notes.push(`failed: ${title}: ${message.split('\n')[0]}`);
    notes.push(`${name}: ${tests.pending.length} pending`);
    for (const title of tests.pending) notes.push(`pending, which counts as failed: ${title}`);
    if (mocha?.state !== 'passed' && tests.failed.length === 0) {
      failed++;
      notes.push(`${name}: mocha itself failed after them: ${mocha?.cause}`);
    }
  }
  return { passed, failed, notes };
}

async function main(): Promise<void> {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const folder = join(root, 'coverage');
  const resultOf = (script: string) => join(folder, `mocha-${script.replace(':', '-')}.json`);
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
    ...Object.entries(MOCHA_STEPS).map(([name, script]) => ({
      name,
      command: npm(script),
      env: { MOCHA_RESULT_FILE: resultOf(script) },
      needs: ['generate'],
    })),
    // Also after tests that failed: c8 writes its summary all the same.
    {
      name: 'coverage',
      command: ['node', '--disable-warning=ExperimentalWarning', 'scripts/coverage.ts'],
      needs: ['generate'],
    },
  ];

  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const path = [join(root, 'node_modules', '.bin'), systemPath(process.env.PATH)].join(delimiter);
  const results = await runSteps(steps, {
    cwd: root,
    env: { ...process.env, PATH: path },
    log: console.log,
  });
  const read = (file: string) =>
    existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  const reports = Object.entries(MOCHA_STEPS).map(([name, script]) => [
    name,
    read(resultOf(script)),
  ]);
  const { passed, failed, notes } = tally(results, Object.fromEntries(reports));
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
