import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import * as selenium from 'selenium-webdriver/bidi/index.js';
import { FIREFOX, find } from '../../scripts/debian-packages.ts';

/** Its types name it otherwise than it is. */
const Bidi = (selenium as unknown as { readonly default: typeof selenium.Index }).default;

/** What a page can be told to do, as by a WebDriver of selenium. */
export interface Driver {
  /** Loads a page, and waits for its load event. */
  get(url: string): Promise<void>;
  /** Runs the body of a function; what it returns, or what its promise brings, as JSON would have it. */
  executeScript<T>(script: string): Promise<T>;
  /** The same, but the result is what it calls `arguments[0]` with. */
  executeAsyncScript<T>(script: string): Promise<T>;
}

/** A Firefox of its own: own profile, own processes. */
export interface Firefox {
  readonly driver: Driver;
  /** Console messages since the last call. */
  console(): Promise<{ readonly level: { readonly name: string }; readonly message: string }[]>;
  /** Ends the browser and removes its profile. */
  quit(): Promise<void>;
}

/** Addresses that other browsers here can use, and no errands of the browser's own. */
const PREFERENCES: Readonly<Record<string, string | number | boolean>> = {
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'browser.region.network.url': '',
  'browser.shell.checkDefaultBrowser': false,
  'app.update.disabledForTesting': true,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'extensions.systemAddon.update.enabled': false,
  'toolkit.telemetry.server': '',
};

/**
 * Starts a headless Firefox. It is driven by WebDriver BiDi, which it speaks itself: Debian has no
 * geckodriver.
 * @param preferences more of them, or others
 * @throws {Error} if it is missing, or does not start
 */
export async function launchFirefox(preferences: typeof PREFERENCES = {}): Promise<Firefox> {
  const program = find(FIREFOX, process.env);
  if (!program) throw new Error('firefox-esr is missing: run node scripts/debian-packages.ts');
  const profile = mkdtempSync(join(tmpdir(), 'zf-firefox-'));
  const lines = Object.entries({ ...PREFERENCES, ...preferences }).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  writeFileSync(join(profile, 'user.js'), lines.join(''));
  const child = spawn(
    program,
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'],
    // A home of its own, too: else it looks for what is left of other profiles there.
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile } },
  );
  const exit = once(child, 'exit');
  const quit = async () => {
    child.kill('SIGKILL');
    await exit;
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    const bidi = new Bidi(`${await address(child)}/session`);
    await bidi.waitForConnection();
    return { ...(await begin(bidi)), quit };
  } catch (error) {
    await quit();
    throw error;
  }
}

/** Where it listens for its driver. */
async function address({ stderr }: ChildProcess): Promise<string> {
  const said: string[] = [];
  for await (const line of createInterface(stderr!)) {
    said.push(line);
    const url = /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
    if (!url) continue;
    stderr!.resume();
    return url;
  }
  throw new Error(`Firefox did not start: ${said.join('\n')}`);
}

type Reply<R> =
  | { readonly type: 'success'; readonly result: R }
  | { readonly type: 'error'; readonly error: string; readonly message: string };

/** What a function brought, as JSON; or threw. */
interface Called {
  readonly result?: { readonly value?: string };
  readonly exceptionDetails?: { readonly text: string };
}

async function begin(bidi: selenium.Index): Promise<Pick<Firefox, 'driver' | 'console'>> {
  const command = async <R>(method: string, params: object): Promise<R> => {
    const reply = (await bidi.send({ method, params })) as Reply<R>;
    if (reply.type === 'error') throw new Error(`${method}: ${reply.error}: ${reply.message}`);
    return reply.result;
  };
  await command('session.new', { capabilities: {} });
  let entries: Awaited<ReturnType<Firefox['console']>> = [];
  bidi.on('log.entryAdded', ({ level, text }: { level: string; text: string }) => {
    entries.push({ level: { name: level.toUpperCase() }, message: text });
  });
  await command('session.subscribe', { events: ['log.entryAdded'] });
  const { contexts } = await command<{ contexts: readonly { context: string }[] }>(
    'browsingContext.getTree',
    {},
  );
  const context = contexts[0]?.context;
  const call = async (functionDeclaration: string) => {
    const params = { functionDeclaration, target: { context }, awaitPromise: true };
    const { result, exceptionDetails } = await command<Called>('script.callFunction', params);
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result?.value === undefined ? null : JSON.parse(result.value);
  };
  return {
    driver: {
      async get(url) {
        // Asked again and again: selenium waits 30 s for an answer, whatever the machine has to do.
        await command('browsingContext.navigate', { context, url, wait: 'none' });
        const isThere = `() => JSON.stringify(location.href === ${JSON.stringify(url)} && document.readyState === 'complete')`;
        while (!(await call(isThere).catch(() => false))) {
          if (!bidi.connected) throw new Error(`Firefox ended while it loaded ${url}`);
          await pause(20);
        }
      },
      executeScript: (script) =>
        call(`async () => JSON.stringify(await (function () { ${script} })())`),
      executeAsyncScript: (script) =>
        call(
          `async () => JSON.stringify(await new Promise((done) => (function () { ${script} })(done)))`,
        ),
    },
    async console() {
      const told = entries;
      entries = [];
      return told;
    },
  };
}
