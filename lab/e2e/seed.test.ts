import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { closeNodeWebRtc, nodePlatform } from '@zauberflote/client/src/connection/node-webrtc.ts';
import { ZauberfloteCore } from '@zauberflote/client/src/zauberflote.ts';
import { makeManifest } from '@zauberflote/convert';
import type { RunningTracker } from '@zauberflote/tracker';
import { startTracker } from '../../tracker/test-support/tracker.ts';
import { SeedProcess } from './seed-process.ts';
import { TrackerProcess } from './tracker-process.ts';
import { PATIENCE_MS } from './visit.ts';

/** The real command, the real tracker, and visitors that are the client with WebRTC from Node. */
describe('zauberflote-seed', () => {
  let tracker: RunningTracker;
  let folder: string;
  const visitors: ZauberfloteCore[] = [];
  const seeds: SeedProcess[] = [];

  beforeEach(async () => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1' });
    folder = mkdtempSync(join(tmpdir(), 'zf-seeds-'));
  });

  afterEach(async () => {
    for (const visitor of visitors.splice(0)) visitor.close();
    for (const seed of seeds.splice(0)) await seed.kill();
    await tracker.close();
    rmSync(folder, { recursive: true });
  });

  after(() => closeNodeWebRtc());

  const put = (name: string, data: Buffer): string => {
    writeFileSync(join(folder, name), data);
    return join(folder, name);
  };

  const start = (...args: readonly string[]): SeedProcess => {
    const seed = new SeedProcess('--tracker', tracker.url, '--rescan', '1', ...args, folder);
    seeds.push(seed);
    return seed;
  };

  const visit = (): ZauberfloteCore => {
    const loadHashes = () => import('@zauberflote/client/src/hash-library.ts');
    const loadCss = () => import('@zauberflote/client/src/dom/stylesheet.ts');
    const surroundings = { loadHashes, loadCss, platform: nodePlatform() };
    const visitor = new ZauberfloteCore({ tracker: tracker.url }, surroundings);
    visitors.push(visitor);
    return visitor;
  };

  const get = async (id: string, visitor = visit()): Promise<Buffer> => {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const blob = await visitor.download(id, { signal });
    return Buffer.from(await blob.arrayBuffer());
  };

  const sri = (data: Buffer) => `sha384-${createHash('sha384').update(data).digest('base64')}`;

  /** Waits until the tracker knows of so many contents that are held. */
  const announced = async (contents: number) => {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(10))
      if (tracker.stats().holdings === contents) return;
    assert.fail(`${tracker.stats().holdings} contents are announced, not ${contents}`);
  };

  it('gives visitors what nobody else has, by any of its ids, and says how much', async () => {
    const data = randomBytes(3_000_000);
    const path = put('a.jpg', data);
    put('b.txt', Buffer.from('b'));
    const seed = start('--id', 'zf1,sha384');
    await announced(4);
    const visitor = visit();
    const { id, manifest } = await makeManifest([data], data.length, { mediaType: 'image/jpeg' });
    visitor.addManifest(manifest);
    assert.deepEqual(await get(id, visitor), data);
    assert.deepEqual(await get(sri(data)), data);
    const sent = 2 * data.length;
    const status = await seed.status(({ bytes }) => bytes >= sent, 'the bytes in its status');
    const { bytes, files, contents, tracker: state } = status;
    assert.deepEqual([bytes, files, contents, state], [sent, 2, 4, 'open']);
    assert.deepEqual(status.sent, { [path]: sent });
  });

  it('serves several visitors at once, within its limits', async () => {
    const data = randomBytes(400_000);
    put('a.bin', data);
    const seed = start(
      '--id',
      'sha384',
      '--max-peers',
      '2',
      '--max-upload-bytes-per-second',
      '400000',
    );
    await announced(1);
    const all = await Promise.all(Array.from({ length: 4 }, () => get(sri(data))));
    for (const got of all) assert.deepEqual(got, data);
    assert.ok(seed.statuses.every(({ peers }) => peers <= 2));
  });

  it('gives a changed file only under its new id', async () => {
    const [old, changed] = [randomBytes(200_000), randomBytes(200_000)];
    const path = put('a.bin', old);
    const seed = start('--id', 'sha384');
    await announced(1);
    assert.deepEqual(await get(sri(old)), old);
    writeFileSync(`${path}.tmp`, changed);
    renameSync(`${path}.tmp`, path);
    await seed.saying(/a\.bin: not seeded any more: it was changed\n.*a\.bin: seeded as sha384/s);
    assert.ok(seed.said.includes(sri(changed)));
    assert.deepEqual(await get(sri(changed)), changed);
    // Who has got the old one serves it.
    for (const visitor of visitors) visitor.close();
    await assert.rejects(get(sri(old)), { code: 'no-source' });
  });

  it('gives no wrong byte of a file that was changed so that size and time do not show it', async () => {
    const data = randomBytes(200_000);
    const path = put('a.bin', data);
    utimesSync(path, 1_000, 1_000);
    const { mtimeNs } = statSync(path, { bigint: true });
    const seed = start('--id', 'sha384', '--rescan', '3600');
    await announced(1);
    const wrong = Buffer.from(data);
    wrong[150_000]! ^= 1;
    writeFileSync(path, wrong);
    utimesSync(path, 1_000, 1_000);
    assert.equal(statSync(path, { bigint: true }).mtimeNs, mtimeNs);
    await assert.rejects(get(sri(data)), { code: 'no-source' });
    await seed.saying(/a\.bin: not seeded any more: its bytes are not what they were/);
    await announced(0);
  });

  it('takes back what is gone, and announces what has come', async () => {
    const path = put('a.bin', randomBytes(1_000));
    const seed = start();
    await announced(1);
    rmSync(path);
    await announced(0);
    await seed.saying(/a\.bin: not seeded any more: it is gone/);
    put('b.bin', randomBytes(1_000));
    put('c.bin', randomBytes(1_000));
    await announced(2);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`leaves the tracker at ${signal}, in the middle of an upload, and exits with 0`, async () => {
      const data = randomBytes(5_000_000);
      put('a.bin', data);
      const seed = start('--id', 'sha384', '--max-upload-bytes-per-second', '100000');
      await announced(1);
      const cut = assert.rejects(get(sri(data)), { code: 'no-source' });
      await seed.status(({ bytes }) => bytes > 0, 'an upload');
      assert.equal(await seed.end(signal), 0);
      await announced(0);
      await cut;
      assert.match(seed.said, /stopped; \d+ bytes were sent to visitors\n$/);
    });

  it('ends in the middle of hashing, and at once at a second signal', async () => {
    for (let i = 0; i < 3; i++) put(`${i}.bin`, randomBytes(50_000_000));
    const seed = start('--id', 'zf1,sha384,sha512');
    await seed.saying(/0\.bin: seeded/);
    assert.equal(await seed.end('SIGTERM'), 0);
    assert.doesNotMatch(seed.said, /2\.bin/);
    const other = start('--id', 'zf1,sha384,sha512');
    await other.saying(/0\.bin: seeded/);
    const end = await other.end('SIGINT', 'SIGINT');
    assert.ok(end === 130 || end === 0, String(end));
  });

  it('says once that there is no tracker, and comes when there is one', async () => {
    put('a.bin', randomBytes(1_000));
    const late = await TrackerProcess.start();
    await late.kill();
    const seed = new SeedProcess('--tracker', late.url, folder);
    seeds.push(seed);
    await seed.saying(/no tracker answers; it is tried again/);
    await pause(3_000);
    await late.start();
    try {
      await seed.saying(/the tracker is connected/);
      assert.equal(seed.said.match(/no tracker answers/g)?.length, 1);
      assert.equal(await seed.end('SIGTERM'), 0);
    } finally {
      await late.kill();
    }
  });

  for (const { args, code, says } of [
    {
      args: ['--tracker', 'http://127.0.0.1/', '.'],
      code: 2,
      says: /begins with http:.*--help\n$/s,
    },
    { args: ['--tracker', 'ws://127.0.0.1/', '/nowhere/at/all'], code: 1, says: /no such file/ },
    {
      args: ['--tracker', 'ws://127.0.0.1/', '--token-file', '/nowhere', '.'],
      code: 2,
      says: /token/,
    },
  ])
    it(`ends with ${code} for ${args.join(' ')}`, async () => {
      const seed = new SeedProcess(...args);
      seeds.push(seed);
      assert.equal(await seed.end(), code);
      assert.match(seed.said, says);
      assert.match(seed.said, /^zauberflote-seed: /);
    });
});
