import assert from 'node:assert/strict';
import { type Browser, launch } from '../browsers/chromium.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, looks, PATIENCE_MS, seeding, until } from './visit.ts';

const ASSETS = 7;

/** Remembers, in every page, how it was shown, which connections it made, and those before it was left. */
const WATCH = `
  window.shown = [];
  window.made = [];
  window.left = [];
  addEventListener('pagehide', () => { left = [...made]; });
  addEventListener('pageshow', ({ persisted }) => shown.push(persisted));
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...args) { super(...args); made.push(this); }
  };`;

describe('A visitor who goes from page to page', () => {
  let site: Site;
  let tracker: TrackerProcess;
  let total: number;
  const browsers: Browser[] = [];

  const open = async (path: string): Promise<Browser> => {
    const browser = await launch({ beforePage: WATCH });
    browsers.push(browser);
    await browser.driver.get(site.url(path));
    return browser;
  };

  /** Waits until the tracker knows so many peers, no more: the pages that were left said so. */
  const peers = async ({ driver }: Browser, count: number): Promise<void> => {
    const ask = async () => {
      const response = await fetch(`${tracker.url.replace(/^ws/, 'http')}healthz`);
      return ((await response.json()) as { peers: number }).peers === count;
    };
    await driver.wait(ask, PATIENCE_MS, `waited for: ${count} peers at the tracker`, 50);
  };
  const onePeer = (browser: Browser) => peers(browser, 1);

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    site.pageCaching = 'no-cache';
    addAssets(site);
    for (const path of ['/', '/second', '/third']) site.page(path, tracker.url, assetBody(site));
    total = [...site.files.values()].reduce((sum, { length }) => sum + length, 0);
  });

  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
    site.up = true;
  });

  after(async () => {
    site?.close();
    await tracker?.kill();
  });

  it('is one peer at a time, and never waits for the page that was left', async () => {
    const visitor = await open('/');
    const original = await looks(visitor);
    await seeding(visitor, ASSETS);
    await onePeer(visitor);
    for (const path of ['/second', '/third']) {
      await visitor.driver.get(site.url(path));
      assert.deepEqual(await looks(visitor), original);
      await seeding(visitor, ASSETS);
      assert.equal(await visitor.driver.executeScript('return made.length'), 0);
      assert.equal((await bytes(visitor)).origin, total);
      await onePeer(visitor);
    }
    assert.deepEqual(await complaints(visitor), []);
  });

  it('is one peer also after it left a page that a script wrote anew', async () => {
    const visitor = await open('/');
    const original = await looks(visitor);
    await visitor.driver.executeAsyncScript(`
      fetch('').then((answer) => answer.text()).then((html) => {
        document.open();
        document.write(html);
        document.close();
        addEventListener('load', arguments[0]);
      });`);
    assert.deepEqual(await looks(visitor), original);
    await seeding(visitor, ASSETS);
    await visitor.driver.get(site.url('/second'));
    assert.deepEqual(await looks(visitor), original);
    await onePeer(visitor);
  });

  it('gets a page back as it was, connections or not, and that page serves again', async () => {
    const visitor = await open('/');
    const original = await looks(visitor);
    await seeding(visitor, ASSETS);
    const other = await open('/');
    await looks(other);
    assert.equal((await bytes(other)).peers, total);
    assert.ok(await visitor.driver.executeScript('return made.length > 0'));
    await visitor.driver.get(site.url('/second'));
    await looks(visitor);
    await visitor.driver.navigate().back();
    // Both are in the browser's cache once, and are shown from it.
    for (const step of ['back', 'forward'] as const) {
      if (step === 'forward') await visitor.driver.navigate().forward();
      await until(
        visitor.driver,
        'return String(shown) === "false,true"',
        `${step} from the cache`,
      );
      assert.equal(
        await visitor.driver.executeScript(
          `return left.every(({ connectionState }) => connectionState === 'closed')`,
        ),
        true,
        step,
      );
      assert.deepEqual(await looks(visitor), original, step);
      await seeding(visitor, ASSETS);
    }
    await other.driver.get('about:blank');
    await onePeer(visitor);
    site.up = false;
    site.assetBytes = 0;
    const third = await open('/');
    assert.deepEqual(await looks(third), original);
    assert.deepEqual(await bytes(third), { peers: total, origin: 0, store: 0, uploaded: 0 });
    await until(visitor.driver, `return zauberflote.stats().bytes.uploaded >= ${total}`, 'upload');
    assert.equal(site.assetBytes, 0);
  });

  it('is no holder while its page in the background is stopped, and one again afterwards', async () => {
    const visitor = await open('/');
    await looks(visitor);
    await seeding(visitor, ASSETS);
    const become = (state: 'frozen' | 'active') =>
      visitor.driver.sendDevToolsCommand('Page.setWebLifecycleState', { state });
    await become('frozen');
    await peers(visitor, 0);
    await become('active');
    await seeding(visitor, ASSETS);
    site.up = false;
    site.assetBytes = 0;
    const next = await open('/');
    await looks(next);
    assert.equal((await bytes(next)).peers, total);
    assert.equal(site.assetBytes, 0);
  });
});
