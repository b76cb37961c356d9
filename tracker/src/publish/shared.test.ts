import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TrackerService } from '@zauberflote/proto/full';
import fc from 'fast-check';
import { Client } from '../../test-support/client.ts';
import { have, want } from '../../test-support/messages.ts';
import { contentJson, type Publishing, publishTo } from '../../test-support/publish.ts';
import { RedisServer, startCluster, TrackerProcess, until } from '../../test-support/redis.ts';
import { ED25519, pem, token } from '../../test-support/tokens.ts';
import type { Entry, Place } from '../backplane/backplane.ts';
import { MemoryStore } from '../backplane/memory-store.ts';
import { RedisBackplane } from '../backplane/redis.ts';

/** A long way off, for what is not to be forgotten. */
const LATE = 9_999_999_999;

async function joined(redis: RedisServer): Promise<RedisBackplane> {
  const backplane = new RedisBackplane({
    ...{
      url: redis.url,
      password: () => undefined,
      node: `test${Math.random().toString(36).slice(2)}`,
    },
    ...{ log: { info() {}, warn() {} }, onMessage() {}, keys: () => [], count: () => 0 },
  });
  await until('it is joined', async () => backplane.isUp);
  return backplane;
}

async function readAll(from: { read(place: Place): unknown }): Promise<Omit<Entry, 'forgetAt'>[]> {
  const all: Omit<Entry, 'forgetAt'>[] = [];
  let place: Place = { store: '', seen: 0 };
  for (;;) {
    const news = (await from.read(place)) as Awaited<ReturnType<RedisBackplane['read']>>;
    if (news.entries.length === 0) return all;
    all.push(...news.entries);
    place = { store: news.store, seen: news.seen };
  }
}

