import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type Browser, kill, launch } from '../browsers/chromium.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, looks, seeding, until } from './visit.ts';

const ASSETS = 7;

describe('Visitors in real browsers', () => {
  let site: Site;
  let tracker: TrackerProcess;
  const browsers: Browser[] = [];

  const open = async (path: string, options = {}): Promise<Browser> => {
    const browser = await launch(options);
    browsers.push(browser);
    await browser.driver.get(site.url(path));
    return browser;
  };

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    addAssets(site);
    site.page('/', tracker.url, assetBody(site));
  });

  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
    site.up = true;
  });

  after(async () => {
    site?.close();
    await tracker?.kill();
  });

  it('show the same page with all bytes from the first one when the origin has stopped', async () => {
    const a = await open('/');
    const original = await looks(a);
    await seeding(a, ASSETS);
    assert.deepEqual(original.order, ['one', 'two']);
    assert.equal(original.title, 'sum 42');
    assert.equal(original.font, true);
    site.up = false;
    site.assetBytes = 0;
    const b = await open('/');
    assert.deepEqual(await looks(b), original);
    const total = [...site.files.values()].reduce((sum, { length }) => sum + length, 0);
    assert.deepEqual(await bytes(b), { peers: total, origin: 0, store: 0, uploaded: 0 });
    assert.equal((await bytes(a)).uploaded, total);
    assert.equal(site.assetBytes, 0);
    assert.deepEqual(await complaints(b), []);
  });

  it('serve a third one after the first has left', async () => {
    const a = await open('/');
    const original = await looks(a);
    await seeding(a, ASSETS);
    site.up = false;
    const b = await open('/');
    await looks(b);
    await seeding(b, ASSETS);
    kill(a);
    const c = await open('/');
    assert.deepEqual(await looks(c), original);
    assert.equal((await bytes(c)).origin, 0);
  });

  it('load in parallel from three, and complete when two of them are killed on the way', async () => {
    const file = randomBytes(24_000_000);
    site.add('/a/big.bin', file);
    const start = `zauberflote.download('${site.mark('/a/big.bin').split('"')[3]}', { fallback: '/a/big.bin' })
      .then(async (blob) => {
        const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
        window.result = btoa(String.fromCharCode(...new Uint8Array(digest)));
      }, (error) => { window.result = String(error); })`;
    site.page('/empty', tracker.url, '');
    // Else two of them are done before the third is needed.
    const empty = site.pages.get('/empty') as string;
    const slow = empty.replace(' async>', ' data-max-upload-bytes-per-second="4000000" async>');
    assert.notEqual(slow, empty);
    site.pages.set('/empty', slow);
    const seeders = [await open('/empty'), await open('/empty'), await open('/empty')];
    for (const seeder of seeders) {
      await until(seeder.driver, 'return !!window.zauberflote', 'the client');
      await seeder.driver.executeScript(start);
    }
    for (const seeder of seeders) await seeding(seeder, 1);
    site.up = false;
    site.assetBytes = 0;
    const leecher = await open('/empty');
    await until(leecher.driver, 'return !!window.zauberflote', 'the client');
    await leecher.driver.executeScript(start);
    const uploaded = () =>
      Promise.all(seeders.map(async (seeder) => (await bytes(seeder)).uploaded));
    const given = await leecher.driver.wait(
      async () => {
        const amounts = await uploaded();
        return amounts.every((amount) => amount > 0) && amounts;
      },
      60_000,
      'chunks from all three',
    );
    assert.ok(given);
    assert.equal(await leecher.driver.executeScript('return window.result'), null, 'too fast');
    for (const seeder of seeders.slice(1)) kill(seeder);
    const digest = site.mark('/a/big.bin').split('"')[3]?.replace('sha256-', '');
    assert.equal(await until(leecher.driver, 'return window.result', 'the end'), digest);
    assert.equal(site.assetBytes, 0);
    site.files.delete('/a/big.bin');
  });

  it('never show what a lying one sent, and get the right bytes from the origin', async () => {
    // The liar flips a bit of every fragment: the last byte of what goes over the data channel.
    const liar = await open('/', {
      beforePage: `const { send } = RTCDataChannel.prototype;
        RTCDataChannel.prototype.send = function (data) {
          if (this.label === 'data') { data = new Uint8Array(data); data[data.length - 1] ^= 1; window.lied = true; }
          return send.call(this, data);
        };`,
    });
    const original = await looks(liar);
    await seeding(liar, ASSETS);
    site.assetBytes = 0;
    const shown: string[] = [];
    const b = await open('/', {
      // Everything that is ever made into an object URL could be shown.
      beforePage: `window.urls = []; const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => { urls.push(blob.text()); return make.call(URL, blob); };`,
    });
    assert.deepEqual(await looks(b), original);
    assert.equal(await liar.driver.executeScript('return window.lied'), true);
    assert.ok(site.assetBytes > 0);
    shown.push(
      ...(await b.driver.executeAsyncScript<string[]>(
        'const done = arguments[0]; Promise.all(urls).then(done)',
      )),
    );
    const two = Buffer.from(site.files.get('/a/two.js') as Uint8Array).toString();
    assert.ok(shown.includes(two));
    for (const text of shown) if (text.startsWith('order.push')) assert.equal(text, two);
  });
});
