import assert from 'node:assert/strict';
import { makeManifest } from '@zauberflote/convert';
import { guardSnippet } from '../../client/guard/guard.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, looks, seeding, until } from './visit.ts';

const ASSETS = 7;

/** Keeps every socket that the page opens. */
const SPY = `<script>sockets = []; WebSocket = class extends WebSocket {
  constructor(...args) { super(...args); sockets.push(this); }
}</script>`;

/** The tracker hears no Want of the client, only that of the guard. `SessionRequest.want` is field 1. */
const MUTED = `<script>muted = 0; WebSocket = class extends WebSocket {
  send(frame) { if (frame[0] === 0x0a) muted++; else super.send(frame); }
}</script>`;

describe('The socket that the guard opens', () => {
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
    const inPage = `<script type="application/zauberflote-manifest">${Buffer.from(manifest).toString('base64')}</script>`;
    const picture = `<img id="photo" alt="" data-zf-fallback="/a/photo.jpg" data-zf-hash="${id}">`;
    put('/manifest', late + inPage, picture);
    put('/muted', MUTED + late + inPage, picture);
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

  it('asks for the peers of a picture with a manifest, before the client is there', async () => {
    const picture = 'return photo.naturalWidth === 320';
    const a = await open('/manifest');
    await until(a.driver, picture, 'the picture');
    await seeding(a, 1);
    site.up = false;
    try {
      const b = await open('/muted');
      await until(b.driver, picture, 'the picture from the other');
      assert.equal((await bytes(b)).origin, 0);
      assert.equal(await b.driver.executeScript('return muted'), 1);
      assert.equal((await states(b)).length, 1);
    } finally {
      site.up = true;
    }
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
