import assert from 'node:assert/strict';
import { contentKey, ErrorCode } from '@zauberflote/proto';
import { seeded } from '../../../demo/random.ts';
import { content, drop, have, received, want } from '../../test-support/messages.ts';
import { EMPTY, Room, swarms } from '../../test-support/room.ts';
import * as limits from '../limits.ts';
import { Registry } from './registry.ts';

describe('registry: peers', () => {
  it('greets each with an id of 64 random bits of its own', () => {
    const room = new Room();
    const names = Array.from({ length: 500 }, (_, n) => `peer ${n}`);
    room.enter(...names);
    const ids = [...room.ids.values()];
    assert.equal(new Set(ids).size, names.length);
    let ones = 0n;
    for (const id of ids) ones |= id;
    assert.equal(ones, 2n ** 64n - 1n, 'some bit is never set');
  });

  it('never gives an id of 0, nor one in use', () => {
    const numbers = [0, 0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25];
    const registry = new Registry<string>();
    const random = () => numbers.shift() ?? assert.fail('more numbers drawn than needed');
    const ids = ['a', 'b'].map((name) => {
      const [effect] = registry.connect(name, random);
      assert.ok(effect && 'send' in effect && effect.send?.case === 'welcome');
      return effect.send.value.peerId;
    });
    assert.deepEqual(ids, [0x8000_0000_8000_0000n, 0x4000_0000_4000_0000n]);
  });

  it('gives up on a source of randomness that repeats itself', () => {
    assert.throws(() => new Registry<string>().connect('a', () => 0), /randomness repeats/);
  });

  it('refuses to connect a connection twice', () => {
    const room = new Room();
    room.enter('a');
    assert.throws(() => room.connect('a'), /connected already/);
  });

  it('turns peers away when it is full, until one leaves', () => {
    const room = new Room({ maxPeers: 2 });
    room.enter('a', 'b');
    const [seen, ...rest] = room.connect('c');
    assert.equal(rest.length, 0);
    assert.ok(seen && 'close' in seen);
    assert.equal(seen.close, ErrorCode.OVERLOADED);
    assert.ok(seen.retryAfterMs >= limits.OVERLOAD_RETRY_MS);
    assert.ok(seen.retryAfterMs <= 2 * limits.OVERLOAD_RETRY_MS);
    room.leave('c');
    room.leave('a');
    room.enter('c');
    assert.equal(room.registry.counts().peers, 2);
  });

  it('ignores messages of those that are not connected, and of kinds it does not know', () => {
    const room = new Room();
    room.enter('a');
    assert.deepEqual(room.send('ghost', have([1])), []);
    const unknown = { body: { case: undefined } };
    assert.deepEqual(room.registry.receive('a', unknown, 0, Math.random), []);
    assert.deepEqual(room.registry.stats(), { ...EMPTY, peers: 1 });
  });
});

