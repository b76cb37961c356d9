import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { contentKey, encodeNodeMessage } from '@zauberflote/proto';
import type { Ask } from '../../test-support/lease-model.ts';
import { content, drop, have, lease } from '../../test-support/messages.ts';
import { Nodes } from '../../test-support/nodes.ts';
import { EMPTY, granted } from '../../test-support/room.ts';
import { pass, passed, timersByHand } from '../../test-support/timers.ts';
import * as limits from '../limits.ts';

const MOST = 16;
/** Parts of a content of which all is wanted. */
const ALL = { units: 8, wanted: 8 };

/** Clients that download content 1, each at the node of its place. */
async function downloading(names: readonly (readonly string[])[], options = {}): Promise<Nodes> {
  const nodes = new Nodes(names.length, options);
  for (const [node, there] of names.entries())
    for (const name of there) {
      await nodes.enter(node, name);
      await nodes.send(name, have([1], 0n, true));
    }
  return nodes;
}

async function ask(nodes: Nodes, name: string, fields: Partial<Ask>): Promise<number[]> {
  return granted(await nodes.send(name, lease(1, fields)));
}

/** The same of a node that does not answer. */
async function askInVain(nodes: Nodes, name: string, fields: Partial<Ask>): Promise<number[]> {
  assert.deepEqual(await nodes.send(name, lease(1, fields)), [], 'it waits');
  await passed(limits.GRANT_MS);
  return granted(nodes.takeSeen());
}

