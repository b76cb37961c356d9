import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type Browser, launch } from '../browsers/chromium.ts';
import { type Firefox, launchFirefox } from '../browsers/firefox.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, looks, seeding, until } from './visit.ts';

const ASSETS = 7;

describe('Visitors with Firefox', () => {
  let site: Site;
  let tracker: TrackerProcess;
  const browsers: (Browser | Firefox)[] = [];

  const open = async (browser: 'chromium' | 'firefox', path = '/') => {
    const opened = await (browser === 'firefox' ? launchFirefox() : launch());
    browsers.push(opened);
    await opened.driver.get(site.url(path));
    return opened;
  };

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    addAssets(site);
    site.page('/', tracker.url, assetBody(site));
    site.page('/empty', tracker.url, '');
  });

  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
    site.up = true;
  });

  after(async () => {
    site?.close();
    await tracker?.kill();
  });

  for (const [first, second] of [
    ['chromium', 'firefox'],
    ['firefox', 'chromium'],
    ['firefox', 'firefox'],
  ] as const)
    it(`see all of the page, from a ${first} to a ${second}, when the origin has stopped`, async () => {
      const a = await open(first);
      const original = await looks(a);
      await seeding(a, ASSETS);
      site.up = false;
      const b = await open(second);
      const seen = await looks(b);
      // Each draws circles in its own way.
      const logo = first === second ? original.logo : seen.logo;
      assert.deepEqual(seen, { ...original, logo });
      assert.match(logo, /^40x40:/);
      const total = [...site.files.values()].reduce((sum, { length }) => sum + length, 0);
      assert.deepEqual(await bytes(b), { peers: total, origin: 0, store: 0, uploaded: 0 });
      assert.equal((await bytes(a)).uploaded, total);
      for (const browser of [a, b]) assert.deepEqual(await complaints(browser), []);
    });

  for (const [from, to] of [
    ['chromium', 'firefox'],
    ['firefox', 'chromium'],
  ] as const)
    it(`get many megabytes right, from a ${from} to a ${to}`, async () => {
      const file = randomBytes(24_000_000);
      site.add('/a/big.bin', file);
      const id = site.mark('/a/big.bin').split('"')[3];
      const start = `zauberflote.download('${id}', { fallback: '/a/big.bin' }).then(
        ({ size }) => { window.result = size; }, (error) => { window.result = String(error); });`;
      const a = await open(from, '/empty');
      await until(a.driver, 'return !!window.zauberflote', 'the client');
      await a.driver.executeScript(start);
      await seeding(a, 1);
      site.up = false;
      const b = await open(to, '/empty');
      await until(b.driver, 'return !!window.zauberflote', 'the client');
      await b.driver.executeScript(start);
      assert.equal(await until(b.driver, 'return window.result', 'the end'), file.length);
      assert.equal((await bytes(b)).peers, file.length);
      site.files.delete('/a/big.bin');
    });
});