describe('registry: swarms', () => {
  it('answers a want with one swarm for each id, in the same order', () => {
    const room = new Room();
    room.enter('holder', 'asker');
    room.send('holder', have([3, 1]));
    const reply = swarms(room.send('asker', want([9, 1, 3, 7])));
    assert.deepEqual(
      reply.map((swarm) => contentKey(swarm.content!)),
      [9, 1, 3, 7].map((n) => contentKey(content(n))),
    );
    const holder = room.id('holder');
    assert.deepEqual(
      reply.map(({ holders }) => holders.map(({ peerId }) => peerId)),
      [[], [holder], [holder], []],
    );
    assert.deepEqual(
      reply.map(({ totalHolders }) => totalHolders),
      [0, 1, 1, 0],
    );
  });

  it('tells ids apart by their algorithm as well', () => {
    const room = new Room();
    room.enter('holder', 'asker');
    const digest = new Uint8Array(32).fill(7);
    const holding = { content: { algorithm: 2, digest }, size: 1n };
    room.send('holder', { case: 'have', value: { holdings: [holding] } });
    const contents = [
      { algorithm: 5, digest },
      { algorithm: 2, digest },
    ];
    const reply = swarms(room.send('asker', { case: 'want', value: { contents } }));
    assert.deepEqual(
      reply.map(({ totalHolders }) => totalHolders),
      [0, 1],
    );
  });

  it('does not name the asker, nor count it', () => {
    const room = new Room();
    room.enter('a', 'b');
    room.send('a', have([1]));
    room.send('b', have([1]));
    for (const [asker, other] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const [swarm] = swarms(room.send(asker, want([1])));
      assert.deepEqual(
        swarm!.holders.map(({ peerId }) => peerId),
        [room.id(other)],
      );
      assert.equal(swarm!.totalHolders, 1);
    }
  });

  it('names the size each holder announced last', () => {
    const room = new Room();
    room.enter('a', 'asker');
    room.send('a', have([1], 5n));
    room.send('a', have([1], 2n ** 53n - 1n));
    const [swarm] = swarms(room.send('asker', want([1])));
    assert.deepEqual(
      swarm!.holders.map(({ size }) => size),
      [2n ** 53n - 1n],
    );
    assert.equal(swarm!.totalHolders, 1);
    assert.equal(room.registry.stats().holdings, 1);
  });

  it('counts and names partial holders apart', () => {
    const room = new Room();
    room.enter('a', 'b', 'asker');
    room.send('a', have([1], 0n, true));
    room.send('b', have([1], 5n));
    const named = () => {
      const [swarm] = swarms(room.send('asker', want([1])));
      return {
        holders: swarm!.holders.map(({ peerId, size, partial }) => ({ peerId, size, partial })),
        totals: [swarm!.totalHolders, swarm!.totalPartial],
      };
    };
    const [a, b] = [room.id('a'), room.id('b')];
    const complete = { peerId: b, size: 5n, partial: false };
    assert.deepEqual(named(), {
      holders: [complete, { peerId: a, size: 0n, partial: true }],
      totals: [1, 1],
    });
    room.send('a', have([1], 4n, true));
    room.send('asker', have([1], 4n, true));
    assert.deepEqual(named(), {
      holders: [complete, { peerId: a, size: 4n, partial: true }],
      totals: [1, 1],
    });
    room.send('a', have([1], 5n));
    assert.deepEqual(named().totals, [2, 0]);
    room.send('b', have([1], 5n, true));
    assert.deepEqual(named(), {
      holders: [
        { peerId: a, size: 5n, partial: false },
        { ...complete, partial: true },
      ],
      totals: [1, 1],
    });
    assert.equal(room.registry.stats().holdings, 3);
    room.send('b', drop([1]));
    assert.deepEqual(named().totals, [1, 0]);
  });

  it('forgets what is dropped, and ignores drops of what is not held', () => {
    const room = new Room();
    room.enter('a', 'asker');
    room.send('a', have([1, 2]));
    assert.deepEqual(room.send('a', drop([1, 77])), []);
    assert.deepEqual(room.send('asker', drop([2])), []);
    const reply = swarms(room.send('asker', want([1, 2])));
    assert.deepEqual(
      reply.map(({ totalHolders }) => totalHolders),
      [0, 1],
    );
    assert.equal(room.registry.counts().swarms, 1);
  });

  it('forgets all of a peer that disconnects, and only that', () => {
    const room = new Room();
    room.enter('a', 'b', 'asker');
    room.send('a', have([1, 2]));
    room.send('b', have([2]));
    room.send('asker', want([1, 2]));
    room.leave('a');
    assert.deepEqual(room.registry.stats(), {
      peers: 2,
      swarms: 1,
      holdings: 1,
      introductions: 1,
      attempts: 0,
      leases: 0,
      strangers: 0,
      guests: 0,
    });
    const reply = swarms(room.send('asker', want([1, 2])));
    assert.deepEqual(
      reply.map(({ holders }) => holders.map(({ peerId }) => peerId)),
      [[], [room.id('b')]],
    );
    room.leave('asker');
    room.leave('b');
    assert.deepEqual(room.registry.stats(), EMPTY);
  });

  it('ends a peer that announces more than is kept', () => {
    const room = new Room();
    room.enter('a', 'b');
    room.send('b', have([0]));
    for (let n = 0; n < limits.MAX_HOLDINGS_PER_PEER; n += 64)
      room.send('a', have(Array.from({ length: 64 }, (_, i) => n + i)));
    assert.deepEqual(room.send('a', have([0])), [], 'replacing needs no more room');
    const seen = room.send('a', have([limits.MAX_HOLDINGS_PER_PEER]));
    assert.deepEqual(seen, [{ to: 'a', close: ErrorCode.LIMIT_EXCEEDED, retryAfterMs: 0 }]);
    assert.deepEqual(room.registry.stats(), { ...EMPTY, peers: 1, swarms: 1, holdings: 1 });
  });
});

