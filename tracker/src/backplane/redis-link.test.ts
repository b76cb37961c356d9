import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { RedisServer, startCluster, until } from '../../test-support/redis.ts';
import { connectRedis } from './redis-link.ts';

describe('connectRedis', () => {
  const servers: RedisServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.remove();
  });

  const connect = (url: string, signal: AbortSignal) =>
    connectRedis({
      ...{ url, signal, channel: 'node:one' },
      ...{ onMessage: () => {}, onError: () => {}, onReady: () => {} },
    });

  /** How many connections the servers have, apart from that of who asks. */
  async function connections(): Promise<number> {
    const lists = await Promise.all(servers.map((server) => server.ask('client', 'list')));
    return lists.join('\n').match(/ name=zauberflote-tracker /g)?.length ?? 0;
  }

  /** What stays once all has come to rest that was on its way. */
  async function left(): Promise<number> {
    // The client connects again within 0.3 s.
    await setTimeout(1_000);
    return connections();
  }

  for (const [name, event, start] of [
    ['a server', 'reconnecting', async () => [await RedisServer.start()]],
    ['a cluster', 'node-reconnecting', startCluster],
  ] as const)
    it(`leaves no connection to ${name} when it is ended, even while it connects again`, async () => {
      servers.push(...(await start()));
      const end = new AbortController();
      const redis = await connect(servers[0]!.url, end.signal);
      // Of a cluster it has one to each, and one that listens.
      const all = name === 'a server' ? 2 : servers.length + 1;
      await until('it is connected', async () => (await connections()) === all);
      // The client says so just before it calls connect().
      const ended = new Promise<void>((resolve) =>
        redis.on(event, () =>
          process.nextTick(() => {
            end.abort();
            resolve();
          }),
        ),
      );
      for (const server of servers) await server.ask('client', 'kill', 'type', 'normal');
      await ended;
      assert.equal(await left(), 0);
    });
});
