import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { find, WEBKIT, XVFB } from '../../scripts/debian-packages.ts';
import { freePort } from '../../scripts/free-port.ts';
import type { BrowserOptions } from './chromium.ts';
import type { Firefox } from './firefox.ts';
import { Inspector } from './webkit-inspector.ts';

/** A WebKit of its own: own profile, own screen, own processes. */
export type Webkit = Firefox;

/**
 * Starts a WebKit, the engine of Safari, on a screen that nobody sees. It is driven as its own developer tools do it:
 * through WebDriver it would tell nothing of its console. Debian's knows no WebRTC.
 * @throws {Error} if it is missing, or does not start
 */
export async function launchWebkit({
  flags = [],
  beforePage = '',
}: Pick<BrowserOptions, 'flags' | 'beforePage'> = {}): Promise<Webkit> {
  const [browser, xvfb] = [WEBKIT, XVFB].map((need) => {
    const path = find(need, process.env);
    if (path) return path;
    throw new Error(`${need.debianPackage} is missing: run node scripts/debian-packages.ts`);
  }) as [string, string];
  const home = mkdtempSync(join(tmpdir(), 'zf-webkit-'));
  const started: ChildProcess[] = [];
  const start = (path: string, args: string[], env: NodeJS.ProcessEnv = {}) => {
    const child = spawn(path, args, {
      // A group of its own: what it starts ends with it.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      env: { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, ...env },
    });
    started.push(child);
    return child;
  };
  // Being groups of their own, they would outlive this process.
  const atExit = () => {
    for (const child of started) void end(child);
    rmSync(home, { recursive: true, force: true, maxRetries: 10 });
  };
  process.once('exit', atExit);
  const quit = async () => {
    process.off('exit', atExit);
    for (const child of started.splice(0).reverse()) await end(child);
    rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    // It takes the first number that is free, and writes it where it is told to.
    const screen = start(xvfb, ['-displayfd', '3', '-screen', '0', '1200x900x24']);
    const number = await Promise.race([once(screen.stdio[3] as Readable, 'data'), exit(screen)]);
    const port = await freePort();
    const child = start(browser, ['--enable-developer-extras=true', ...flags, 'about:blank'], {
      DISPLAY: `:${String(number).trim()}`,
      WEBKIT_INSPECTOR_HTTP_SERVER: `127.0.0.1:${port}`,
    });
    const socket = await Promise.race([address(port, child), exit(child)]);
    return { ...begin(await Inspector.open(socket, beforePage)), quit };
  } catch (error) {
    await quit();
    throw error;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await over;
}

/** Rejects when a program ends that should not. */
async function exit(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`${child.spawnfile} ended (${code})`);
}

/** Where it listens for its developer tools: it says so once it has a page. */
async function address(port: number, child: ChildProcess): Promise<string> {
  // One that has ended never says it: to go on asking would keep this process.
  while (child.exitCode === null && child.signalCode === null) {
    const list = await fetch(`http://127.0.0.1:${port}/`).then(
      (response) => response.text(),
      () => '',
    );
    const path = /socket\/\d+\/\d+\/WebPage/.exec(list)?.[0];
    if (path) return `ws://127.0.0.1:${port}/${path}`;
    await pause(50);
  }
  return '';
}

function begin(inspector: Inspector): Pick<Webkit, 'driver' | 'console'> {
  const call = async (body: string) => {
    // What it throws is told like this: the console would have it as a rejection that nobody handled.
    const told = await inspector.evaluate(
      `(async () => { ${body} })().then((value) => JSON.stringify({ value }), (error) => JSON.stringify({ error: String(error) }))`,
    );
    const { value = null, error } = JSON.parse(told);
    if (error) throw new Error(error);
    return value;
  };
  return {
    driver: {
      async get(url) {
        await inspector.command('Page.navigate', { url });
        const isThere = `return location.href === ${JSON.stringify(url)} && document.readyState === 'complete'`;
        while (!(await call(isThere).catch(() => false))) {
          if (inspector.isOver) throw new Error(`WebKit ended while it loaded ${url}`);
          await pause(20);
        }
      },
      executeScript: (script) => call(`return (function () { ${script} })()`),
      executeAsyncScript: (script) =>
        call(`return new Promise((done) => (function () { ${script} })(done))`),
    },
    console: async () => inspector.takeMessages(),
  };
}
