import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Builder, type logging } from 'selenium-webdriver';
import { type Driver, Options, ServiceBuilder } from 'selenium-webdriver/chrome.js';
import { browserPrograms } from '../../scripts/debian-packages.ts';
import { freePort } from '../../scripts/free-port.ts';

export interface BrowserOptions {
  /** More command line flags. */
  readonly flags?: readonly string[];
  /** Runs in every page before its own scripts. */
  readonly beforePage?: string;
  /** @default true */
  readonly javascript?: boolean;
}

/** A Chromium of its own: own profile, own processes. */
export interface Browser {
  readonly driver: Driver;
  /** Process id of the browser; killing it is how a visitor vanishes. */
  readonly pid: number;
  /** Console messages since the last call. */
  console(): Promise<logging.Entry[]>;
  /** Ends the browser, if need be by force, and removes its profile. */
  quit(): Promise<void>;
}

/** DESIGN section 9: quiet, headless, as root, and with addresses that other browsers here can use. */
export const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--window-size=1200,900',
];

/** Starts a headless Chromium. @throws {Error} naming what is missing */
export async function launch({
  flags = [],
  beforePage,
  javascript = true,
}: BrowserOptions = {}): Promise<Browser> {
  const { chrome, chromedriver } = browserPrograms();
  const profile = mkdtempSync(join(tmpdir(), 'zf-profile-'));
  const options = new Options();
  options.setChromeBinaryPath(chrome);
  options.addArguments(...FLAGS, ...flags, `--user-data-dir=${profile}`);
  options.set('goog:loggingPrefs', { browser: 'ALL' });
  if (!javascript)
    options.setUserPreferences({ 'profile.managed_default_content_settings.javascript': 2 });
  let driver: Driver;
  try {
    driver = (await new Builder()
      .forBrowser('chrome')
      .setChromeOptions(options)
      .setChromeService(new ServiceBuilder(chromedriver).setPort(await freePort()))
      .build()) as Driver;
  } catch (error) {
    rmSync(profile, { recursive: true, force: true });
    throw error;
  }
  if (beforePage)
    await driver.sendDevToolsCommand('Page.addScriptToEvaluateOnNewDocument', {
      source: beforePage,
    });
  const pid = Number((await driver.getCapabilities()).get('goog:processID'));
  return {
    driver,
    pid,
    console: () => driver.manage().logs().get('browser'),
    async quit() {
      await driver.quit().catch(() => {});
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** Ends the browser's processes at once, as a crash or a closed lid would. */
export function kill({ pid }: Browser): void {
  process.kill(pid, 'SIGKILL');
}
