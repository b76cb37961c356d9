import assert from 'node:assert/strict';
import { contentKey } from '@zauberflote/proto';
import { Client } from '../../test-support/client.ts';
import type { Ask } from '../../test-support/lease-model.ts';
import { content, have, lease, want } from '../../test-support/messages.ts';
import { RedisServer, startCluster, TrackerProcess, until } from '../../test-support/redis.ts';
import { MAX_LEASE_MS } from '../limits.ts';

const UNITS = 60;

/** Clients that download one content, and what they were lent of it. */
class Crowd {
  readonly #clients: Client[] = [];
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  async enter(...trackers: readonly TrackerProcess[]): Promise<void> {
    for (const { url } of trackers) {
      const client = await Client.open(url);
      this.#clients.push(client);
      client.send(have([this.id], 0n, true));
      // Its answer says that the Have before it has arrived.
      await client.ask(want([this.id]));
    }
  }

  /** What the client at a place is lent. */
  async ask(place: number, fields: Partial<Ask>): Promise<number[]> {
    const reply = await this.#clients[place]!.ask(lease(this.id, { units: UNITS, ...fields }));
    assert.ok(reply.case === 'grant', reply.case);
    const { first, count } = reply.value;
    return Array.from({ length: count }, (_, i) => first + i);
  }

  /** All that all are lent, asking at the same time, until nothing is left. */
  async fetchAll(): Promise<number[]> {
    const all: number[] = [];
    const visits = this.#clients.map(async (_, place) => {
      let fetched: number[] = [];
      for (let refused = 0; refused < 3; ) {
        const lent = await this.ask(place, { wanted: 3, fetched });
        all.push(...lent);
        fetched = lent;
        if (lent.length === 0) refused++;
      }
    });
    await Promise.all(visits);
    return all.sort((a, b) => a - b);
  }

  /** Whether the clients at two places are lent by one tracker: what one has on lease the other is not lent. */
  async areTogether(one: number, other: number): Promise<boolean> {
    const units = [
      ...(await this.ask(one, { wanted: 1 })),
      ...(await this.ask(other, { wanted: 1 })),
    ];
    for (const place of [one, other])
      this.#clients[place]!.send(lease(this.id, { wanted: 0, returned: units }));
    assert.equal(units.length, 2);
    return units[0] !== units[1];
  }

  /** All, or the one at a place. */
  leave(place?: number): void {
    for (const [i, { socket }] of this.#clients.entries())
      if (place === undefined || i === place) socket.terminate();
  }
}

/**
 * Crowds are lent each unit once; where a tracker waits for a processor longer than others wait for it, as on a
 * busy machine, not each crowd.
 */
async function costOneCopy(enter: () => Promise<Crowd>): Promise<void> {
  await until('a crowd costs one copy', async () => {
    const crowd = await enter();
    const lent = await crowd.fetchAll();
    crowd.leave();
    return lent.join() === ALL.join();
  });
}

const ALL = Array.from({ length: UNITS }, (_, unit) => unit);

