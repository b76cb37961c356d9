import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { Conditions } from '../results.ts';
import { checkout } from '../runner/conditions.ts';

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
  /** Null where git cannot tell. */
  readonly dirty: boolean | null;
  /** Why it cannot. */
  readonly notes: readonly string[];
  readonly load: number;
}

/** @param folder of the checkout @default the one this is in */
export function start(folder?: string): Start {
  return { ...checkout(folder), load: loadavg()[0] as number };
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
    notes: [...started.notes, ...notes],
  };
}

function version(path: string): string {
  const text = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
