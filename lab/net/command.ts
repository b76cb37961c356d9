import { spawn } from 'node:child_process';
import { systemPath } from '../../scripts/system-path.ts';

/** The environment in which programs are found that an ordinary user's PATH does not name. */
export function systemEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: systemPath(process.env.PATH) };
}

/**
 * Runs a program to its end.
 * @param input what it reads from its standard input
 * @returns what it wrote to its standard output
 * @throws {Error} with the command and its complaint if it is missing or ends with another code than 0
 */
export function run(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'pipe', env: systemEnvironment() });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      err += text;
    });
    child.on('error', (error) => reject(new Error(`${command} cannot be run: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(out);
      const what = [command, ...args].join(' ') + (input && `\n${input.trim()}`);
      reject(new Error(`${what}\nended with ${signal ?? `code ${code}`}: ${err.trim()}`));
    });
    // A program that ends without reading is judged by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Runs several `ip` commands inside a namespace, in one process. */
export async function ip(namespace: string, ...lines: string[]): Promise<void> {
  await run('ip', ['-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`);
}

/** Runs several `tc` commands inside a namespace, in one process. */
export async function tc(namespace: string, ...lines: string[]): Promise<void> {
  await run('tc', ['-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`);
}

/** Command line that runs a program inside a namespace, as the very process that is started. */
export function inside(namespace: string, command: string, args: readonly string[]): string[] {
  return ['nsenter', `--net=/run/netns/${namespace}`, '--', command, ...args];
}

let urgentPrefix: Promise<readonly string[]> | undefined;

/**
 * What to put before a command that must get the processor at once, however many browsers compute.
 * Niceness would not do: each session gets an equal share (sched(7), autogroups). Nothing where
 * real-time scheduling is not allowed.
 */
export function urgently(): Promise<readonly string[]> {
  const prefix = ['chrt', '--rr', '1'];
  urgentPrefix ??= run(prefix[0]!, [...prefix.slice(1), 'true']).then(
    () => prefix,
    () => [],
  );
  return urgentPrefix;
}