describe('leases at trackers that share a Redis', () => {
  let redis: RedisServer;
  const trackers: TrackerProcess[] = [];
  let crowd: Crowd;
  let id = 0;

  before(async () => {
    redis = await RedisServer.start();
    for (let i = 0; i < 3; i++) trackers.push(await TrackerProcess.start('--redis', redis.url));
  });
  beforeEach(() => {
    crowd = new Crowd(++id);
  });
  afterEach(() => crowd.leave());
  after(async () => {
    for (const tracker of trackers) await tracker.end();
    await redis.remove();
  });

  /** Any content shows it. */
  async function areJoined(some: readonly TrackerProcess[]): Promise<void> {
    const probe = new Crowd(++id);
    await probe.enter(...some);
    for (const [place] of some.entries())
      if (place > 0) await until('they are joined', () => probe.areTogether(0, place));
    probe.leave();
  }

  /** Who keeps them: a tracker that had no time to wait for Redis did not wait for that to be noted. */
  async function lenderIn(key: string): Promise<string> {
    let lender = '';
    await until('somebody keeps them', async () => {
      lender = await redis.ask('get', key);
      return lender !== '';
    });
    return lender;
  }

  it('cost the origin one copy, however the crowd is spread', async () => {
    await areJoined(trackers);
    await costOneCopy(async () => {
      const crowd = new Crowd(++id);
      for (let i = 0; i < 4; i++) await crowd.enter(...trackers);
      return crowd;
    });
  });

  it('are kept in Redis by name only, and not for long', async () => {
    await areJoined(trackers);
    await crowd.enter(...trackers);
    await crowd.ask(1, { wanted: 1 });
    const key = `zf:{${contentKey(content(crowd.id))}}:lender`;
    assert.match(await lenderIn(key), /^[\w-]+$/);
    let leftMs = Number(await redis.ask('pttl', key));
    assert.ok(leftMs > 0 && leftMs <= MAX_LEASE_MS, `${leftMs} ms`);
    // While somebody there holds the content, whether anybody asks or not.
    await until('that is prolonged', async () => {
      const before = leftMs;
      leftMs = Number(await redis.ask('pttl', key));
      return leftMs > before;
    });
  });

  it('stay where they are when nobody there holds the content any more', async () => {
    await areJoined(trackers);
    await crowd.enter(trackers[0]!);
    await crowd.ask(0, { wanted: 1 });
    await crowd.enter(trackers[1]!, trackers[2]!);
    assert.equal((await crowd.ask(1, { wanted: 1 })).length, 1);
    crowd.leave(0);
    const key = `zf:{${contentKey(content(crowd.id))}}:lender`;
    const lender = await lenderIn(key);
    // One prolongs its name there when others ask it.
    let leftMs = Number(await redis.ask('pttl', key));
    await until('that is prolonged', async () => {
      await crowd.ask(1, { wanted: 1 });
      const before = leftMs;
      leftMs = Number(await redis.ask('pttl', key));
      return leftMs > before;
    });
    assert.equal(await redis.ask('get', key), lender);
  });

  it('are kept by another when the tracker that kept them is killed', async () => {
    const extra = await TrackerProcess.start('--redis', redis.url);
    await areJoined([...trackers, extra]);
    await crowd.enter(extra, ...trackers);
    assert.equal((await crowd.ask(0, { wanted: 1 })).length, 1);
    assert.equal((await crowd.ask(1, { wanted: 1 })).length, 1);
    await extra.end('SIGKILL');
    await until('they share them again', () => crowd.areTogether(1, 2));
    await until('all do', () => crowd.areTogether(3, 1));
  });

  it('are kept by each while the one that kept them is frozen, and shared again', async () => {
    const [first, ...others] = trackers as [TrackerProcess, ...TrackerProcess[]];
    await areJoined(trackers);
    await crowd.enter(first, ...others);
    await crowd.ask(0, { wanted: 1 });
    await until('they are shared', () => crowd.areTogether(1, 2));
    first.signal('SIGSTOP');
    assert.equal((await crowd.ask(1, { wanted: 1 })).length, 1);
    assert.equal((await crowd.ask(2, { wanted: 1 })).length, 1);
    first.signal('SIGCONT');
    await until('they share them again', () => crowd.areTogether(1, 2));
    await until('all do', () => crowd.areTogether(0, 2));
  });

  it('are kept by each while Redis is away, and shared again', async () => {
    await areJoined(trackers);
    await crowd.enter(...trackers);
    await until('they are shared', () => crowd.areTogether(0, 1));
    await redis.stop();
    for (const place of [0, 1, 2])
      assert.equal((await crowd.ask(place, { wanted: 1 })).length, 1, 'it is answered');
    await redis.run();
    await until('they share them again', () => crowd.areTogether(0, 1));
    await until('all do', () => crowd.areTogether(1, 2));
  });
});

describe('leases at trackers that share a cluster of Redis', () => {
  it('cost the origin one copy, whichever slot that takes', async () => {
    const servers = await startCluster();
    const trackers: TrackerProcess[] = [];
    const crowds: Crowd[] = [];
    try {
      for (const { url } of servers.slice(0, 2))
        trackers.push(await TrackerProcess.start('--redis', url));
      let id = 0;
      // So many that some are on each server.
      for (let copies = 0; copies < 9; copies++) {
        await costOneCopy(async () => {
          // Of one that was tried before, a tracker may still know what that crowd fetched.
          const crowd = new Crowd(++id);
          crowds.push(crowd);
          await crowd.enter(...trackers);
          await until('they are joined', () => crowd.areTogether(0, 1));
          return crowd;
        });
      }
    } finally {
      for (const crowd of crowds) crowd.leave();
      for (const tracker of trackers) await tracker.end();
      for (const server of servers) await server.remove();
    }
  });
});
