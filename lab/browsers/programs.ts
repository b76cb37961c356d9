import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { find, NEEDS } from '../../scripts/debian-packages.ts';
import { Unsupported } from '../net/unsupported.ts';

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
 * @throws {Unsupported} if there is none, or none of the browser's major version
 */
export function choose(
  chrome: { readonly path: string; readonly version: string },
  drivers: readonly { readonly path: string; readonly version: string }[],
): BrowserPrograms {
  const major = (version: string) => version.split('.')[0];
  const fitting = drivers.find(({ version }) => major(version) === major(chrome.version));
  if (!fitting) {
    const found = drivers.map(({ path, version }) => `${path} is ${version}`).join(', ');
    throw new Unsupported(
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

/**
 * Finds them: CHROMEDRIVER alone if it is set, else the first of the npm package's driver and that
 * of PATH which fits the browser.
 * @param from a file; the package is looked for where that would import it from
 * @throws {Unsupported} naming what is missing or does not fit, and the cure
 */
export function findBrowser(
  env: Readonly<Record<string, string | undefined>> = process.env,
  from: string = import.meta.url,
): BrowserPrograms {
  const [chrome, fromPath] = NEEDS.map((need) => {
    try {
      return find(need, env);
    } catch (error) {
      throw new Unsupported((error as Error).message);
    }
  });
  if (!chrome)
    throw new Unsupported('there is no Chromium or Chrome: run node scripts/debian-packages.ts');
  const paths = env.CHROMEDRIVER ? [fromPath] : [fromPackage(from), fromPath];
  const chromeVersion = version(chrome);
  if (!chromeVersion) throw new Unsupported(`${chrome} --version says no version: does it run?`);
  return choose(
    { path: chrome, version: chromeVersion },
    paths.flatMap((path) => {
      if (path === undefined) return [];
      // Such as one for another processor.
      return [{ path, version: version(path) ?? 'not running here' }];
    }),
  );
}

/** Its install script downloads the driver, and may have failed: then there is none. */
function fromPackage(from: string): string | undefined {
  try {
    const home = dirname(createRequire(from).resolve('chromedriver/package.json'));
    const path = join(home, 'lib', 'chromedriver', 'chromedriver');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function version(path: string): string | undefined {
  return versionIn(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? '');
}
