import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { closeNodeWebRtc, nodePlatform } from '@zauberflote/client/src/connection/node-webrtc.ts';
import type { NetworkInformation } from '@zauberflote/client/src/platform.ts';
import { ZauberfloteCore, type ZauberfloteOptions } from '@zauberflote/client/src/zauberflote.ts';
import type { RunningTracker } from '@zauberflote/tracker';
import { startTracker } from '../../tracker/test-support/tracker.ts';
import { Site } from './site.ts';

/** Consent and upload policy with the whole library in Node, the real tracker and a real origin. */
describe('A visitor', () => {
  const file = randomBytes(300_000);
  const hash = `sha256-${createHash('sha256').update(file).digest('base64')}`;
  let tracker: RunningTracker;
  let site: Site;
  const visitors: ZauberfloteCore[] = [];

  const visit = (
    options: ZauberfloteOptions = {},
    networkInformation?: NetworkInformation,
    page?: EventTarget,
  ): ZauberfloteCore => {
    const loadHashes = () => import('@zauberflote/client/src/hash-library.ts');
    const loadCss = () => import('@zauberflote/client/src/dom/stylesheet.ts');
    const platform = { ...nodePlatform(), networkInformation };
    const visitor = new ZauberfloteCore(
      { tracker: tracker.url, ...options },
      { loadHashes, loadCss, platform, page },
    );
    visitors.push(visitor);
    return visitor;
  };

  const get = async (visitor: ZauberfloteCore): Promise<void> => {
    const blob = await visitor.download(hash, { fallback: site.url('/a/file.bin') });
    assert.deepEqual(Buffer.from(await blob.arrayBuffer()), file);
  };

  const announced = async (holders: number) => {
    while (tracker.stats().holdings !== holders) await pause(10);
  };

  beforeEach(async () => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1' });
    site = await new Site().start();
    site.add('/a/file.bin', file);
  });

  afterEach(async () => {
    for (const visitor of visitors.splice(0)) visitor.close();
    await tracker.close();
    site.close();
  });

  after(() => closeNodeWebRtc());

  it('loads everything from the origin until it consents, then takes part', async () => {
    await get(visit());
    await announced(1);
    let consent = (_: boolean) => {};
    const enabled = () =>
      new Promise<boolean>((resolve) => {
        consent = resolve;
      });
    const page = new EventTarget();
    const visitor = visit({ enabled }, undefined, page);
    await get(visitor);
    assert.equal(visitor.stats().bytes.origin, file.length);
    // To leave the page and come back is no consent.
    for (const type of ['pagehide', 'freeze', 'resume', 'pageshow'])
      page.dispatchEvent(new Event(type));
    await pause(50);
    assert.equal(visitor.stats().tracker, 'suspended');
    assert.equal(tracker.stats().peers, 1);
    consent(true);
    await announced(2);
    visitors[0]?.close();
    await announced(1);
    site.up = false;
    const next = visit();
    await get(next);
    assert.equal(next.stats().bytes.peers, file.length);
    assert.equal(visitor.stats().bytes.uploaded, file.length);
  });

  it('takes part at once if consent is there already', async () => {
    await get(visit({ enabled: () => true }));
    await announced(1);
  });

  it('stays with the origin if it does not consent, and has an error for what has none', async () => {
    await get(visit());
    await announced(1);
    const visitor = visit({ enabled: async () => false });
    await get(visitor);
    assert.equal(visitor.stats().bytes.origin, file.length);
    const other = `sha256-${createHash('sha256').digest('base64')}`;
    await assert.rejects(visitor.download(other), { code: 'no-source' });
    assert.equal(visitor.stats().tracker, 'closed');
    assert.equal(tracker.stats().peers, 1);
  });

  it('stays with the origin if the question fails, which is told', async () => {
    const told: unknown[] = [];
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (error) => told.push((error as Error).message));
    try {
      const enabled = () => {
        throw new Error('a slip of the page');
      };
      const visitor = visit({ enabled });
      await get(visitor);
      assert.equal(visitor.stats().tracker, 'closed');
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const listener of others) process.on('unhandledRejection', listener);
    }
    assert.deepEqual(told, ['a slip of the page']);
    assert.equal(tracker.stats().peers, 0);
  });

  it('takes from others, but is no holder, on mobile data; unless the site wants it', async () => {
    const first = visit();
    await get(first);
    await announced(1);
    // However slow the machine is, it can come from the first one only.
    site.up = false;
    const mobile = visit({}, { type: 'cellular' });
    await get(mobile);
    assert.equal(mobile.stats().bytes.peers, file.length);
    site.up = true;
    await get(visit({ upload: 'never' }));
    await get(visit({ upload: 'always' }, { type: 'cellular' }));
    await announced(2);
    first.close();
    await announced(1);
    site.up = false;
    await get(visit());
    assert.equal(mobile.stats().bytes.uploaded, 0);
  });

  it('is a holder when it comes from mobile data to another network, and no more when it goes back', async () => {
    const network = new EventTarget() as EventTarget & { type: string };
    const become = (type: string) => {
      network.type = type;
      network.dispatchEvent(new Event('change'));
    };
    become('cellular');
    await get(visit({}, network));
    become('wifi');
    await announced(1);
    become('cellular');
    await announced(0);
  });

  it('uploads no faster than it is told to', async () => {
    const slow = visit({ maxUploadBytesPerSecond: 100_000 });
    await get(slow);
    await announced(1);
    site.up = false;
    const start = performance.now();
    await get(visit());
    // A second's worth may go at once.
    assert.ok(performance.now() - start >= 1_500, 'as fast as without a limit');
  });
});
