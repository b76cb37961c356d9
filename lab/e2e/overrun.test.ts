import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { TestNginx } from '../../client/src/sources/test-nginx.ts';
import { makePhoto } from '../../demo/photo.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { until } from './visit.ts';

/** Four times as many as nginx lets pass at once. */
const PICTURES = Array.from({ length: 20 }, (_, seed) =>
  makePhoto({ width: 80, height: 60, seed, bytes: 10_000 }),
);

describe('A page with more pictures than its origin lets pass at once', () => {
  let site: Site;
  let tracker: TrackerProcess;
  let nginx: TestNginx;
  let browser: Browser;

  before(async () => {
    nginx = await TestNginx.start(
      new Uint8Array(),
      Object.fromEntries(PICTURES.map((picture, i) => [`${i}.jpg`, picture])),
    );
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    browser = await launch({
      beforePage: `self.failures = [];
        addEventListener('zf:error', ({ detail }) => failures.push(detail.error.message));`,
    });
  });

  after(async () => {
    await browser?.quit();
    site?.close();
    await tracker?.kill();
    await nginx?.stop();
  });

  it('shows them all to a visitor who is alone', async () => {
    const marked = PICTURES.map((picture, i) => {
      const hash = createHash('sha256').update(picture).digest('base64');
      return `<img alt="" data-zf-fallback="${nginx.url}/limited/${i}.jpg" data-zf-hash="sha256-${hash}">`;
    });
    site.page('/', tracker.url, marked.join('\n'));
    await browser.driver.get(site.url());
    const failures = await until<string[]>(
      browser.driver,
      `const shown = [...document.images].filter(({ naturalWidth }) => naturalWidth > 0);
       return shown.length + failures.length === document.images.length && failures`,
      'every picture shown or given up',
    );
    assert.deepEqual(failures, []);
    const { tracker: state } = await browser.driver.executeScript<{ tracker: string }>(
      'return zauberflote.stats()',
    );
    assert.equal(state, 'open');
  });
});
