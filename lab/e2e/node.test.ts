import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { closeNodeWebRtc, nodePlatform } from '@zauberflote/client/src/connection/node-webrtc.ts';
import { ZauberfloteCore } from '@zauberflote/client/src/zauberflote.ts';
import type { RunningTracker } from '@zauberflote/tracker';
import { startTracker } from '../../tracker/test-support/tracker.ts';
import { Site } from './site.ts';

/** The whole library in Node: real WebRTC (node-datachannel), the real tracker, a real origin. */
describe('Visitors in Node', () => {
  let tracker: RunningTracker;
  let site: Site;
  let hash: string;
  const file = randomBytes(3_000_000);
  const visitors: ZauberfloteCore[] = [];

  const visit = (): ZauberfloteCore => {
    const loadHashes = () => import('@zauberflote/client/src/hash-library.ts');
    const loadCss = () => import('@zauberflote/client/src/dom/stylesheet.ts');
    const visitor = new ZauberfloteCore(
      { tracker: tracker.url },
      { loadHashes, loadCss, platform: nodePlatform() },
    );
    visitors.push(visitor);
    return visitor;
  };

  const get = async (visitor: ZauberfloteCore): Promise<Buffer> => {
    const blob = await visitor.download(hash, { fallback: site.url('/a/file.bin') });
    return Buffer.from(await blob.arrayBuffer());
  };

  /** Waits until the tracker knows so many holders. */
  const announced = async (holders: number) => {
    while (tracker.stats().holdings < holders) await pause(10);
  };

  beforeEach(async () => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1' });
    site = await new Site().start();
    site.add('/a/file.bin', file);
    hash = `sha512-${createHash('sha512').update(file).digest('base64')}`;
  });

  afterEach(async () => {
    for (const visitor of visitors.splice(0)) visitor.close();
    await tracker.close();
    site.close();
  });

  after(() => closeNodeWebRtc());

  it('serve each other when the origin has stopped', async () => {
    assert.deepEqual(await get(visit()), file);
    await announced(1);
    site.up = false;
    site.assetBytes = 0;
    const leecher = visit();
    assert.deepEqual(await get(leecher), file);
    assert.deepEqual(leecher.stats().bytes, {
      peers: file.length,
      origin: 0,
      store: 0,
      uploaded: 0,
    });
    assert.equal(site.assetBytes, 0);
  });

  it('serve six at a time, and those serve the next', async () => {
    await get(visit());
    await announced(1);
    site.up = false;
    const crowd = Array.from({ length: 6 }, visit);
    for (const body of await Promise.all(crowd.map(get))) assert.deepEqual(body, file);
    await announced(7);
    visitors[0]?.close();
    assert.deepEqual(await get(visit()), file);
  });

  it('fail with the cause when there is no source at all', async () => {
    site.up = false;
    await assert.rejects(get(visit()), { code: 'no-source', message: /answered 503/ });
  });

  it('open no connection to anybody when nobody has it', async () => {
    const visitor = visit();
    await get(visitor);
    assert.equal(visitor.stats().connections, 0);
  });
});
