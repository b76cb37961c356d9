import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { launch } from '../browsers/chromium.ts';
import { launchWebkit, type Webkit } from '../browsers/webkit.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, type Looks, looks, until } from './visit.ts';

/** Debian's WebKit has no WebRTC; with this the client takes it for one that has, and asks the tracker. */
const WEBRTC = `window.RTCPeerConnection = class { constructor() { throw new Error('none here') } };`;

describe('Visitors with WebKit', () => {
  let site: Site;
  let tracker: TrackerProcess;
  let mute: Server;
  let original: Looks;
  let total: number;
  const browsers: Webkit[] = [];

  const start = async (...options: Parameters<typeof launchWebkit>) => {
    const browser = await launchWebkit(...options);
    browsers.push(browser);
    return browser;
  };

  /** All is there, and each byte came once from the origin. */
  const complete = async (page: Webkit, url: string) => {
    site.assetBytes = 0;
    await page.driver.get(url);
    const seen = await looks(page);
    // Each browser draws circles in its own way.
    assert.deepEqual(seen, { ...original, logo: seen.logo });
    assert.match(seen.logo, /^40x40:/);
    assert.equal(site.assetBytes, total);
  };

  before(async () => {
    tracker = await TrackerProcess.start();
    mute = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    site = await new Site().start();
    addAssets(site);
    total = [...site.files.values()].reduce((sum, { length }) => sum + length, 0);
    site.page('/', tracker.url, assetBody(site));
    const silent = `ws://127.0.0.1:${(mute.address() as AddressInfo).port}/`;
    site.page('/mute', silent, assetBody(site));
    const keeping = site.pages
      .get('/')!
      .replace(' data-tracker', ' data-max-stored-bytes="9999999"$&');
    site.pages.set('/kept', keeping);
    const chromium = await launch();
    try {
      await chromium.driver.get(site.url());
      original = await looks(chromium);
    } finally {
      await chromium.quit();
    }
  });

  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
    site.up = site.scriptUp = true;
  });

  after(async () => {
    mute?.close();
    site?.close();
    await tracker?.kill();
  });

  it('see all of the page without WebRTC, with and without the client, and without complaints', async () => {
    const page = await start();
    await complete(page, site.url());
    assert.equal(
      await page.driver.executeScript('return zauberflote.stats().tracker'),
      'unavailable',
    );
    assert.deepEqual(await bytes(page), { peers: 0, origin: total, store: 0, uploaded: 0 });
    assert.deepEqual(await complaints(page), []);
    site.scriptUp = false;
    await complete(page, site.url('/?without'));
    assert.match((await complaints(page)).join('\n'), /^\S+zauberflote\.js: .*404[^\n]*$/);
  });

  it('see all of it over plain http, where WebKit computes no hashes', async () => {
    // The site is its own proxy, so that any name leads to it.
    const page = await start({ flags: [`--proxy=${site.url('')}`] });
    await complete(page, 'http://site.test/');
    assert.equal(await page.driver.executeScript('return typeof crypto.subtle'), 'undefined');
    assert.deepEqual(await bytes(page), { peers: 0, origin: total, store: 0, uploaded: 0 });
    assert.deepEqual(await complaints(page), []);
  });

  it('see all of it where the tracker says nothing, and where nobody can be connected to', async () => {
    const page = await start({ beforePage: WEBRTC });
    await complete(page, site.url('/mute'));
    await complete(page, site.url());
    await until(page.driver, "return zauberflote.stats().tracker === 'open'", 'the tracker');
  });

  it('find on the next page what was kept for it', async () => {
    const logo = site.files.get('/a/logo.svg')!;
    const img = `<img id="logo" alt="" ${site.mark('/a/logo.svg')}>`;
    for (const [path, body] of [
      ['/first', `<img alt="" ${site.mark('/a/photo.jpg')}>`],
      ['/next', img],
    ] as const) {
      site.page(path, tracker.url, body);
      const keeping = site.pages.get(path)!.replace(' async', ' data-max-stored-bytes="99999"$&');
      site.pages.set(path, keeping);
    }
    const page = await start({ beforePage: WEBRTC });
    await page.driver.get(site.url('/first'));
    // What came before that would be left to the browser's own cache.
    await until(page.driver, "return zauberflote.stats().tracker === 'open'", 'the tracker');
    await page.driver.executeScript(`document.body.insertAdjacentHTML('beforeend', '${img}')`);
    const hex = createHash('sha256').update(logo).digest('hex');
    await until(
      page.driver,
      `return caches.open('zauberflote').then((all) => all.keys()).then((all) => all.some(({ url }) => url.endsWith('${hex}')))`,
      'the store',
    );
    site.up = false;
    await page.driver.get(site.url('/next'));
    await until(page.driver, 'return logo.naturalWidth === 40', 'what was kept');
    assert.deepEqual(await bytes(page), { peers: 0, origin: 0, store: logo.length, uploaded: 0 });
  });

  describe('of a process that ends', () => {
    let dir: string;

    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), 'zf-ended-'));
    });

    afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));

    /** Runs a script, and tells what it said when it is over. */
    const run = async (script: string) => {
      const webkit = JSON.stringify(new URL('../browsers/webkit.ts', import.meta.url));
      const code = `const { launchWebkit } = await import(${webkit}); ${script}`;
      const env = { ...process.env, TMPDIR: dir };
      const args = ['--input-type=module', '--eval', code];
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
      child.stdout.setEncoding('utf8');
      const [said] = await Promise.all([child.stdout.toArray(), once(child, 'exit')]);
      return said.join('');
    };

    /** Processes whose home is there. */
    const alive = () =>
      readdirSync('/proc').filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${dir}`);
        } catch {
          return false;
        }
      });

    it('end with it', async () => {
      assert.equal(
        await run("await launchWebkit(); console.log('started'); process.exit()"),
        'started\n',
      );
      while (alive().length > 0) await pause(20);
      assert.deepEqual(readdirSync(dir), []);
    });

    it('do not keep it from ending where they do not start', async () => {
      // This has it say its version, and end.
      const start = "launchWebkit({ flags: ['--version'] })";
      const said = await run(`await ${start}.catch((error) => console.log(error.message));`);
      assert.match(said, /MiniBrowser ended \(0\)/);
    });
  });

  it('load lazy pictures when they come near, in the type of their file', async () => {
    const far = (path: string) => `<img loading="lazy" width="40" height="40" ${site.mark(path)}>`;
    site.page(
      '/lazy',
      tracker.url,
      `${far('/a/logo.svg')}<div style="height:9000px"></div>${far('/a/photo.jpg')}`,
    );
    const page = await start();
    site.assetBytes = 0;
    await page.driver.get(site.url('/lazy'));
    await until(page.driver, 'return document.images[0].naturalWidth === 40', 'the near one');
    assert.equal(site.assetBytes, site.files.get('/a/logo.svg')!.length);
    await page.driver.executeScript('document.images[1].scrollIntoView()');
    await until(page.driver, 'return document.images[1].naturalWidth === 320', 'the far one');
    assert.deepEqual(await complaints(page), []);
  });
});
