import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { makeManifest } from '@zauberflote/convert';
import { type Browser, launch } from '../browsers/chromium.ts';
import { Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { seeding, until } from './visit.ts';

/** The two bundles are made apart, so what works in one may be broken in the other. */
describe('The module that pages import', function () {
  this.timeout(120_000);
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><!-- ${randomBytes(60_000).toString('base64')} --></svg>`;
  const browsers: Browser[] = [];
  let site: Site;
  let tracker: TrackerProcess;

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    site.add('/a/picture.svg', picture);
    const body = Buffer.from(picture);
    const { id, manifest } = await makeManifest([body], body.length, {
      mediaType: 'image/svg+xml',
    });
    site.pages.set(
      '/module',
      `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module">
import { Zauberflote } from '/zauberflote.mjs';
window.zauberflote = new Zauberflote({ tracker: '${tracker.url}' });
zauberflote.inject(document);
</script><script type="application/zauberflote-manifest">${Buffer.from(manifest).toString('base64')}</script>
<img data-zf-fallback="/a/picture.svg" data-zf-hash="${id}">`,
    );
  });

  after(async () => {
    for (const browser of browsers) await browser.quit();
    await tracker?.kill();
    site?.close();
  });

  const width = "return document.querySelector('img').naturalWidth";

  it('shows a marked picture with its manifest in the page, and serves it to the next visitor', async () => {
    for (const visitor of ['first', 'second']) {
      const browser = await launch();
      browsers.push(browser);
      await browser.driver.get(site.url('/module'));
      assert.equal(await until<number>(browser.driver, width, `the ${visitor} picture`), 20);
      await seeding(browser, 1);
      site.up = false;
    }
  });
});
