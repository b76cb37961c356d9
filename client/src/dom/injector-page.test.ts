import assert from 'node:assert/strict';
import { $, failed, loaded, TestPage } from './testing/browser.ts';
import { png } from './testing/site.ts';

describe('the injection layer in a changing page', () => {
  const page = new TestPage();

  describe('changes of the page', () => {
    it('serves elements that are added and attributes that are set later', async () => {
      await page.open('<div id="box"></div><img id="b">');
      await page.get(`${$('box')}.innerHTML = '<p><img id="a" ${page.site.mark('/red.png')}></p>'`);
      await page.get(
        `Object.assign(${$('b')}.dataset, { zfHash: '${page.site.hash('/green.png')}', zfFallback: '/green.png' })`,
      );
      await page.until(`${loaded('a')} && ${$('b')}.naturalWidth === 4`);
      const other = { zfHash: page.site.hash('/blue.png'), zfFallback: '/blue.png' };
      await page.get(`Object.assign(${$('b')}.dataset, ${JSON.stringify(other)})`);
      await page.until(`${$('b')}.naturalWidth === 8`);
    });

    it('serves a shadow tree that it was given, as it changes and until it goes', async () => {
      const declared = `<div id="host"><template shadowrootmode="open"><img ${page.site.mark('/red.png')}></template></div>`;
      await page.open(declared);
      const root = `${$('host')}.shadowRoot`;
      await page.get(`injector.inject(${root})`);
      await page.until(`${root}.firstChild.naturalWidth === 2`);
      await page.get(
        `${root}.firstChild.insertAdjacentHTML('afterend', '<audio ${page.site.mark('/s.wav')}></audio>')`,
      );
      await page.until(`${root}.lastChild.duration > 0`);
      await page.get(`(() => { globalThis.sound = ${root}.lastChild.src })()`);
      assert.equal(await page.get('urls.has(sound)'), true);
      await page.get(`${$('host')}.remove()`);
      await page.until('!urls.has(sound)');
    });

    it('serves a picture whose parts come one after the other', async () => {
      await page.open('<picture id="box"></picture>');
      const source = `data-zf-srcset="/green.png ${page.site.hash('/green.png')}"`;
      await page.get(`${$('box')}.innerHTML = '<source ${source}>'`);
      await page.get(`${$('box')}.append(Object.assign(new Image(), { id: 'a' }))`);
      await page.until(`${loaded('a')} && ${$('a')}.naturalWidth === 4`);
      await page.get(`Object.assign(${$('a')}.dataset, { zfHash: 'x', zfFallback: '/red.png' })`);
      await page.until('events.filter(({ type }) => type === "load").length >= 3');
      await page.get(`${$('box')}.firstChild.remove()`);
      await page.until(failed('a'));
      assert.match((await page.get<string[]>('messages'))[0]!, /"x"/);
    });

    it('neither starts over nor downloads twice when a media element gets another source', async () => {
      page.site.hold('/s.wav');
      await page.open(`<audio id="a"><source ${page.site.mark('/s.wav')}></audio>`);
      await page.requested('/s.wav');
      await page.get(
        `${$('a')}.insertAdjacentHTML('beforeend', '<source ${page.site.mark('/broken.wav')}>')`,
      );
      page.site.release('/s.wav');
      await page.until(`${$('a')}.duration`);
      assert.deepEqual(await page.get('[downloads.started, downloads.aborted]'), [['/s.wav'], []]);
      const source = `${$('a')}.firstChild.src`;
      const before = await page.get(source);
      await page.get(
        `${$('a')}.insertAdjacentHTML('beforeend', '<source ${page.site.mark('/broken.wav')}>')`,
      );
      await page.get(`fetch('/red.png')`);
      await page.settle();
      assert.equal(await page.get(source), before);
      assert.equal(await page.get('events.filter(({ type }) => type === "zf:load").length'), 1);
    });

    it('goes on with a download when only its use changes', async () => {
      page.site.hold('/css/plain.css');
      await page.open(
        `<link id="l" rel="preload" as="style" ${page.site.mark('/css/plain.css')}><p id="d">`,
      );
      await page.requested('/css/plain.css');
      await page.get(`${$('l')}.rel = 'stylesheet'`);
      await page.settle();
      page.site.release('/css/plain.css');
      await page.until(`getComputedStyle(${$('d')}).color === 'rgb(4, 5, 6)'`);
      assert.deepEqual(await page.get('[downloads.started, downloads.aborted]'), [
        ['/css/plain.css'],
        [],
      ]);
    });

    it('ends the download of what an element does not want any more', async () => {
      page.site.hold('/red.png');
      page.site.hold('/blue.png');
      await page.open(`<img id="a" ${page.site.mark('/red.png')}>`);
      await page.requested('/red.png');
      const other = { zfHash: page.site.hash('/blue.png'), zfFallback: '/blue.png' };
      await page.get(`Object.assign(${$('a')}.dataset, ${JSON.stringify(other)})`);
      await page.until('downloads.aborted.includes("/red.png")');
      page.site.release('/blue.png');
      await page.until(`${loaded('a')} && ${$('a')}.naturalWidth === 8`);
      await page.get(`${$('a')}.removeAttribute('data-zf-hash')`);
      await page.until(failed('a'));
    });

    it('ends the download of an element that is taken out, unless another one uses it', async () => {
      page.site.hold('/red.png');
      await page.open(
        `<div id="box"><img ${page.site.mark('/red.png')}><img id="b" ${page.site.mark('/red.png')}></div>`,
      );
      await page.requested('/red.png');
      await page.get(`${$('box')}.firstChild.remove()`);
      await page.settle();
      assert.deepEqual(await page.get('downloads.aborted'), []);
      await page.get(`${$('box')}.remove()`);
      await page.until('downloads.aborted.length === 1');
      assert.deepEqual(await page.get('[messages, events.filter((e) => e.type === "zf:error")]'), [
        [],
        [],
      ]);
    });

    it('does not load again what is only moved; takes up again what was taken out', async () => {
      await page.open(
        `<div id="box"></div><img id="a" ${page.site.mark('/red.png')}><link id="l" ${page.site.mark('/css/site.css')}>` +
          `<p id="p" style="display:none"></p>`,
      );
      await page.until(`${loaded('a')} && ${loaded('l')}`);
      const src = await page.get(`${$('a')}.src`);
      await page.get(
        `(() => { globalThis.gone = [${$('a')}, ${$('l')}]; gone.forEach((e) => e.remove()) })()`,
      );
      await page.until(`!urls.has(gone[1].href) && urls.size === 1`);
      await page.get(`(() => { events.length = 0; ${$('box')}.append(...gone) })()`);
      await page.until(loaded('l'));
      assert.equal(await page.get(`${$('a')}.src`), src);
      assert.equal(await page.get(`urls.has(${$('a')}.src)`), true);
      assert.deepEqual(await page.get(`events.filter((e) => e.type === 'error')`), []);
    });

    it('keeps object URLs for whoever reads them again', async () => {
      await page.open(
        `<img id="a" ${page.site.mark('/red.png')}><script id="s" ${page.site.mark('/b.js')}></script>` +
          `<link id="l" ${page.site.mark('/css/plain.css')}><p id="d"></p>`,
      );
      const styled = `getComputedStyle(${$('d')}).color === 'rgb(4, 5, 6)'`;
      await page.until(`${loaded('a')} && ${loaded('s')} && ${loaded('l')} && ${styled}`);
      await page.get(`(() => { ${$('l')}.disabled = true })()`);
      await page.until(`!(${styled})`);
      await page.get(`(() => { ${$('l')}.disabled = false })()`);
      await page.until(styled);
      await page.get(`(() => { events.length = 0; document.head.append(${$('l')}) })()`);
      await page.until(`${loaded('l')} && ${styled}`);
      await page.get(`(() => {
        const { src } = ${$('a')};
        document.body.append(Object.assign(new Image(), { id: 'big', src: src + '#' }));
        const clone = ${$('a')}.cloneNode();
        clone.id = 'clone';
        document.body.append(clone);
      })()`);
      await page.until(
        `${loaded('big')} && ${loaded('clone')} && ${$('clone')}.naturalWidth === 2`,
      );
      await page.get(`(async () => {
        globalThis.gone = ${$('a')};
        for (const id of ['a', 'clone']) document.getElementById(id).remove();
        await new Promise((resolve) => setTimeout(resolve));
        ${$('big')}.src = gone.src + '#again';
      })()`);
      await page.until(`${$('big')}.complete && ${$('big')}.currentSrc.endsWith('#again')`);
      assert.equal(await page.get(`${$('big')}.naturalWidth`), 2);
      assert.deepEqual(await page.get(`events.filter((e) => e.type === 'error')`), []);
    });

    it('revokes object URLs when their elements change or leave, of pictures when they are gone', async () => {
      page.site.hold('/css/font.css');
      await page.open(
        `<img id="a" ${page.site.mark('/red.png')}><script id="s" ${page.site.mark('/b.js')}></script>` +
          `<link id="l" ${page.site.mark('/css/font.css')}><link id="p" rel="zf-preload" ${page.site.mark('/f.woff2')}>` +
          `<audio id="m" ${page.site.mark('/s.wav')}></audio>`,
      );
      await page.until(loaded('p'));
      page.site.release('/css/font.css');
      await page.until(`${loaded('a')} && ${loaded('s')} && ${loaded('l')} && ${$('m')}.duration`);
      assert.equal(await page.get('urls.size'), 5, 'picture, script, sheet, font, sound');
      await page.get(`(() => { globalThis.old = ${$('a')}.src })()`);
      const other = { zfHash: page.site.hash('/blue.png'), zfFallback: '/blue.png' };
      await page.get(`Object.assign(${$('a')}.dataset, ${JSON.stringify(other)})`);
      await page.until(`${$('a')}.naturalWidth === 8 && !urls.has(old) && urls.size === 5`);
      await page.get(`['s', 'm'].forEach((id) => document.getElementById(id).remove())`);
      await page.until('urls.size === 3');
      await page.get(`${$('l')}.remove()`);
      await page.until(`urls.size === 1 && urls.has(${$('a')}.src)`);
      await page.get(`${$('a')}.remove()`);
      await page.get(`until(async () => (await gc({ execution: 'async' }), urls.size === 0))`);
    });

    it('revokes all object URLs when closed, of pictures outside the document too', async () => {
      await page.open(
        `<img id="a" ${page.site.mark('/red.png')}><img id="b" ${page.site.mark('/blue.png')}>`,
      );
      await page.until(`${loaded('a')} && ${loaded('b')}`);
      await page.get(`(() => { globalThis.gone = ${$('a')}; gone.remove() })()`);
      await page.settle();
      assert.equal(await page.get('urls.size'), 2);
      await page.get('injector.close()');
      assert.equal(await page.get('urls.size'), 0);
    });

    it('ends everything when closed, silently', async () => {
      page.site.hold('/red.png');
      await page.open(
        `<img id="a" ${page.site.mark('/red.png')}><audio id="m" ${page.site.mark('/s.wav')}></audio>`,
      );
      await page.until(`${$('m')}.duration`);
      await page.requested('/red.png');
      await page.get('injector.close()');
      await page.until('urls.size === 0 && downloads.aborted.includes("/red.png")');
      await page.get(
        `document.body.insertAdjacentHTML('beforeend', '<img ${page.site.mark('/green.png')}>')`,
      );
      await page.settle();
      assert.deepEqual(await page.get('[downloads.started.includes("/green.png"), messages]'), [
        false,
        [],
      ]);
    });
  });

  describe('events and failures', () => {
    it('tells how an asset is doing, by bubbling events', async () => {
      await page.open(`<img id="a" ${page.site.mark('/red.png')}>`);
      await page.until(loaded('a'));
      const size = png(2, 2, [255, 0, 0]).length;
      const detail = {
        hash: page.site.hash('/red.png'),
        fallback: '/red.png',
        loaded: size,
        total: size,
        bytes: { peers: 0, origin: size, store: 0 },
      };
      assert.deepEqual(await page.get('events.filter((e) => e.type.startsWith("zf:"))'), [
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
      for (const name of ['img', 'script', 'link', 'object'])
        if (name === 'img' || what !== 'a bad srcset')
          it(`reports ${what} on <${name}> by an error event and one message`, async () => {
            const attribute = attributes.replace('HASH', page.site.hash('/red.png'));
            await page.open(
              `<${name} id="x" onerror="ran.push('onerror')" ${attribute}></${name}>`,
            );
            await page.until(failed('x'));
            await page.until('ran.length');
            const messages = await page.get<string[]>('messages');
            assert.equal(messages.length, 1, messages.join('\n'));
            assert.match(messages[0]!, message);
            assert.ok(messages[0]!.includes(`<${name} id="x"`), messages[0]);
            const seen = await page.get<{ type: string; detail: { code: string } }[]>('events');
            assert.deepEqual(
              seen
                .filter(({ type }) => /error/.test(type))
                .map(({ type }) => type)
                .sort(),
              ['error', 'zf:error'],
            );
            assert.equal(seen.find(({ type }) => type === 'zf:error')!.detail.code, code);
            assert.equal(
              await page.get(
                `['src', 'href', 'data'].some((name) => ${$('x')}.hasAttribute(name))`,
              ),
              false,
            );
          });

    it('shows the fallback where a Content Security Policy refuses blob:, and says so once', async () => {
      const policy = "img-src 'self'; style-src 'self'; media-src 'self'";
      const source = `data-zf-srcset="/green.png ${page.site.hash('/green.png')}"`;
      await page.open(
        `<img id="a" ${page.site.mark('/red.png')}><link id="l" ${page.site.mark('/css/plain.css')}><p id="d"></p>` +
          `<picture><source ${source}><img id="b" ${page.site.mark('/blue.png')}></picture>` +
          `<audio id="m" ${page.site.mark('/s.wav')}></audio><audio id="n"><source ${page.site.mark('/s.wav')}></audio>` +
          `<audio id="o" controls preload="none" ${page.site.mark('/s.wav')}></audio>`,
        `<meta http-equiv="Content-Security-Policy" content="${policy}"><script src="/zf.js"></script>`,
      );
      await page.until(`${$('a')}.naturalWidth === 2 && ${loaded('a')} && ${loaded('l')}`);
      await page.until(`getComputedStyle(${$('d')}).color === 'rgb(4, 5, 6)'`);
      await page.until(`${$('b')}.naturalWidth === 4`);
      await page.until(`${$('m')}.duration && ${$('n')}.duration`);
      await page.until(`!${$('o')}.hasAttribute('src')`);
      await page.get(`void ${$('o')}.play().catch(() => {})`);
      await page.until(`${$('o')}.getAttribute('src') === '/s.wav'`);
      const messages = await page.get<string[]>('messages');
      assert.equal(messages.length, 1, messages.join('\n'));
      assert.match(messages[0]!, /^warn: .*Content Security Policy.*blob:/);
    });

    it('tells the cure where a Content Security Policy refuses blob: to a script', async () => {
      await page.open(
        `<script id="s" ${page.site.mark('/b.js')}></script>`,
        `<meta http-equiv="Content-Security-Policy" content="script-src 'self'"><script src="/zf.js"></script>`,
      );
      await page.until(`events.some(({ type, id }) => type === 'error' && id === 's')`);
      assert.match((await page.get<string[]>('messages'))[0]!, /blob:.*script-src/);
    });

    it('tells the cure when another host does not allow CORS, or a policy refuses the request', async () => {
      const mark = page.site.mark('/red.png');
      const elsewhere = mark.replace('/red.png', `${page.site.otherOrigin}/red.png`);
      for (const [attributes, policy] of [
        [elsewhere, ''],
        [mark, `<meta http-equiv="Content-Security-Policy" content="connect-src 'none'">`],
      ] as const) {
        await page.open(`<img id="a" ${attributes}>`, `${policy}<script src="/zf.js"></script>`);
        await page.until(failed('a'));
        const messages = await page.get<string[]>('messages');
        assert.equal(messages.length, 1);
        assert.match(messages[0]!, /Access-Control-Allow-Origin.*connect-src/);
        assert.equal(await page.get(`${$('a')}.hasAttribute('src')`), false);
      }
    });

    it('loads from the origin as plain HTML in a page without an origin, which is refused everything', async () => {
      await page.open('<iframe id="f" sandbox="allow-scripts"></iframe>');
      const html =
        `<!doctype html><base href="${page.site.origin}"><script src="/zf.js"></script>` +
        `<img id="a" ${page.site.mark('/red.png')} onload="parent.postMessage([a.src, messages], '*')">`;
      await page.get(`(() => {
        addEventListener('message', ({ data }) => { globalThis.told = data });
        f.srcdoc = ${JSON.stringify(html).replaceAll('/script', '/scr" + "ipt')};
      })()`);
      await page.until('globalThis.told');
      const [src, messages] = await page.get<[string, string[]]>('told');
      assert.equal(src, `${page.site.origin}/red.png`);
      assert.equal(messages.length, 1);
      assert.match(messages[0]!, /^warn: .*unverified/);
    });

    it('loads from the origin as plain HTML where hashes cannot be computed', async () => {
      page.site.put('/nolib.png', 'image/png', png(3, 3, [0, 0, 0]));
      page.site.put('/nolib.js', 'text/javascript', 'ran.push("nolib")');
      page.site.put('/nolib.css', 'text/css', '#a { color: rgb(7, 7, 7) }');
      await page.open(
        `<img id="a" ${page.site.mark('/nolib.png')}><script ${page.site.mark('/nolib.js')}></script>` +
          `<link ${page.site.mark('/nolib.css')}><script ${page.site.mark('/b.js')}></script>`,
      );
      await page.until(`${$('a')}.naturalWidth === 3 && ran.length === 2`);
      await page.until(`getComputedStyle(${$('a')}).color === 'rgb(7, 7, 7)'`);
      assert.deepEqual(await page.get('ran'), ['nolib', 'b']);
      const messages = await page.get<string[]>('messages');
      assert.equal(messages.length, 3);
      for (const message of messages) assert.match(message, /^warn: .*unverified/);
    });
  });
});
