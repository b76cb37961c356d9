import assert from 'node:assert/strict';
import { contentKey, UndeliverableReason } from '@zauberflote/proto';
import { Client } from '../../test-support/client.ts';
import { content, deposit, drop, have, signal, want } from '../../test-support/messages.ts';
import { RedisServer, startCluster, TrackerProcess, until } from '../../test-support/redis.ts';
import { NODE_TTL_MS } from '../limits.ts';
import { RedisBackplane } from './redis.ts';

describe('trackers that share a Redis', () => {
  let redis: RedisServer;
  const trackers: TrackerProcess[] = [];
  const clients: Client[] = [];
  let lastContent = 0;

  /** One that no other test uses, held at a node; returns when another node knows of it. */
  async function held(node: number, knowing: number): Promise<{ id: number; holder: Client }> {
    const id = ++lastContent;
    const holder = await enter(node);
    await announce(holder, id, knowing);
    return { id, holder };
  }

  async function announce(holder: Client, id: number, ...knowing: readonly number[]) {
    holder.send(have([id]));
    for (const node of knowing)
      await until('other nodes know of it', async () => {
        const { complete = 0 } = await trackers[node]!.count(content(id).digest);
        return complete > 0;
      });
  }

  async function enter(node: number): Promise<Client> {
    const client = await Client.open(trackers[node]!.url);
    clients.push(client);
    return client;
  }

  async function named(client: Client, id: number, maxOffers = 0) {
    const reply = await client.ask(want([id], 0, maxOffers));
    assert.ok(reply.case === 'peers');
    return reply.value.swarms[0]!.holders;
  }

  async function namedIds(client: Client, id: number) {
    return (await named(client, id)).map(({ peerId }) => peerId);
  }

  /** What other nodes say comes in time, or not at all where a node waits for a processor. */
  async function areNamed(client: Client, id: number, ...holders: readonly Client[]) {
    const expected = holders.map((holder) => holder.id).join();
    await until('they are named', async () => (await namedIds(client, id)).join() === expected);
  }

  before(async () => {
    redis = await RedisServer.start();
    for (let i = 0; i < 3; i++) trackers.push(await TrackerProcess.start('--redis', redis.url));
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.socket.terminate();
  });
  after(async () => {
    for (const tracker of trackers) await tracker.end();
    await redis.remove();
  });

  it('introduce peers of different nodes, and pass on what they signal', async () => {
    const { id, holder } = await held(0, 1);
    const asker = await enter(1);
    await areNamed(asker, id, holder);
    asker.send(signal('offer', holder.id, 7));
    const offer = await holder.next();
    assert.ok(offer.case === 'signal' && offer.value.body.case === 'offer');
    assert.equal(offer.value.peerId, asker.id);
    holder.send(signal('candidates', asker.id, 7));
    holder.send(signal('answer', asker.id, 7));
    asker.send(signal('candidates', holder.id, 7));
    for (const kind of ['candidates', 'answer']) {
      const reply = await asker.next();
      assert.ok(reply.case === 'signal' && reply.value.body.case === kind, reply.case);
      assert.equal(reply.value.peerId, holder.id);
    }
    const candidates = await holder.next();
    assert.ok(candidates.case === 'signal' && candidates.value.body.case === 'candidates');
  });

  it('refuse signals to peers of other nodes who were not named to the sender', async () => {
    const { holder } = await held(0, 1);
    const stranger = await enter(1);
    const reply = await stranger.ask(signal('offer', holder.id, 1));
    assert.ok(reply.case === 'undeliverable');
    assert.equal(reply.value.reason, UndeliverableReason.GONE);
  });

  it('give away offers that were left at another node, each once', async () => {
    const { id, holder } = await held(2, 0);
    let attempt = 4;
    let asker = holder;
    // One that is given in an answer that comes too late is lost: the next is for the next who asks.
    await until('one is given away', async () => {
      holder.send(deposit(++attempt));
      // Its answer says that the Deposit before it has arrived.
      await holder.ask(want([id]));
      asker = await enter(0);
      const [first] = await named(asker, id, 8);
      return first?.offer?.attempt === attempt;
    });
    await until('it is named again', async () => {
      const [again] = await named(await enter(1), id, 8);
      assert.notEqual(again?.offer?.attempt, attempt, 'its offer was given away');
      return again?.peerId === holder.id;
    });
    asker.send(signal('answer', holder.id, attempt));
    const answer = await holder.next();
    assert.ok(answer.case === 'signal' && answer.value.body.case === 'answer');
    assert.equal(answer.value.peerId, asker.id);
  });

  it('count all holders, and forget those who leave at once', async () => {
    const { id, holder } = await held(0, 2);
    const other = await enter(1);
    await announce(other, id, 2);
    const { digest } = content(id);
    await until('both are counted', async () => (await trackers[2]!.count(digest)).complete === 2);
    holder.send(drop([id]));
    await until('one is', async () => (await trackers[2]!.count(digest)).complete === 1);
    await areNamed(await enter(2), id, other);
  });

  it('tell a peer whose partner at another node has left', async () => {
    const { id, holder } = await held(0, 1);
    const asker = await enter(1);
    await areNamed(asker, id, holder);
    await holder.leave();
    await until('it is known', async () => {
      const reply = await asker.ask(signal('offer', holder.id, 1));
      return reply.case === 'undeliverable' && reply.value.reason === UndeliverableReason.GONE;
    });
    assert.deepEqual(await namedIds(asker, id), []);
  });

  it('keep nothing in Redis of what nobody holds', async () => {
    for (const client of clients) await client.leave();
    await until('it is empty', async () => (await redis.ask('dbsize')) === '0');
  });

  it('do without a node that was killed: it is not named, nor waited for', async () => {
    const extra = await TrackerProcess.start('--redis', redis.url);
    trackers.push(extra);
    const { id, holder } = await held(3, 0);
    const asker = await enter(0);
    await areNamed(asker, id, holder);
    await extra.end('SIGKILL');
    trackers.pop();
    assert.deepEqual(await namedIds(asker, id), []);
    const reply = await asker.ask(signal('offer', holder.id, 1));
    assert.ok(reply.case === 'undeliverable');
    assert.equal(reply.value.reason, UndeliverableReason.GONE);
    // What it left behind goes by itself.
    const key = `zf:{${contentKey(content(id))}}`;
    const leftMs = Number(await redis.ask('pttl', key));
    assert.ok(leftMs <= NODE_TTL_MS && leftMs !== -1, `${leftMs} ms`);
  });

  for (const { way, away, back } of [
    {
      way: 'killed and started',
      away: () => redis.stop(),
      back: () => redis.run(),
    },
    {
      way: 'frozen and thawed',
      away: async () => redis.signal('SIGSTOP'),
      back: async () => redis.signal('SIGCONT'),
    },
  ])
    it(`go on alone while Redis is away, and find each other again (${way})`, async () => {
      const { id, holder } = await held(0, 1);
      const [near, far] = [await enter(0), await enter(1)];
      await areNamed(far, id, holder);
      await away();
      const [early, late] = [await enter(0), ++lastContent];
      for (let i = 0; i < 20; i++) assert.deepEqual(await namedIds(near, id), [holder.id]);
      near.send(signal('offer', holder.id, 3));
      const offer = await holder.next();
      assert.ok(offer.case === 'signal' && offer.value.peerId === near.id);
      assert.deepEqual(await namedIds(far, id), []);
      const lost = await far.ask(signal('offer', holder.id, 1));
      assert.ok(lost.case === 'undeliverable');
      // Announced while nobody could be told.
      early.send(have([late]));
      await early.ask(want([late]));
      await back();
      for (const [known, by] of [
        [id, holder],
        [late, early],
      ] as const)
        await until('they meet again', async () => (await namedIds(far, known)).includes(by.id));
      far.send(signal('offer', holder.id, 2));
      const again = await holder.next();
      assert.ok(again.case === 'signal' && again.value.peerId === far.id);
    });

  it('start without Redis, and join when it comes', async () => {
    await redis.stop();
    const extra = await TrackerProcess.start('--redis', redis.url);
    trackers.push(extra);
    const holder = await enter(3);
    const id = ++lastContent;
    holder.send(have([id]));
    await redis.run();
    const asker = await enter(0);
    await until('they meet', async () => (await namedIds(asker, id)).includes(holder.id));
    await extra.end();
    trackers.pop();
  });
});

