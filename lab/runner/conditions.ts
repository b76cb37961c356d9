import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { find } from '../../scripts/debian-packages.ts';
import type { BrowserPrograms } from '../browsers/programs.ts';
import { NGINX } from '../origin/nginx.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Mean number of runnable processes over the last minute. */
export function loadAverage(): number {
  return loadavg()[0] as number;
}

/** Paths of git: all but what a measurement itself writes, as each result would change what is said of the next. */
export const MEASURED: readonly string[] = [
  '--',
  ':/',
  ':(top,exclude)lab/results',
  ':(top,exclude)docs/results.md',
];

/**
 * What git says of a checkout.
 * @returns `commit` unknown and `dirty` null where it cannot tell, with the reason in `notes`
 */
export function checkout(folder = ROOT): {
  readonly commit: string;
  readonly dirty: boolean | null;
  readonly notes: readonly string[];
} {
  const notes = new Set<string>();
  const git = (...args: string[]): string | undefined => {
    const { status, stdout, stderr, error } = spawnSync('git', args, {
      cwd: folder,
      encoding: 'utf8',
    });
    if (status === 0) return stdout.trim();
    const why = error?.message ?? (stderr.trim().split('\n')[0] || `exit code ${status}`);
    notes.add(`which commit was measured, and with what changes, is not known for sure: ${why}`);
    return undefined;
  };
  const commit = git('rev-parse', 'HEAD') ?? 'unknown';
  const changes = git('status', '--porcelain', ...MEASURED);
  return { commit, dirty: changes === undefined ? null : changes !== '', notes: [...notes] };
}

/** What of {@link import('../results.ts').Conditions} is known before anything has run. */
export function machine(programs: BrowserPrograms) {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    versions: {
      node: process.versions.node,
      chrome: programs.chromeVersion,
      chromedriver: programs.chromedriverVersion,
      nginx: nginxVersion(),
      webtorrent: packageVersion('webtorrent'),
      'bittorrent-tracker': packageVersion('bittorrent-tracker'),
    },
    kernel: `${type()} ${release()}`,
    cores: processors.length,
    processor: processors[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
  };
}

function nginxVersion(): string {
  const program = find(NGINX, process.env);
  const { stderr } = program ? spawnSync(program, ['-v'], { encoding: 'utf8' }) : { stderr: '' };
  return /nginx\/(\S+)/.exec(stderr)?.[1] ?? 'missing';
}

function packageVersion(name: string): string {
  // Not every package lets its package.json be imported.
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const folder = folders.find((path) => existsSync(join(path, name)));
  if (!folder) throw new Error(`${name} is missing: run npm ci`);
  return JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')).version;
}
