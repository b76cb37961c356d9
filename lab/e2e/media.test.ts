import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { By } from 'selenium-webdriver';
import { makeManifest } from '../../convert/src/manifest.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { type Firefox, launchFirefox } from '../browsers/firefox.ts';
import { Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, seeding, until } from './visit.ts';

const PATH = '/a/song.wav';
/** 16 bit, two channels, 44.1 kHz. */
const RATE = 176_400;
const SECONDS = 120;
const SIZE = 44 + SECONDS * RATE;

/** A sound: silence with noise at its ends would do as well, but chunks that are alike hide mistakes. */
function sound(): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(SIZE - 8, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(2, 22);
  header.writeUInt32LE(44_100, 24);
  header.writeUInt32LE(RATE, 28);
  header.writeUInt16LE(4, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(SIZE - 44, 40);
  return Buffer.concat([header, randomBytes(SIZE - 44)]);
}

interface State {
  readonly time: number;
  readonly duration: number;
  readonly src: string;
  readonly error: number | undefined;
  readonly controlled: boolean;
}

describe('Films and sounds with the service worker', () => {
  const song = sound();
  let id: string;
  let mark: string;
  let site: Site;
  let tracker: TrackerProcess;
  const browsers: (Browser | Firefox)[] = [];

  /** A page whose script names a worker. */
  const page = (path: string, body: string, worker = '/zauberflote-sw.js') => {
    site.page(path, tracker.url, `<p>A page</p>${body}`);
    const html = site.pages.get(path) as string;
    const changed = html.replace(' async', ` data-worker="${worker}" async`);
    assert.notEqual(changed, html);
    site.pages.set(path, changed);
  };

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    site.add(PATH, new Uint8Array(song));
    const made = await makeManifest([song], SIZE, { mediaType: 'audio/wav' });
    id = made.id;
    mark = `data-zf-fallback="${PATH}" data-zf-hash="${id}"`;
    const text = Buffer.from(made.manifest).toString('base64');
    const manifest = `<script type="application/zauberflote-manifest">${text}</script>`;
    const hears = `<script>window.failed = []; addEventListener('zf:error', ({ detail }) => failed.push(detail.error.code))</script>`;
    page('/', `${hears}${manifest}<audio id="m" muted controls ${mark}></audio>`);
    page('/source', `${manifest}<video id="m" muted><source ${mark} type="audio/wav"></video>`);
    page('/own', `${manifest}<audio id="m" muted ${mark}></audio>`, '/own-sw.js');
    page('/none', `${manifest}<audio id="m" muted ${mark}></audio>`, '/missing-sw.js');
    site.page('/empty', tracker.url, `<p>A page</p>${manifest}`);
    site.scripts.set(
      '/own-sw.js',
      `addEventListener('fetch', (event) => {
        if (event.request.url.endsWith('/hello')) event.respondWith(new Response('hello'));
      });
      importScripts('/zauberflote-sw.js');`,
    );
  });

  beforeEach(() => {
    site.up = true;
    site.assetBytes = 0;
    site.rangeDelay = 1;
    site.asked.length = 0;
    site.files.set(PATH, new Uint8Array(song));
  });

  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
  });

  after(async () => {
    site?.close();
    await tracker?.kill();
  });

  const open = async (path: string, browser: 'chromium' | 'firefox' = 'chromium') => {
    const opened = await (browser === 'firefox' ? launchFirefox() : launch());
    browsers.push(opened);
    await opened.driver.get(site.url(path));
    // Else it must not play in Chromium.
    if ('findElement' in opened.driver) await opened.driver.findElement(By.css('body')).click();
    return opened;
  };

  const STATE = `const m = document.getElementById('m'); const state = { time: m.currentTime, duration: m.duration,
    src: m.currentSrc, error: m.error?.code, controlled: !!navigator.serviceWorker.controller };`;
  const state = ({ driver }: Browser | Firefox): Promise<State> =>
    driver.executeScript<State>(`${STATE} return state;`);

  /** Plays from there, until it has played a little. */
  const plays = async ({ driver }: Browser | Firefox, from: number): Promise<State> => {
    await driver.executeScript(
      `const m = document.getElementById('m'); m.currentTime = ${from}; m.play().catch(() => {});`,
    );
    return until(
      driver,
      `${STATE} return m.readyState >= 3 && m.currentTime > ${from + 0.5} && m.currentTime < ${from + 30} && state;`,
      `it plays from ${from} s`,
    );
  };

  /** A visitor who has all of it. */
  const holder = async (): Promise<Browser> => {
    const a = (await open('/empty')) as Browser;
    await until(a.driver, 'return !!window.zauberflote', 'the client');
    await a.driver.executeScript(
      `zauberflote.download('${id}', { fallback: '${PATH}' }).catch(() => {});`,
    );
    await seeding(a, 1);
    return a;
  };

  for (const path of ['/', '/source'])
    it(`play while they come, from the first visit on, and where one leaps to: ${path}`, async () => {
      const a = await open(path);
      const first = await plays(a, 0);
      assert.equal(first.src, site.url(PATH));
      assert.equal(Math.round(first.duration), SECONDS);
      assert.ok(site.assetBytes < 0.7 * SIZE, `${site.assetBytes} bytes of ${SIZE} were sent`);
      const later = await plays(a, 100);
      assert.equal(later.error ?? 0, 0);
      const offsets = site.asked.map((range) => Number(/bytes=(\d+)/.exec(range)?.[1]));
      assert.ok(offsets.some((offset) => offset > 90 * RATE && offset < 101 * RATE));
      assert.ok(site.assetBytes < 0.95 * SIZE, `${site.assetBytes} bytes of ${SIZE} were sent`);
      assert.deepEqual(await complaints(a), []);
    });

  it('come from another visitor, and from the server nothing', async () => {
    await holder();
    site.up = false;
    site.assetBytes = 0;
    const b = await open('/');
    await plays(b, 0);
    const { duration } = await plays(b, 100);
    assert.equal(Math.round(duration), SECONDS);
    const { peers, origin } = await bytes(b);
    assert.ok(peers > 2 * RATE && peers < 0.95 * SIZE, `it took ${peers} of ${SIZE} bytes`);
    assert.deepEqual([origin, site.assetBytes], [0, 0]);
  });

  it('do the same in Firefox, from Chromium', async () => {
    await holder();
    site.up = false;
    site.assetBytes = 0;
    const b = await open('/', 'firefox');
    const first = await plays(b, 0);
    assert.equal(first.src, site.url(PATH));
    await plays(b, 100);
    const { peers, origin } = await bytes(b);
    assert.ok(peers > 2 * RATE, `it took ${peers} bytes`);
    assert.deepEqual([origin, site.assetBytes], [0, 0]);
  });

  it('show nothing of a file that was changed, and say so', async () => {
    const other = new Uint8Array(song);
    other.set(randomBytes(4_096), 44);
    site.files.set(PATH, other);
    const a = await open('/');
    const codes = await until<string[]>(a.driver, 'return failed.length && failed', 'it fails');
    assert.deepEqual(codes, ['hash-mismatch']);
    const told = (await complaints(a)).filter((text) => text.includes('Zauberfl'));
    assert.equal(told.length, 1, told.join());
    assert.match(told[0] as string, /could not be loaded: .*changed after hashing/);
    const { time } = await state(a);
    assert.equal(time, 0);
  });

  for (const [name, worker] of [
    ['was there before ours', '/zauberflote-sw.js'],
    ['is named, and has nothing of ours', '/old-sw.js'],
  ] as const)
    it(`show nothing unverified where another worker ${name}`, async () => {
      site.scripts.set(
        '/old-sw.js',
        `addEventListener('install', () => skipWaiting());
        addEventListener('activate', (event) => event.waitUntil(clients.claim()));
        addEventListener('fetch', () => {});`,
      );
      site.page(
        '/before',
        tracker.url,
        `<p>A page</p><script>navigator.serviceWorker.register('/old-sw.js')</script>`,
      );
      page('/after', site.pages.get('/')!.split('</head><body>')[1]!, worker);
      const other = new Uint8Array(song);
      other.set(randomBytes(4_096), 44);
      const a = await open('/before');
      await until(a.driver, 'return !!navigator.serviceWorker.controller', 'the worker');
      // As it is, and as it should not be.
      for (const body of [new Uint8Array(song), other]) {
        site.files.set(PATH, body);
        await a.driver.get(site.url('/after'));
        await (a as Browser).driver.findElement(By.css('body')).click();
        if (body !== other) {
          const { src } = await plays(a, 10);
          assert.match(src, worker === '/old-sw.js' ? /^blob:/ : /song\.wav$/);
        } else {
          const codes = await until<string[]>(
            a.driver,
            'return failed.length && failed',
            'it fails',
          );
          assert.deepEqual(codes, ['hash-mismatch']);
        }
      }
      const said = (await complaints(a)).filter((text) => text.includes('does not answer'));
      assert.equal(said.length, worker === '/old-sw.js' ? 2 : 0, said.join());
    });

  it('are part of a worker of the site', async () => {
    const a = await open('/own');
    const { src, controlled } = await plays(a, 50);
    assert.deepEqual([src, controlled], [site.url(PATH), true]);
    const hello = await a.driver.executeAsyncScript<string>(
      `fetch('/hello').then((response) => response.text()).then(arguments[0]);`,
    );
    assert.equal(hello, 'hello');
  });

  it('play with the module as well', async () => {
    const path = '/module';
    page(path, site.pages.get('/')!.split('</head><body>')[1]!);
    const html = site.pages
      .get(path)!
      .replace(/<script src="\/zauberflote\.js"[^>]*><\/script>/, '');
    const options = JSON.stringify({ tracker: tracker.url, worker: '/zauberflote-sw.js' });
    const script = `<script type="module">
      import { Zauberflote } from '/zauberflote.mjs';
      window.zauberflote = new Zauberflote(${options});
      zauberflote.inject();
    </script>`;
    assert.ok(!html.includes('/zauberflote.js'));
    site.pages.set(path, html.replace('</body>', `${script}</body>`));
    const a = await open(path);
    const { src } = await plays(a, 70);
    assert.equal(src, site.url(PATH));
    assert.ok(site.assetBytes < 0.9 * SIZE, `${site.assetBytes} bytes of ${SIZE} were sent`);
  });

  it('play on when another element that shows the same is taken away', async () => {
    const a = await open('/');
    await plays(a, 0);
    await a.driver.executeScript(`
      const other = document.getElementById('m').cloneNode();
      other.removeAttribute('src');
      other.id = 'other';
      document.body.append(other);`);
    await until(a.driver, `return document.getElementById('other').readyState > 0`, 'the other');
    await a.driver.executeScript(`document.getElementById('other').remove();`);
    site.asked.length = 0;
    const { src, error } = await plays(a, 90);
    assert.deepEqual([src, error ?? 0], [site.url(PATH), 0]);
    // Not as a player asks for it, of the server.
    assert.ok(site.asked.length > 0);
    assert.ok(
      site.asked.every((range) => /bytes=\d+-\d+$/.test(range)),
      site.asked.join(),
    );
  });

  it('come as a whole where the worker is missing, with a word on the console', async () => {
    const a = await open('/none');
    const { src } = await plays(a, 10);
    assert.match(src, /^blob:/);
    const said = (await complaints(a)).filter((text) => text.includes('Zauberfl'));
    assert.equal(said.length, 1, said.join());
    assert.match(said[0] as string, /missing-sw\.js/);
  });

  it('go on when the browser has stopped the worker', async () => {
    const a = (await open('/')) as Browser;
    await plays(a, 0);
    await a.driver.sendDevToolsCommand('ServiceWorker.enable', {});
    await a.driver.sendDevToolsCommand('ServiceWorker.stopAllWorkers', {});
    await pause(500);
    const before = site.asked.length;
    const { src, error } = await plays(a, 80);
    assert.deepEqual([src, error ?? 0], [site.url(PATH), 0]);
    // Verified: in ranges of ours, and not as the player asks for them.
    assert.ok(site.asked.length > before);
    assert.ok(site.asked.slice(before).every((range) => /bytes=\d+-\d+$/.test(range)));
  });

  it('leave all else to the browser', async () => {
    site.add('/a/other.wav', new Uint8Array(song.subarray(0, 44 + 10 * RATE)));
    page('/mixed', `<audio id="m" muted src="/a/other.wav"></audio><img id="i" src="/a/none.png">`);
    const a = await open('/');
    await plays(a, 0);
    await a.driver.get(site.url('/mixed'));
    await (a as Browser).driver.findElement(By.css('body')).click();
    const { controlled, error } = await plays(a, 0);
    assert.deepEqual([controlled, error ?? 0], [true, 0]);
  });
});
