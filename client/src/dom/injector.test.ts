import assert from 'node:assert/strict';
import type { WebDriver } from 'selenium-webdriver';
import { guardSnippet } from '../../guard/guard.ts';
import { bundlePage, font, png, Site, startChromium, wav } from './testing/browser.ts';

describe('the injection layer in Chromium', () => {
  let driver: WebDriver;
  let stop: () => Promise<void>;
  let site: Site;
  let pages = 0;

  before(async () => {
    site = await Site.start();
    site.put('/zf.js', 'text/javascript', await bundlePage());
    site.put('/red.png', 'image/png', png(2, 2, [255, 0, 0]));
    site.put('/green.png', 'image/png', png(4, 4, [0, 255, 0]));
    site.put('/blue.png', 'image/png', png(8, 8, [0, 0, 255]));
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>';
    site.put('/a.svg', 'application/octet-stream', svg);
    site.put('/plain', '', svg);
    site.put('/f.woff2', '', await font());
    site.put('/s.wav', 'audio/wav', wav());
    site.put('/broken.wav', 'audio/wav', 'this is no sound');
    site.put('/a.js', 'text/javascript', 'ran.push("a:" + document.currentScript?.id)');
    for (const name of ['b', 'c', 'd', 'e', 'm', 'n', 's'])
      site.put(`/${name}.js`, 'text/javascript', `ran.push("${name}")`);
    site.put('/never.js', 'text/javascript', 'ran.push("never")');
    site.put('/frame.html', 'text/html', '<title>inside</title>');
    ({ driver, stop } = await startChromium());
  });

  after(async () => {
    await stop?.();
    site.close();
  });

  afterEach(() => site.reset());

  /** Opens a page; without `head`, the injector starts while it is parsed. */
  async function open(body: string, head = '<script src="/zf.js"></script>'): Promise<void> {
    const path = `/page${++pages}`;
    const icon = '<link rel="icon" href="data:,">';
    site.put(path, 'text/html; charset=utf-8', `<!doctype html>${icon}${head}<body>${body}`);
    await driver.get(site.origin + path);
  }

  /** Evaluates an expression in the page; awaits it if it is a promise. */
  async function get<T>(expression: string): Promise<T> {
    const [error, value] = await driver.executeAsyncScript<[string | null, T]>(
      `const done = arguments[0];
       (async () => (${expression}))().then((v) => done([null, v]), (e) => done([String(e), null]));`,
    );
    if (error) throw new Error(`${error} in ${expression}`);
    return value;
  }

  /** Waits in the page. What the page looked like is part of the message when it does not happen. */
  async function until(condition: string): Promise<void> {
    try {
      await get(`until(() => ${condition})`);
    } catch (cause) {
      const seen = await get<unknown>('({ messages, events, ran, html: document.body.outerHTML })');
      throw new Error(`never: ${condition}\n${JSON.stringify(seen, null, 1)}`, { cause });
    }
  }

  const requested = async (path: string) => {
    while (!site.requests.includes(path)) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const $ = (id: string) => `document.getElementById('${id}')`;
  const loaded = (id: string) => `events.some((e) => e.type === 'load' && e.id === '${id}')`;
  const failed = (id: string) => `events.some((e) => e.type === 'zf:error' && e.id === '${id}')`;
  const finishedAll = 'document.readyState === "complete"';

  describe('pictures', () => {
    it('shows them, an SVG served as octet-stream or without type too', async () => {
      await open(
        `<img id="a" ${site.mark('/red.png')}><img id="b" ${site.mark('/a.svg')}>` +
          `<img id="c" ${site.mark('/plain')}><input id="d" type="image" ${site.mark('/red.png')}>`,
      );
      for (const [id, width] of [
        ['a', 2],
        ['b', 7],
        ['c', 7],
      ] as const) {
        await until(`${loaded(id)} && ${$(id)}.naturalWidth`);
        assert.equal(await get(`${$(id)}.naturalWidth`), width, id);
        assert.match(await get(`${$(id)}.src`), /^blob:/);
      }
      await until(loaded('d'));
    });

    it('downloads a hash once, however many elements name it', async () => {
      site.hold('/red.png');
      await open(`<img id="a" ${site.mark('/red.png')}><img id="b" ${site.mark('/red.png')}>`);
      await requested('/red.png');
      site.release('/red.png');
      await until(`${loaded('a')} && ${loaded('b')}`);
      assert.deepEqual(await get('downloads.started'), ['/red.png']);
      assert.equal(await get(`${$('a')}.src === ${$('b')}.src`), true);
    });

    it("uses another element's fallback when the first does not give it", async () => {
      const elsewhere = site.mark('/red.png').replace('/red.png', '/gone.png');
      await open(`<img id="a" ${elsewhere}><img id="b" ${site.mark('/red.png')}>`);
      await until(`${failed('a')} && ${loaded('b')}`);
      assert.equal(await get('messages.length'), 1);
    });

    it('keeps lazy ones lazy until they come near', async () => {
      await open(
        `<img id="near" loading="lazy" ${site.mark('/red.png')}><div style="height:9000px"></div>` +
          `<img id="far" loading="lazy" ${site.mark('/green.png')}>` +
          `<img id="woken" loading="lazy" ${site.mark('/blue.png')}>`,
      );
      await until(loaded('near'));
      await get(
        'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
      );
      assert.deepEqual(await get('downloads.started'), ['/red.png']);
      await get(`${$('woken')}.loading = 'eager'`);
      await until(loaded('woken'));
      assert.deepEqual(await get('downloads.started'), ['/red.png', '/blue.png']);
      await get(`${$('far')}.scrollIntoView()`);
      await until(loaded('far'));
    });

    it('lets the browser choose among srcset and downloads only that, at its density', async () => {
      const entry = (path: string, descriptor = '') => `${path} ${site.hash(path)} ${descriptor}`;
      await open(
        `<img id="a" data-zf-srcset="${entry('/red.png', '.5x')}, ${entry('/blue.png', '3x')}">` +
          `<img id="b" sizes="(max-width: 100px) 5px, calc(2px + 2px)" ` +
          `data-zf-srcset="${entry('/green.png', '4w')}, ${entry('/blue.png', '800w')}">`,
      );
      await until(`${loaded('a')} && ${loaded('b')}`);
      assert.deepEqual((await get<string[]>('downloads.started')).sort(), [
        '/blue.png',
        '/green.png',
      ]);
      assert.ok(Math.abs((await get<number>(`${$('a')}.width`)) - 8 / 3) < 1);
      assert.match(await get(`${$('a')}.srcset`), /^blob:\S+ 3x$/);
      assert.equal(await get(`${$('b')}.width`), 4);
      await until('urls.size === 0');
    });

    it('chooses the source of a picture by media and type, again when the window changes', async () => {
      const entry = (path: string) => `${path} ${site.hash(path)}`;
      await open(
        `<picture><source type="image/nonsense" data-zf-srcset="${entry('/blue.png')}">` +
          `<source media="(max-width: 600px)" data-zf-srcset="${entry('/green.png')}">` +
          `<img id="a" ${site.mark('/red.png')}></picture>` +
          `<picture><source srcset="/blue.png"><img id="b" data-zf-srcset="${entry('/a.svg')}"></picture>`,
      );
      await until(`${loaded('a')} && ${loaded('b')}`);
      assert.deepEqual(await get('[downloads.started, b.naturalWidth]'), [['/red.png'], 8]);
      const { width, height } = await driver.manage().window().getRect();
      try {
        await driver.manage().window().setRect({ width: 520, height });
        await until(`${$('a')}.naturalWidth === 4`);
        await driver.manage().window().setRect({ width, height });
        await until(`${$('a')}.naturalWidth === 2`);
      } finally {
        await driver.manage().window().setRect({ width, height });
      }
    });
  });

  describe('scripts', () => {
    it('run in document order, however they arrive; deferred ones and modules afterwards', async () => {
      for (const name of ['a', 'd']) site.hold(`/${name}.js`);
      const script = (name: string, attributes = '') =>
        `<script id="${name}" ${attributes} ${site.mark(`/${name}.js`)}></script>`;
      await open(
        `${script('d', 'defer')}${script('m', 'type="module"')}${script('a')}` +
          `<script id="gone" data-zf-fallback="/gone.js" data-zf-hash="${site.hash('/never.js')}"></script>` +
          `${script('b')}${script('s', 'async')}${script('n', 'type="module" async')}` +
          `${script('c', 'type="text/javascript"')}${script('e', 'nomodule')}`,
      );
      await until('ran.length === 2');
      await until(finishedAll);
      for (const name of ['a', 'b', 'c', 'd', 'm']) await requested(`/${name}.js`);
      assert.deepEqual((await get<string[]>('ran')).sort(), ['n', 's'], 'async ones waited');
      site.release('/a.js');
      await until('ran.includes("c")');
      site.release('/d.js');
      await until('ran.length === 7');
      assert.deepEqual((await get<string[]>('ran')).slice(2), ['a:a', 'b', 'c', 'd', 'm']);
      assert.ok(!site.requests.includes('/e.js'), 'downloaded a nomodule script');
      const order = await get<string[]>(
        'events.filter((e) => /^(load|error)$/.test(e.type)).map((e) => e.id)',
      );
      assert.ok(order.indexOf('a') < order.indexOf('b'));
    });

    it('does not let one that is taken out block the others', async () => {
      site.hold('/a.js');
      await open(
        `<script id="a" ${site.mark('/a.js')}></script><script id="b" ${site.mark('/b.js')}></script>`,
      );
      await requested('/a.js');
      await get(`${$('a')}.remove()`);
      await until('ran.includes("b")');
      assert.deepEqual(await get('downloads.aborted'), ['/a.js']);
    });

    it('runs those that a script adds', async () => {
      await open('');
      await get(`(() => {
        const script = document.createElement('script');
        Object.assign(script.dataset, { zfFallback: '/b.js', zfHash: '${site.hash('/b.js')}' });
        document.body.append(script);
      })()`);
      await until('ran.includes("b")');
    });
  });

  describe('links', () => {
    before(() => {
      site.put('/css/imported.css', 'text/css', '#c { background: url(../blue.png) }');
      site.put('/css/plain.css', 'text/css', '#d { color: rgb(4, 5, 6) }');
      site.put(
        '/css/site.css',
        '',
        `@import "imported.css"; @import url(plain.css);
         #a { background: url(../red.png); color: rgb(1, 2, 3) }
         #b { background: url(/green.png) }`,
      );
    });

    const body = '<p id="a">font</p><p id="b">b</p><p id="c">c</p><p id="d">d</p>';
    const background = (id: string) => `getComputedStyle(${$(id)}).backgroundImage`;

    it('shows a stylesheet with its relative URLs, imports and marked font', async () => {
      site.put(
        '/css/font.css',
        'text/css',
        '@font-face{font-family:F;src:url(../f.woff2)}#a{font:9px F}',
      );
      await open(
        `<link id="l" ${site.mark('/css/site.css')}>` +
          `<link id="g" ${site.mark('/css/font.css')}>` +
          `<link id="i" rel="preload" as="style" ${site.mark('/css/imported.css')}>` +
          `<link id="p" rel="preload" as="font" ${site.mark('/f.woff2')}>` +
          `<link id="q" rel="preload" as="image" ${site.mark('/green.png')}>${body}`,
      );
      await until(`${loaded('l')} && ${loaded('p')} && ${loaded('g')}`);
      assert.equal(await get(`${$('l')}.rel`), 'stylesheet');
      assert.equal(await get(`${$('p')}.hasAttribute('href')`), false);
      assert.equal(await get(background('a')), `url("${site.origin}/red.png")`);
      assert.match(await get(background('b')), /^url\("blob:/);
      assert.equal(await get(background('c')), `url("${site.origin}/blue.png")`);
      assert.equal(await get(`getComputedStyle(${$('d')}).color`), 'rgb(4, 5, 6)');
      assert.equal(
        await get(`document.fonts.load('9px F').then((f) => f.map(({ status }) => status).join())`),
        'loaded',
      );
      const count = (path: string) => site.requests.filter((request) => request === path).length;
      assert.equal(count('/f.woff2'), 1, 'the font came from the origin again');
      assert.equal(count('/css/imported.css'), 1);
      assert.equal(await get('messages.length'), 0);
    });

    it('uses the origin for what a stylesheet refers to and cannot be had', async () => {
      const wrong = site.mark('/green.png').replace(/sha256-..../, 'sha256-AAAA');
      await open(
        `<link id="l" ${site.mark('/css/site.css')}><link id="q" rel="preload" ${wrong}>${body}`,
      );
      await until(`${loaded('l')} && ${failed('q')}`);
      assert.equal(await get(background('b')), `url("${site.origin}/green.png")`);
      assert.equal(await get('messages.length'), 1);
    });

    it('keeps the rel of other links, and turns a preload into a stylesheet on demand', async () => {
      await open(
        `<link id="icon" rel="icon" ${site.mark('/a.svg')}>` +
          `<link id="l" rel="preload" as="style" onload="this.rel='stylesheet'" ${site.mark('/css/site.css')}>${body}`,
      );
      await until(`getComputedStyle(${$('a')}).color === 'rgb(1, 2, 3)'`);
      await until(`${$('icon')}.href.startsWith('blob:')`);
      assert.equal(await get(`${$('icon')}.rel`), 'icon');
    });

    it('decodes a stylesheet as it was served before rewriting it', async () => {
      const css = '#a::before{content:"é";background:url(x.png)}';
      site.put('/latin.css', 'text/css; charset=iso-8859-1', Buffer.from(css, 'latin1'));
      await open(`<link id="l" ${site.mark('/latin.css')}>${body}`);
      await until(loaded('l'));
      assert.equal(await get(`getComputedStyle(${$('a')}, '::before').content`), '"é"');
    });
  });

  describe('media and frames', () => {
    it('plays the first source that can be played, and shows the poster', async () => {
      const poster = `/red.png ${site.hash('/red.png')}`;
      await open(
        `<audio id="a"><source type="audio/nonsense" ${site.mark('/a.svg')}>` +
          `<source id="x" ${site.mark('/s.wav').replace('/s.wav', '/gone.wav')}>` +
          `<source id="y" ${site.mark('/broken.wav')}><source id="z" ${site.mark('/s.wav')}></audio>` +
          `<video id="v" data-zf-poster="${poster}" ${site.mark('/s.wav')}></video>`,
      );
      await until(`${$('a')}.duration > 0.2 && ${$('v')}.duration > 0.2 && ${$('v')}.poster`);
      assert.equal(await get(`${$('a')}.currentSrc === ${$('z')}.src`), true);
      assert.match(await get(`${$('v')}.poster`), /^blob:/);
      assert.equal(
        await get(`fetch(${$('v')}.poster).then((r) => r.headers.get('content-type'))`),
        'image/png',
      );
      assert.deepEqual(await get(`[${failed('x')}, messages.length]`), [true, 1]);
      assert.ok(!site.requests.includes('/a.svg'));
    });

    it('reports a poster that cannot be had, without calling the media broken', async () => {
      await open(
        `<video id="v" data-zf-poster="/404 ${site.hash('/red.png')}" ${site.mark('/s.wav')}></video>`,
      );
      await until(`${failed('v')} && ${$('v')}.duration`);
      assert.equal(await get('messages.length'), 1);
      assert.deepEqual(await get('events.filter(({ type }) => type === "error")'), []);
    });

    it('leaves media with preload=none until somebody wants to play', async () => {
      await open(`<audio id="a" preload="none" ${site.mark('/s.wav')}></audio>`);
      await until(finishedAll);
      assert.deepEqual(await get('downloads.started'), []);
      await get(`void ${$('a')}.play().catch(() => {})`);
      await until(`${$('a')}.played.length`);
    });

    it('sets src of frames and data of objects', async () => {
      await open(
        `<iframe id="f" ${site.mark('/frame.html')}></iframe><object id="o" ${site.mark('/a.svg')}></object>`,
      );
      await until(`${$('f')}.contentDocument?.title === 'inside'`);
      await until(`${loaded('o')} && ${$('o')}.data.startsWith('blob:')`);
    });
  });

  describe('changes of the page', () => {
    it('serves elements that are added and attributes that are set later', async () => {
      await open('<div id="box"></div><img id="b">');
      await get(`${$('box')}.innerHTML = '<p><img id="a" ${site.mark('/red.png')}></p>'`);
      await get(
        `Object.assign(${$('b')}.dataset, { zfHash: '${site.hash('/green.png')}', zfFallback: '/green.png' })`,
      );
      await until(`${loaded('a')} && ${$('b')}.naturalWidth === 4`);
      const other = { zfHash: site.hash('/blue.png'), zfFallback: '/blue.png' };
      await get(`Object.assign(${$('b')}.dataset, ${JSON.stringify(other)})`);
      await until(`${$('b')}.naturalWidth === 8`);
    });

    it('serves a picture whose parts come one after the other', async () => {
      await open('<picture id="box"></picture>');
      const source = `data-zf-srcset="/green.png ${site.hash('/green.png')}"`;
      await get(`${$('box')}.innerHTML = '<source ${source}>'`);
      await get(`${$('box')}.append(Object.assign(new Image(), { id: 'a' }))`);
      await until(`${loaded('a')} && ${$('a')}.naturalWidth === 4`);
      await get(`Object.assign(${$('a')}.dataset, { zfHash: 'x', zfFallback: '/red.png' })`);
      await until('events.filter(({ type }) => type === "load").length >= 3');
      await get(`${$('box')}.firstChild.remove()`);
      await until(failed('a'));
      assert.match((await get<string[]>('messages'))[0]!, /"x"/);
    });

    it('neither starts over nor downloads twice when a media element gets another source', async () => {
      site.hold('/s.wav');
      await open(`<audio id="a"><source ${site.mark('/s.wav')}></audio>`);
      await requested('/s.wav');
      await get(
        `${$('a')}.insertAdjacentHTML('beforeend', '<source ${site.mark('/broken.wav')}>')`,
      );
      site.release('/s.wav');
      await until(`${$('a')}.duration`);
      assert.deepEqual(await get('[downloads.started, downloads.aborted]'), [['/s.wav'], []]);
    });

    it('goes on with a download when only its use changes', async () => {
      site.hold('/css/plain.css');
      await open(`<link id="l" rel="preload" as="style" ${site.mark('/css/plain.css')}><p id="d">`);
      await requested('/css/plain.css');
      await get(`${$('l')}.rel = 'stylesheet'`);
      await get('new Promise((resolve) => setTimeout(resolve))');
      site.release('/css/plain.css');
      await until(`getComputedStyle(${$('d')}).color === 'rgb(4, 5, 6)'`);
      assert.deepEqual(await get('[downloads.started, downloads.aborted]'), [
        ['/css/plain.css'],
        [],
      ]);
    });

    it('ends the download of an element that is taken out, unless another one uses it', async () => {
      site.hold('/red.png');
      await open(
        `<div id="box"><img ${site.mark('/red.png')}><img id="b" ${site.mark('/red.png')}></div>`,
      );
      await requested('/red.png');
      await get(`${$('box')}.firstChild.remove()`);
      await get('new Promise((resolve) => setTimeout(resolve))');
      assert.deepEqual(await get('downloads.aborted'), []);
      await get(`${$('box')}.remove()`);
      await until('downloads.aborted.length === 1');
      assert.deepEqual(await get('[messages, events.filter((e) => e.type === "zf:error")]'), [
        [],
        [],
      ]);
    });

    it('does not load again what is only moved; takes up again what was taken out', async () => {
      await open(
        `<div id="box"></div><img id="a" ${site.mark('/red.png')}><link id="l" ${site.mark('/css/site.css')}>` +
          `<p id="p" style="display:none"></p>`,
      );
      await until(`${loaded('a')} && ${loaded('l')}`);
      const src = await get(`${$('a')}.src`);
      await get(
        `(() => { globalThis.gone = [${$('a')}, ${$('l')}]; gone.forEach((e) => e.remove()) })()`,
      );
      await until('urls.size === 0');
      await get(`(() => { events.length = 0; ${$('box')}.append(...gone) })()`);
      await until(loaded('l'));
      assert.equal(await get(`${$('a')}.src`), src);
      assert.deepEqual(await get(`events.filter((e) => e.type === 'error')`), []);
    });

    it('revokes object URLs once read; media and what a stylesheet uses only at the end', async () => {
      await open(
        `<img id="a" ${site.mark('/red.png')}><script id="s" ${site.mark('/b.js')}></script>` +
          `<link id="l" ${site.mark('/css/font.css')}><link rel="preload" as="font" ${site.mark('/f.woff2')}>` +
          `<audio id="m" ${site.mark('/s.wav')}></audio>`,
      );
      await until(`${loaded('a')} && ${loaded('s')} && ${loaded('l')} && ${$('m')}.duration`);
      await until('urls.size === 2');
      const font = '[...document.styleSheets].at(-1).cssRules[0].cssText';
      assert.equal(await get(`[...urls].includes(${font}.match(/blob:[^"]+/)[0])`), true);
      assert.equal(await get(`urls.has(${$('m')}.src)`), true);
      await get(`${$('m')}.remove()`);
      await until('urls.size === 1');
      await get(`${$('l')}.remove()`);
      await until('urls.size === 0');
    });

    it('ends everything when closed, silently', async () => {
      site.hold('/red.png');
      await open(
        `<img id="a" ${site.mark('/red.png')}><audio id="m" ${site.mark('/s.wav')}></audio>`,
      );
      await until(`${$('m')}.duration`);
      await requested('/red.png');
      await get('injector.close()');
      await until('urls.size === 0 && downloads.aborted.includes("/red.png")');
      await get(
        `document.body.insertAdjacentHTML('beforeend', '<img ${site.mark('/green.png')}>')`,
      );
      await get('new Promise((resolve) => setTimeout(resolve))');
      assert.deepEqual(await get('[downloads.started.includes("/green.png"), messages]'), [
        false,
        [],
      ]);
    });
  });

  describe('events and failures', () => {
    it('tells how an asset is doing, by bubbling events', async () => {
      await open(`<img id="a" ${site.mark('/red.png')}>`);
      await until(loaded('a'));
      const size = png(2, 2, [255, 0, 0]).length;
      const detail = {
        hash: site.hash('/red.png'),
        fallback: '/red.png',
        loaded: size,
        total: size,
        bytes: { peers: 0, origin: size, store: 0 },
      };
      assert.deepEqual(await get('events.filter((e) => e.type.startsWith("zf:"))'), [
        { type: 'zf:progress', id: 'a', detail },
        { type: 'zf:load', id: 'a', detail },
      ]);
    });

    for (const [what, attributes, code, message] of [
      ['no source', 'data-zf-fallback="/404" data-zf-hash="HASH"', 'no-source', /origin says 404/],
      [
        'a wrong hash',
        'data-zf-fallback="/green.png" data-zf-hash="HASH"',
        'hash-mismatch',
        /hash/,
      ],
      ['a bad hash', 'data-zf-fallback="/red.png" data-zf-hash="md5-x"', 'bad-hash', /md5-x/],
      ['no hash', 'data-zf-fallback="/red.png"', 'bad-hash', /data-zf-hash is missing/],
      ['no fallback', 'data-zf-hash="HASH"', 'bad-fallback', /data-zf-fallback is missing/],
      [
        'a bad fallback',
        'data-zf-fallback="javascript:1" data-zf-hash="HASH"',
        'bad-fallback',
        /http/,
      ],
      ['a bad srcset', 'data-zf-srcset="/red.png"', 'bad-fallback', /URL HASH/],
    ] as const)
      for (const name of ['img', 'script', 'link', 'iframe'])
        if (name === 'img' || what !== 'a bad srcset')
          it(`reports ${what} on <${name}> by an error event and one message`, async () => {
            const attribute = attributes.replace('HASH', site.hash('/red.png'));
            await open(`<${name} id="x" onerror="ran.push('onerror')" ${attribute}></${name}>`);
            await until(failed('x'));
            await until('ran.length');
            const messages = await get<string[]>('messages');
            assert.equal(messages.length, 1, messages.join('\n'));
            assert.match(messages[0]!, message);
            assert.ok(messages[0]!.includes(`<${name} id="x"`), messages[0]);
            const seen = await get<{ type: string; detail: { code: string } }[]>('events');
            assert.deepEqual(
              seen
                .filter(({ type }) => /error/.test(type))
                .map(({ type }) => type)
                .sort(),
              ['error', 'zf:error'],
            );
            assert.equal(seen.find(({ type }) => type === 'zf:error')!.detail.code, code);
            assert.equal(
              await get(`${$('x')}.hasAttribute('src') || ${$('x')}.hasAttribute('href')`),
              false,
            );
          });

    it('loads from the origin as plain HTML where hashes cannot be computed', async () => {
      site.put('/nolib.png', 'image/png', png(3, 3, [0, 0, 0]));
      site.put('/nolib.js', 'text/javascript', 'ran.push("nolib")');
      site.put('/nolib.css', 'text/css', '#a { color: rgb(7, 7, 7) }');
      await open(
        `<img id="a" ${site.mark('/nolib.png')}><script ${site.mark('/nolib.js')}></script>` +
          `<link ${site.mark('/nolib.css')}><script ${site.mark('/b.js')}></script>`,
      );
      await until(`${$('a')}.naturalWidth === 3 && ran.length === 2`);
      await until(`getComputedStyle(${$('a')}).color === 'rgb(7, 7, 7)'`);
      assert.deepEqual(await get('ran'), ['nolib', 'b']);
      const messages = await get<string[]>('messages');
      assert.equal(messages.length, 3);
      for (const message of messages) assert.match(message, /^warn: .*unverified/);
    });
  });

  describe('the guard', () => {
    const page = () =>
      `<link id="l" ${site.mark('/css/site.css')}>` +
      `<script defer ${site.mark('/d.js')}></script><script id="a" ${site.mark('/a.js')}></script>` +
      `<script ${site.mark('/b.js')}></script><img id="i" ${site.mark('/red.png')}>` +
      `<img id="j" data-zf-srcset="/green.png ${site.hash('/green.png')} 2x">` +
      `<video id="v" data-zf-poster="/red.png h"><source ${site.mark('/s.wav')}></video>` +
      `<object id="o" ${site.mark('/a.svg')}></object>`;
    const arranged = '<script>globalThis.ran = []</script>';
    const wait = async (condition: string) => {
      await driver.wait(() => driver.executeScript(`return ${condition}`), 8000, condition);
    };

    for (const [what, client] of [
      ['is missing', '/404.js'],
      ['throws while it starts', '/throws.js'],
      ['cannot be read', '/syntax.js'],
    ] as const)
      it(`puts the fallbacks in place when the client ${what}`, async () => {
        site.put('/throws.js', 'text/javascript', 'throw new Error("x")');
        site.put('/syntax.js', 'text/javascript', 'let let');
        await open(page(), arranged + guardSnippet(client, 'wss://t/'));
        await wait(
          `${$('i')}.naturalWidth === 2 && ${$('j')}.naturalWidth > 0 && ran.length === 3`,
        );
        assert.deepEqual(await get('ran'), ['a:a', 'b', 'd']);
        assert.equal(await get(`${$('j')}.getAttribute('srcset')`), '/green.png 2x');
        assert.equal(await get(`${$('v')}.getAttribute('poster')`), '/red.png');
        assert.equal(await get(`${$('l')}.rel`), 'stylesheet');
        assert.equal(await get(`${$('o')}.getAttribute('data')`), '/a.svg');
        await wait(`${$('v')}.duration > 0`);
        await get(
          `document.body.insertAdjacentHTML('beforeend', '<img id="k" ${site.mark('/blue.png')}>')`,
        );
        await wait(`${$('k')}.naturalWidth === 8`);
      });

    it('does nothing when the client starts', async () => {
      await open(page(), guardSnippet('/zf.js', 'wss://t/'));
      await wait('globalThis.ran?.length === 3');
      await until(loaded('i'));
      await driver.executeScript('setTimeout(() => { throw new Error("of the page") })');
      assert.match(await get(`${$('i')}.src`), /^blob:/);
    });
  });
});
