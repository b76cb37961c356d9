import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** What a run of mocha came to; `titles` are full ones. */
export interface MochaResult {
  readonly passed: number;
  readonly failed: { readonly title: string; readonly message: string }[];
  /** Tests that were skipped. */
  readonly pending: string[];
}

/** How long after the last test the process may live on, in milliseconds. */
const GRACE = 5_000;

/**
 * Prints like mocha's "spec" and writes a {@link MochaResult} to the file that MOCHA_RESULT_FILE
 * names. Ends a process that something left open would keep alive for ever.
 */
export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const result: { -readonly [K in keyof MochaResult]: MochaResult[K] } = {
      passed: 0,
      failed: [],
      pending: [],
    };
    runner.on('pass', () => result.passed++);
    runner.on('fail', (test, error) =>
      result.failed.push({ title: test.fullTitle(), message: String(error?.message ?? error) }),
    );
    runner.on('pending', (test) => result.pending.push(test.fullTitle()));
    runner.once('end', () => {
      const file = process.env.MOCHA_RESULT_FILE;
      if (file) writeFileSync(file, JSON.stringify(result));
      setTimeout(() => {
        const open = process.getActiveResourcesInfo().join(', ');
        console.error(`The tests ended but left something open, which is a fault: ${open}`);
        // mocha sets its own code on exit; the listener added last has the last word.
        process.on('exit', () => {
          process.exitCode = 1;
        });
        process.exit();
      }, GRACE).unref();
    });
  }
}
