import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { find, NEEDS } from '../../scripts/debian-packages.ts';

/** The browser and its driver, of the same major version. */
export interface BrowserPrograms {
  readonly chrome: string;
  readonly chromeVersion: string;
  readonly chromedriver: string;
  readonly chromedriverVersion: string;
}

/** "156.0.8078.79" of what a program's `--version` prints. */
export function versionIn(text: string): string | undefined {
  return /\b\d+\.\d+\.\d+(\.\d+)?\b/.exec(text)?.[0];
}

/**
 * Takes the first driver that fits the browser.
 * @throws {Error} if there is none, or none of the browser's major version
 */
export function choose(
  chrome: { readonly path: string; readonly version: string },
  drivers: readonly { readonly path: string; readonly version: string }[],
): BrowserPrograms {
  const major = (version: string) => version.split('.')[0];
  const fitting = drivers.find(({ version }) => major(version) === major(chrome.version));
  if (!fitting) {
    const found = drivers.map(({ path, version }) => `${path} is ${version}`).join(', ');
    throw new Error(
      `${chrome.path} is ${chrome.version}, but ${found || 'there is no chromedriver'}. ` +
        `Install chromedriver ${major(chrome.version)} ` +
        `(npm install chromedriver@${major(chrome.version)}, or Debian's chromium-driver), ` +
        'or name another pair by CHROME_BIN and CHROMEDRIVER.',
    );
  }
  return {
    chrome: chrome.path,
    chromeVersion: chrome.version,
    chromedriver: fitting.path,
    chromedriverVersion: fitting.version,
  };
}

/** Finds them: CHROMEDRIVER, else that of the npm package, else of PATH. */
export function findBrowser(): BrowserPrograms {
  const [chrome, fromPath] = NEEDS.map((need) => find(need, process.env));
  if (!chrome)
    throw new Error('there is no Chromium or Chrome: run node scripts/debian-packages.ts');
  const drivers = [...new Set([process.env.CHROMEDRIVER, fromPackage(), fromPath])].filter(
    (path) => path !== undefined,
  );
  return choose(
    { path: chrome, version: version(chrome) },
    drivers.map((path) => ({ path, version: version(path) })),
  );
}

function fromPackage(): string | undefined {
  try {
    const home = dirname(createRequire(import.meta.url).resolve('chromedriver/package.json'));
    const path = join(home, 'lib', 'chromedriver', 'chromedriver');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function version(path: string): string {
  const { stdout, error } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const found = versionIn(stdout ?? '');
  if (!found) throw new Error(`${path} --version says no version: ${error?.message ?? stdout}`);
  return found;
}
