/**
 * Installs the Debian packages that the tests need and npm cannot bring: a browser, its driver, git,
 * and what the lab is made of.
 * Does nothing where they are there already, from wherever. Ends with an error where it cannot help.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Need {
  /** Or several, parted by spaces. */
  readonly debianPackage: string;
  /** Environment variable that names the program. */
  readonly variable?: string;
  /** Names under which it is looked for in PATH; absolute paths are taken as they are. */
  readonly programs: readonly string[];
  /** Python modules that the program has to have, parted by commas. */
  readonly modules?: string;
}

export const NEEDS: readonly Need[] = [
  {
    debianPackage: 'chromium',
    variable: 'CHROME_BIN',
    programs: [
      'chromium',
      'chromium-browser',
      'google-chrome',
      'google-chrome-stable',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
  },
  { debianPackage: 'chromium-driver', variable: 'CHROMEDRIVER', programs: ['chromedriver'] },
  { debianPackage: 'git', programs: ['git'] },
];

/** The other browser that visitors have; it is driven without a driver's program. */
export const FIREFOX: Need = {
  debianPackage: 'firefox-esr',
  variable: 'FIREFOX_BIN',
  programs: ['firefox-esr', 'firefox', '/Applications/Firefox.app/Contents/MacOS/firefox'],
};

/** The engine of Safari, and a screen for it: without one it does not start. */
export const WEBKIT: Need = {
  debianPackage: 'libwebkit2gtk-4.1-0',
  variable: 'WEBKIT_BIN',
  programs: [
    `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/webkit2gtk-4.1/MiniBrowser`,
  ],
};
export const XVFB: Need = { debianPackage: 'xvfb', programs: ['Xvfb'] };

/** What the tests need besides: hosts, shaped links, an origin, relays; certificates; what joins trackers. */
export const LAB_NEEDS: readonly Need[] = [
  { debianPackage: 'openssl', programs: ['openssl'] },
  { debianPackage: 'iproute2', programs: ['tc', '/usr/sbin/tc'] },
  { debianPackage: 'nftables', programs: ['nft', '/usr/sbin/nft'] },
  { debianPackage: 'socat', programs: ['socat'] },
  { debianPackage: 'nginx-light', programs: ['nginx', '/usr/sbin/nginx'] },
  { debianPackage: 'redis-server', programs: ['redis-server'] },
  { debianPackage: 'coturn', programs: ['turnserver'] },
  { debianPackage: 'procps', programs: ['ps'] },
];

/** What a peer in Python is made of. */
export const PYTHON: Need = {
  debianPackage: 'python3-aiortc python3-protobuf python3-websockets',
  programs: ['python3', '/usr/bin/python3'],
  modules: 'aiortc, google.protobuf, websockets',
};

const PYTHON_NEEDS: readonly Need[] = [
  { debianPackage: 'protobuf-compiler', programs: ['protoc'] },
  PYTHON,
];

type Environment = Readonly<Record<string, string | undefined>>;

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function imports(python: string, modules: string): boolean {
  return spawnSync(python, ['-c', `import ${modules}`], { stdio: 'ignore' }).status === 0;
}

/**
 * Path of a program, or undefined if it is not there.
 * @throws {Error} if its variable is set to something else than a program.
 */
export function find({ variable, programs, modules }: Need, env: Environment): string | undefined {
  const named = variable === undefined ? undefined : env[variable];
  if (named) {
    if (isProgram(named)) return named;
    throw new Error(`${variable} is ${named}, which is not a program. Correct it or unset it.`);
  }
  for (const program of programs)
    for (const folder of program.startsWith('/') ? [''] : (env.PATH ?? '').split(delimiter)) {
      const path = folder === '' ? program : join(folder, program);
      if (path.startsWith('/') && isProgram(path) && (!modules || imports(path, modules)))
        return path;
    }
  return undefined;
}

/**
 * Paths of the browser and its driver.
 * @throws {Error} naming what is missing and the cure.
 */
export function browserPrograms(env: Environment = process.env): {
  readonly chrome: string;
  readonly chromedriver: string;
} {
  const [chrome, chromedriver] = NEEDS.map((need) => {
    const path = find(need, env);
    if (path) return path;
    throw new Error(`${need.programs[0]} is missing: run node scripts/debian-packages.ts`);
  });
  return { chrome: chrome as string, chromedriver: chromedriver as string };
}

/**
 * Installs what is missing.
 * @param uid of the user this runs as
 * @param log hears of every command before it runs
 * @param needs the tests' own by default, without those of the lab
 * @throws {Error} naming the packages, the cause and the command to run instead.
 */
export function provide(
  env: Environment,
  uid: number | undefined,
  log: (line: string) => void,
  needs: readonly Need[] = NEEDS,
): void {
  const missing = needs.filter((need) => find(need, env) === undefined);
  if (missing.length === 0) return;
  const packages = missing.flatMap((need) => need.debianPackage.split(' '));
  const impossible = (cause: string) =>
    new Error(
      `The tests need ${packages.join(', ')}: ${cause}.\n` +
        'Run: sudo apt-get update && ' +
        `sudo apt-get install --no-install-recommends ${packages.join(' ')}\n` +
        'Where there is no apt-get, install Chrome, its chromedriver and git in another way; ' +
        'CHROME_BIN and CHROMEDRIVER may name the first two.',
    );
  const apt = find({ debianPackage: 'apt', programs: ['apt-get'] }, env);
  if (apt === undefined) throw impossible('not found, and there is no apt-get to install them');
  if (uid !== 0) throw impossible('not found, and only root may install them');
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', ...packages]]) {
    log(`apt-get ${args.join(' ')}`);
    const { status, error } = spawnSync(apt, args, {
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if (status !== 0)
      throw impossible(`"apt-get ${args[0]}" failed (${error?.message ?? `exit code ${status}`})`);
  }
  const still = missing.filter((need) => find(need, env) === undefined);
  if (still.length > 0)
    throw impossible(
      `installed, but ${still.map((need) => need.programs[0]).join(', ')} not found`,
    );
}

if (import.meta.main)
  try {
    const all = [...NEEDS, FIREFOX, WEBKIT, XVFB, ...LAB_NEEDS, ...PYTHON_NEEDS];
    provide(process.env, process.getuid?.(), console.log, all);
    for (const need of all) console.log(`${need.debianPackage}: ${find(need, process.env)}`);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
