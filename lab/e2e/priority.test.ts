import assert from 'node:assert/strict';
import { makePhoto } from '../../demo/photo.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { complaints, until } from './visit.ts';

const PICTURES = 18;
/** More than the first range. */
const BYTES = 150_000;

describe('A visitor that is alone on a page of many pictures', () => {
  let site: Site;
  let tracker: TrackerProcess;
  let browser: Browser;

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    site.rangeDelay = 100;
    const bodies: string[] = [];
    for (let seed = 1; seed <= PICTURES; seed++) {
      const path = `/a/${seed}.jpg`;
      site.add(path, makePhoto({ width: 320, height: 213, seed, bytes: BYTES }));
      bodies.push(`<img alt="" ${site.mark(path)}>`);
    }
    site.add('/a/end.js', 'window.ran = document.images[0].naturalWidth === 0;');
    site.add('/a/hero.jpg', makePhoto({ width: 320, height: 213, seed: 99, bytes: BYTES }));
    bodies.push(`<script ${site.mark('/a/end.js')}></script>`);
    bodies.push(`<img alt="" fetchpriority="high" ${site.mark('/a/hero.jpg')}>`);
    site.page('/', tracker.url, bodies.join('\n'));
  });

  after(async () => {
    await browser?.quit();
    site?.close();
    await tracker?.kill();
  });

  it('gets them one after the other, and scripts before them', async () => {
    browser = await launch();
    await browser.driver.get(site.url('/'));
    await until(
      browser.driver,
      `return [...document.images].every(({ naturalWidth }) => naturalWidth > 0)`,
      'every picture',
    );
    const at = (path: string, from: number) => {
      const index = site.asked.findIndex((asked) => asked.startsWith(`${path} bytes=${from}-`));
      assert.ok(index >= 0, `${path} from ${from}: ${site.asked.join(', ')}`);
      return index;
    };
    // Six connections: the second range of the first picture does not wait for the first ones of all others.
    assert.ok(at('/a/1.jpg', 65_536) < at(`/a/${PICTURES}.jpg`, 0), site.asked.join('\n'));
    for (const path of ['/a/end.js', '/a/hero.jpg'])
      assert.ok(at(path, 0) < at(`/a/${PICTURES / 2}.jpg`, 0), site.asked.join('\n'));
    assert.equal(await browser.driver.executeScript('return ran'), true);
    assert.deepEqual(await complaints(browser), []);
  });
});
