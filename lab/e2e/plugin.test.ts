import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { build } from 'vite';
import zauberflote from '../../convert/src/plugin/index.ts';
import { makePhoto } from '../../demo/photo.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, seeding, until } from './visit.ts';

const BASE = '/sub/';
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.jpg': 'image/jpeg',
};
const PAD = `globalThis.pad = '${'x'.repeat(20_000)}';`;
const page = (script: string) => `<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>x</title><link rel="icon" href="data:,"><script type="module" src="./${script}"></script></head>
<body><img id="hero" src="./hero.jpg" width="320" height="213" alt="Hero"></body></html>`;

const SOURCES: Record<string, string | Uint8Array> = {
  'index.html': page('main.js'),
  'chunks.html': page('chunks.js'),
  'hero.jpg': makePhoto({ width: 320, height: 213, seed: 1, bytes: 50_000 }),
  'main.js': `${PAD} document.body.dataset.ran = 'main';`,
  'chunks.js': `${PAD} import('./lazy.js').then(({ ran }) => { document.body.dataset.ran = ran; });`,
  'lazy.js': `export const ran = 'lazy';`,
};

describe('A site that Vite built with the plugin, in real browsers', () => {
  let folder: string;
  let tracker: TrackerProcess;
  let server: Server;
  let origin: string;
  /** Of files, that the server does not give. */
  let refused: string[] = [];
  const browsers: Browser[] = [];
  const mode = process.env.NODE_ENV;

  async function open(path: string) {
    const browser = await launch({});
    browsers.push(browser);
    await browser.driver.get(`${origin}${BASE}${path}`);
    return browser;
  }
  /** Until the page is what it would be without us. */
  const shown = ({ driver }: Browser, ran: string) =>
    until(
      driver,
      `return document.getElementById('hero').naturalWidth === 320 && document.body.dataset.ran === '${ran}'`,
      `the picture, and the script ${ran}`,
    );

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'zf-plugin-e2e-'));
    tracker = await TrackerProcess.start();
    for (const [path, content] of Object.entries(SOURCES)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    await build({
      root: folder,
      base: BASE,
      configFile: false,
      logLevel: 'silent',
      plugins: [zauberflote({ tracker: tracker.url })],
      build: {
        // In a chunk of its own, which the script of each page would import.
        modulePreload: { polyfill: false },
        rollupOptions: { input: ['index.html', 'chunks.html'].map((path) => join(folder, path)) },
      },
    });
    server = createServer(({ url = '' }, response) => {
      const path = new URL(url, 'http://localhost').pathname;
      const file = join(folder, 'dist', path.slice(BASE.length));
      const found = path.startsWith(BASE) && statSync(file, { throwIfNoEntry: false })?.isFile();
      if (!found) return response.writeHead(404).end();
      if (refused.includes(path)) return response.writeHead(503).end();
      response.writeHead(200, {
        'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
        'cache-control': 'no-cache',
      });
      response.end(readFileSync(file));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    refused = [];
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
  });

  after(async () => {
    server?.closeAllConnections();
    server?.close();
    await tracker?.kill();
    rmSync(folder, { recursive: true, force: true });
    if (mode === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = mode;
  });

  const marked = (path: string) =>
    [
      ...readFileSync(join(folder, 'dist', path), 'utf8').matchAll(/data-zf-fallback="([^"]+)"/g),
    ].map(([, address]) => address!);

  it('has its picture and its script from the visitor before', async () => {
    const files = marked('index.html');
    assert.equal(files.length, 2);
    const first = await open('index.html');
    await shown(first, 'main');
    await seeding(first, files.length);
    refused = files;
    const second = await open('index.html');
    await shown(second, 'main');
    const total = files.reduce(
      (sum, path) => sum + statSync(join(folder, 'dist', path.slice(BASE.length))).size,
      0,
    );
    assert.deepEqual(await bytes(second), { peers: total, origin: 0, store: 0, uploaded: 0 });
    assert.deepEqual(await complaints(first), []);
  });

  it('runs scripts in chunks as before, beside pictures from visitors', async () => {
    const files = marked('chunks.html');
    assert.deepEqual(
      files.map((path) => extname(path)),
      ['.jpg'],
    );
    const browser = await open('chunks.html');
    await shown(browser, 'lazy');
    await seeding(browser, files.length);
    assert.deepEqual(await complaints(browser), []);
  });
});
