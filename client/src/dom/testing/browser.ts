/** What the browser tests need: a Chromium with a page of {@link Site} in it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { rollup } from 'rollup';
import { Builder, type WebDriver } from 'selenium-webdriver';
import chrome from 'selenium-webdriver/chrome.js';
import { browserPrograms } from '../../../../scripts/debian-packages.ts';
import { putFiles, Site } from './site.ts';

/** Patience with a busy machine, in ms: less than mocha has, so that it can still be said what did not happen. */
export const PATIENCE_MS = 50_000;

/** One browser and one site for the tests of the enclosing `describe`. */
export class TestPage {
  site!: Site;
  driver!: WebDriver;
  #pages = 0;

  constructor() {
    let stop: (() => Promise<void>) | undefined;
    before(async () => {
      this.site = await Site.start();
      this.site.put('/zf.js', 'text/javascript', await bundlePage());
      await putFiles(this.site);
      ({ driver: this.driver, stop } = await startChromium());
    });
    afterEach(() => this.site.reset());
    after(async () => {
      await stop?.();
      this.site.close();
    });
  }

  /** Opens a page; the injector starts while it is parsed. */
  async open(body: string, head = '<script src="/zf.js"></script>'): Promise<void> {
    const path = `/page${++this.#pages}`;
    const icon = '<link rel="icon" href="data:,">';
    this.site.put(path, 'text/html; charset=utf-8', `<!doctype html>${icon}${head}<body>${body}`);
    await this.driver.get(this.site.origin + path);
  }

  /** Evaluates an expression in the page; awaits it if it is a promise. */
  async get<T>(expression: string): Promise<T> {
    const [error, value] = await this.driver.executeAsyncScript<[string | null, T]>(
      `const done = arguments[0];
       (async () => (${expression}))().then((v) => done([null, v]), (e) => done([String(e), null]));`,
    );
    if (error) throw new Error(`${error} in ${expression}`);
    return value;
  }

  /** Waits in the page. What the page looked like is part of the message when it does not happen. */
  async until(condition: string): Promise<void> {
    try {
      await this.get(`until(() => ${condition})`);
    } catch (cause) {
      const seen = await this.get('({ messages, events, ran, html: document.body.outerHTML })');
      throw new Error(`never: ${condition}\n${JSON.stringify(seen, null, 1)}`, { cause });
    }
  }

  /** Lets the page do what it does at once, mutation observers included. */
  async settle(): Promise<void> {
    await this.get('new Promise((resolve) => setTimeout(resolve))');
  }

  /** Waits until the site was asked for `path`. */
  async requested(path: string): Promise<void> {
    await this.driver.wait(
      () => this.site.requests.includes(path),
      PATIENCE_MS,
      `no request for ${path}`,
      5,
    );
  }
}

/** Expressions for {@link TestPage.get} and `until`. */
export const $ = (id: string) => `document.getElementById('${id}')`;
/** The element had its `load` event. */
export const loaded = (id: string) => `events.some((e) => e.type === 'load' && e.id === '${id}')`;
/** The element had its `zf:error` event. */
export const failed = (id: string) =>
  `events.some((e) => e.type === 'zf:error' && e.id === '${id}')`;

async function startChromium(): Promise<{ driver: WebDriver; stop: () => Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), 'zf-dom-'));
  const programs = browserPrograms();
  const options = new chrome.Options();
  options.setBinaryPath(programs.chrome);
  options.addArguments(
    ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ...['--window-size=800,600', '--autoplay-policy=no-user-gesture-required'],
    '--js-flags=--expose-gc',
    `--user-data-dir=${profile}`,
  );
  const driver = await new Builder()
    .forBrowser('chrome')
    .setChromeOptions(options)
    .setChromeService(new chrome.ServiceBuilder(programs.chromedriver))
    .build();
  await driver.manage().setTimeouts({ script: PATIENCE_MS });
  const stop = async () => {
    await driver.quit();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { driver, stop };
}

/** `page.ts` and all it imports, as one classic script. */
async function bundlePage(): Promise<string> {
  const bundle = await rollup({
    input: fileURLToPath(new URL('page.ts', import.meta.url)),
    // Old helpers in @bufbuild/protobuf look for a global `this`; they are shaken out.
    onwarn: ({ code, message }) => assert.equal(code, 'THIS_IS_UNDEFINED', message),
    plugins: [
      nodeResolve({ extensions: ['.ts', '.js'] }),
      {
        name: 'typescript',
        transform: (code, id) => (id.endsWith('.ts') ? stripTypeScriptTypes(code) : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'iife' });
  return output[0].code;
}
