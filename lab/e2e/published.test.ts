import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publishFiles } from '../../tracker/src/publish/publish-command.ts';
import { TrackerProcess } from '../../tracker/test-support/redis.ts';
import { ED25519, pem } from '../../tracker/test-support/tokens.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { bytes, looks, PATIENCE_MS, seeding } from './visit.ts';

const ASSETS = 7;
const PHOTO = '/a/photo.jpg';

describe('Visitors of a site whose tracker serves what it published, in real browsers', () => {
  let folder: string;
  let site: Site;
  let tracker: TrackerProcess;
  const browsers: Browser[] = [];

  const open = async (): Promise<Browser> => {
    const browser = await launch();
    browsers.push(browser);
    await browser.driver.get(site.url());
    return browser;
  };
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'zf-published-'));
    const keys = file('keys', pem(ED25519.publicKey));
    const publishing = ['--publish-keys-file', keys, '--published-file', join(folder, 'db')];
    tracker = await TrackerProcess.start(...publishing);
    site = await new Site().start();
    addAssets(site);
    site.page('/', tracker.url, assetBody(site));
  });

  after(async () => {
    await Promise.all(browsers.map((browser) => browser.quit()));
    await tracker?.end();
    site?.close();
    rmSync(folder, { recursive: true });
  });

  it('serve each other that, and load the rest from its origin', async () => {
    const photo = site.files.get(PHOTO)!.length;
    const total = [...site.files.values()].reduce((sum, { length }) => sum + length, 0);
    const page = site.pages.get('/')!;
    const published = file('index.html', page.replace(/<img id="photo"[^>]*>/, ''));
    const key = file('key', pem(ED25519.privateKey));
    const told = await publishFiles(
      ['--tracker', tracker.url, '--key-file', key, '--site', 'localhost', published],
      new Date(),
    );
    assert.match(told, new RegExp(`^${ASSETS - 1} contents published`));

    const a = await open();
    const original = await looks(a);
    await seeding(a, ASSETS);
    await a.driver.wait(
      async () => (await tracker.health()).swarms === ASSETS - 1,
      PATIENCE_MS,
      'what was published at the tracker',
    );
    site.assetBytes = 0;
    // However slow the machine is, the rest can come from the first visitor only.
    for (const path of [...site.files.keys()]) if (path !== PHOTO) site.files.delete(path);
    const b = await open();
    assert.deepEqual(await looks(b), original);
    const { peers, origin } = await bytes(b);
    assert.deepEqual({ peers, origin }, { peers: total - photo, origin: photo });
    assert.equal(site.assetBytes, photo);
    assert.equal((await tracker.health()).swarms, ASSETS - 1);
  });
});
