import assert from 'node:assert/strict';
import { contentKey, HashAlgorithm } from '@zauberflote/proto';
import type { Platform } from '../platform.ts';
import { browserPlatform } from '../platform.ts';
import { Mailbox, say, TestTracker } from './test-tracker.ts';
import { SILENT_MS, SUSPECT_MS } from './timing.ts';
import { TrackerClient } from './tracker-client.ts';
import type { TrackerState } from './types.ts';

describe('A tracker that says nothing', () => {
  const content = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20) };
  const asked = { ...content, key: contentKey(content) };
  let tracker: TestTracker;
  let kept: Record<string, string>;
  let timers: Map<number, () => void>;
  let states: Mailbox<TrackerState>;

  beforeEach(async () => {
    tracker = new TestTracker();
    await tracker.listen();
    [kept, timers, states] = [{}, new Map(), new Mailbox()];
  });

  afterEach(() => tracker.close());

  const nothing = () => {};

  /** Nothing is heard for so long that it is remembered, if it can be. */
  const passSilence = () => {
    timers.get(SUSPECT_MS)!();
    timers.get(SILENT_MS - SUSPECT_MS)?.();
  };

  /** A page of the tab. */
  function page(sessionStorage: () => unknown = () => kept): TrackerClient {
    const platform: Platform = {
      ...browserPlatform(),
      get sessionStorage() {
        return sessionStorage() as Storage;
      },
      setTimer(ms, callback) {
        timers.set(ms, callback);
        return () => timers.delete(ms);
      },
    };
    const client = new TrackerClient(tracker.url, platform, {
      onState: (state) => states.put(state),
      onPeers: nothing,
      onGrant: nothing,
      onDeposited: nothing,
      onSignal: nothing,
      onUndeliverable: nothing,
    });
    client.want([asked]);
    return client;
  }

  async function leave(client: TrackerClient): Promise<void> {
    client.close();
    assert.equal(await states.next(), 'closed');
  }

  it('is waited for once: downloads of later pages of the tab do not, until it speaks', async () => {
    const first = page();
    assert.equal(await states.next(), 'connecting');
    await tracker.sockets.next();
    passSilence();
    await leave(first);
    const second = page();
    assert.equal(await states.next(), 'connecting');
    timers.get(SUSPECT_MS)!();
    assert.equal(await states.next(), 'waiting');
    say(await tracker.sockets.next(), { case: 'welcome', value: { peerId: 9n } });
    assert.equal(await states.next(), 'open');
    assert.equal(timers.has(SUSPECT_MS), false);
    await leave(second);
    const third = page();
    assert.equal(await states.next(), 'connecting');
    timers.get(SUSPECT_MS)!();
    await leave(third);
    assert.equal(states.size, 0, 'it is not known any more');
  });

  it('costs pages of one that speaks soon no look into what is kept, for which they would stand still', async () => {
    let looks = 0;
    const client = page(() => void looks++);
    assert.equal(await states.next(), 'connecting');
    say(await tracker.sockets.next(), { case: 'welcome', value: { peerId: 9n } });
    assert.equal(await states.next(), 'open');
    assert.deepEqual([looks, timers.has(SUSPECT_MS)], [0, false]);
    await leave(client);
  });

  it('is not one of which a page was left too soon', async () => {
    const client = page();
    assert.equal(await states.next(), 'connecting');
    await leave(client);
    assert.deepEqual([kept, timers.has(SUSPECT_MS)], [{}, false]);
  });

  it('is waited for each time where nothing can be remembered, or the page has filled that', async () => {
    const denied = () => {
      throw new DOMException('denied', 'SecurityError');
    };
    const full = new Proxy({}, { set: denied });
    for (const storage of [denied, () => full, () => undefined]) {
      const client = page(storage);
      assert.equal(await states.next(), 'connecting');
      passSilence();
      await leave(client);
    }
  });
});