describe('publications in Redis', () => {
  let redis: RedisServer;
  let folder: string;
  const trackers: TrackerProcess[] = [];
  const clients: Client[] = [];

  before(async () => {
    redis = await RedisServer.start();
    folder = mkdtempSync(join(tmpdir(), 'zf-shared-'));
    writeFileSync(join(folder, 'keys'), pem(ED25519.publicKey));
    for (let i = 0; i < 3; i++) await start();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.socket.terminate();
  });
  after(async () => {
    for (const tracker of trackers) await tracker.end();
    await redis.remove();
    rmSync(folder, { recursive: true });
  });

  /** A tracker as on a machine of its own: with a file that no other has. */
  async function start(): Promise<void> {
    const file = join(folder, `published-${trackers.length}`);
    const files = ['--publish-keys-file', join(folder, 'keys'), '--published-file', file];
    trackers.push(await TrackerProcess.start('--redis', redis.url, ...files));
  }

  const base = (node: number) => trackers[node]!.url.replace('ws:', 'http:').replace(/\/$/, '');

  async function publish(node: number, what: Publishing): Promise<void> {
    const response = await publishTo(base(node), { token: token(), ...what });
    assert.equal(response.status, 200, await response.text());
  }

  async function isServed(node: number, n: number): Promise<boolean> {
    const response = await fetch(`${base(node)}/${TrackerService.typeName}/GetSwarm`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ content: contentJson(n) }),
    });
    return ((await response.json()) as { served?: boolean }).served ?? false;
  }

  const servedBy = async (n: number) => Promise.all(trackers.map((_, node) => isServed(node, n)));
  const areAll = (n: number, served: boolean) => async () =>
    (await servedBy(n)).every((is) => is === served);

  async function seeder(node: number, n: number): Promise<Client> {
    const client = await Client.open(trackers[node]!.url);
    clients.push(client);
    client.send(have([n]));
    await client.ask(want([99]));
    return client;
  }

  it('are served by every tracker, wherever they were published, and by none when taken back', async () => {
    await publish(0, { contents: [1, 2] });
    await until('all serve it', areAll(1, true));
    const holder = await seeder(1, 1);
    const visitor = await Client.open(trackers[2]!.url);
    clients.push(visitor);
    await until('the holder is named', async () => {
      const reply = await visitor.ask(want([1]));
      assert.ok(reply.case === 'peers');
      return reply.value.swarms[0]!.holders[0]?.peerId === holder.id;
    });
    await publish(2, { contents: [1], ttlSeconds: 0 });
    await until('none serves it', areAll(1, false));
    await until('its holder is forgotten', async () => {
      const { swarms } = await trackers[1]!.health();
      return swarms === 0;
    });
    assert.deepEqual(await servedBy(2), [true, true, true]);
  });

  it('hold at once where Redis is away, and are told to all when it is back, though it lost everything', async () => {
    await redis.stop();
    await publish(0, { contents: [3] });
    await publish(1, { contents: [2], ttlSeconds: 0 });
    assert.deepEqual([await isServed(0, 3), await isServed(1, 3)], [true, false]);
    await redis.run();
    await until('all serve what was published', areAll(3, true));
    await until('none serves what was taken back', areAll(2, false));
  });

  it('are known to a tracker that comes later', async () => {
    await start();
    await until('it serves it', async () => isServed(3, 3));
    assert.equal(await isServed(3, 2), false);
  });

  it('are kept by Redis as by the store in memory that other tests use', async () => {
    await redis.ask('flushall');
    const backplane = await joined(redis);
    const entry = fc.record({
      name: fc.constantFrom('2:00 a.example', '2:01 a.example', '2:00 b.example'),
      stamp: fc.nat(3),
      value: fc.oneof(fc.nat(3), fc.constant(4_000_000_000)),
      forgetAt: fc.constant(LATE),
    });
    const steps = fc.array(
      fc.oneof(
        { weight: 9, arbitrary: fc.array(entry, { maxLength: 4 }) },
        { weight: 1, arbitrary: fc.constant('lose' as const) },
      ),
      { maxLength: 12 },
    );
    // Trackers would write their own into it as well.
    for (const tracker of trackers.splice(0)) await tracker.end();
    await fc.assert(
      fc.asyncProperty(steps, async (todo) => {
        await redis.ask('flushall');
        const model = new MemoryStore();
        let [place, own]: Place[] = [
          await backplane.read({ store: '', seen: 0 }),
          model.read({ store: '', seen: 0 }),
        ];
        for (const step of todo) {
          if (step === 'lose') {
            await redis.ask('flushall');
            model.lose();
          } else if (step.length > 0) {
            await backplane.write(step);
            model.write(step);
          }
          const [news, expected] = [await backplane.read(place!), model.read(own!)];
          assert.deepEqual(news.entries, expected.entries);
          assert.equal(news.store === place!.store, expected.store === own!.store);
          [place, own] = [news, expected];
        }
        assert.deepEqual(await readAll(backplane), await readAll(model));
      }),
      { numRuns: 60 },
    );
    await backplane.close();
  });

  it('are forgotten by Redis in time, whoever writes next', async () => {
    await redis.ask('flushall');
    const backplane = await joined(redis);
    const entry = { stamp: 1, value: 1, forgetAt: LATE };
    const past = Array.from({ length: 200 }, (_, n) => ({
      ...entry,
      name: `past ${n}`,
      forgetAt: 5,
    }));
    await backplane.write(past);
    await backplane.write([{ ...entry, name: 'there' }]);
    assert.deepEqual(
      (await readAll(backplane)).map(({ name }) => name),
      ['there'],
    );
    for (const [command, key] of [
      ['hlen', 'entries'],
      ['zcard', 'order'],
      ['zcard', 'ends'],
    ] as const)
      assert.equal(await redis.ask(command, `zf:{store}:${key}`), '1');
    await backplane.close();
  });

  it('are kept by a cluster', async () => {
    const servers = await startCluster();
    const backplanes = [await joined(servers[0]!), await joined(servers[2]!)];
    const entry = { name: '2:00 a.example', stamp: 7, value: 8 };
    await backplanes[0]!.write([{ ...entry, forgetAt: LATE }]);
    assert.deepEqual(await readAll(backplanes[1]!), [entry]);
    for (const backplane of backplanes) await backplane.close();
    for (const server of servers) await server.remove();
  });
});
