import assert from 'node:assert/strict';
import { By, Key } from 'selenium-webdriver';
import type { Driver } from 'selenium-webdriver/chrome.js';
import { $, failed, loaded, TestPage } from './testing/browser.ts';
import { png } from './testing/site.ts';

describe('the injection layer', () => {
  const page = new TestPage();

  describe('pictures', () => {
    it('shows them, an SVG served as octet-stream or without type too', async () => {
      await page.open(
        `<img id="a" ${page.site.mark('/red.png')}><img id="b" ${page.site.mark('/a.svg')}>` +
          `<img id="c" ${page.site.mark('/plain')}><input id="d" type="image" ${page.site.mark('/red.png')}>`,
      );
      for (const [id, width] of [
        ['a', 2],
        ['b', 7],
        ['c', 7],
      ] as const) {
        await page.until(`${loaded(id)} && ${$(id)}.naturalWidth`);
        assert.equal(await page.get(`${$(id)}.naturalWidth`), width, id);
        assert.match(await page.get(`${$(id)}.src`), /^blob:/);
      }
      await page.until(loaded('d'));
    });

    it('downloads a hash once, however many elements name it', async () => {
      page.site.hold('/red.png');
      await page.open(
        `<img id="a" ${page.site.mark('/red.png')}><img id="b" ${page.site.mark('/red.png')}>`,
      );
      await page.requested('/red.png');
      await page.until("document.readyState !== 'loading'");
      page.site.release('/red.png');
      await page.until(`${loaded('a')} && ${loaded('b')}`);
      assert.deepEqual(await page.get('downloads.started'), ['/red.png']);
      assert.equal(await page.get(`${$('a')}.src === ${$('b')}.src`), true);
    });

    it("uses another element's fallback when the first does not give it", async () => {
      const elsewhere = page.site.mark('/red.png').replace('/red.png', '/gone.png');
      await page.open(`<img id="a" ${elsewhere}><img id="b" ${page.site.mark('/red.png')}>`);
      await page.until(`${failed('a')} && ${loaded('b')}`);
      assert.equal(await page.get('messages.length'), 1);
    });

    it('prints those that are not there yet from their origin, and shows them as ever later', async () => {
      page.site.hold('/green.png', 1);
      await page.open(
        `<img id="slow" ${page.site.mark('/green.png')}><div style="height:9000px"></div>` +
          `<img id="far" loading="lazy" ${page.site.mark('/red.png')}>` +
          `<picture><source data-zf-srcset="/a.svg ${page.site.hash('/a.svg')}" media="print">` +
          `<img id="art" loading="lazy" ${page.site.mark('/blue.png')}></picture>` +
          `<img id="unmarked" loading="lazy" src="/plain">`,
      );
      await page.requested('/green.png');
      await page.until("document.readyState === 'complete'");
      assert.equal(await page.get(`${$('far')}.hasAttribute('src')`), false);
      await page.get("dispatchEvent(new Event('beforeprint'))");
      const paths = { slow: '/green.png', far: '/red.png', art: '/blue.png', unmarked: '/plain' };
      for (const [id, path] of Object.entries(paths))
        assert.equal(await page.get(`${$(id)}.getAttribute('src')`), path, id);
      assert.deepEqual(await page.get('downloads.started'), ['/green.png']);
      page.site.release('/green.png');
      await page.get(`${$('far')}.scrollIntoView()`);
      for (const id of ['slow', 'far', 'art'])
        await page.until(`/^blob:/.test(${$(id)}.src) && ${$(id)}.naturalWidth > 0`);
      assert.deepEqual(await page.get('messages'), []);
    });

    it('prints nothing any more of an element that is meanwhile to show something else', async () => {
      page.site.hold('/green.png', 1);
      const green = `/green.png ${page.site.hash('/green.png')} 1x`;
      await page.open(`<img id="other" data-zf-srcset="${green}">`);
      await page.requested('/green.png');
      const other = $('other');
      await page.get(
        `(dispatchEvent(new Event('beforeprint')), ${other}.removeAttribute('data-zf-srcset'), ${other}.src = '/blue.png')`,
      );
      await page.until(`${other}.complete && ${other}.naturalWidth > 0`);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(await page.get(`${other}.getAttribute('srcset')`), null);
      page.site.release('/green.png');
    });

    it('keeps lazy ones lazy until they come near', async () => {
      await page.open(
        `<img id="near" loading="lazy" ${page.site.mark('/red.png')}><div style="height:9000px"></div>` +
          `<img id="far" loading="lazy" ${page.site.mark('/green.png')}>` +
          `<img id="woken" loading="lazy" ${page.site.mark('/blue.png')}>`,
      );
      await page.until(loaded('near'));
      await page.get(
        'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
      );
      assert.deepEqual(await page.get('downloads.started'), ['/red.png']);
      await page.get(`${$('woken')}.loading = 'eager'`);
      await page.until(loaded('woken'));
      assert.deepEqual(await page.get('downloads.started'), ['/red.png', '/blue.png']);
      await page.get(`${$('far')}.scrollIntoView()`);
      await page.until(loaded('far'));
    });

    it('lets the browser choose among srcset and downloads only that, at its density', async () => {
      const entry = (path: string, descriptor = '') =>
        `${path} ${page.site.hash(path)} ${descriptor}`;
      await page.open(
        `<img id="a" data-zf-srcset="${entry('/red.png', '.5x')}, ${entry('/blue.png', '3x')}">` +
          `<img id="b" sizes="(max-width: 100px) 5px, calc(2px + 2px)" ` +
          `data-zf-srcset="${entry('/green.png', '4w')}, ${entry('/blue.png', '800w')}">`,
      );
      await page.until(`${loaded('a')} && ${loaded('b')}`);
      assert.deepEqual((await page.get<string[]>('downloads.started')).sort(), [
        '/blue.png',
        '/green.png',
      ]);
      assert.ok(Math.abs((await page.get<number>(`${$('a')}.width`)) - 8 / 3) < 1);
      assert.match(await page.get(`${$('a')}.srcset`), /^blob:\S+ 3x$/);
      assert.equal(await page.get(`${$('b')}.width`), 4);
      assert.equal(await page.get('urls.size'), 2, 'the probes were not revoked');
    });

    it('knows the width of lazy pictures whose sizes are auto', async () => {
      const srcset = `${page.site.mark('/red.png')} 100w, ${page.site.mark('/blue.png')} 1000w`
        .replaceAll('data-zf-fallback="', '')
        .replaceAll(/" data-zf-hash="([^"]*)"/g, ' $1');
      await page.open(
        `<img id="a" loading="lazy" width="90" height="90" sizes="auto, 100vw" data-zf-srcset="${srcset}">` +
          `<img id="b" width="90" height="90" sizes="auto, 800px" data-zf-srcset="${srcset}">` +
          `<img id="c" loading="lazy" width="900" height="9" style="transform: scale(0.01)" sizes="auto" data-zf-srcset="${srcset}">`,
      );
      await page.until(`${loaded('a')} && ${loaded('b')} && ${loaded('c')}`);
      // Of others it is no size; and how a picture is drawn is none.
      assert.deepEqual(await page.get('[a, b, c].map(({ srcset }) => srcset.split(" ")[1])'), [
        '100w',
        '1000w',
        '1000w',
      ]);
    });

    it('keeps the fragment of an address, which says what of the file is shown', async () => {
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><symbol id="i" viewBox="0 0 4 4"/></svg>`;
      page.site.put('/sprite.svg', 'image/svg+xml', svg);
      const mark = page.site.mark('/sprite.svg').replace('.svg', '.svg#i');
      await page.open(
        `<img id="a" ${mark}><svg width="20"><use id="u" ${mark}/></svg><audio id="m" ${page.site.mark('/s.wav').replace('.wav', '.wav#t=0.1')}></audio>`,
      );
      await page.until(`${loaded('a')} && u.getAttribute('href') && m.duration`);
      for (const address of ['a.src', 'u.href.baseVal', 'm.src'])
        assert.match(await page.get(address), /^blob:.*#(?:i|t=0\.1)$/);
      await page.until('m.currentTime === 0.1');
    });

    it('chooses the source of a picture by media and type, again when the window changes', async () => {
      const entry = (path: string) => `${path} ${page.site.hash(path)}`;
      await page.open(
        `<picture><source type="image/nonsense" data-zf-srcset="${entry('/blue.png')}">` +
          `<source media="(max-width: 600px)" data-zf-srcset="${entry('/green.png')}">` +
          `<img id="a" ${page.site.mark('/red.png')}></picture>` +
          `<picture><source srcset="/blue.png"><img id="b" data-zf-srcset="${entry('/a.svg')}"></picture>`,
      );
      await page.until(`${loaded('a')} && ${loaded('b')}`);
      assert.deepEqual(await page.get('[downloads.started, b.naturalWidth]'), [['/red.png'], 8]);
      const { width, height } = await page.driver.manage().window().getRect();
      try {
        await page.driver.manage().window().setRect({ width: 520, height });
        await page.until(`${$('a')}.naturalWidth === 4`);
        await page.driver.manage().window().setRect({ width, height });
        await page.until(`${$('a')}.naturalWidth === 2`);
      } finally {
        await page.driver.manage().window().setRect({ width, height });
      }
    });
  });

  describe('pictures on a screen that changes', () => {
    const entry = (path: string) => `${path} ${page.site.hash(path)}`;
    const become = (scheme: string) =>
      (page.driver as Driver).sendDevToolsCommand('Emulation.setEmulatedMedia', {
        features: [{ name: 'prefers-color-scheme', value: scheme }],
      });

    afterEach(() => become(''));

    it('are chosen again when it goes dark or light, and stay until the next is here', async () => {
      await become('dark');
      await page.open(
        `<picture><source media="(prefers-color-scheme: dark)" data-zf-srcset="${entry('/green.png')}">` +
          `<img id="a" ${page.site.mark('/red.png')}></picture>`,
      );
      await page.until(`${loaded('a')} && ${$('a')}.naturalWidth === 4`);
      page.site.hold('/red.png');
      await become('light');
      await page.requested('/red.png');
      assert.equal(await page.get(`${$('a')}.naturalWidth`), 4);
      page.site.release('/red.png');
      await page.until(`${$('a')}.naturalWidth === 2`);
      await become('dark');
      await page.until(`${$('a')}.naturalWidth === 4`);
      await become('light');
      await page.until(`${$('a')}.naturalWidth === 2`);
      assert.equal(await page.get('events.some(({ type }) => type === "error")'), false);
      await page.get(
        `Object.assign(${$('a')}.dataset, { zfFallback: '/blue.png', zfHash: '${page.site.hash('/blue.png')}' })`,
      );
      await page.until(`${$('a')}.naturalWidth === 8`);
    });
  });

  describe('scripts', () => {
    it('run in document order, however they arrive; deferred ones and modules afterwards', async () => {
      for (const name of ['a', 'd']) page.site.hold(`/${name}.js`);
      const script = (name: string, attributes = '') =>
        `<script id="${name}" ${attributes} ${page.site.mark(`/${name}.js`)}></script>`;
      await page.open(
        `${script('d', 'defer')}${script('m', 'type="module"')}${script('a')}` +
          `<script id="gone" data-zf-fallback="/gone.js" data-zf-hash="${page.site.hash('/never.js')}"></script>` +
          `${script('b')}${script('s', 'async')}${script('n', 'type="module" async')}` +
          `${script('c', 'type="text/javascript"')}${script('e', 'nomodule')}`,
      );
      await page.until('ran.length === 2');
      await page.until('document.readyState === "complete"');
      for (const name of ['a', 'b', 'c', 'd', 'm']) await page.requested(`/${name}.js`);
      assert.deepEqual((await page.get<string[]>('ran')).sort(), ['n', 's'], 'async ones waited');
      page.site.release('/a.js');
      await page.until('ran.includes("c")');
      page.site.release('/d.js');
      await page.until('ran.length === 7');
      assert.deepEqual((await page.get<string[]>('ran')).slice(2), ['a:a', 'b', 'c', 'd', 'm']);
      assert.ok(!page.site.requests.includes('/e.js'), 'downloaded a nomodule script');
      const order = await page.get<string[]>(
        'events.filter((e) => /^(load|error)$/.test(e.type)).map((e) => e.id)',
      );
      assert.ok(order.indexOf('a') < order.indexOf('b'));
    });

    it('run in order though the browser reads a small one faster than a large one', async () => {
      const padding = `/*${'x'.repeat(16e6)}*/`;
      page.site.put('/large.js', 'text/javascript', `${padding}ran.push("large")`);
      await page.open(
        `<script ${page.site.mark('/large.js')}></script><script ${page.site.mark('/b.js')}></script>`,
      );
      await page.until('ran.length === 2');
      assert.deepEqual(await page.get('ran'), ['large', 'b']);
    });

    it('does not let one that is taken out block the others', async () => {
      page.site.hold('/a.js');
      await page.open(
        `<script id="a" ${page.site.mark('/a.js')}></script><script id="b" ${page.site.mark('/b.js')}></script>`,
      );
      await page.requested('/a.js');
      await page.get(`${$('a')}.remove()`);
      await page.until('ran.includes("b")');
      assert.deepEqual(await page.get('downloads.aborted'), ['/a.js']);
    });

    it('runs those that a script adds', async () => {
      await page.open('');
      await page.get(`(() => {
        const script = document.createElement('script');
        Object.assign(script.dataset, { zfFallback: '/b.js', zfHash: '${page.site.hash('/b.js')}' });
        document.body.append(script);
      })()`);
      await page.until('ran.includes("b")');
    });
  });

  describe('media and frames', () => {
    it('plays the first source that can be played, and shows the poster', async () => {
      const poster = `/red.png ${page.site.hash('/red.png')}`;
      await page.open(
        `<audio id="a"><source type="audio/nonsense" ${page.site.mark('/a.svg')}>` +
          `<source id="x" ${page.site.mark('/s.wav').replace('/s.wav', '/gone.wav')}>` +
          `<source id="y" ${page.site.mark('/broken.wav')}><source id="z" ${page.site.mark('/s.wav')}></audio>` +
          `<video id="v" data-zf-poster="${poster}" ${page.site.mark('/s.wav')}></video>`,
      );
      await page.until(`${$('a')}.duration > 0.2 && ${$('v')}.duration > 0.2 && ${$('v')}.poster`);
      assert.equal(await page.get(`${$('a')}.currentSrc === ${$('z')}.src`), true);
      assert.match(await page.get(`${$('v')}.poster`), /^blob:/);
      assert.equal(
        await page.get(`fetch(${$('v')}.poster).then((r) => r.headers.get('content-type'))`),
        'image/png',
      );
      assert.deepEqual(await page.get(`[${failed('x')}, messages.length]`), [true, 1]);
      assert.ok(!page.site.requests.includes('/a.svg'));
    });

    it('plays what was to play before its source was there', async () => {
      page.site.hold('/s.wav');
      await page.open(`<audio id="a"><source ${page.site.mark('/s.wav')}></audio>`);
      await page.requested('/s.wav');
      await page.get(`(() => { globalThis.playing = a.play().then(() => 'played', String) })()`);
      await page.settle();
      page.site.release('/s.wav');
      await page.until('a.played.length');
    });

    it('reports a poster that cannot be had, without calling the media broken', async () => {
      await page.open(
        `<video id="v" data-zf-poster="/404 ${page.site.hash('/red.png')}" ${page.site.mark('/s.wav')}></video>`,
      );
      await page.until(`${failed('v')} && ${$('v')}.duration`);
      assert.equal(await page.get('messages.length'), 1);
      assert.deepEqual(await page.get('events.filter(({ type }) => type === "error")'), []);
    });

    it('leaves media with preload=none until somebody wants to play', async () => {
      await page.open(`<audio id="a" preload="none" ${page.site.mark('/s.wav')}></audio>`);
      await page.until('document.readyState === "complete"');
      assert.deepEqual(await page.get('downloads.started'), []);
      await page.get(`void (globalThis.playing = ${$('a')}.play().then(() => 'yes', String))`);
      await page.until(`${$('a')}.played.length`);
      assert.equal(await page.get('playing'), 'yes');
    });

    it('starts such media by the buttons that browsers have for it', async () => {
      await page.open(
        `<audio id="a" controls preload="none" ${page.site.mark('/s.wav')}></audio><br>` +
          `<audio id="b" controls preload="none"><source ${page.site.mark('/s.wav')}></audio><br>` +
          `<audio id="c" controls preload="none" ${page.site
            .mark('/s.wav')
            .replace('/s.wav', '/gone.wav')
            .replace(/sha256-.{5}/, 'sha256-AAAAA')}></audio>`,
      );
      // Neither loading nor without any source.
      await page.until(
        '[a, b, c].every((media) => media.networkState === HTMLMediaElement.NETWORK_IDLE)',
      );
      for (const id of ['a', 'b', 'c']) {
        const media = await page.driver.findElement(By.id(id));
        // The button is at the left end.
        await page.driver.actions().move({ origin: media, x: -120, y: 0 }).click().perform();
        if (id === 'c') await page.until(`${failed('c')} && ${$('c')}.networkState !== 2`);
        else await page.until(`${$(id)}.played.length && ${$(id)}.duration > 0.2`);
      }
      assert.deepEqual(await page.get('downloads.started'), ['/s.wav', '/gone.wav']);
      assert.deepEqual(
        await page.get('events.filter(({ type }) => type === "error").map(({ id }) => id)'),
        ['c'],
      );
      assert.equal(await page.get(`[a, b].some((media) => media.error)`), false);
    });

    it('starts such media by a key, and does not stop it when that goes up', async () => {
      await page.open(`<audio id="a" controls preload="none" ${page.site.mark('/s.wav')}></audio>`);
      await page.until('a.networkState === HTMLMediaElement.NETWORK_IDLE');
      await page.get(
        'a.addEventListener("pause", () => { if (!a.ended) globalThis.paused = true })',
      );
      await page.get('a.focus()');
      await page.driver.actions().keyDown(Key.SPACE).pause(150).keyUp(Key.SPACE).perform();
      await page.until('a.ended');
      assert.ok(!(await page.get('globalThis.paused')));
    });

    it('leads links to their fallback, as in plain HTML', async () => {
      await page.open(`<a id="a" ${page.site.mark('/red.png')}>red</a>`);
      await page.until(`${$('a')}.href`);
      assert.equal(await page.get(`${$('a')}.href`), `${page.site.origin}/red.png`);
      assert.deepEqual(await page.get('downloads.started'), []);
    });

    it('come from the page itself, however long another host keeps what somebody marked there', async () => {
      const other = (path: string) =>
        page.site.mark(path).replace('/cors', `${page.site.otherOrigin}/cors`);
      const red = png(2, 2, [255, 0, 0]);
      page.site.put('/cors/same.png', 'image/png', red);
      page.site.hold('/cors/same.png', 9);
      const never = Array.from({ length: 300 }, (_, i) => {
        page.site.put(`/cors/${i}`, 'image/png', `${i}`);
        page.site.hold(`/cors/${i}`);
        return `<img ${other(`/cors/${i}`)}>`;
      });
      const first = `<img id="a" ${other('/cors/same.png')}>`;
      await page.open(
        `${first}${never.join('')}<img id="b" ${page.site.mark('/red.png')}><img id="c" ${page.site.mark('/blue.png')}>`,
      );
      for (const id of ['a', 'b', 'c']) await page.until(loaded(id));
      page.site.reset();
    });

    it('sets data of objects', async () => {
      await page.open(`<object id="o" ${page.site.mark('/a.svg')}></object>`);
      await page.until(`${loaded('o')} && ${$('o')}.data.startsWith('blob:')`);
    });

    it('runs no script of another host in an object or embed as one of this origin', async () => {
      const script = 'parent.ran.push("foreign " + origin)';
      const svg = `<svg xmlns="http://www.w3.org/2000/svg"><script>${script}</script></svg>`;
      const other = (path: string) =>
        page.site.mark(path).replace('/cors', `${page.site.otherOrigin}/cors`);
      page.site.put('/cors/x.svg', 'image/svg+xml', svg);
      page.site.put('/cors/x', 'text/xml', svg);
      page.site.put('/cors/red.png', 'image/png', png(2, 2, [255, 0, 0]));
      await page.open(
        `<object id="o" ${other('/cors/x.svg')}></object><embed id="e" ${other('/cors/x.svg')}>` +
          `<object id="t" ${other('/cors/x')}></object><object id="p" ${other('/cors/red.png')}></object>`,
      );
      for (const id of ['o', 'e', 't', 'p']) await page.until(loaded(id));
      assert.deepEqual(await page.get('ran'), []);
      assert.match(await page.get(`${$('o')}.data`), /^http.*x\.svg$/);
      assert.match(await page.get(`${$('p')}.data`), /^blob:/);
    });

    it('gives frames their own address, so that links in them work, and no foreign page this origin', async () => {
      page.site.put('/pages/page', 'text/html', '<a href="next.html">next</a>');
      const mark = page.site.mark('/pages/page');
      await page.open(
        `<iframe id="f" ${mark}></iframe><object id="o" ${mark}></object>` +
          `<object id="t" type="text/html" ${mark}></object>` +
          `<iframe id="x" ${mark.replace('/pages/page', `${page.site.otherOrigin}/pages/page`)}></iframe>`,
      );
      const address = `${page.site.origin}/pages/page`;
      for (const id of ['f', 'o', 't']) {
        await page.until(`${$(id)}.contentDocument?.links.length`);
        assert.equal(await page.get(`${$(id)}.contentDocument.URL`), address);
        const link = await page.get(`${$(id)}.contentDocument.links[0].href`);
        assert.equal(link, `${page.site.origin}/pages/next.html`);
      }
      await page.until(loaded('x'));
      assert.equal(await page.get(`${$('x')}.contentDocument`), null);
    });
  });
});
