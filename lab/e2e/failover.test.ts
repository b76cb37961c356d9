import assert from 'node:assert/strict';
import { RedisServer, TrackerProcess } from '../../tracker/test-support/redis.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { bytes, looks, seeding } from './visit.ts';

const ASSETS = 7;

describe('Visitors of a site with several trackers, in real browsers', () => {
  let redis: RedisServer;
  let site: Site;
  const trackers: TrackerProcess[] = [];
  const browsers: Browser[] = [];

  const open = async (path: string): Promise<Browser> => {
    const browser = await launch();
    browsers.push(browser);
    await browser.driver.get(site.url(path));
    return browser;
  };

  before(async () => {
    redis = await RedisServer.start();
    for (let i = 0; i < 2; i++) trackers.push(await TrackerProcess.start('--redis', redis.url));
    const urls = trackers.map(({ url }) => url);
    site = await new Site().start();
    addAssets(site);
    site.page('/first', urls.join(' '), assetBody(site));
    site.page('/second', urls.toReversed().join(' '), assetBody(site));
  });

  after(async () => {
    await Promise.all(browsers.map((browser) => browser.quit()));
    for (const tracker of trackers) await tracker.end();
    await redis?.remove();
    site?.close();
  });

  it('load from those who are with another tracker, and when one is killed, from all of them', async () => {
    const total = [...site.files.values()].reduce((sum, { length }) => sum + length, 0);
    const fromPeers = { peers: total, origin: 0, store: 0, uploaded: 0 };
    const a = await open('/first');
    const original = await looks(a);
    await seeding(a, ASSETS);
    site.up = false;
    const b = await open('/second');
    assert.deepEqual(await looks(b), original);
    assert.deepEqual(await bytes(b), fromPeers);
    assert.equal((await bytes(a)).uploaded, total);

    const second = (swarms: number) =>
      a.driver.wait(
        async () => (await trackers[1]!.health()).swarms === swarms,
        30_000,
        `${swarms} contents at the second tracker`,
      );
    await b.quit();
    browsers.splice(browsers.indexOf(b), 1);
    await second(0);
    await trackers[0]!.end('SIGKILL');
    await second(ASSETS);
    const c = await open('/first');
    assert.deepEqual(await looks(c), original);
    assert.deepEqual(await bytes(c), fromPeers);
  });
});
