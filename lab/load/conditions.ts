import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { Conditions } from '../results.ts';
import { MEASURED } from '../runner/conditions.ts';

/** Under what something was measured without a network: {@link Conditions} without its links. */
export type LoadConditions = Omit<Conditions, 'shaper' | 'links'> & {
  readonly processor: string;
  /** Mean number of runnable processes over the last minute, before and after: above 1 or so, the
   * machine had other work. */
  readonly loadAverage: { readonly before: number; readonly after: number };
};

/** What has to be looked at before a run: files may change while it takes its hour. */
export interface Start {
  readonly commit: string;
  readonly dirty: boolean;
  readonly load: number;
}

export function start(): Start {
  return {
    commit: git('rev-parse', 'HEAD') || 'unknown',
    dirty: git('status', '--porcelain', ...MEASURED) !== '',
    load: loadavg()[0] as number,
  };
}

export interface Run {
  /** What was measured: paths of package.json files by name, from the root of the checkout. */
  readonly packages: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly options: Readonly<Record<string, unknown>>;
  readonly started: Start;
  readonly notes: readonly string[];
}

export function conditions({ packages, seed, options, started, notes }: Run): LoadConditions {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    commit: started.commit,
    dirty: started.dirty,
    versions: {
      node: process.versions.node,
      ...Object.fromEntries(Object.entries(packages).map(([name, path]) => [name, version(path)])),
    },
    kernel: release(),
    cores: processors.length,
    processor: processors[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    loadAverage: { before: started.load, after: loadavg()[0] as number },
    options,
    seed,
    notes,
  };
}

function version(path: string): string {
  const text = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Output of git; empty where there is no git or no repository. */
function git(...args: string[]): string {
  const cwd = new URL('.', import.meta.url);
  try {
    return execFileSync('git', args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}
