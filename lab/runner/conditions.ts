import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { find } from '../../scripts/debian-packages.ts';
import type { BrowserPrograms } from '../browsers/programs.ts';
import { NGINX } from '../origin/nginx.ts';

/** What of {@link import('../results.ts').Conditions} is known before anything has run. */
export function machine(programs: BrowserPrograms) {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const git = (...args: string[]) =>
    spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout?.trim() ?? '';
  return {
    date: new Date().toISOString(),
    commit: git('rev-parse', 'HEAD') || 'unknown',
    dirty: git('status', '--porcelain') !== '',
    versions: {
      node: process.versions.node,
      chrome: programs.chromeVersion,
      chromedriver: programs.chromedriverVersion,
      nginx: nginxVersion(),
      webtorrent: packageVersion('webtorrent'),
      'bittorrent-tracker': packageVersion('bittorrent-tracker'),
    },
    kernel: `${type()} ${release()}`,
    cores: cpus().length,
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
