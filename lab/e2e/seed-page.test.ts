import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeManifest } from '../../convert/src/manifest.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { SeedProcess } from './seed-process.ts';
import { addAssets, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, until } from './visit.ts';

const PHOTO = '/a/photo.jpg';
const LOGO = '/a/logo.svg';

/** SHA-256 in hex of the bytes that an element shows. */
const SHOWN = `
  const [id, done] = arguments;
  const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  fetch(document.getElementById(id).currentSrc)
    .then((response) => response.arrayBuffer())
    .then((data) => crypto.subtle.digest('SHA-256', data))
    .then(hex)
    .then(done, (error) => done(String(error)));`;

describe('A page whose files only zauberflote-seed has', () => {
  let site: Site;
  let folder: string;
  let tracker: TrackerProcess;
  let seed: SeedProcess;
  let browser: Browser;
  let manifest: Uint8Array;

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    addAssets(site);
    folder = mkdtempSync(join(tmpdir(), 'zf-seed-page-'));
    for (const [path, data] of site.files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), data);
    }
    const photo = site.files.get(PHOTO)!;
    const made = await makeManifest([photo], photo.length, { mediaType: 'image/jpeg' });
    manifest = made.manifest;
    // Its manifest is not in the page.
    site.page(
      '/',
      tracker.url,
      `<img id="photo" alt="" data-zf-fallback="${PHOTO}" data-zf-hash="${made.id}">
<img id="logo" alt="" ${site.mark(LOGO, 'sha384')}>`,
    );
    // Pages and scripts are there, the files never: the server that has them is down.
    site.up = false;
    seed = new SeedProcess('--tracker', tracker.url, '--id', 'zf1,sha384', folder);
    await seed.saying(/7 files are seeded, 14 contents/);
    await seed.saying(/the tracker is connected/);
    browser = await launch();
  });

  after(async () => {
    await browser?.quit();
    await seed?.kill();
    await tracker?.kill();
    site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('shows them, byte for byte, without another visitor', async () => {
    const { driver } = browser;
    await driver.get(site.url());
    for (const [id, path] of [
      ['photo', PHOTO],
      ['logo', LOGO],
    ] as const) {
      const shows = `const { complete, naturalWidth } = document.getElementById('${id}'); return complete && naturalWidth > 0`;
      await until(driver, shows, `${path} shown`);
      const expected = createHash('sha256').update(site.files.get(path)!).digest('hex');
      assert.equal(await driver.executeAsyncScript(SHOWN, id), expected);
    }
    const total = site.files.get(PHOTO)!.length + site.files.get(LOGO)!.length;
    const { peers, origin, store } = await bytes(browser);
    const all = total + manifest.length;
    assert.deepEqual({ peers, origin, store }, { peers: all, origin: 0, store: 0 });
    assert.equal(site.assetBytes, 0);
    const status = await seed.status(({ bytes }) => bytes >= total, 'what was sent');
    assert.deepEqual(status.sent, {
      [join(folder, PHOTO)]: site.files.get(PHOTO)!.length,
      [join(folder, LOGO)]: site.files.get(LOGO)!.length,
    });
    assert.equal(await seed.end('SIGTERM'), 0);
  });
});
