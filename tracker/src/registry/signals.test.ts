import assert from 'node:assert/strict';
import type { SignalKind } from '../../test-support/messages.ts';
import { drop, have, SIGNAL_KINDS, signal, want } from '../../test-support/messages.ts';
import { EMPTY, fate, Room } from '../../test-support/room.ts';
import * as limits from '../limits.ts';

const GONE = 1;
const NOT_INTRODUCED = 2;
const CONGESTED = 3;

/** Bob holds what alice asked for; carol only looks on. */
function introduced(options = {}): Room {
  const room = new Room(options);
  room.enter('alice', 'bob', 'carol');
  room.send('bob', have([1]));
  room.send('alice', want([1]));
  return room;
}

/** What becomes of a signal: its recipient if it was relayed as it should be, else the reason. */
function pass(room: Room, from: string, to: string, kind: SignalKind, attempt = 1) {
  const peer = room.id(to);
  const seen = fate(room.send(from, signal(kind, peer, attempt)));
  if (seen.reason === undefined) {
    assert.deepEqual(seen, { to, kind, from: room.id(from), attempt });
    return to;
  }
  assert.deepEqual(seen, { to: from, reason: seen.reason, peer, attempt });
  return seen.reason;
}

describe('registry: signals', () => {
  it('relays an offer to a peer that was named, and the answer back', () => {
    const room = introduced();
    assert.equal(pass(room, 'alice', 'bob', 'offer'), 'bob');
    assert.equal(pass(room, 'bob', 'alice', 'answer'), 'alice');
  });

  it('changes nothing of a signal but the peer id', () => {
    const room = introduced();
    const sent = signal('offer', room.id('bob'), 7);
    const [seen] = room.send('alice', sent);
    assert.ok(seen && 'body' in seen && seen.body.case === 'signal' && sent.case === 'signal');
    const back = signal('offer', room.id('alice'), 7);
    assert.ok(back.case === 'signal' && back.value.body?.case === 'offer');
    assert.ok(seen.body.value.body.case === 'offer');
    assert.equal(seen.body.value.body.value.iceUfrag, back.value.body.value.iceUfrag);
    assert.equal(seen.body.value.body.value.candidates[0]?.address, '192.0.2.7');
  });

  it('relays candidates in both directions once an offer is out, before and after the answer', () => {
    const room = introduced();
    pass(room, 'alice', 'bob', 'offer');
    assert.equal(pass(room, 'alice', 'bob', 'candidates'), 'bob');
    assert.equal(pass(room, 'bob', 'alice', 'candidates'), 'alice');
    pass(room, 'bob', 'alice', 'answer');
    assert.equal(pass(room, 'alice', 'bob', 'candidates'), 'bob');
    assert.equal(pass(room, 'bob', 'alice', 'candidates'), 'alice');
  });

  it('relays nothing between peers that were not introduced', () => {
    const room = introduced();
    for (const kind of SIGNAL_KINDS) {
      assert.equal(pass(room, 'carol', 'bob', kind), NOT_INTRODUCED);
      assert.equal(pass(room, 'bob', 'carol', kind), NOT_INTRODUCED);
    }
  });

  it('introduces the holder to the asker, not the asker to the holder', () => {
    const room = introduced();
    assert.equal(pass(room, 'bob', 'alice', 'offer'), NOT_INTRODUCED);
  });

  it('lets nobody signal itself', () => {
    const room = introduced();
    room.send('bob', want([1]));
    for (const kind of SIGNAL_KINDS) assert.equal(pass(room, 'bob', 'bob', kind), NOT_INTRODUCED);
  });

  it('relays nothing but an offer before there is one', () => {
    const room = introduced();
    for (const kind of ['answer', 'candidates', 'decline'] as const) {
      assert.equal(pass(room, 'alice', 'bob', kind), NOT_INTRODUCED);
      assert.equal(pass(room, 'bob', 'alice', kind), NOT_INTRODUCED);
    }
  });

  it('relays an answer once, and only under the number of the offer', () => {
    const room = introduced();
    pass(room, 'alice', 'bob', 'offer', 4);
    assert.equal(pass(room, 'bob', 'alice', 'answer', 5), NOT_INTRODUCED);
    assert.equal(pass(room, 'bob', 'alice', 'candidates', 5), NOT_INTRODUCED);
    assert.equal(pass(room, 'alice', 'bob', 'answer', 4), NOT_INTRODUCED);
    assert.equal(pass(room, 'bob', 'alice', 'answer', 4), 'alice');
    assert.equal(pass(room, 'bob', 'alice', 'answer', 4), NOT_INTRODUCED);
  });

  it('puts a newer offer in place of an older one', () => {
    const room = introduced();
    pass(room, 'alice', 'bob', 'offer', 1);
    pass(room, 'alice', 'bob', 'offer', 2);
    assert.equal(room.registry.stats().attempts, 1);
    assert.equal(pass(room, 'bob', 'alice', 'answer', 1), NOT_INTRODUCED);
    assert.equal(pass(room, 'bob', 'alice', 'answer', 2), 'alice');
  });

  for (const who of ['alice', 'bob'] as const)
    it(`closes an attempt that is declined by ${who === 'bob' ? 'its recipient' : 'its sender'}`, () => {
      const room = introduced();
      const other = who === 'alice' ? 'bob' : 'alice';
      pass(room, 'alice', 'bob', 'offer');
      assert.equal(pass(room, who, other, 'decline'), other);
      assert.equal(pass(room, 'bob', 'alice', 'answer'), NOT_INTRODUCED);
      assert.equal(pass(room, other, who, 'candidates'), NOT_INTRODUCED);
      assert.equal(room.registry.stats().attempts, 0);
      assert.equal(pass(room, 'alice', 'bob', 'offer', 2), 'bob', 'may try again');
    });

  it('keeps two offers under one number apart', () => {
    const room = introduced();
    room.send('alice', have([1]));
    room.send('bob', want([1]));
    assert.equal(pass(room, 'alice', 'bob', 'offer'), 'bob');
    assert.equal(pass(room, 'bob', 'alice', 'offer'), 'alice');
    assert.equal(room.registry.stats().attempts, 2);
    assert.equal(pass(room, 'bob', 'alice', 'decline'), 'alice');
    assert.equal(pass(room, 'bob', 'alice', 'answer'), NOT_INTRODUCED, 'it declined that one');
    assert.equal(pass(room, 'alice', 'bob', 'answer'), 'bob', 'its own offer stands');
  });

  it('says that a peer is gone once it has disconnected', () => {
    const room = introduced();
    pass(room, 'alice', 'bob', 'offer');
    room.leave('bob');
    for (const kind of SIGNAL_KINDS) assert.equal(pass(room, 'alice', 'bob', kind), GONE);
    assert.deepEqual(room.registry.stats(), { ...EMPTY, peers: 2 });
  });

  it('forgets the introductions and offers of a peer that disconnects', () => {
    const room = introduced();
    pass(room, 'alice', 'bob', 'offer');
    room.leave('alice');
    assert.equal(pass(room, 'bob', 'alice', 'answer'), GONE);
    assert.deepEqual(room.registry.stats(), { ...EMPTY, peers: 2, swarms: 1, holdings: 1 });
  });

  it('keeps an introduction when the holder drops the content', () => {
    const room = introduced();
    room.send('bob', drop([1]));
    assert.equal(pass(room, 'alice', 'bob', 'offer'), 'bob');
  });

  it('says that a peer is congested, and does not count what was not relayed', () => {
    const congested = new Set<string>();
    const room = introduced({ isCongested: (name: string) => congested.has(name) });
    congested.add('bob');
    assert.equal(pass(room, 'alice', 'bob', 'offer'), CONGESTED);
    assert.equal(room.registry.stats().attempts, 0);
    congested.clear();
    pass(room, 'alice', 'bob', 'offer');
    congested.add('alice');
    assert.equal(pass(room, 'bob', 'alice', 'answer'), CONGESTED);
    congested.clear();
    assert.equal(pass(room, 'bob', 'alice', 'answer'), 'alice');
  });
});

