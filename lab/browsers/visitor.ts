import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Builder } from 'selenium-webdriver';
import { Options } from 'selenium-webdriver/chrome.js';
import { freePort } from '../../scripts/free-port.ts';
import type { Host } from '../net/types.ts';
import { Cdp } from './cdp.ts';
import { FLAGS } from './chromium.ts';
import type { BrowserPrograms } from './programs.ts';
import { reach } from './reach.ts';
import { Tab } from './tab.ts';

export interface VisitorOptions {
  readonly programs: BrowserPrograms;
  /** Folder for the profile and sockets, made here; short, because the path of a Unix socket is at most 107 bytes. */
  readonly dir: string;
  /** Origins that count as secure although they are plain http, as the site's https would. */
  readonly secureOrigins: readonly string[];
}

/**
 * Also for pages that are not in front: a window that nobody looks at is not the subject here.
 * Names are answered from nowhere (DESIGN section 9).
 */
const LAB_FLAGS = [
  '--disable-renderer-backgrounding',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 10.* , EXCLUDE 127.* , EXCLUDE 192.168.*',
];

/** How long chromedriver may take to say that it listens, in ms. */
const DRIVER_PATIENCE_MS = 30_000;

/** A browser on a host, started through chromedriver there. Its tabs share nothing with each other. */
export interface Visitor {
  readonly host: Host;
  /** Of its chromedriver, whose child the browser is. */
  readonly pid: number | undefined;
  /** False once it was killed, or died. */
  readonly alive: boolean;
  /** A new window with a profile of its own: no cache, no cookies. */
  open(): Promise<Tab>;
  /** Ends all its processes at once, as a crash would. */
  kill(): void;
  quit(): Promise<void>;
}

/** Starts a browser on a host. @throws {Error} with what chromedriver said */
export async function visit(host: Host, options: VisitorOptions): Promise<Visitor> {
  const { programs, secureOrigins } = options;
  const dir = mkdtempSync(join(options.dir, `${host.name}-`));
  // Where there is no IPv6, it does not say which port it took if it is to choose one.
  const port = await freePort();
  const service = host.spawn(programs.chromedriver, [`--port=${port}`, '--log-level=SEVERE'], {
    // The browser leaves more than its profile behind, in the folder for temporary files.
    env: { ...process.env, TMPDIR: dir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const profile = join(dir, 'profile');
  let said = '';
  let ended = false;
  let quitting = false;
  await new Promise<void>((resolve, reject) => {
    const give = (why: string) =>
      reject(new Error(`chromedriver on ${host.name} ${why}: ${said.trim() || 'it said nothing'}`));
    const timer = setTimeout(give, DRIVER_PATIENCE_MS, 'did not start in time');
    const hear = (data: Buffer) => {
      said = (said + data).slice(-4000);
      if (!said.includes('started successfully')) return;
      clearTimeout(timer);
      resolve();
    };
    service.stdout?.on('data', hear);
    service.stderr?.on('data', hear);
    service.once('error', (error) => give(error.message));
    service.once('exit', (code) => {
      ended = true;
      clearTimeout(timer);
      give(`ended with code ${code}`);
    });
  });

  const driverReach = await reach(host, port, dir, 'driver');
  const chrome = new Options();
  chrome.setChromeBinaryPath(programs.chrome);
  // None: every wait here is for an event of the page itself.
  chrome.setPageLoadStrategy('none');
  chrome.addArguments(
    ...FLAGS,
    ...LAB_FLAGS,
    `--unsafely-treat-insecure-origin-as-secure=${secureOrigins.join(',')}`,
    `--user-data-dir=${profile}`,
  );
  let pid: number | undefined;
  let tabs: Cdp | undefined;
  let tabsReach: Awaited<ReturnType<typeof reach>> | undefined;
  const kill = () => {
    ended = true;
    tabs?.close();
    for (const target of [pid, service.pid])
      try {
        if (target) process.kill(target, 'SIGKILL');
      } catch {
        // It is gone already.
      }
    driverReach.close();
    tabsReach?.close();
  };
  try {
    const driver = await new Builder()
      .forBrowser('chrome')
      .setChromeOptions(chrome)
      .usingServer(`http://127.0.0.1:${port}`)
      .usingHttpAgent(driverReach.agent)
      .build();
    pid = Number((await driver.getCapabilities()).get('goog:processID'));
    const [devtoolsPort, path] = readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split(
      '\n',
    );
    tabsReach = await reach(host, Number(devtoolsPort), dir, 'tabs');
    tabs = await Cdp.connect(`${tabsReach.webSocket}${path}`);
    const cdp = tabs;
    // Its chromedriver outlives a browser that died, and nobody could use what is left.
    void cdp.gone().then(() => {
      if (!ended && !quitting) kill();
    });
    return {
      host,
      pid: service.pid,
      get alive() {
        return !ended;
      },
      open: () => Tab.open(cdp),
      kill,
      async quit() {
        quitting = true;
        if (!ended) await Promise.race([driver.quit().catch(() => {}), sleep(3_000)]);
        kill();
        await removeSoon(dir);
      },
    };
  } catch (error) {
    kill();
    await removeSoon(dir);
    throw new Error(`no browser on ${host.name}: ${(error as Error).message}`);
  }
}

/** A killed browser's children may write for a moment more. */
async function removeSoon(dir: string): Promise<void> {
  for (let tries = 0; tries < 20; tries++)
    try {
      rmSync(dir, { recursive: true, force: true });
      return;
    } catch {
      await sleep(50);
    }
}
