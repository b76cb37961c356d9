import assert from 'node:assert/strict';
import { makeManifest } from '@zauberflote/convert';
import { FIRST_PREFIX } from '@zauberflote/proto';
import { guardSnippet } from '../../client/guard/guard.ts';
import { EARLY_REPLY_MS } from '../../client/src/tracker/early-socket.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, looks, seeding, until } from './visit.ts';

const ASSETS = 7;

/** Keeps every socket that the page opens; of what it sends, the first bytes and when; when it heard something. */
const SPY = `<script>sockets = []; names = []; sent = []; heard = []; WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    sockets.push(this);
    names.push([args[1]].flat());
    this.addEventListener('message', ({ timeStamp }) => heard.push(timeStamp));
  }
  send(frame) { sent.push([frame[0], performance.now()]); super.send(frame); }
}</script>`;

/** `SessionRequest.want`: the first byte of a frame. */
const WANT_TAG = 0x0a;

describe('The socket that the guard opens', function () {
  this.timeout(120_000);
  let site: Site;
  let tracker: TrackerProcess;
  const browsers: Browser[] = [];

  const open = async (path: string): Promise<Browser> => {
    const browser = await launch();
    browsers.push(browser);
    await browser.driver.get(site.url(path));
    return browser;
  };

  const put = (path: string, head: string, body: string) =>
    site.pages.set(
      path,
      `<!doctype html><meta charset="utf-8"><title>zf</title><link rel="icon" href="data:,">${SPY}${head}<body>${body}`,
    );

  const states = ({ driver }: Browser) =>
    driver.executeScript<number[]>('return sockets.map(({ readyState }) => readyState)');

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    addAssets(site);
    const snippet = guardSnippet('/zauberflote.js', `${tracker.url} ws://127.0.0.1:9/`);
    // Not from the cache, nor so soon that the guard does not begin.
    const late = `${snippet.replace(' src=', ' type="late" src=')}<script>setTimeout(() => {
      const script = document.querySelector('[type=late]').cloneNode();
      script.type = '';
      document.head.append(script);
    }, 200)</script>`;
    put('/', late, assetBody(site));
    put('/cached', snippet, assetBody(site));
    const body = site.files.get('/a/photo.jpg') as Uint8Array;
    const { id, manifest } = await makeManifest([body], body.length);
    put(
      '/manifest',
      `${late}<script type="application/zauberflote-manifest">${Buffer.from(manifest).toString('base64')}</script>`,
      `<img id="photo" alt="" data-zf-fallback="/a/photo.jpg" data-zf-hash="${id}">`,
    );
    put('/plain', late, '<p>nothing is marked</p>');
    put('/none', guardSnippet('/404.js', tracker.url), assetBody(site));
    put('/off', `<script>delete window.RTCPeerConnection</script>${snippet}`, assetBody(site));
  });

  afterEach(() => Promise.all(browsers.splice(0).map((browser) => browser.quit())));

  after(async () => {
    site?.close();
    await tracker?.kill();
  });

  it('is the only one, and the client serves and is served by it', async () => {
    const a = await open('/');
    await looks(a);
    await seeding(a, ASSETS);
    const b = await open('/');
    await looks(b);
    assert.ok((await bytes(b)).peers > 0);
    for (const page of [a, b]) {
      assert.deepEqual(await states(page), [1]);
      assert.equal(await page.driver.executeScript('return typeof zfSocket'), 'undefined');
      assert.deepEqual(await complaints(page), []);
    }
  });

  it('asks for the peers of a picture with a manifest, and the client not again', async () => {
    const [a, b] = [await open('/manifest'), await open('/manifest')];
    for (const page of [a, b])
      await until(page.driver, 'return photo.naturalWidth === 320', 'the picture');
    await seeding(a, 1);
    await b.driver.navigate().refresh();
    await until(b.driver, 'return photo.naturalWidth === 320', 'the picture from the other');
    const { peers, origin } = await bytes(b);
    assert.deepEqual([peers > 0, origin], [true, 0]);
    const [names, sent, heard] = await b.driver.executeScript<
      [string[][], [number, number][], number[]]
    >('return [names, sent, heard]');
    assert.equal(names.length, 1);
    assert.ok(names[0]?.[1]?.startsWith(FIRST_PREFIX));
    // Of an answer that waited longer than that for the client of a slow machine, it makes sure.
    const [, answered = 0] = heard;
    for (const [tag, at] of sent)
      assert.ok(tag !== WANT_TAG || at - answered > EARLY_REPLY_MS, `${sent}; ${heard}`);
    assert.deepEqual(await complaints(b), []);
  });

  it('is closed where nothing is marked', async () => {
    const page = await open('/plain');
    await until(page.driver, 'return sockets[0]?.readyState === 3', 'the socket to be closed');
    assert.deepEqual(await states(page), [3]);
  });

  it('is not left where there is no client', async () => {
    const page = await open('/none');
    await looks(page);
    await page.driver.sleep(200);
    assert.deepEqual(
      (await states(page)).filter((state) => state !== 3),
      [],
    );
  });

  it('is not opened without WebRTC', async () => {
    const page = await open('/off');
    await looks(page);
    await page.driver.sleep(200);
    assert.deepEqual(await states(page), []);
  });
});
