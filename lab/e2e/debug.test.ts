import assert from 'node:assert/strict';
import { type Browser, launch } from '../browsers/chromium.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { complaints, looks, seeding, until } from './visit.ts';

const ASSETS = 7;
/** What a page with a strict policy allows, besides what the client needs. */
const POLICY =
  "default-src 'none'; script-src * blob: 'unsafe-inline'; connect-src *; img-src 'self' blob: data:; style-src 'self' blob:; font-src * blob:";

describe('The panel of zauberflote-debug.js', () => {
  let site: Site;
  let tracker: TrackerProcess;
  const browsers: Browser[] = [];

  const open = async (path: string, options = {}): Promise<Browser> => {
    const browser = await launch(options);
    browsers.push(browser);
    await browser.driver.get(site.url(path));
    return browser;
  };
  /** Its lines; none where there is no panel. */
  const lines = ({ driver }: Browser): Promise<string[]> =>
    driver.executeScript(`
      const root = document.querySelector('[data-zf-debug]')?.shadowRoot;
      return [...(root?.querySelectorAll('h2, p, dt, dd, .name, .text') ?? [])].map((part) => part.textContent);`);
  const says = (browser: Browser, text: string) =>
    until(
      browser.driver,
      `return document.querySelector('[data-zf-debug]')?.shadowRoot.querySelector('section').textContent.includes(${JSON.stringify(text)})`,
      `${text} in the panel`,
    );

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    addAssets(site);
    site.page('/', tracker.url, assetBody(site));
    const page = site.pages.get('/') as string;
    const panel = '<script src="/zauberflote-debug.js"></script>';
    const policy = `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`;
    site.pages.set('/debug', page.replace('<title>', `${policy}${panel}<title>`));
    const broken = `${assetBody(site)}<img data-zf-fallback="/gone.png" data-zf-hash="${'0'.repeat(40)}" alt="">`;
    site.page('/broken', tracker.url, broken);
  });

  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
    site.up = true;
    site.scriptUp = true;
  });

  after(async () => {
    site?.close();
    await tracker?.kill();
  });

  it('tells where everything came from, under a policy that forbids styles, and changes nothing', async () => {
    const first = await open('/');
    const original = await looks(first);
    await seeding(first, ASSETS);
    site.up = false;
    const second = await open('/debug');
    assert.deepEqual(await looks(second), original);
    await seeding(second, ASSETS);
    await says(second, '100 % from visitors');
    const told = await lines(second);
    assert.equal(told[0], 'Zauberflöte: 100 % from visitors');
    assert.deepEqual(told.slice(1, 5), ['Tracker', 'connected', 'Visitors', '1 connected']);
    assert.equal(told[told.indexOf('/a/photo.jpg') + 1], '60 KB: 100 % from visitors');
    assert.equal(told.filter((line) => / from visitors$/.test(line)).length, ASSETS + 1);
    const { width, position } = await second.driver.executeScript<Record<string, unknown>>(`
      const host = document.querySelector('[data-zf-debug]');
      return { width: host.getBoundingClientRect().width, position: getComputedStyle(host).position }`);
    assert.equal(position, 'fixed');
    assert.ok(Number(width) > 300, 'its styles are not there');
    assert.deepEqual(await complaints(second), []);
  });

  it('can be had later, on a page whose trouble it tells, and be closed', async () => {
    const { driver } = await open('/broken');
    const [browser] = browsers as [Browser];
    await looks(browser);
    await driver.executeScript(`for (let i = 0; i < 2; i++) {
      const script = document.createElement('script');
      script.src = '/zauberflote-debug.js';
      document.head.append(script);
    }`);
    await says(browser, 'shown before this panel was there');
    const hosts = 'return document.querySelectorAll("[data-zf-debug]").length';
    assert.equal(await driver.executeScript(hosts), 1);
    // It has failed before: anew.
    await driver.executeScript(`const image = document.createElement('img');
      Object.assign(image.dataset, { zfFallback: '/a/logo.svg', zfHash: '${'1'.repeat(40)}' });
      document.body.append(image);`);
    await says(browser, 'nothing received has the hash');
    await driver.executeScript(
      `document.querySelector('[data-zf-debug]').shadowRoot.querySelector('[title="Close"]').click()`,
    );
    assert.equal(await driver.executeScript(hosts), 0);
  });

  it('says that the client did not run, and what the page is without it', async () => {
    site.scriptUp = false;
    const html = (site.pages.get('/debug') as string).replace(
      /<script src="\/zauberflote-debug.js"><\/script>/,
      '',
    );
    site.pages.set('/none', html);
    const browser = await open('/none');
    site.scriptUp = true;
    await browser.driver.executeScript(`const script = document.createElement('script');
      script.src = '/zauberflote-debug.js'; document.head.append(script);`);
    await says(browser, 'zauberflote.js did not run');
    await says(browser, 'unverified: the client did not load it');
  });
});
