import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Verifier } from '../../client/src/integrity/digest.ts';
import { rebuildManifests } from '../../client/src/integrity/manifest.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, looks, seeding, until } from './visit.ts';

/** Those of the site and one with a manifest in the page. */
const ASSETS = 8;
const LARGE = 100_000;

describe('A page whose contents may be kept for the next one', () => {
  let site: Site;
  let tracker: TrackerProcess;
  const browsers: Browser[] = [];

  /** A page that may keep so many bytes. */
  const page = (path: string, body: string, maxStoredBytes: number | undefined) => {
    site.page(path, tracker.url, body);
    if (maxStoredBytes === undefined) return;
    const html = site.pages.get(path) as string;
    const changed = html.replace(' async', ` data-max-stored-bytes="${maxStoredBytes}" async`);
    assert.notEqual(changed, html);
    site.pages.set(path, changed);
  };

  const open = async (path: string): Promise<Browser> => {
    const browser = await launch();
    browsers.push(browser);
    await browser.driver.get(site.url(path));
    return browser;
  };

  /** Sizes of what is kept, the oldest first, once there are so many. */
  const kept = ({ driver }: Browser, count: number): Promise<number[]> =>
    until(
      driver,
      `return (async () => {
        const cache = await caches.open('zauberflote');
        const sizes = (await cache.keys()).map((request) => Number(request.headers.get('size')));
        return sizes.length === ${count} && sizes;
      })()`,
      `${count} contents kept`,
    );

  const total = () => [...site.files.values()].reduce((sum, { length }) => sum + length, 0);

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    addAssets(site);
    const data = new Uint8Array(randomBytes(LARGE));
    site.add('/a/data.bin', data);
    const verifier = new Verifier(crypto.subtle, () => assert.fail('no library is needed'));
    const [manifest] = await rebuildManifests(data, [''], verifier);
    const id = createHash('sha256')
      .update(manifest as Uint8Array)
      .digest('base64url');
    const body = `${assetBody(site)}
<script type="application/zauberflote-manifest">${Buffer.from(manifest as Uint8Array).toString('base64')}</script>
<link rel="zf-preload" data-zf-fallback="/a/data.bin" data-zf-hash="zf1-${id}">`;
    page('/', body, 10_000_000);
    page('/none', body, undefined);
    page('/little', body, LARGE + 1);
  });

  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
    site.up = true;
    site.assetBytes = 0;
  });

  after(async () => {
    site?.close();
    await tracker?.kill();
  });

  it('shows all of it the next time without a byte from anywhere, and serves it to others', async () => {
    const a = await open('/');
    const original = await looks(a);
    await kept(a, ASSETS);
    assert.equal(site.assetBytes, total());
    site.up = false;
    await a.driver.get(site.url('/'));
    assert.deepEqual(await looks(a), original);
    await seeding(a, ASSETS);
    assert.deepEqual(await bytes(a), { peers: 0, origin: 0, store: total(), uploaded: 0 });
    assert.equal(site.assetBytes, total());
    const b = await open('/none');
    assert.deepEqual(await looks(b), original);
    await seeding(b, ASSETS);
    assert.equal((await bytes(b)).peers, total());
    assert.deepEqual(await complaints(a), []);
    assert.deepEqual((await kept(a, ASSETS)).length, ASSETS);
  });

  it('takes nothing on trust: what was changed there comes from elsewhere, and is mended', async () => {
    const a = await open('/');
    const original = await looks(a);
    await kept(a, ASSETS);
    await a.driver.executeAsyncScript(`
      const done = arguments[0];
      (async () => {
        const cache = await caches.open('zauberflote');
        for (const request of await cache.keys()) {
          const body = new Uint8Array(await (await cache.match(request)).arrayBuffer());
          body[body.length - 1] ^= 1;
          await cache.put(request, new Response(body));
        }
      })().then(done, done);`);
    site.assetBytes = 0;
    await a.driver.get(site.url('/'));
    assert.deepEqual(await looks(a), original);
    await seeding(a, ASSETS);
    assert.deepEqual(await bytes(a), { peers: 0, origin: total(), store: 0, uploaded: 0 });
    const mended = `return Promise.all(${JSON.stringify([...site.files.values()].map((file) => createHash('sha256').update(file).digest('hex')))}.map(async (hex) => hex))
      .then(async (expected) => {
        const cache = await caches.open('zauberflote');
        const found = await Promise.all((await cache.keys()).map(async (request) => {
          const digest = await crypto.subtle.digest('SHA-256', await (await cache.match(request)).arrayBuffer());
          return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
        }));
        return expected.every((hex) => found.includes(hex));
      })`;
    await until(a.driver, mended, 'what was changed is mended');
  });

  it('keeps the newest that fit, and nothing larger', async () => {
    const a = await open('/little');
    await looks(a);
    await seeding(a, ASSETS);
    // All but the largest would be there if there were room; in which order they came is chance.
    const fits = await until<number[]>(
      a.driver,
      `return new Promise((done) => setTimeout(async () => {
        const cache = await caches.open('zauberflote');
        done((await cache.keys()).map((request) => Number(request.headers.get('size'))));
      }, 3000))`,
      'what is kept',
    );
    const sizes = [...site.files.values()].map(({ length }) => length);
    assert.ok(fits.length > 0 && fits.every((size) => sizes.includes(size)), String(fits));
    assert.ok(fits.reduce((sum, size) => sum + size, 0) <= LARGE + 1, String(fits));
  });

  it('keeps nothing unless its owner wants that', async () => {
    const a = await open('/none');
    await looks(a);
    await seeding(a, ASSETS);
    const names = 'return new Promise((done) => setTimeout(done, 3000)).then(() => caches.keys())';
    assert.deepEqual(await a.driver.executeScript(names), []);
  });

  it('loads all the same where the browser lets nothing be kept', async () => {
    const browser = await launch({
      beforePage: `Object.defineProperty(window, 'caches', {
        get() { throw new DOMException('not here', 'SecurityError'); } });`,
    });
    browsers.push(browser);
    await browser.driver.get(site.url('/'));
    await looks(browser);
    await seeding(browser, ASSETS);
    assert.deepEqual(await complaints(browser), []);
  });
});
