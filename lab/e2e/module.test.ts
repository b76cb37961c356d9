import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { makeManifest } from '@zauberflote/convert';
import { type Browser, launch } from '../browsers/chromium.ts';
import { Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { seeding, until } from './visit.ts';

/** The two bundles are made apart, so what works in one may be broken in the other. */
describe('The module that pages import', () => {
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
    site.add('/a/style.css', 'body { color: rgb(1, 2, 3); background: url(picture.svg) }');
    const page = (body: string) => `<!doctype html><meta charset="utf-8">
<link rel="icon" href="data:,"><script type="module">
import { Zauberflote } from '/zauberflote.mjs';
window.zauberflote = new Zauberflote({ tracker: '${tracker.url}' });
zauberflote.inject(document);
</script><script type="application/zauberflote-manifest">${Buffer.from(manifest).toString('base64')}</script>
${body}`;
    const mark = `data-zf-fallback="/a/picture.svg" data-zf-hash="${id}"`;
    site.pages.set('/module', page(`<img ${mark}>`));
    site.pages.set(
      '/styled',
      page(`<link rel="zf-preload" ${mark}><link id="style" ${site.mark('/a/style.css')}>`),
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

  for (const [what, blocked, href, background] of [
    ['shows a marked stylesheet with what it names', [], /^blob:/, /^url\("blob:/],
    [
      'leaves a stylesheet to its origin when zauberflote-css.mjs is missing',
      ['*zauberflote-css*'],
      /\/a\/style\.css$/,
      /\/a\/picture\.svg"\)$/,
    ],
  ] as const)
    it(what, async () => {
      site.up = true;
      const browser = await launch();
      browsers.push(browser);
      const { driver } = browser;
      await driver.get('data:,');
      await driver.sendDevToolsCommand('Network.enable', {});
      await driver.sendDevToolsCommand('Network.setBlockedURLs', { urls: blocked });
      await driver.get(site.url('/styled'));
      const styled = "return getComputedStyle(document.body).color === 'rgb(1, 2, 3)'";
      await until(driver, styled, 'the stylesheet');
      assert.match(await driver.executeScript('return style.href'), href);
      const image = 'return getComputedStyle(document.body).backgroundImage';
      assert.match(await driver.executeScript(image), background);
    });
});