describe('RedisBackplane', () => {
  async function joined(
    url: string,
    password?: string | (() => string),
    warned: string[] = [],
  ): Promise<RedisBackplane> {
    const backplane = new RedisBackplane({
      url,
      password: () => (typeof password === 'function' ? password() : password),
      node: 'one',
      log: { info: () => {}, warn: (text: string) => warned.push(text) } as never,
      onMessage: () => {},
      keys: () => [],
      count: () => 0,
    });
    await until('it has joined', async () => backplane.isUp);
    return backplane;
  }

  it('gives its password, as a user if the address names one', async () => {
    const redis = await RedisServer.start('--requirepass', 'Papagena');
    try {
      await (await joined(redis.url, 'Papagena')).close();
      const asAdmin = ['-a', 'Papagena', '--no-auth-warning'];
      const rule = ['on', '>Glockenspiel', '+@all', '~zf:*', '&node:*'];
      assert.equal(await redis.ask(...asAdmin, 'acl', 'setuser', 'papageno', ...rule), 'OK');
      const url = redis.url.replace('//', '//papageno@');
      const able = await joined(url, 'Glockenspiel');
      able.note('5:00', true);
      await until('it is noted', async () => (await able.nodesWith('5:00')).length === 0);
      await able.close();
    } finally {
      await redis.remove();
    }
  });

  it('is down where Redis hears but does not keep, and says why; up when it does again', async () => {
    const redis = await RedisServer.start();
    try {
      const warned: string[] = [];
      const backplane = await joined(redis.url, undefined, warned);
      // As the former master after a fail-over.
      await redis.ask('replicaof', '127.0.0.1', '1');
      await until('it is down', async () => !backplane.isUp);
      assert.match(warned.join('\n'), /cannot be reached \(READONLY/);
      await redis.ask('replicaof', 'no', 'one');
      await until('it is up', async () => backplane.isUp);
      redis.signal('SIGSTOP');
      await until('it is down', async () => !backplane.isUp);
      assert.match(warned.at(-1)!, /\(no answer\)/);
      redis.signal('SIGCONT');
      await until('it is up', async () => backplane.isUp);
      await backplane.close();
    } finally {
      await redis.remove();
    }
  });

  it('comes back with a password that was changed', async () => {
    let password = 'Papagena';
    const redis = await RedisServer.start('--requirepass', password);
    try {
      const backplane = await joined(redis.url, () => password);
      const ask = (...args: string[]) => redis.ask('-a', password, '--no-auth-warning', ...args);
      await ask('config', 'set', 'requirepass', 'Glockenspiel');
      password = 'Glockenspiel';
      for (const type of ['normal', 'pubsub']) await ask('client', 'kill', 'type', type);
      await until('it is down', async () => !backplane.isUp);
      await until('it is up', async () => backplane.isUp);
      await backplane.close();
    } finally {
      await redis.remove();
    }
  });

  it('says so, once, when Redis takes nothing', async () => {
    const redis = await RedisServer.start();
    try {
      const warned: string[] = [];
      const backplane = await joined(redis.url, undefined, warned);
      await redis.ask('config', 'set', 'maxmemory', '1');
      for (let i = 0; i < 3; i++) backplane.note(`5:0${i}`, true);
      await until('it is said', async () => warned.length > 0);
      await backplane.close();
      // Where that took long, it may have added that it is on its own by now.
      const said = warned.filter((text) => !text.includes('cannot be reached (OOM'));
      assert.equal(said.length, 1);
      assert.match(said[0]!, /does not keep what it is told \(OOM/);
    } finally {
      await redis.remove();
    }
  });
});

describe('trackers that share a cluster of Redis', () => {
  let servers: readonly RedisServer[];
  const trackers: TrackerProcess[] = [];
  let holder: Client;
  let asker: Client;
  // So many that some are on each server.
  const ids = Array.from({ length: 12 }, (_, i) => i + 1);

  before(async () => {
    servers = await startCluster();
    for (let i = 0; i < 2; i++)
      trackers.push(await TrackerProcess.start('--redis', servers[0]!.url));
    [holder, asker] = (await Promise.all(trackers.map(({ url }) => Client.open(url)))) as [
      Client,
      Client,
    ];
    holder.send(have(ids));
  });
  after(async () => {
    for (const client of [holder, asker]) client.socket.terminate();
    for (const tracker of trackers) await tracker.end();
    for (const server of servers) await server.remove();
  });

  async function allAreNamed(): Promise<boolean> {
    const reply = await asker.ask(want(ids));
    assert.ok(reply.case === 'peers');
    return reply.value.swarms.every(({ holders }) => holders[0]?.peerId === holder.id);
  }

  it('introduce peers of different nodes, whichever slots that takes', async () => {
    await until('all are named', allAreNamed);
    for (const server of servers) assert.notEqual(await server.ask('dbsize'), '0');
    asker.send(signal('offer', holder.id, 1));
    const offer = await holder.next();
    assert.ok(offer.case === 'signal' && offer.value.peerId === asker.id);
  });

  it('find each other again after the slots of their channels moved', async () => {
    const owners = await Promise.all(servers.map((server) => server.ask('cluster', 'myid')));
    const channels = await Promise.all(
      servers.map(async (server) => (await server.ask('pubsub', 'shardchannels')).split('\n')),
    );
    assert.equal(channels.flat().filter(Boolean).length, trackers.length);
    for (const [i, those] of channels.entries())
      for (const channel of those.filter(Boolean)) {
        const slot = await servers[i]!.ask('cluster', 'keyslot', channel);
        const next = (i + 1) % servers.length;
        const set = async (server: number, ...state: readonly string[]) =>
          assert.equal(await servers[server]!.ask('cluster', 'setslot', slot, ...state), 'OK');
        // As a resharding does. Without an import the new owner has no newer claim than the old one, whose
        // word may be on its way: then each took the other for the owner, for good.
        await set(next, 'importing', owners[i]!);
        await set(i, 'migrating', owners[next]!);
        for (const each of [next, ...servers.keys()]) await set(each, 'node', owners[next]!);
      }
    await until('all are named', allAreNamed);
  });

  it('find each other again after a server was away', async () => {
    await servers[1]!.stop();
    assert.equal(await allAreNamed(), false);
    await servers[1]!.run();
    await until('all are named', allAreNamed);
  });
});
