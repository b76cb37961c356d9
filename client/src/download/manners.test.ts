import assert from 'node:assert/strict';
import type { Platform } from '../platform.ts';
import { BURST_MS, mayUpload, RateLimit, type UploadPolicy } from './manners.ts';

describe('mayUpload', () => {
  const connections = [undefined, {}, { type: 'wifi' }, { saveData: false, type: 'unknown' }];
  const costly = [{ saveData: true }, { type: 'cellular' }, { saveData: true, type: 'wifi' }];

  it('by default serves others, but not on mobile data or where data is to be saved', () => {
    for (const connection of connections) assert.equal(mayUpload('auto', connection), true);
    for (const connection of costly) assert.equal(mayUpload('auto', connection), false);
  });

  it('does what the owner of the site wants, and nothing if that is not understood', () => {
    for (const connection of [...connections, ...costly]) {
      assert.equal(mayUpload('always', connection), true);
      assert.equal(mayUpload('never', connection), false);
      assert.equal(mayUpload('off' as UploadPolicy, connection), false);
    }
  });
});

describe('RateLimit', () => {
  let now = 50;
  const platform = { now: () => now } as Platform;

  it('lets everything through if there is none', () => {
    for (const none of [0, Number.NaN, -5]) {
      const limit = new RateLimit(platform, none);
      limit.take(1e9);
      assert.ok(limit.waitMs <= 0);
    }
  });

  it('keeps to the rate, with no more than a second of it at once', () => {
    const limit = new RateLimit(platform, 10_000);
    let sent = 0;
    const send = () => {
      for (; limit.waitMs <= 0; sent += 1_000) limit.take(1_000);
    };
    send();
    assert.equal(sent, 11_000, 'a second, and what was begun in it');
    for (let step = 0; step < 100; step++) {
      now += limit.waitMs;
      send();
    }
    assert.equal(sent, 111_000);
    now += 100 * BURST_MS;
    send();
    assert.equal(sent, 122_000, 'a long pause gives no more');
  });
});
