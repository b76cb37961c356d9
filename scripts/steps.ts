import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** One part of a check; it passes if its command ends with exit code 0. */
export interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Steps without which this one would say nothing: if one did not pass, this is not run. */
  readonly needs?: readonly string[];
}

export interface StepResult {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'not run';
  readonly seconds: number;
  /** Why it is not passed. */
  readonly cause?: string;
}

export interface Surroundings {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Announces a step. What the steps themselves print goes to the terminal as it comes. */
  readonly log: (line: string) => void;
}

/** Runs steps in order. */
export async function runSteps(
  steps: readonly Step[],
  options: Surroundings,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const step of steps) {
    const missing = step.needs?.find(
      (name) => results.find((result) => result.name === name)?.state !== 'passed',
    );
    if (missing === undefined) results.push(await run(step, options));
    else {
      const cause = `"${missing}" did not pass`;
      results.push({ name: step.name, state: 'not run', seconds: 0, cause });
    }
  }
  return results;
}

async function run(
  { name, command: [program, ...args], env }: Step,
  options: Surroundings,
): Promise<StepResult> {
  options.log(`\n=== ${name}: ${[program, ...args].join(' ')}`);
  const start = performance.now();
  const cause = await new Promise<string | undefined>((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...options.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => {
      if (signal) resolve(`ended by ${signal} (${constants.signals[signal]})`);
      else resolve(code === 0 ? undefined : `exit code ${code}`);
    });
  });
  const seconds = (performance.now() - start) / 1000;
  return cause === undefined
    ? { name, state: 'passed', seconds }
    : { name, state: 'failed', seconds, cause };
}

/** A line for each step. */
export function summary(results: readonly StepResult[]): string {
  const width = Math.max(...results.map((result) => result.name.length));
  return results
    .map(({ name, state, seconds, cause }) =>
      `${state.padEnd(7)}  ${name.padEnd(width)}  ${seconds.toFixed(1).padStart(6)} s  ${cause ?? ''}`.trimEnd(),
    )
    .join('\n');
}
