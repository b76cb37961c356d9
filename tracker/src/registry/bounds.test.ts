import assert from 'node:assert/strict';
import { ErrorCode, encodeSessionRequest } from '@zauberflote/proto';
import fc from 'fast-check';
import { seeded } from '../../../demo/random.ts';
import { FakeSocket } from '../../test-support/fake-socket.ts';
import type { Body } from '../../test-support/messages.ts';
import {
  deposit,
  drop,
  have,
  lease,
  SIGNAL_KINDS,
  signal,
  want,
} from '../../test-support/messages.ts';
import { EMPTY, Room, swarms } from '../../test-support/room.ts';
import { SILENT } from '../../test-support/silent.ts';
import { DEFAULTS } from '../config/settings.ts';
import { Counters } from '../counters.ts';
import { MAX_BUFFERED_BYTES, MAX_MESSAGES_OUT } from '../limits.ts';
import type { Socket } from '../sessions.ts';
import { isCongested, Sessions } from '../sessions.ts';
import { Registry } from './registry.ts';

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('registry: what all peers may announce together', () => {
  it('turns one away that announced most, to make room for one that announced less', () => {
    const room = new Room({ maxHoldings: 20 });
    room.enter('seeder', 'visitor', 'newcomer');
    room.send('seeder', have(range(0, 15)));
    room.send('visitor', have(range(0, 5)));
    const [shed, ...rest] = room.send('newcomer', have([3, 99]));
    assert.deepEqual(rest, []);
    assert.ok(shed && 'close' in shed);
    assert.deepEqual([shed.to, shed.close], ['seeder', ErrorCode.OVERLOADED]);
    assert.ok(shed.retryAfterMs > 0);
    assert.deepEqual(room.registry.stats(), { ...EMPTY, peers: 2, swarms: 6, holdings: 7 });
    const [swarm] = swarms(room.send('newcomer', want([3])));
    assert.deepEqual(
      swarm!.holders.map(({ peerId }) => peerId),
      [room.id('visitor')],
    );
  });

  it('turns away the announcer as often as another that announced about as much', () => {
    const away = { a: 0, b: 0 };
    for (let seed = 1; seed <= 200; seed++) {
      const room = new Room({ maxHoldings: 8 }, seed);
      room.enter('a', 'b');
      room.send('a', have(range(0, 4)));
      const [shed, ...rest] = room.send('b', have(range(0, 5)));
      assert.deepEqual(rest, []);
      assert.ok(shed && 'close' in shed);
      assert.equal(shed.close, ErrorCode.OVERLOADED);
      away[shed.to as 'a' | 'b']++;
      const left = shed.to === 'a' ? 5 : 4;
      assert.deepEqual(room.registry.stats(), { ...EMPTY, peers: 1, swarms: left, holdings: left });
    }
    assert.ok(away.a > 70 && away.b > 70, JSON.stringify(away));
  });

  it('lets those it has announce again what they announced, although it is full', () => {
    const room = new Room({ maxHoldings: 2 });
    room.enter('a');
    room.send('a', have([1, 2], 7n, true));
    assert.deepEqual(room.send('a', have([1, 2], 7n)), []);
    room.send('a', drop([1]));
    assert.deepEqual(room.send('a', have([3])), []);
    assert.equal(room.registry.stats().holdings, 2);
  });

  it('spares visitors while somebody fills it from many connections', () => {
    const room = new Room({ maxHoldings: 1_000 });
    room.enter('visitor');
    room.send('visitor', have([1, 2]));
    for (let n = 0; n < 60; n++) {
      room.enter(`greedy${n}`);
      for (const from of [0, 50]) room.send(`greedy${n}`, have(range(from, from + 50)));
      assert.ok(room.registry.stats().holdings <= 1_000);
    }
    for (let n = 0; n < 60; n++) {
      room.enter(`newcomer${n}`);
      const seen = room.send(`newcomer${n}`, have([n]));
      for (const { to } of seen) assert.match(to, /^greedy/);
    }
    const [swarm] = swarms(room.send('visitor', want([3])));
    assert.ok(swarm!.totalHolders > 0);
  });
});

