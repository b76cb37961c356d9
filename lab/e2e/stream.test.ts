import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { READ_STEP_BYTES } from '../../client/src/engine/tuning.ts';
import { makeManifest } from '../../convert/src/manifest.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { bytes, complaints, seeding } from './visit.ts';

/** More than a reader gets in advance. */
const SIZE = 5 * READ_STEP_BYTES;
const PATH = '/a/clip.bin';

interface Read {
  readonly sha256: string;
  readonly length: number;
  /** In how many parts it came. */
  readonly parts: number;
}

describe('A page that reads a large file in order', () => {
  const clip = randomBytes(SIZE);
  let id: string;
  let site: Site;
  let tracker: TrackerProcess;
  const browsers: Browser[] = [];

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    site.add(PATH, new Uint8Array(clip));
    const made = await makeManifest([clip], SIZE);
    id = made.id;
    const manifest = Buffer.from(made.manifest).toString('base64');
    const body = `<script type="application/zauberflote-manifest">${manifest}</script>`;
    site.page('/', tracker.url, body);
  });

  beforeEach(() => {
    site.up = true;
    site.assetBytes = 0;
    site.rangeDelay = 1;
    site.files.set(PATH, new Uint8Array(clip));
    site.asked.length = 0;
  });

  afterEach(async () => {
    // The browser tells of each request that a server refuses.
    for (const browser of browsers)
      for (const complaint of await complaints(browser)) assert.match(complaint, / (?:404|503) /);
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
  });

  after(async () => {
    site?.close();
    await tracker?.kill();
  });

  const open = async (): Promise<Browser> => {
    const browser = await launch();
    browsers.push(browser);
    await browser.driver.manage().setTimeouts({ script: 60_000 });
    await browser.driver.get(site.url());
    return browser;
  };

  /** Runs a script in a page that is there, and gives what it returns. */
  const run = <T>({ driver }: Browser, script: string): Promise<T> =>
    driver.executeAsyncScript<T>(`
      const done = arguments[0];
      const options = { fallback: ${JSON.stringify(PATH)} };
      const id = ${JSON.stringify(id)};
      const client = () => window.zauberflote ?? new Promise((resolve) => setTimeout(() => resolve(client()), 20));
      /** Reads from \`start\` to \`end\`, or until so many bytes have come. */
      const read = async (start, end, most = Infinity) => {
        const { zauberflote } = window;
        const reader = zauberflote.stream(id, { ...options, range: { start, end } }).getReader();
        const parts = [];
        let length = 0;
        while (length < most) {
          const { value, done } = await reader.read();
          if (done) break;
          parts.push(value);
          length += value.length;
        }
        await reader.cancel();
        const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await new Blob(parts).arrayBuffer()));
        const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
        return { sha256, length, parts: parts.length };
      };
      (async () => { await client(); ${script} })().then(done, (error) => done({ error: String(error) }));`);

  const same = (read: Read, start: number, end = SIZE) => {
    const part = clip.subarray(start, Math.min(end, start + (read.length || SIZE)));
    const sha256 = createHash('sha256').update(part).digest('hex');
    assert.deepEqual({ ...read, parts: 0 }, { sha256, length: part.length, parts: 0 });
  };

  it('gets any part of it from another visitor, and no more, from the origin nothing', async () => {
    const a = await open();
    await run(a, `return (await zauberflote.download(id, options)).size;`);
    await seeding(a, 1);
    site.up = false;
    site.assetBytes = 0;
    const b = await open();
    const [start, end] = [9_000_001, 9_200_000];
    const read = await run<Read>(b, `return read(${start}, ${end});`);
    same(read, start, end);
    assert.ok(read.parts > 1, 'it came in one piece');
    const few = await bytes(b);
    assert.ok(few.peers < 2_000_000, `it took ${few.peers} bytes for ${end - start}`);
    assert.equal(few.origin, 0);
    // It reads on from there, leaps back to the start, and ends with the whole.
    same(await run<Read>(b, `return read(${end}, undefined, 3_000_000);`), end);
    same(await run<Read>(b, `return read(0, undefined, 3_000_000);`), 0);
    same(await run<Read>(b, `return read(0);`), 0);
    await seeding(b, 1);
    const all = await bytes(b);
    // What was being sent as it leapt comes twice, if it comes at all.
    assert.ok(all.peers >= SIZE && all.peers < 1.1 * SIZE, `it took ${all.peers} of ${SIZE} bytes`);
    assert.equal(site.assetBytes, 0);
  });

  it('takes from the origin what it reads and some more, where nobody else is', async () => {
    const a = await open();
    const [start, most] = [2 * READ_STEP_BYTES + 5, 500_000];
    const read = await run<Read>(a, `return read(${start}, undefined, ${most});`);
    same(read, start);
    await pause(500);
    const { origin } = await bytes(a);
    assert.ok(origin >= most && origin <= 2 * READ_STEP_BYTES, `it took ${origin} bytes`);
    for (const range of site.asked.splice(0))
      assert.ok(Number(/bytes=(\d+)/.exec(range)?.[1]) >= start - 1_048_576, range);
    assert.ok(site.assetBytes <= 2 * READ_STEP_BYTES, `the origin sent ${site.assetBytes}`);
  });

  it('hears why there is no more', async () => {
    const a = await open();
    const beyond = await run<{ error: string }>(a, `return read(${SIZE + 1});`);
    assert.match(beyond.error, /^RangeError: .*20971521.*20971520/);
    site.files.delete(PATH);
    const lost = await run<{ error: string }>(a, `return read(0);`);
    assert.match(lost.error, /^ZfError: .*404/);
  });
});
