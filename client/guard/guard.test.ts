import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import terserModule from '@rollup/plugin-terser';
import {
  contentKey,
  decodeSessionRequest,
  FIRST_PREFIX,
  HashAlgorithm,
  SUBPROTOCOL,
  toBase64url,
} from '@zauberflote/proto';
import { rollup } from 'rollup';
import { $, loaded, PATIENCE_MS, TestPage } from '../src/dom/testing/browser.ts';
import { OFFERS_WANTED } from '../src/tracker/unsent.ts';
import { GUARD, guardSnippet } from './guard.ts';

// Its types describe a CommonJS module, Node loads the ES module.
const terser = terserModule as unknown as typeof terserModule.default;

/** Nobody listens there. */
const NO_TRACKER = 'ws://127.0.0.1:9/';

describe('the guard', () => {
  it('is guard.js, minified', async () => {
    const bundle = await rollup({ input: fileURLToPath(new URL('guard.js', import.meta.url)) });
    const { output } = await bundle.generate({
      plugins: [terser({ ecma: 2020, compress: { passes: 3 }, format: { quote_style: 3 } })],
    });
    assert.equal(GUARD, output[0].code.trim(), 'copy the new text into GUARD');
  });

  it('has about a kilobyte and can stand in a script element', () => {
    assert.ok(GUARD.length < 1500, `${GUARD.length} bytes`);
    assert.doesNotMatch(GUARD, /<\/script|<!--/i);
  });

  it('comes with the script element, its URLs escaped', () => {
    const html = guardSnippet('/z.js?a&b', 'wss://t/"x"');
    assert.ok(html.startsWith(`<script>${GUARD}</script>\n`));
    assert.ok(
      html.endsWith(
        '<script src="/z.js?a&amp;b" data-tracker="wss://t/&quot;x&quot;" async></script>',
      ),
    );
  });

  describe('in Chromium', () => {
    const page = new TestPage();
    const body = () =>
      `<link id="l" ${page.site.mark('/css/site.css')}>` +
      `<script defer ${page.site.mark('/d.js')}></script><script id="a" ${page.site.mark('/a.js')}></script>` +
      `<script ${page.site.mark('/b.js')}></script><img id="i" ${page.site.mark('/red.png')}>` +
      `<img id="j" data-zf-srcset="/red.png ${page.site.hash('/red.png')} 1x, /green.png ${page.site.hash('/green.png')} 2x,/a.svg h">` +
      `<video id="v" data-zf-poster="/red.png h"><source ${page.site.mark('/s.wav')}></video>` +
      `<object id="o" ${page.site.mark('/a.svg')}></object>`;
    const arranged = '<script>globalThis.ran = []</script>';
    const wait = async (condition: string) => {
      await page.driver.wait(
        () => page.driver.executeScript(`return ${condition}`),
        PATIENCE_MS,
        condition,
      );
    };

    for (const [what, client] of [
      ['is missing', '/404.js'],
      ['throws while it starts', '/throws.js'],
      ['cannot be read', '/syntax.js'],
    ] as const)
      it(`puts the fallbacks in place when the client ${what}`, async () => {
        page.site.put('/throws.js', 'text/javascript', 'throw new Error("x")');
        page.site.put('/syntax.js', 'text/javascript', 'let let');
        await page.open(body(), arranged + guardSnippet(client, NO_TRACKER));
        await wait(
          `${$('i')}.naturalWidth === 2 && ${$('j')}.naturalWidth > 0 && ran.length === 3`,
        );
        assert.deepEqual(await page.get('ran'), ['a:a', 'b', 'd']);
        assert.equal(
          await page.get(`${$('j')}.getAttribute('srcset')`),
          '/red.png 1x, /green.png 2x,/a.svg',
        );
        assert.equal(await page.get(`${$('v')}.getAttribute('poster')`), '/red.png');
        assert.equal(await page.get(`${$('l')}.rel`), 'stylesheet');
        assert.equal(await page.get(`${$('o')}.getAttribute('data')`), '/a.svg');
        await wait(`${$('v')}.duration > 0`);
        await page.get(
          `document.body.insertAdjacentHTML('beforeend', '<img id="k" ${page.site.mark('/blue.png')}>')`,
        );
        await wait(`${$('k')}.naturalWidth === 8`);
        await page.get(`(() => { ${$('k')}.dataset.zfFallback = '/green.png' })()`);
        await wait(`${$('k')}.naturalWidth === 4`);
      });

    it('takes no element with the name of the client for it', async () => {
      await page.open(
        `<h2 id="zauberflote"></h2><img id="i" ${page.site.mark('/red.png')}>`,
        guardSnippet('/404.js', NO_TRACKER),
      );
      await wait(`${$('i')}.naturalWidth === 2`);
    });

    it('puts the fallbacks in place when the client hangs, and a late client leaves them', async () => {
      page.site.hold('/zf.js');
      // The timer, to be run at will.
      const timer =
        'const timeout = setTimeout; setTimeout = (f, ms) => { if (ms === 3e4) globalThis.timeIsUp = f; else timeout(f, ms) }';
      await page.open(
        body(),
        `${arranged}<script>${timer}</script><script>${GUARD}</script><script>setTimeout = timeout</script>`,
      );
      await page.driver.executeScript('timeIsUp()');
      assert.equal(
        await page.driver.executeScript(`return ${$('i')}.src`),
        '',
        'no client to wait for',
      );
      await page.driver.executeScript(`
        const script = Object.assign(document.createElement('script'), { src: '/zf.js' });
        script.dataset.tracker = '${NO_TRACKER}';
        document.head.append(script);
        timeIsUp();`);
      await wait(`${$('i')}.naturalWidth === 2 && ran.length === 3`);
      await page.driver.executeScript('globalThis.zauberflote = { inject() {} }');
      page.site.release('/zf.js');
      await wait('globalThis.downloads');
      await page.get(
        `document.body.insertAdjacentHTML('beforeend', '<img id="k" ${page.site.mark('/blue.png')}>')`,
      );
      await page.until(`${loaded('k')} && ${$('k')}.src.startsWith('blob:')`);
      await page.get(`${$('i')}.loading = 'eager'`);
      await page.settle();
      assert.deepEqual(await page.get('downloads.started'), ['/blue.png']);
      assert.equal(await page.get(`${$('i')}.getAttribute('src')`), '/red.png');
      const other = { zfHash: page.site.hash('/green.png'), zfFallback: '/green.png' };
      await page.get(`Object.assign(${$('i')}.dataset, ${JSON.stringify(other)})`);
      await page.until(`${$('i')}.naturalWidth === 4 && ${$('i')}.src.startsWith('blob:')`);
    });

    it('opens one socket while the client is awaited, and closes it when it stands in', async () => {
      const spy =
        '<script>sockets = []; WebSocket = class extends WebSocket {\n' +
        'constructor(...args) { super(...args); sockets.push([this.url, ...args]); } }</script>';
      const snippet = guardSnippet('/zf.js', ` ${NO_TRACKER} wss://spare/`);
      const [guard] = snippet.split('\n');
      // Also where the guard is on a page twice.
      const client = snippet.replace(' async></script>', ' id="client" type="late"></script>');
      await page.open('', spy + guard + client);
      await wait('globalThis.zfSocket');
      await page.driver.sleep(100);
      assert.deepEqual(await page.driver.executeScript('return sockets'), [
        [NO_TRACKER, NO_TRACKER, ['zauberflote.v1']],
      ]);
      await page.driver.executeScript(
        `globalThis.was = zfSocket; document.getElementById('client').dispatchEvent(new Event('error'))`,
      );
      await wait('was.readyState === 3 && !globalThis.zfSocket');
    });

    it('asks for the peers of the first marked element with the request for the socket', async () => {
      const spy =
        '<script>sockets = []; WebSocket = class extends WebSocket {\n' +
        'constructor(...args) { super(...args); sockets.push(args[1]); } }</script>';
      const client = guardSnippet('/zf.js', NO_TRACKER).replace(' async>', ' type="late">');
      const digest = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 3);
      const id = toBase64url(digest);
      const ask = async (hash: string) => {
        await page.open(`<img data-zf-hash="${hash}"><img data-zf-hash="zf1-${id}">`, spy + client);
        await wait('globalThis.zfSocket');
        const [names] = (await page.driver.executeScript('return sockets')) as [string[]];
        const wanted = await page.driver.executeScript('return zfSocket.wanted');
        assert.equal(names[0], SUBPROTOCOL);
        return { first: names.slice(1), wanted };
      };
      const { first, wanted } = await ask(`zf1-${id}`);
      assert.equal(wanted, id);
      assert.deepEqual([first.length, first[0]?.startsWith(FIRST_PREFIX)], [1, true]);
      const bytes = Buffer.from(first[0]!.slice(FIRST_PREFIX.length), 'base64url');
      const { body } = decodeSessionRequest(bytes);
      assert.ok(body.case === 'want');
      const { contents, maxPeers, maxOffers } = body.value;
      assert.deepEqual(contents.map(contentKey), [
        contentKey({ algorithm: HashAlgorithm.MANIFEST_SHA256, digest }),
      ]);
      assert.deepEqual([maxPeers, maxOffers], [0, OFFERS_WANTED]);
      // What the tracker would refuse, or is written otherwise, is left to the client.
      for (const hash of [`zf1-${id.slice(1)}`, `zf1-${id.slice(1)}B`, 'a'.repeat(40), ''])
        assert.deepEqual(await ask(hash), { first: [], wanted: null }, hash);
    });

    it('waits some turns for what is marked, but not longer', async () => {
      const spy =
        '<script>sockets = 0; WebSocket = class extends WebSocket { constructor(...args) { super(...args); sockets++; } };' +
        'running = 0; setInterval = (f, ms) => { running = ms === 10; turn = () => { if (running) f(); }; return -1 };' +
        'const clear = clearTimeout; clearTimeout = (id) => { if (id === -1) running = 0; else clear(id) }</script>';
      const late = guardSnippet('/zf.js', NO_TRACKER).replace(' src=', ' type="late" src=');
      const after = async (marked: string) => {
        await page.open(marked, spy + late);
        return page.driver.executeScript<number[]>(
          'return [...Array(6)].map(() => (turn(), sockets))',
        );
      };
      assert.deepEqual(await after(`<img ${page.site.mark('/red.png')}>`), [1, 1, 1, 1, 1, 1]);
      assert.deepEqual(await after('<p>nothing</p>'), [0, 0, 0, 0, 1, 1]);
    });

    it('opens none once it stands in', async () => {
      const spy =
        '<script>sockets = 0; WebSocket = class extends WebSocket { constructor(...args) { super(...args); sockets++; } };' +
        // Its timer, to be run at will: the word that there is no client may take longer to come.
        'const clear = clearTimeout; setInterval = (f) => { globalThis.connect = f; return -1 };' +
        'clearTimeout = (id) => { if (id === -1) globalThis.connect = () => {}; else clear(id) }</script>';
      await page.open(
        `<img id="i" ${page.site.mark('/red.png')}>`,
        spy + guardSnippet('/404.js', NO_TRACKER),
      );
      await wait(`${$('i')}.naturalWidth === 2`);
      await page.driver.executeScript('connect()');
      assert.equal(await page.driver.executeScript('return sockets'), 0);
    });

    it('does nothing when the client starts', async () => {
      await page.open(body(), guardSnippet('/zf.js', NO_TRACKER));
      await wait('globalThis.ran?.length === 3');
      await page.until(loaded('i'));
      await page.driver.executeScript('setTimeout(() => { throw new Error("of the page") })');
      assert.match(await page.get(`${$('i')}.src`), /^blob:/);
    });
  });
});
