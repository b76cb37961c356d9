import assert from 'node:assert/strict';
import { $, failed, loaded, TestPage } from './testing/browser.ts';

describe('the injection layer', () => {
  const page = new TestPage();

  describe('links', () => {
    const body = '<p id="a">font</p><p id="b">b</p><p id="c">c</p><p id="d">d</p>';
    const background = (id: string) => `getComputedStyle(${$(id)}).backgroundImage`;

    it('shows a stylesheet with its relative URLs, imports and marked font', async () => {
      for (const path of ['/css/site.css', '/css/font.css']) page.site.hold(path);
      await page.open(
        `<link id="l" ${page.site.mark('/css/site.css')}>` +
          `<link id="g" ${page.site.mark('/css/font.css')}>` +
          `<link id="i" rel="preload" as="style" ${page.site.mark('/css/imported.css')}>` +
          `<link id="p" rel="zf-preload" ${page.site.mark('/f.woff2')}>` +
          `<link id="q" rel="preload" as="image" ${page.site.mark('/green.png')}>${body}`,
      );
      await page.until(`${loaded('i')} && ${loaded('p')} && ${loaded('q')}`);
      for (const path of ['/css/site.css', '/css/font.css']) page.site.release(path);
      await page.until(`${loaded('l')} && ${loaded('g')}`);
      assert.equal(await page.get(`${$('l')}.rel`), 'stylesheet');
      assert.equal(await page.get(`${$('p')}.hasAttribute('href')`), false);
      assert.equal(await page.get(background('a')), `url("${page.site.origin}/red.png")`);
      assert.match(await page.get(background('b')), /^url\("blob:/);
      assert.equal(await page.get(background('c')), `url("${page.site.origin}/blue.png")`);
      assert.equal(await page.get(`getComputedStyle(${$('d')}).color`), 'rgb(4, 5, 6)');
      assert.equal(
        await page.get(
          `document.fonts.load('9px F').then((f) => f.map(({ status }) => status).join())`,
        ),
        'loaded',
      );
      const count = (path: string) =>
        page.site.requests.filter((request) => request === path).length;
      assert.equal(count('/f.woff2'), 1, 'the font came from the origin again');
      assert.equal(count('/css/imported.css'), 1);
      assert.equal(await page.get('messages.length'), 0);
    });

    it('looks through what is marked once, not for each address of a stylesheet', async () => {
      const rules = Array.from({ length: 100 }, (_, i) => `#x${i} { background: url(${i}.png) }`);
      page.site.put('/css/many.css', 'text/css', rules.join(''));
      await page.open(
        `${`<img loading="lazy" ${page.site.mark('/red.png')}>`.repeat(300)}<p id="d"></p>`,
      );
      await page.until(`document.images[299].naturalWidth`);
      await page.get(`(() => {
        globalThis.parsed = 0;
        globalThis.URL = class extends URL { constructor(...all) { super(...all); parsed++ } };
        document.body.insertAdjacentHTML('beforeend', '<link id="l" ${page.site.mark('/css/many.css')}>');
      })()`);
      await page.until(loaded('l'));
      assert.ok(
        (await page.get<number>('parsed')) < 1_000,
        `${await page.get('parsed')} addresses`,
      );
    });

    it('does not keep a stylesheet back for an asset or import that does not come', async () => {
      for (const path of ['/green.png', '/css/imported.css']) page.site.hold(path);
      await page.open(
        `<link id="l" ${page.site.mark('/css/site.css')}>` +
          `<link rel="zf-preload" ${page.site.mark('/css/imported.css')}>` +
          `<link rel="zf-preload" ${page.site.mark('/green.png')}>${body}`,
      );
      await page.until(`${$('l')}.href`);
      const css = await page.get<string>(`fetch(${$('l')}.href).then((r) => r.text())`);
      assert.ok(css.includes(`url("${page.site.origin}/green.png")`), css);
      assert.ok(css.includes(`@import "${page.site.origin}/css/imported.css"`), css);
    });

    it('uses the origin for what a stylesheet refers to and cannot be had', async () => {
      const wrong = page.site.mark('/green.png').replace(/sha256-..../, 'sha256-AAAA');
      await page.open(
        `<link id="l" ${page.site.mark('/css/site.css')}><link id="q" rel="preload" ${wrong}>${body}`,
      );
      await page.until(`${loaded('l')} && ${failed('q')}`);
      assert.equal(await page.get(background('b')), `url("${page.site.origin}/green.png")`);
      assert.equal(await page.get('messages.length'), 1);
    });

    it('keeps the rel of other links, and turns a preload into a stylesheet on demand', async () => {
      await page.open(
        `<link id="icon" rel="icon" ${page.site.mark('/a.svg')}>` +
          `<link id="l" rel="preload" as="style" onload="this.rel='stylesheet'" ${page.site.mark('/css/site.css')}>${body}`,
      );
      await page.until(`getComputedStyle(${$('a')}).color === 'rgb(1, 2, 3)'`);
      await page.until(`${$('icon')}.href.startsWith('blob:')`);
      assert.equal(await page.get(`${$('icon')}.rel`), 'icon');
    });

    it('loads what stylesheets need once, while they are on their way, and only for them', async () => {
      page.site.hold('/css/site.css');
      await page.open(`<link id="p" rel="zf-preload" ${page.site.mark('/green.png')}>${body}`);
      await page.until(loaded('p'));
      assert.equal(await page.get('libraries.length'), 0);
      const links = ['l', 'm'].map((id) => `<link id="${id}" ${page.site.mark('/css/site.css')}>`);
      await page.open(links.join('') + body);
      await page.until('libraries.length');
      assert.equal(await page.get(`${$('l')}.hasAttribute('href')`), false);
      page.site.release('/css/site.css');
      await page.until(`${loaded('l')} && ${loaded('m')}`);
      assert.equal(await page.get('libraries.length'), 1);
    });

    it('leaves stylesheets to their origin, and says so once, when that cannot be loaded', async () => {
      const links = ['/css/site.css', '/css/imported.css'].map(
        (path, i) => `<link id="l${i}" ${page.site.mark(path)}>`,
      );
      await page.open(
        links.join('') + body,
        '<script>noCss = true</script><script src="/zf.js"></script>',
      );
      await page.until(`getComputedStyle(${$('a')}).color === 'rgb(1, 2, 3)'`);
      await page.until(`${loaded('l0')} && ${loaded('l1')}`);
      const hrefs = await page.get(`[${$('l0')}, ${$('l1')}].map((link) => link.href)`);
      const { origin } = page.site;
      assert.deepEqual(hrefs, [`${origin}/css/site.css`, `${origin}/css/imported.css`]);
      const messages = await page.get<string[]>('messages');
      assert.equal(messages.length, 1, messages.join('\n'));
      assert.match(messages[0]!, /^warn: .*zauberflote-css\.mjs.*no library here/);
    });

    it('decodes a stylesheet as it was served before rewriting it', async () => {
      const css = '#a::before{content:"é";background:url(x.png)}';
      page.site.put('/latin.css', 'text/css; charset=iso-8859-1', Buffer.from(css, 'latin1'));
      await page.open(`<link id="l" ${page.site.mark('/latin.css')}>${body}`);
      await page.until(loaded('l'));
      assert.equal(await page.get(`getComputedStyle(${$('a')}, '::before').content`), '"é"');
    });
  });
});