describe('registry: samples', () => {
  const crowd = Array.from({ length: 100 }, (_, n) => `holder ${n}`);

  function crowded(): Room {
    const room = new Room();
    room.enter(...crowd, 'asker');
    for (const name of crowd) room.send(name, have([1]));
    return room;
  }

  it('gives as many as asked for, within its limits', () => {
    const room = crowded();
    const named = (maxPeers: number) =>
      swarms(room.send('asker', want([1], maxPeers)))[0]!.holders.length;
    assert.deepEqual([0, 1, 5, 64, 65, 4_000_000_000].map(named), [
      limits.DEFAULT_HOLDERS_PER_SWARM,
      1,
      5,
      64,
      64,
      64,
    ]);
  });

  it('fills up with partial holders where there are too few complete ones, and only there', () => {
    const room = crowded();
    const [partial, complete] = [crowd.slice(0, 90), crowd.slice(90)];
    for (const name of partial) room.send(name, have([1], 0n, true));
    const kinds = (maxPeers: number) =>
      swarms(room.send('asker', want([1], maxPeers)))[0]!.holders.map((holder) => holder.partial);
    assert.deepEqual(kinds(10), Array(10).fill(false));
    assert.deepEqual(kinds(13), [...Array(10).fill(false), true, true, true]);
    for (const name of complete) room.leave(name);
    const [swarm] = swarms(room.send('asker', want([1], 64)));
    assert.equal(new Set(swarm!.holders.map(({ peerId }) => peerId)).size, 64);
    assert.deepEqual([swarm!.totalHolders, swarm!.totalPartial], [0, 90]);
  });

  it('names each holder at most once', () => {
    const [swarm] = swarms(crowded().send('asker', want([1], 64)));
    assert.equal(new Set(swarm!.holders.map(({ peerId }) => peerId)).size, 64);
    assert.equal(swarm!.totalHolders, 100);
  });

  for (const partial of [false, true])
    it(`names every ${partial ? 'partial' : 'complete'} holder equally often`, () => {
      const room = crowded();
      for (const name of ['asker', ...crowd]) room.send(name, have([1], 0n, partial));
      const counts = new Map<bigint, number>();
      const rounds = 2000;
      for (let round = 0; round < rounds; round++)
        for (const { peerId } of swarms(room.send('asker', want([1], 10)))[0]!.holders)
          counts.set(peerId, (counts.get(peerId) ?? 0) + 1);
      assert.equal(counts.size, crowd.length);
      assert.equal(counts.has(room.id('asker')), false);
      // Pearson's statistic with 99 degrees of freedom; below 149 in all but one of 1000 samples.
      const expected = (rounds * 10) / crowd.length;
      let statistic = 0;
      for (const count of counts.values()) statistic += (count - expected) ** 2 / expected;
      assert.ok(statistic < 149, `chi-squared is ${statistic}`);
    });

  it('prefers who came by the same version of IP, each at most twofold', () => {
    const room = new Room();
    const [six, four] = [crowd.slice(0, 10), crowd.slice(10)];
    room.enterBy(6, ...six, 'asker');
    room.enterBy(4, ...four);
    for (const name of crowd) room.send(name, have([1]));
    const ids = new Set(six.map((name) => room.id(name)));
    const rounds = 2000;
    let named = 0;
    for (let round = 0; round < rounds; round++)
      for (const { peerId } of swarms(room.send('asker', want([1], 10)))[0]!.holders)
        if (ids.has(peerId)) named++;
    // For each of ten places: 0.1 + 0.9 × 0.5 × 0.1, less what is named already.
    const mean = named / rounds;
    assert.ok(mean > 1.3 && mean < 1.45, `${mean} of 10`);
  });

  it('names who came by another version where there is nobody else, and to whom nothing is known', () => {
    const room = new Room();
    room.enterBy(6, 'six', 'lonely');
    room.enterBy(4, 'four');
    room.enter('unknown');
    for (const name of ['four', 'six']) room.send(name, have([1]));
    for (const name of ['lonely', 'unknown', 'four'])
      assert.equal(swarms(room.send(name, want([1])))[0]!.holders.length, name === 'four' ? 1 : 2);
  });

  it('keeps the largest reply within one message', () => {
    const room = new Room();
    const ids = Array.from({ length: 64 }, (_, n) => n);
    room.enter(...crowd, 'asker');
    for (const name of crowd) room.send(name, have(ids, 2n ** 53n - 1n));
    // Room encodes and decodes it, and decoding refuses what is too large.
    const reply = swarms(room.send('asker', want(ids, 64)));
    const holders = reply.flatMap((swarm) => swarm.holders);
    assert.equal(holders.length, limits.MAX_HOLDERS_PER_REPLY);
  });

  it('takes no longer in a large swarm: it draws as many numbers as it names holders', () => {
    const registry = new Registry<number>();
    const random = seeded(3);
    let drawn = 0;
    const counting = () => {
      drawn++;
      return random();
    };
    for (let n = 0; n < 5000; n++) {
      registry.connect(n, random);
      registry.receive(n, received(have([1])), 0, random);
    }
    registry.receive(0, received(want([1], 20)), 0, counting);
    assert.equal(drawn, 20);
  });
});
