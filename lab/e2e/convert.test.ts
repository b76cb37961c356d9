import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makePhoto } from '../../demo/photo.ts';
import { find, LAB_NEEDS } from '../../scripts/debian-packages.ts';
import { freePort } from '../../scripts/free-port.ts';
import { type Browser, type BrowserOptions, launch } from '../browsers/chromium.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, seeding, until } from './visit.ts';

const CONVERT = fileURLToPath(new URL('../../convert/bin/zauberflote-convert.ts', import.meta.url));
const PAD = `/*${'x'.repeat(20_000)}*/`;

/** A page as people write them, its files each of a size that is worth it. */
const PAGE = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Woods</title>
<link rel="icon" href="data:,">
<link rel=stylesheet href="site.css">
</head>
<body>
<h1 id="title">Woods \u{1f332}</h1>
<div class="grid">
<IMG id=one SRC=img/one.jpg width=320 height=213 alt='One'>
<img id="two" src="/img/two.jpg?v=2" alt="Two">
<img id="three" srcset="img/one.jpg 320w, img/two.jpg 640w" sizes="200px" width=200 alt="Three">
<picture><source media="(min-width: 100px)" srcset="img/three.jpg"><img id="four" src="img/one.jpg" alt="Four"></picture>
</div>
<p id="said"></p>
<script src="js/lib.js"></script>
<script src="js/app.js" integrity="INTEGRITY"></script>
<script type="module" src="js/module.js"></script>
</body>
</html>
`;
const IMAGES = ['one', 'two', 'three', 'four'];

const FILES: Record<string, string | Uint8Array> = {
  'img/one.jpg': makePhoto({ width: 320, height: 213, seed: 1, bytes: 50_000 }),
  'img/two.jpg': makePhoto({ width: 320, height: 213, seed: 2, bytes: 60_000 }),
  'img/three.jpg': makePhoto({ width: 320, height: 213, seed: 3, bytes: 70_000 }),
  'site.css':
    'body { font: 16px sans-serif } .grid { display: flex; flex-wrap: wrap } .grid img { display: block; margin: 4px; border: 2px solid green }',
  'js/lib.js': `${PAD} window.order = ['lib'];`,
  'js/app.js': `order.push('app'); document.getElementById('said').textContent = 'said';`,
  'js/module.js': `${PAD} order.push('module'); export {};`,
};
/** Those that are marked; app.js for the sake of the order. */
const MARKED = Object.keys(FILES).filter((path) => path !== 'site.css');

describe('A site that zauberflote-convert converted, in real browsers', () => {
  let folder: string;
  let tracker: TrackerProcess;
  let nginx: ChildProcess | undefined;
  let plain: string;
  let converted: string;
  const browsers: Browser[] = [];

  const put = (path: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  /** While the file is there, marked files are not to be had. */
  const setUp = (isUp: boolean) =>
    isUp ? rmSync(join(folder, 'down'), { force: true }) : put('down', '');

  async function open(url: string, options: BrowserOptions = {}, blocked: string[] = []) {
    const browser = await launch(options);
    browsers.push(browser);
    if (blocked.length > 0) {
      await browser.driver.get('data:,');
      await browser.driver.sendDevToolsCommand('Network.enable', {});
      await browser.driver.sendDevToolsCommand('Network.setBlockedURLs', { urls: blocked });
    }
    await browser.driver.get(url);
    return browser;
  }

  /** What somebody sees of the page when it is there, and what its scripts did. */
  async function looks({ driver }: Browser, scripts = true) {
    const shown = IMAGES.map(
      (id) =>
        `[...document.querySelectorAll('#${id}')].some((i) => i.complete && i.naturalWidth > 0)`,
    );
    const ran = scripts ? ' && window.order?.length === 3' : '';
    await until(driver, `return ${shown.join(' && ')}${ran}`, 'all pictures and scripts');
    await driver.executeScript(
      'return Promise.all([...document.images].map((i) => i.naturalWidth && i.decode()))',
    );
    const said = await driver.executeScript(
      `return [window.order ?? [], document.title, document.getElementById('said').textContent,
        ...${JSON.stringify(IMAGES)}.map((id) => {
          const image = [...document.querySelectorAll('#' + id)].find((i) => i.naturalWidth > 0);
          return JSON.stringify([image.getBoundingClientRect(), image.naturalWidth, image.alt]);
        })]`,
    );
    return { said, picture: await driver.takeScreenshot() };
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'zf-convert-e2e-'));
    tracker = await TrackerProcess.start();
    for (const [path, content] of Object.entries(FILES)) put(`site/${path}`, content);
    const digest = execFileSync('openssl', [
      'dgst',
      '-sha384',
      '-binary',
      join(folder, 'site/js/app.js'),
    ]);
    put('site/index.html', PAGE.replace('INTEGRITY', `sha384-${digest.toString('base64')}`));
    execFileSync(
      process.execPath,
      [CONVERT, join(folder, 'site'), '--out', join(folder, 'dist'), '--tracker', tracker.url],
      { stdio: 'pipe' },
    );
    const need = LAB_NEEDS.find(({ debianPackage }) => debianPackage === 'nginx-light');
    const program = need && find(need, process.env);
    assert.ok(program, 'nginx is missing');
    const ports = [await freePort(), await freePort()];
    [plain, converted] = ports.map((port) => `http://localhost:${port}/`) as [string, string];
    const [a, b] = ['site', 'dist'].map(
      (root, i) => `server {
        listen 127.0.0.1:${ports[i]};
        root ${join(folder, root)};
        location ~ ^/(?:img|js)/ {
          if (-f ${join(folder, 'down')}) { return 503; }
          add_header Cache-Control "public, no-cache";
        }
      }`,
    );
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${join(folder, kind)};`)
      .join('\n');
    put(
      'nginx.conf',
      `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; master_process off;
      pid ${join(folder, 'nginx.pid')}; events {}
      http {
        ${temporary} access_log off; log_not_found off;
        types { text/html html; text/css css; image/jpeg jpg; text/javascript js mjs; }
        ${a} ${b}
      }`,
    );
    nginx = spawn(program, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    for (let i = 0; i < 200; i++) {
      if ((await fetch(converted).catch(() => undefined))?.ok) return;
      await pause(50);
    }
    throw new Error('nginx did not start');
  });

  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
    setUp(true);
  });

  after(async () => {
    if (nginx && nginx.exitCode === null) {
      nginx.kill('SIGTERM');
      await once(nginx, 'exit');
    }
    await tracker?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it('looks and runs as before, and a second visitor has its files from the first', async () => {
    const original = await looks(await open(plain));
    const first = await open(converted);
    assert.deepEqual(await looks(first), original);
    // The picture of three sizes shows one that another shows, so all are there.
    await seeding(first, MARKED.length);
    setUp(false);
    const second = await open(converted);
    assert.deepEqual(await looks(second), original);
    const total = MARKED.reduce((sum, path) => sum + statSync(join(folder, 'dist', path)).size, 0);
    assert.deepEqual(await bytes(second), { peers: total, origin: 0, store: 0, uploaded: 0 });
    assert.deepEqual(await complaints(first), []);
    // On a busy machine a page asks the server as well, which this test has refuse it.
    const said = (await complaints(second)).filter((message) => !/status of 503/.test(message));
    assert.deepEqual(said, []);
  });

  it('looks as before without JavaScript', async () => {
    const original = await looks(await open(plain, { javascript: false }), false);
    const page = await open(converted, { javascript: false });
    const found = await looks(page, false);
    assert.deepEqual(found.said, original.said);
    assert.equal(found.picture, original.picture);
  });

  it('looks and runs as before where the client is blocked, or there is no tracker', async () => {
    const original = await looks(await open(plain));
    assert.deepEqual(await looks(await open(converted, {}, ['*zauberflote.js'])), original);
    await tracker.kill();
    assert.deepEqual(await looks(await open(converted)), original);
    await tracker.start();
  });
});
