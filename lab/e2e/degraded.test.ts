import assert from 'node:assert/strict';
import { type Browser, type BrowserOptions, kill, launch } from '../browsers/chromium.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, type Looks, looks, seeding, until } from './visit.ts';

const ASSETS = 7;

describe('A page in a real browser', () => {
  let site: Site;
  let tracker: TrackerProcess;
  let original: Looks;
  const browsers: Browser[] = [];

  const open = async (url: string, options: BrowserOptions = {}): Promise<Browser> => {
    const browser = await launch(options);
    browsers.push(browser);
    await browser.driver.get(url);
    return browser;
  };

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    addAssets(site);
    site.page('/', tracker.url, assetBody(site));
    original = await looks(await open(site.url()));
  });

  beforeEach(() => tracker.start());

  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
    site.up = true;
    site.scriptUp = true;
    await tracker.kill();
  });

  after(() => site?.close());

  const stylesheet = ({ driver }: Browser) =>
    driver.executeScript<string>("return document.getElementById('style').getAttribute('href')");

  const complete = async (browser: Browser) => assert.deepEqual(await looks(browser), original);

  it('is complete when the tracker was killed before', async () => {
    await tracker.kill();
    const page = await open(site.url());
    await complete(page);
    assert.match(await stylesheet(page), /^blob:/);
    assert.equal((await bytes(page)).peers, 0);
  });

  it('is complete when the tracker is killed while it loads', async () => {
    const seeder = await open(site.url());
    await looks(seeder);
    await seeding(seeder, ASSETS);
    // As soon as the tracker has named a peer and a connection is tried.
    const page = await open('data:,', {
      beforePage: `const Real = RTCPeerConnection;
        window.RTCPeerConnection = class extends Real { constructor(...all) { super(...all); window.tried = true; } };`,
    });
    await page.driver.get(site.url());
    await until(page.driver, 'return window.tried', 'a connection attempt');
    await tracker.kill();
    await complete(page);
  });

  it('goes on serving and loading from those it knows after the tracker was killed', async () => {
    const seeder = await open(site.url());
    await looks(seeder);
    await seeding(seeder, ASSETS);
    const page = await open(site.url());
    await complete(page);
    await tracker.kill();
    await until(page.driver, "return zauberflote.stats().tracker !== 'open'", 'the loss');
    await complete(page);
    // A new page has no tracker, but an origin.
    await complete(await open(site.url()));
  });

  it('finds a tracker that came back, and others through it', async () => {
    await tracker.kill();
    const seeder = await open(site.url());
    await complete(seeder);
    await tracker.start();
    await seeding(seeder, ASSETS);
    site.up = false;
    await complete(await open(site.url()));
  });

  for (const [what, beforePage] of [
    ['WebRTC is switched off', 'delete window.RTCPeerConnection;'],
    [
      'RTCPeerConnection throws',
      "window.RTCPeerConnection = function () { throw new DOMException('no'); };",
    ],
    ['WebSocket is missing', 'delete window.WebSocket;'],
    [
      'WebSocket is blocked',
      "window.WebSocket = function () { throw new DOMException('blocked', 'SecurityError'); };",
    ],
  ] as const)
    it(`is complete when ${what}`, async () => {
      const seeder = await open(site.url());
      await looks(seeder);
      await seeding(seeder, ASSETS);
      const page = await open('data:,', { beforePage });
      await page.driver.get(site.url());
      await complete(page);
      assert.equal((await bytes(page)).peers, 0);
    });

  it('is complete with an element that has the name of the client', async () => {
    site.page('/opera', tracker.url, `<h2 id="zauberflote">Die Zauberflöte</h2>${assetBody(site)}`);
    const page = await open(site.url('/opera'));
    await complete(page);
    assert.match(await stylesheet(page), /^blob:/);
  });

  it('is complete when the client script answers 404', async () => {
    site.scriptUp = false;
    const page = await open(site.url());
    assert.equal(await page.driver.executeScript('return typeof zauberflote'), 'undefined');
    await complete(page);
  });

  it('is complete when the client fails as it starts', async () => {
    const page = await open('data:,', { beforePage: 'delete window.FinalizationRegistry;' });
    await page.driver.get(site.url());
    await complete(page);
    assert.match(await stylesheet(page), /\/a\/style\.css$/);
  });

  it('is complete without JavaScript', async () => {
    const page = await open(site.url(), { javascript: false });
    // WebDriver's own scripts run all the same.
    await until(
      page.driver,
      `return ['photo-ns', 'logo-ns'].every((id) => document.getElementById(id)?.naturalWidth > 0)
        && getComputedStyle(document.getElementById('title')).color === 'rgb(1, 2, 3)'`,
      'the noscript twins',
    );
    assert.equal(await page.driver.executeScript('return window.order ?? null'), null);
  });

  it('is complete on plain http, where there is no crypto.subtle, and shares there too', async () => {
    const flags = ['--host-resolver-rules=MAP site.test 127.0.0.1'];
    const url = site.url('/', 'site.test');
    const a = await open(url, { flags });
    assert.equal(await a.driver.executeScript('return crypto.subtle ?? null'), null);
    await complete(a);
    await seeding(a, ASSETS);
    site.up = false;
    const b = await open(url, { flags });
    await complete(b);
    assert.equal((await bytes(b)).origin, 0);
  });

  it('is complete on plain http when the hash library is missing', async () => {
    const page = await open('data:,', {
      flags: ['--host-resolver-rules=MAP site.test 127.0.0.1'],
    });
    await page.driver.sendDevToolsCommand('Network.enable', {});
    await page.driver.sendDevToolsCommand('Network.setBlockedURLs', {
      urls: ['*zauberflote-hash*'],
    });
    await page.driver.get(site.url('/', 'site.test'));
    await complete(page);
  });

  it('is complete when the file for stylesheets is missing, and says so once', async () => {
    const page = await open('data:,');
    await page.console();
    await page.driver.sendDevToolsCommand('Network.enable', {});
    await page.driver.sendDevToolsCommand('Network.setBlockedURLs', {
      urls: ['*zauberflote-css*'],
    });
    await page.driver.get(site.url());
    await complete(page);
    assert.match(await stylesheet(page), /\/a\/style\.css$/);
    const warnings = (await complaints(page)).filter((message) => /Zauberfl/.test(message));
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0] as string, /put zauberflote-css\.mjs beside zauberflote\.js/);
  });

  it('loses nothing when the visitor it loads from is killed', async () => {
    const seeder = await open(site.url());
    await looks(seeder);
    await seeding(seeder, ASSETS);
    const page = await open(site.url());
    kill(seeder);
    await complete(page);
  });

  describe('where something is wrong', () => {
    const EVENTS = `window.seen = []; for (const type of ['error', 'zf:error', 'load', 'zf:load'])
      addEventListener(type, ({ target, detail }) => {
        if (target.id) seen.push([type, target.id, detail?.error?.code ?? null].join(' '));
      }, true);`;

    async function failing(body: string): Promise<{ seen: string[]; messages: string[] }> {
      site.page('/bad', tracker.url, body);
      const page = await open('data:,', { beforePage: EVENTS });
      await page.console();
      await page.driver.get(site.url('/bad'));
      await until(page.driver, "return seen.some((event) => event.startsWith('error x'))", 'error');
      const messages = (await complaints(page)).filter((message) => /Zauberfl/.test(message));
      return { seen: await page.driver.executeScript('return seen'), messages };
    }

    for (const [what, code, body, cause] of [
      [
        'nobody has it',
        'no-source',
        () => `<img id="x" alt="" ${site.mark('/a/photo.jpg')}>`.replace('photo.jpg"', 'gone.jpg"'),
        /gone\.jpg answered 404/,
      ],
      [
        'the origin has something else',
        'hash-mismatch',
        () => `<img id="x" alt="" ${site.mark('/a/photo.jpg').replace('photo.jpg', 'logo.svg')}>`,
        /changed after hashing/,
      ],
      [
        'the hash attribute is nonsense',
        'bad-hash',
        () =>
          '<script id="x" data-zf-fallback="/a/one.js" data-zf-hash="sha999-nonsense"></script>',
        /sha999-nonsense\\*" is not a content hash/,
      ],
      [
        'the fallback is no URL',
        'bad-fallback',
        () => `<link id="x" ${site.mark('/a/style.css').replace('/a/style.css', 'http://[')}>`,
        /http:\/\/\[/,
      ],
    ] as const)
      it(`says so once, on the element and on the console: ${what}`, async () => {
        const { seen, messages } = await failing(body());
        assert.deepEqual(seen.sort(), ['error x ', `zf:error x ${code}`]);
        assert.equal(messages.length, 1, messages.join('\n'));
        assert.match(messages[0] as string, cause);
        assert.match(messages[0] as string, /#x|id=\\?"x/);
      });
  });
});
