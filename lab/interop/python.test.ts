import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeManifest } from '@zauberflote/convert';
import { makePhoto } from '../../demo/photo.ts';
import { find, PYTHON } from '../../scripts/debian-packages.ts';
import { type Browser, launch } from '../browsers/chromium.ts';
import { Site } from '../e2e/site.ts';
import { TrackerProcess } from '../e2e/tracker-process.ts';
import { bytes, complaints, seeding, until } from '../e2e/visit.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PEER = fileURLToPath(new URL('peer.py', import.meta.url));
const VECTORS = fileURLToPath(new URL('vectors.py', import.meta.url));
/** Longest that a Python peer lives, in s: more than any test here takes. */
const LIFE_S = '40';

/** A process of peer.py. */
class Peer {
  readonly child: ChildProcess;
  said = '';
  readonly #end: Promise<number | null>;

  constructor(python: string, env: NodeJS.ProcessEnv, args: readonly string[]) {
    this.child = spawn(python, [PEER, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (part) => {
        this.said += part;
      });
    this.#end = once(this.child, 'close').then(([code]) => code);
  }

  /** Waits for a line that begins with `word`, and returns what follows there. */
  async line(word: string): Promise<string> {
    const search = () => new RegExp(`^${word} (.*)\n`, 'm').exec(this.said)?.[1];
    while (search() === undefined) {
      const ended = await Promise.race([
        this.#end.then(() => true),
        once(this.child.stdout as NodeJS.ReadableStream, 'data').then(() => false),
      ]);
      assert.ok(!ended || search() !== undefined, `it ended: ${this.said}`);
    }
    return search() as string;
  }

  /** Waits for its end, which must be a good one. */
  async ended(): Promise<void> {
    assert.equal(await this.#end, 0, this.said);
  }

  /** Ends it as a service manager would; it says how much it uploaded. */
  async stop(): Promise<number> {
    this.child.kill('SIGTERM');
    await this.ended();
    return Number(await this.line('uploaded'));
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}

describe('A peer in Python that knows only the documents', () => {
  let python: string;
  let folder: string;
  let site: Site;
  let tracker: TrackerProcess;
  let browser: Browser;
  const peers: Peer[] = [];

  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    PYTHONPATH: join(folder, 'python'),
    PYTHONDONTWRITEBYTECODE: '1',
  });

  const run = (...args: string[]): Peer => {
    const peer = new Peer(python, environment(), args);
    peers.push(peer);
    return peer;
  };

  /** Writes a file and its manifest. */
  const prepare = async (name: string, body: Uint8Array) => {
    const path = join(folder, name);
    const { id, manifest } = await makeManifest([new Uint8Array(body)], body.length);
    writeFileSync(path, body);
    writeFileSync(`${path}.zf`, manifest);
    const element = `<script type="application/zauberflote-manifest">${Buffer.from(manifest).toString('base64')}</script>
<img id="it" alt="" data-zf-fallback="/a/${name}" data-zf-hash="${id}">`;
    return { path, manifest: `${path}.zf`, id, element };
  };

  const leech = (id: string, ...more: string[]) => {
    const out = join(folder, 'out');
    const args = ['--tracker', tracker.url, '--id', id, '--out', out, '--timeout', LIFE_S];
    return { peer: run('leech', ...args, ...more), got: () => readFileSync(out) };
  };

  const seed = async (...args: string[]): Promise<Peer> => {
    const peer = run('seed', '--tracker', tracker.url, '--for', LIFE_S, ...args);
    await peer.line('seeding');
    return peer;
  };

  const open = async (body: string) => {
    site.page('/', tracker.url, body);
    await browser.driver.get(site.url('/'));
  };

  before(async () => {
    python = find(PYTHON, process.env) as string;
    assert.ok(python, 'run node scripts/debian-packages.ts');
    folder = mkdtempSync(join(tmpdir(), 'zf-python-'));
    const generated = join(folder, 'python');
    mkdirSync(generated);
    const names = ['content', 'manifest', 'peer', 'signaling', 'tracker'];
    const protos = names.map((name) => `proto/zauberflote/v1/${name}.proto`);
    execFileSync('protoc', ['-I', 'proto', `--python_out=${generated}`, ...protos], { cwd: ROOT });
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    browser = await launch();
  });

  afterEach(() => {
    for (const peer of peers.splice(0)) peer.kill();
  });

  after(async () => {
    await browser?.quit();
    site?.close();
    await tracker?.kill();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it('loads a file with a manifest from Chromium', async () => {
    const body = makePhoto({ width: 640, height: 427, seed: 1, bytes: 400_000 });
    const { id, manifest, element } = await prepare('photo.jpg', body);
    site.add('/a/photo.jpg', body);
    await open(element);
    await seeding(browser, 1);
    const { peer, got } = leech(id, '--manifest', manifest);
    await peer.ended();
    assert.ok(got().equals(body));
    assert.equal((await bytes(browser)).uploaded, body.length);
  });

  it('gives a picture to Chromium that the origin does not have', async () => {
    const body = makePhoto({ width: 640, height: 427, seed: 2, bytes: 300_000 });
    const { path, manifest, element } = await prepare('gone.jpg', body);
    const seeder = await seed('--file', path, '--manifest', manifest);
    await open(element);
    await until(
      browser.driver,
      `const { complete, naturalWidth } = document.getElementById('it'); return complete && naturalWidth === 640`,
      'the picture',
    );
    assert.deepEqual(await bytes(browser), {
      peers: body.length,
      origin: 0,
      store: 0,
      uploaded: 0,
    });
    assert.deepEqual(await complaints(browser), []);
    assert.equal(await seeder.stop(), body.length);
  });

  it('loads a file without a manifest from Chromium', async () => {
    const body = makePhoto({ width: 320, height: 213, seed: 3, bytes: 200_000 });
    site.add('/a/whole.jpg', body);
    await open(`<img alt="" ${site.mark('/a/whole.jpg')}>`);
    await seeding(browser, 1);
    const { peer, got } = leech(`sha256-${createHash('sha256').update(body).digest('base64')}`);
    await peer.ended();
    assert.ok(got().equals(body));
  });

  it('gives a file without a manifest to Chromium', async () => {
    const body = randomBytes(200_000);
    writeFileSync(join(folder, 'whole.bin'), body);
    const seeder = await seed('--file', join(folder, 'whole.bin'));
    await open('');
    await until(browser.driver, 'return !!window.zauberflote', 'the client');
    const digest = await browser.driver.executeAsyncScript<string>(
      `const done = arguments[1];
       zauberflote.download(arguments[0])
         .then(async (blob) => crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))
         .then((digest) => done('sha256-' + btoa(String.fromCharCode(...new Uint8Array(digest)))), (error) => done(String(error)))`,
      `sha256-${createHash('sha256').update(body).digest('base64')}`,
    );
    assert.equal(digest, await seeder.line('seeding'));
    assert.equal(await seeder.stop(), body.length);
  });

  it('loads from Chromium and another one in Python at the same time', async () => {
    const body = makePhoto({ width: 640, height: 427, seed: 4, bytes: 500_000 });
    const { id, path, manifest, element } = await prepare('both.jpg', body);
    site.add('/a/both.jpg', body);
    await open(element);
    await seeding(browser, 1);
    const seeder = await seed('--file', path, '--manifest', manifest);
    const { peer, got } = leech(id, '--manifest', manifest, '--peers', '2');
    await peer.ended();
    assert.ok(got().equals(body));
    const { uploaded } = await bytes(browser);
    const given = await seeder.stop();
    assert.ok(uploaded > 0 && given > 0, `${uploaded}, ${given}`);
    assert.equal(uploaded + given, body.length);
  });

  it('decodes the golden vectors with the lines of docs/protocol.md', () => {
    const page = readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8');
    const code = /## Checking yourself\n[\s\S]*?```python\n([\s\S]*?)```/.exec(page)?.[1];
    assert.ok(code?.includes('json'));
    execFileSync(python, ['-c', code as string], { cwd: ROOT, env: environment() });
  });

  it('refuses and ignores what the golden vectors say', () => {
    execFileSync(python, [VECTORS], { env: environment(), stdio: 'pipe' });
  });
});