describe('leases at several trackers', () => {
  timersByHand();

  it('are kept by the node of whoever asks first, for all', async () => {
    const nodes = await downloading([['a'], ['b'], ['c']]);
    assert.deepEqual(await ask(nodes, 'b', ALL), range(0, 8), 'it seems to be alone');
    await nodes.send('b', lease(1, { units: 8, wanted: 0, returned: range(4, 8) }));
    assert.deepEqual(await ask(nodes, 'a', { units: 8, wanted: 1 }), [4]);
    assert.deepEqual(await ask(nodes, 'c', { units: 8, wanted: 1 }), [5]);
    assert.deepEqual(
      nodes.nodes.map(({ registry }) => registry.stats().leases),
      [0, 6, 0],
    );
    assert.equal(nodes.nodes[1]!.registry.stats().guests, 2);
  });

  it('are shared among all who download, as their nodes count them', async () => {
    const nodes = await downloading([['a'], ['b', 'c', 'd']]);
    await nodes.send('a', lease(1, { units: 32, wanted: 0 }));
    await nodes.send('b', lease(1, { units: 32, wanted: 0 }));
    // Four download: half of 32 by 4.
    assert.deepEqual(await ask(nodes, 'a', { units: 32, wanted: 32 }), range(0, 4));
    // A count is of use for a while only.
    nodes.now += limits.LEASE_TTL_MS;
    assert.deepEqual(await ask(nodes, 'a', { units: 32, wanted: 32 }), range(0, 32));
  });

  it('are lent elsewhere as soon as who has them leaves, or drops the content', async () => {
    const nodes = await downloading([['a'], ['b', 'c']]);
    await nodes.send('a', lease(1, { units: 2, wanted: 0 }));
    for (const name of ['b', 'c'])
      assert.equal((await ask(nodes, name, { units: 2, wanted: 1 })).length, 1);
    assert.deepEqual(await ask(nodes, 'a', { units: 2, wanted: 1 }), []);
    nodes.leave('b');
    await setImmediate();
    assert.deepEqual(await ask(nodes, 'a', { units: 2, wanted: 1 }), [0]);
    await nodes.send('c', drop([1]));
    assert.deepEqual(await ask(nodes, 'a', { units: 2, wanted: 1 }), [1]);
    assert.equal(nodes.nodes[0]!.registry.stats().guests, 0);
  });

  it('go on at the node that keeps them when nobody there holds the content any more', async () => {
    const nodes = await downloading([['a'], ['b', 'c']]);
    await nodes.send('a', lease(1, { units: 2, wanted: 0 }));
    assert.deepEqual(await ask(nodes, 'b', { units: 2, wanted: 1 }), [0]);
    nodes.leave('a');
    assert.deepEqual(await ask(nodes, 'c', { units: 2, wanted: 2 }), [1]);
    for (const name of ['b', 'c']) nodes.leave(name);
    await setImmediate();
    for (const { registry } of nodes.nodes) assert.deepEqual(registry.stats(), EMPTY);
  });

  it('are forgotten there when nobody holds the content any more, anywhere', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 2, wanted: 0 }));
    await nodes.send('b', lease(1, { units: 2, wanted: 0, fetched: [0] }));
    nodes.now += limits.SPREAD_MS;
    for (const name of ['a', 'b']) nodes.leave(name);
    await setImmediate();
    await nodes.enter(0, 'c');
    await nodes.send('c', have([1], 0n, true));
    assert.deepEqual(await ask(nodes, 'c', { units: 2, wanted: 1 }), [0]);
  });

  it('are forgotten there when nobody there holds it, and others have been silent for a minute', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 2, wanted: 0 }));
    await nodes.send('b', lease(1, { units: 2, wanted: 0, fetched: [0] }));
    nodes.leave('a');
    nodes.now += limits.MAX_LEASE_MS - 1;
    nodes.tick();
    assert.equal(nodes.nodes[0]!.registry.stats().guests, 1);
    assert.deepEqual(await ask(nodes, 'b', { units: 2, wanted: 2 }), [1]);
    nodes.now += limits.MAX_LEASE_MS;
    nodes.tick();
    assert.equal(nodes.nodes[0]!.registry.stats().guests, 0);
    assert.deepEqual(await ask(nodes, 'b', { units: 2, wanted: 2 }), [0, 1]);
  });

  it('are forgotten when the content is not served any more', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 2, wanted: 0 }));
    await nodes.send('b', lease(1, { units: 2, wanted: 1 }));
    const [{ registry }] = nodes.nodes as [(typeof nodes.nodes)[0]];
    assert.equal(registry.stats().guests, 1);
    registry.close(contentKey(content(1)), nodes.now);
    assert.deepEqual(registry.stats(), { ...EMPTY, peers: 1 });
  });

  it('are kept here while nothing can be sent, and no other takes them over', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 8, wanted: 0 }));
    assert.deepEqual(await ask(nodes, 'b', { units: 8, wanted: 1 }), [0]);
    const { mend } = nodes.nodes[1]!.cut();
    assert.deepEqual(await ask(nodes, 'b', { units: 8, wanted: 1 }), [0]);
    mend();
    assert.deepEqual(await ask(nodes, 'b', { units: 8, wanted: 1 }), [1]);
    assert.deepEqual(await ask(nodes, 'a', { units: 8, wanted: 1 }), [2]);
  });

  it('end with a node that died without a word', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 2, wanted: 0 }));
    assert.deepEqual(await ask(nodes, 'b', { units: 2, wanted: 2 }), [0]);
    nodes.nodes[1]!.kill();
    assert.deepEqual(await ask(nodes, 'a', { units: 2, wanted: 1 }), [1]);
    const a = { units: 2, wanted: 0, fetched: [1] };
    nodes.now += limits.MAX_LEASE_MS - 1;
    await nodes.send('a', lease(1, a));
    nodes.tick();
    assert.equal(nodes.nodes[0]!.registry.stats().guests, 1);
    assert.deepEqual(await ask(nodes, 'a', { units: 2, wanted: 2 }), [0], 'leases end sooner');
    nodes.now += 1;
    nodes.tick();
    assert.equal(nodes.nodes[0]!.registry.stats().guests, 0);
  });

  it('are kept by another at once when the node that kept them is not there any more', async () => {
    const nodes = await downloading([['a'], ['b'], ['c']]);
    await nodes.send('a', lease(1, { units: 8, wanted: 0 }));
    assert.equal((await ask(nodes, 'b', { units: 8, wanted: 1 })).length, 1);
    await nodes.nodes[0]!.end();
    const all = [
      ...(await ask(nodes, 'b', { units: 8, wanted: 2 })),
      ...(await ask(nodes, 'c', { units: 8, wanted: 2 })),
      ...(await ask(nodes, 'b', { units: 8, wanted: 2 })),
    ];
    assert.equal(all.length, 5);
    assert.equal(new Set(all).size, 5, 'the two share a table');
    await passed(limits.GRANT_MS);
    assert.deepEqual(nodes.takeSeen(), [], 'each was answered once');
    assert.equal(nodes.counters.leasesAlone, 0);
  });

  it('are kept here for a while where the node that keeps them does not answer', async () => {
    const nodes = await downloading([['a'], ['b', 'c']]);
    await nodes.send('a', lease(1, { units: 8, wanted: 0 }));
    assert.deepEqual(await ask(nodes, 'b', { units: 8, wanted: 1 }), [0]);
    nodes.nodes[0]!.kill();
    assert.deepEqual(await askInVain(nodes, 'b', { units: 8, wanted: 1 }), [0]);
    assert.equal(nodes.counters.leasesAlone, 1);
    assert.deepEqual(await ask(nodes, 'c', { units: 8, wanted: 1 }), [1], 'nobody waits');
    assert.equal(nodes.counters.leasesAlone, 2);
    nodes.now += limits.SILENT_MS;
    assert.deepEqual(await askInVain(nodes, 'c', { units: 8, wanted: 1 }), [2], 'asks it again');
    assert.equal(nodes.nodes[1]!.exchange.pending, 0);
  });

  it('that are granted too late are given back, and nothing else', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 65_536, wanted: 0 }));
    await nodes.send('a', have([1]));
    assert.deepEqual(await ask(nodes, 'b', { units: 65_536, wanted: 1 }), [0]);
    const asleep = nodes.nodes[0]!.sleep();
    assert.equal((await askInVain(nodes, 'b', { units: 65_536, wanted: 65_535 })).length, 65_535);
    // However late, even after all leases have ended.
    nodes.now += limits.LEASE_TTL_MS - 1;
    asleep.wake();
    await setImmediate();
    assert.deepEqual(nodes.takeSeen(), [], 'each Lease has one Grant');
    assert.equal(nodes.nodes[0]!.registry.stats().leases, 1);
    assert.deepEqual(await ask(nodes, 'b', { units: 65_536, wanted: 1 }), [1]);
  });

  it('that cannot be told to whom they were granted are free again', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 8, wanted: 0 }));
    const { mend } = nodes.nodes[0]!.cut();
    await askInVain(nodes, 'b', { units: 8, wanted: 1 });
    assert.equal(nodes.nodes[0]!.registry.stats().leases, 0);
    mend();
    nodes.now += limits.SILENT_MS;
    assert.deepEqual(await ask(nodes, 'b', { units: 8, wanted: 1 }), [0]);
  });

  it('that end while the node that keeps them does not answer are free there too', async () => {
    const nodes = await downloading([['a'], ['b', 'c', 'd', 'e']]);
    const units = 80;
    await nodes.send('a', lease(1, { units, wanted: 0 }));
    for (const name of ['c', 'd', 'e'])
      assert.equal((await ask(nodes, name, { units, wanted: 1 })).length, 1);
    const asleep = nodes.nodes[0]!.sleep();
    await askInVain(nodes, 'b', { units, wanted: 1 });
    await nodes.send('c', lease(1, { units, wanted: 0, returned: [0] }));
    await nodes.send('d', lease(1, { units, wanted: 1, fetched: [1] }));
    nodes.leave('e');
    await setImmediate();
    asleep.wake();
    await setImmediate();
    assert.equal(nodes.nodes[0]!.registry.stats().leases, 0);
    const free = await ask(nodes, 'a', { units, wanted: 3 });
    assert.deepEqual(free, [0], 'and 1 was fetched');
    assert.deepEqual(await ask(nodes, 'a', { units, wanted: 3 }), [2, 3, 4]);
    assert.equal(nodes.counters.leasesAlone, 2, 'of b and d');
    await ask(nodes, 'b', { units, wanted: 1 });
    assert.equal(nodes.counters.leasesAlone, 2, 'it speaks again');
  });

  it('are of the node that took over, for who waited for the one before', async () => {
    const nodes = await downloading([['a'], ['b', 'c'], ['d']]);
    await nodes.send('a', lease(1, { units: 8, wanted: 0 }));
    assert.equal((await ask(nodes, 'b', { units: 8, wanted: 1 })).length, 1);
    nodes.nodes[0]!.kill();
    nodes.sendSoon('b', lease(1, { units: 8, wanted: 1 }));
    await nodes.nodes[0]!.end();
    const others = [
      ...(await ask(nodes, 'd', { units: 8, wanted: 1 })),
      ...(await ask(nodes, 'c', { units: 8, wanted: 1 })),
    ];
    await passed(limits.GRANT_MS);
    const all = [...others, ...granted(nodes.takeSeen())];
    assert.deepEqual(all.sort(), [0, 1, 2]);
    assert.equal(nodes.counters.leasesAlone, 0);
  });

  it('are not kept here because this process had no time to read the answer', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 8, wanted: 0 }));
    assert.deepEqual(await ask(nodes, 'b', { units: 8, wanted: 1 }), [0]);
    const asleep = nodes.nodes[1]!.sleep();
    nodes.sendSoon('b', lease(1, { units: 8, wanted: 1 }));
    // As with a socket, what has come is read after all timers that are due.
    const woken = setImmediate().then(asleep.wake);
    pass(limits.GRANT_MS);
    await woken;
    await setImmediate();
    assert.deepEqual(granted(nodes.takeSeen()), [1]);
    assert.equal(nodes.counters.leasesAlone, 0);
  });

  it('are kept here only as long as nobody can say who keeps them', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 8, wanted: 1 }));
    nodes.lookups = () => new Promise(() => {});
    nodes.sendSoon('b', lease(1, { units: 8, wanted: 1 }));
    await passed(limits.LOOKUP_MS);
    assert.deepEqual(granted(nodes.takeSeen()), [0]);
    assert.equal(nodes.counters.leasesAlone, 1);
    nodes.lookups = async () => {};
    assert.deepEqual(await ask(nodes, 'b', { units: 8, wanted: 1 }), [1], 'a has unit 0');
    // Later on, who it was before is asked.
    nodes.now += limits.LENDER_MS;
    nodes.lookups = () => Promise.reject(new Error('Redis is away'));
    assert.deepEqual(await ask(nodes, 'b', { units: 8, wanted: 1 }), [2]);
    assert.equal(nodes.nodes[0]!.registry.stats().leases, 3);
  });

  it('are not asked for by who has left, or dropped it, when it is known whom to ask', async () => {
    const nodes = await downloading([['a'], ['b', 'c']]);
    await nodes.send('a', lease(1, { units: 8, wanted: 0 }));
    let look = () => {};
    nodes.lookups = () => new Promise<void>((resolve) => (look = resolve));
    for (const name of ['b', 'c']) nodes.sendSoon(name, lease(1, { units: 8, wanted: 1 }));
    nodes.leave('b');
    nodes.sendSoon('c', drop([1]));
    look();
    await setImmediate();
    assert.deepEqual(granted(nodes.takeSeen()), [], 'c gets nothing, but that');
    assert.equal(nodes.nodes[0]!.registry.stats().guests, 0);
    assert.equal(nodes.nodes[0]!.registry.stats().leases, 0);
    assert.equal(nodes.nodes[1]!.exchange.lenders, 0);
  });

  it('of what nobody here holds any more are looked for by nobody', async () => {
    const nodes = await downloading([['a'], ['b'], ['c']]);
    await nodes.send('a', lease(1, { units: 8, wanted: 0 }));
    await nodes.send('b', lease(1, { units: 8, wanted: 0 }));
    await nodes.nodes[0]!.end();
    nodes.sendSoon('b', lease(1, { units: 8, wanted: 1 }));
    nodes.leave('b');
    await setImmediate();
    assert.equal(nodes.nodes[1]!.exchange.lenders, 0);
    // It would name a node that nobody holds it at.
    assert.deepEqual(await ask(nodes, 'c', { units: 8, wanted: 1 }), [0]);
    assert.equal(nodes.nodes[2]!.registry.stats().leases, 1);
  });

  it('end at once with a node that is stopped in good order, by one message', async () => {
    const nodes = await downloading([['a'], ['b', 'c', 'd']]);
    await nodes.send('a', lease(1, { units: 80, wanted: 0 }));
    for (const name of ['b', 'c', 'd'])
      assert.equal((await ask(nodes, name, { units: 80, wanted: 1 })).length, 1);
    const before = nodes.counters.nodeSent;
    nodes.nodes[1]!.exchange.end();
    for (const name of ['b', 'c', 'd']) nodes.leave(name);
    await setImmediate();
    assert.equal(nodes.counters.nodeSent - before, 1);
    assert.deepEqual(nodes.nodes[0]!.registry.stats(), {
      ...EMPTY,
      peers: 1,
      swarms: 1,
      holdings: 1,
    });
  });

  it('are not kept of what is not served', async () => {
    let isServed = true;
    const nodes = await downloading([['a'], ['b']], { isServed: () => isServed });
    await nodes.send('a', lease(1, { units: 80, wanted: 0 }));
    isServed = false;
    assert.deepEqual(await ask(nodes, 'b', { units: 80, wanted: 1 }), []);
    assert.equal(nodes.nodes[0]!.registry.stats().guests, 0);
  });

  it('are kept here while too many questions are open', async () => {
    const nodes = await downloading([['a'], ['b']], { maxInquiries: MOST });
    await nodes.send('a', lease(1, { units: 2, wanted: 0 }));
    nodes.nodes[0]!.kill();
    await nodes.send('b', lease(1, { units: 100, wanted: 0 }));
    for (let i = 0; i < MOST; i++) nodes.sendSoon('b', lease(1, { units: 100, wanted: 1 }));
    assert.deepEqual(await ask(nodes, 'b', { units: 100, wanted: 1 }), [0]);
    assert.equal(nodes.nodes[1]!.exchange.pending, MOST);
    await passed(limits.GRANT_MS);
    const rest = nodes.takeSeen().flatMap((seen) => granted([seen]));
    assert.deepEqual(rest, range(1, MOST + 1), 'each is answered once, in order');
    assert.equal(nodes.nodes[1]!.exchange.pending, 0);
  });

  it('are not told to who has left meanwhile, nor kept for it', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 2, wanted: 0 }));
    await nodes.send('b', lease(1, { units: 2, wanted: 0 }));
    nodes.sendSoon('b', lease(1, { units: 2, wanted: 1 }));
    nodes.leave('b');
    await setImmediate();
    assert.deepEqual(nodes.takeSeen(), []);
    assert.deepEqual(await ask(nodes, 'a', { units: 2, wanted: 2 }), [0, 1]);
    assert.equal(nodes.nodes[1]!.exchange.pending, 0);
  });

  it('of many contents end with few messages', async () => {
    const nodes = await downloading([['a'], ['b']]);
    const contents = range(1, 66);
    for (const name of ['a', 'b']) {
      for (const some of [contents.slice(0, 64), contents.slice(64)])
        await nodes.send(name, have(some, 0n, true));
      for (const n of contents) await nodes.send(name, lease(n, { units: 2, wanted: 1 }));
    }
    assert.equal(nodes.nodes[0]!.registry.stats().guests, 65);
    const before = nodes.counters.nodeSent;
    nodes.leave('b');
    await setImmediate();
    assert.equal(nodes.counters.nodeSent - before, 2);
    assert.equal(nodes.nodes[0]!.registry.stats().guests, 0);
    assert.equal(nodes.nodes[0]!.registry.stats().leases, 65);
  });

  it('take no notice of what answers nothing, or is of nobody', async () => {
    const nodes = await downloading([['a'], ['b']]);
    await nodes.send('a', lease(1, { units: 2, wanted: 0 }));
    await nodes.send('b', lease(1, { units: 2, wanted: 0 }));
    nodes.sendSoon('b', lease(1, { units: 2, wanted: 1 }));
    const { exchange } = nodes.nodes[1]!;
    const grant = { content: content(1), first: 7, count: 1, unitBytes: 16_384 };
    // The number is right, the node is not; and the other way round.
    const value = { number: 1, peerId: nodes.id('b'), grant };
    exchange.receive(encodeNodeMessage('node-7', { case: 'grant', value }));
    const other = { ...value, number: 2 };
    exchange.receive(encodeNodeMessage('node-0', { case: 'grant', value: other }));
    const departure = { peerId: 5n, contents: [content(1), content(2)] };
    exchange.receive(encodeNodeMessage('node-0', { case: 'departure', value: departure }));
    await setImmediate();
    assert.deepEqual(granted(nodes.takeSeen()), [0]);
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