describe('registry: what is kept of signals', () => {
  it('forgets attempts when their time is up', () => {
    const room = introduced();
    pass(room, 'alice', 'bob', 'offer', 1);
    room.now = limits.ATTEMPT_TTL_MS - 1;
    assert.equal(pass(room, 'bob', 'alice', 'candidates', 1), 'alice');
    room.now++;
    assert.equal(pass(room, 'bob', 'alice', 'answer', 1), NOT_INTRODUCED);
    pass(room, 'alice', 'bob', 'offer', 2);
    room.registry.tick(room.now + limits.ATTEMPT_TTL_MS - 1);
    assert.equal(room.registry.stats().attempts, 1);
    room.registry.tick(room.now + limits.ATTEMPT_TTL_MS);
    assert.equal(room.registry.stats().attempts, 0);
  });

  it('forgets the oldest attempt of a peer that opens too many', () => {
    const room = new Room();
    const count = limits.MAX_ATTEMPTS_PER_PEER + 1;
    const holders = Array.from({ length: count }, (_, n) => `holder ${n}`);
    room.enter('alice', ...holders);
    holders.forEach((name, n) => {
      room.send(name, have([n]));
      room.send('alice', want([n]));
    });
    for (const name of holders) assert.equal(pass(room, 'alice', name, 'offer'), name);
    assert.equal(room.registry.stats().attempts, limits.MAX_ATTEMPTS_PER_PEER);
    assert.equal(pass(room, 'holder 0', 'alice', 'answer'), NOT_INTRODUCED);
    assert.equal(pass(room, 'holder 1', 'alice', 'answer'), 'alice');
  });

  it('forgets the oldest introductions of a peer that asks for too many', () => {
    const room = new Room();
    const count = limits.MAX_INTRODUCTIONS_PER_PEER + 1;
    const holders = Array.from({ length: count }, (_, n) => `holder ${n}`);
    room.enter('alice', ...holders);
    holders.forEach((name, n) => {
      room.send(name, have([n]));
      // The first is named again and again, so the second is the oldest.
      room.send('alice', want(n === 0 ? [0] : [0, n]));
    });
    assert.equal(room.registry.stats().introductions, limits.MAX_INTRODUCTIONS_PER_PEER);
    assert.equal(pass(room, 'alice', 'holder 1', 'offer'), NOT_INTRODUCED);
    assert.equal(pass(room, 'alice', 'holder 0', 'offer'), 'holder 0');
    assert.equal(pass(room, 'alice', 'holder 2', 'offer'), 'holder 2');
  });
});
