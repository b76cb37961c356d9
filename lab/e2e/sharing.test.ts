import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { makePhoto } from '../../demo/photo.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, seeding, until } from './visit.ts';

const PICTURES = 29;
const PICTURE_BYTES = 20_000;
/** Takes ten times as long as all pictures, and so much is uploaded in 5 s. */
const LARGE_BYTES = 10_000_000;
const UPLOAD = 'data-max-upload-bytes-per-second="2000000"';

describe('A page of 30 files, all from one visitor', () => {
  let site: Site;
  let tracker: TrackerProcess;
  let load: string;
  const browsers: Browser[] = [];

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    const marked: string[] = [];
    for (let seed = 1; seed <= PICTURES; seed++) {
      const path = `/a/${seed}.jpg`;
      site.add(path, makePhoto({ width: 80, height: 60, seed, bytes: PICTURE_BYTES }));
      marked.push(`<img alt="" id="${seed}" ${site.mark(path)}>`);
    }
    site.add('/a/large.bin', randomBytes(LARGE_BYTES));
    const hash = site.mark('/a/large.bin').split('"')[3];
    load = `window.failures = [];
      window.came = [];
      addEventListener('zf:error', ({ detail }) => failures.push(detail.error.message));
      document.addEventListener('load', ({ target }) => target.naturalWidth && came.push(target.id), true);
      const onProgress = ({ loaded }) => {
        if (loaded > 1e6 && !document.images.length)
          document.body.insertAdjacentHTML('beforeend', '${marked.join('')}');
      };
      zauberflote.download('${hash}', { fallback: '/a/large.bin', onProgress })
        .then(() => came.push('large'), (error) => failures.push(error.message));`;
    site.page('/', tracker.url, '');
    const page = site.pages.get('/')!;
    site.pages.set('/slow', page.replace(' async>', ` ${UPLOAD} async>`));
    assert.ok(site.pages.get('/slow')?.includes(UPLOAD));
  });

  after(async () => {
    await Promise.all(browsers.map((browser) => browser.quit()));
    site?.close();
    await tracker?.kill();
  });

  /** Loads the large file, and shows the pictures when some of that has come. */
  const visit = async (path: string): Promise<Browser> => {
    const browser = await launch();
    browsers.push(browser);
    await browser.driver.get(site.url(path));
    await until(browser.driver, 'return !!window.zauberflote', 'the client');
    await browser.driver.executeScript(load);
    return browser;
  };

  it('has none that waits for a large one, though that came first', async () => {
    const seeder = await visit('/slow');
    await seeding(seeder, PICTURES + 1);
    site.up = false;
    const leecher = await visit('/');
    const [came, failures] = await until<[string[], string[]]>(
      leecher.driver,
      `return came.length + failures.length > ${PICTURES} && [came, failures]`,
      'all 30',
    );
    assert.deepEqual(failures, []);
    assert.equal(new Set(came).size, PICTURES + 1);
    assert.equal(came.at(-1), 'large', came.join());
    assert.equal((await bytes(leecher)).origin, 0);
  });
});