describe('registry: how many introductions of all peers it keeps', () => {
  it('forgets the older half of one that has most, and goes on', () => {
    const room = new Room({ maxIntroductions: 12 });
    const holders = range(0, 8).map((n) => `holder${n}`);
    room.enter(...holders, 'many', 'few');
    for (const [n, holder] of holders.entries()) room.send(holder, have([n]));
    for (const n of range(0, 8)) room.send('many', want([n]));
    for (const n of range(0, 4)) room.send('few', want([n]));
    assert.deepEqual(
      [room.registry.stats().introductions, room.registry.introductionsForgotten],
      [12, 0],
    );
    room.send('few', want([4]));
    assert.deepEqual(
      [room.registry.stats().introductions, room.registry.introductionsForgotten],
      [9, 4],
    );
    const offered = (to: string) => room.send('many', signal('offer', room.id(to), 1))[0];
    const lost = offered('holder3');
    assert.ok(lost && 'body' in lost && lost.body.case === 'undeliverable');
    const kept = offered('holder4');
    assert.ok(kept && 'body' in kept && kept.body.case === 'signal');
    for (const name of [...holders, 'many', 'few']) room.leave(name);
    assert.deepEqual(room.registry.stats(), EMPTY);
  });

  it('never keeps more, whoever asks', () => {
    const room = new Room({ maxIntroductions: 50 });
    const names = range(0, 30).map((n) => `peer${n}`);
    room.enter(...names);
    for (const name of names) room.send(name, have([1]));
    for (const name of names) {
      assert.equal(swarms(room.send(name, want([1])))[0]!.holders.length, 12);
      assert.ok(room.registry.stats().introductions <= 50);
    }
  });
});

describe('registry: who is named', () => {
  it('names no more holders of a content than it is told to, whatever is asked', () => {
    const room = new Room({ holdersPerContent: 3 });
    const names = range(0, 9).map((n) => `peer${n}`);
    room.enter(...names, 'asker');
    for (const name of names) room.send(name, have([1]));
    for (const max of [0, 2, 64]) {
      const [swarm] = swarms(room.send('asker', want([1], max)));
      assert.deepEqual([swarm!.holders.length, swarm!.totalHolders], [max === 2 ? 2 : 3, 9]);
    }
  });
});

describe('what one message causes', () => {
  const ids = fc.uniqueArray(fc.nat({ max: 30 }), { minLength: 1, maxLength: 24 });
  const step = fc.record({
    who: fc.nat({ max: 5 }),
    behind: fc.boolean(),
    body: fc.oneof(
      { weight: 4, arbitrary: ids.map((all) => () => have(all)) },
      { weight: 3, arbitrary: ids.map((all) => () => want(all, 0, 8)) },
      { weight: 1, arbitrary: ids.map((all) => () => drop(all)) },
      { weight: 1, arbitrary: fc.constant(() => deposit(1, 2)) },
      { weight: 1, arbitrary: fc.nat({ max: 30 }).map((n) => () => lease(n, { wanted: 2 })) },
      {
        weight: 4,
        arbitrary: fc.tuple(fc.constantFrom(...SIGNAL_KINDS), fc.nat({ max: 5 })).map(
          ([kind, to]) =>
            (peers: readonly bigint[]) =>
              signal(kind, peers[to]!, 1),
        ),
      },
    ) as fc.Arbitrary<(peers: readonly bigint[]) => Body>,
  });

  it('is at most MAX_MESSAGES_OUT messages, to all clients together', () => {
    const seen = new Set<number>();
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 80 }), fc.integer(), (steps, seed) => {
        const random = seeded(seed);
        const registry = new Registry<Socket>({
          isCongested,
          maxHoldings: 40,
          holdingsPerPeer: 20,
          maxIntroductions: 20,
        });
        const counters = new Counters();
        const unlimited = { messagesPerSecond: 1e6, bytesPerSecond: 1e9, contentsPerSecond: 1e6 };
        const sessions = new Sessions({
          registry,
          rates: { ...DEFAULTS, ...unlimited },
          counters,
          now: () => 0,
          random,
          log: SILENT,
          onFault: (error) => assert.fail(String(error)),
        });
        const enter = () => {
          const socket = new FakeSocket();
          sessions.open(socket);
          const [welcome] = socket.take();
          return { socket, id: welcome?.case === 'welcome' ? welcome.value.peerId : 0n };
        };
        const peers = range(0, 6).map(enter);
        for (const { who, behind, body } of steps) {
          for (const [n, { socket }] of peers.entries())
            if (!sessions.has(socket)) peers[n] = enter();
          const frame = encodeSessionRequest(body(peers.map(({ id }) => id)));
          const { socket } = peers[who]!;
          socket.bufferedAmount = behind ? MAX_BUFFERED_BYTES + 1 : 0;
          const before = counters.sent;
          sessions.receive(socket, frame, true);
          const caused = counters.sent - before;
          seen.add(caused);
          assert.equal(
            peers.flatMap((peer) => peer.socket.take()).length,
            caused,
            'not all were counted',
          );
          assert.ok(caused <= MAX_MESSAGES_OUT, `${caused} messages`);
        }
      }),
      { numRuns: 300 },
    );
    assert.deepEqual([...seen].sort(), range(0, MAX_MESSAGES_OUT + 1));
  });
});
