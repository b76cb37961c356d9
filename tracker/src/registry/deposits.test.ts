import assert from 'node:assert/strict';
import { deposit, drop, have, signal, want } from '../../test-support/messages.ts';
import { EMPTY, fate, Room, swarms } from '../../test-support/room.ts';
import {
  ATTEMPT_TTL_MS,
  DEPOSIT_TTL_MS,
  MAX_ATTEMPTS_PER_PEER,
  MAX_GIVEN_PER_PEER,
  MAX_OFFERS_PER_REPLY,
} from '../limits.ts';
import { Peer } from './peer.ts';

const NOT_INTRODUCED = 2;

/** The attempts of the offers among the holders named. */
function offers(room: Room, name: string, contents = [1], maxOffers = 8): number[] {
  return swarms(room.send(name, want(contents, 0, maxOffers)))
    .flatMap(({ holders }) => holders)
    .flatMap(({ offer }) => (offer ? [offer.attempt] : []));
}

/** Bob holds content 1 and has left these offers. */
function left(...attempts: number[]): Room {
  const room = new Room();
  room.enter('alice', 'bob', 'carol');
  room.send('bob', have([1]));
  if (attempts.length > 0) assert.deepEqual(room.send('bob', deposit(...attempts)), []);
  return room;
}

describe('registry: deposited offers', () => {
  it('gives one to a newcomer, whose answer is relayed', () => {
    const room = left(7);
    const [swarm] = swarms(room.send('alice', want([1], 0, 1)));
    const [holder] = swarm?.holders ?? [];
    assert.equal(holder?.peerId, room.id('bob'));
    assert.equal(holder.offer?.attempt, 7);
    assert.equal(holder.offer.description?.iceUfrag, 'frag7');
    const answer = fate(room.send('alice', signal('answer', room.id('bob'), 7)));
    assert.deepEqual(answer, { to: 'bob', kind: 'answer', from: room.id('alice'), attempt: 7 });
    const candidates = fate(room.send('bob', signal('candidates', room.id('alice'), 7)));
    assert.equal(candidates.to, 'alice');
  });

  it('gives each to one newcomer only, the latest first', () => {
    const room = left(1, 2);
    assert.deepEqual(offers(room, 'alice'), [2]);
    assert.deepEqual(offers(room, 'carol'), [1]);
    room.enter('dave');
    assert.deepEqual(offers(room, 'dave'), []);
  });

  it('relays no answer of another peer, nor to another attempt', () => {
    const room = left(1);
    offers(room, 'alice');
    for (const [name, attempt] of [
      ['carol', 1],
      ['alice', 2],
    ] as const)
      assert.equal(
        fate(room.send(name, signal('answer', room.id('bob'), attempt))).reason,
        NOT_INTRODUCED,
      );
  });

  it('gives none to who wants none, or was named the holder before', () => {
    const room = left(1);
    assert.deepEqual(offers(room, 'alice', [1], 0), []);
    assert.deepEqual(offers(room, 'alice', [1], 8), []);
    assert.deepEqual(offers(room, 'carol', [1], 8), [1]);
  });

  it('gives none to a peer with which the holder has an attempt under way', () => {
    const room = left(1);
    room.send('alice', have([2]));
    room.send('bob', want([2]));
    room.send('bob', signal('offer', room.id('alice'), 5));
    assert.deepEqual(offers(room, 'alice'), []);
    assert.equal(fate(room.send('alice', signal('answer', room.id('bob'), 5))).to, 'bob');
  });

  it('gives a newcomer one of each holder, and no more than it asked for', () => {
    const room = new Room();
    room.enter('alice', 'carol');
    const holders = Array.from({ length: MAX_OFFERS_PER_REPLY + 2 }, (_, i) => `holder ${i}`);
    for (const holder of holders) {
      room.enter(holder);
      room.send(holder, have([1, 2]));
      room.send(holder, deposit(1, 2, 3));
    }
    assert.equal(offers(room, 'alice', [1, 2], 3).length, 3);
    assert.equal(offers(room, 'carol', [1, 2], 1000).length, MAX_OFFERS_PER_REPLY);
  });

  it('keeps the four latest', () => {
    const room = left(1, 2, 3);
    room.send('bob', deposit(4, 5));
    const given = ['n1', 'n2', 'n3', 'n4', 'n5'].flatMap((name) => {
      room.enter(name);
      return offers(room, name);
    });
    assert.deepEqual(given, [5, 4, 3, 2]);
  });

  /** As many newcomers, each of which is given an offer of bob's. */
  function crowd(room: Room, size: number): number {
    let given = 0;
    for (let n = 0; n < size; n++) {
      room.send('bob', deposit(1000 + n));
      room.enter(`newcomer ${n}`);
      given += offers(room, `newcomer ${n}`).length;
    }
    return given;
  }

  it('gives so many away at a time, and does not forget what the holder itself offered', () => {
    const room = left();
    room.send('carol', have([2]));
    room.send('bob', want([2]));
    room.send('bob', signal('offer', room.id('carol'), 7));
    assert.equal(crowd(room, MAX_GIVEN_PER_PEER + 5), MAX_GIVEN_PER_PEER);
    assert.equal(room.registry.stats().attempts, MAX_GIVEN_PER_PEER + 1);
    assert.equal(fate(room.send('carol', signal('answer', room.id('bob'), 7))).to, 'bob');
    // Who was given the first may still answer it.
    const answer = signal('answer', room.id('bob'), 1000);
    assert.equal(fate(room.send('newcomer 0', answer)).to, 'bob');
  });

  it('gives more away when those given before are over', () => {
    const room = left();
    crowd(room, MAX_GIVEN_PER_PEER);
    room.send('bob', deposit(9));
    assert.deepEqual(offers(room, 'alice'), []);
    room.send('newcomer 0', signal('decline', room.id('bob'), 1000));
    room.leave('newcomer 1');
    assert.deepEqual(offers(room, 'carol'), [9]);
    room.send('bob', deposit(10, 11));
    room.enter('dave', 'erin');
    assert.deepEqual(offers(room, 'dave'), [11]);
    assert.deepEqual(offers(room, 'erin'), []);
    room.now = ATTEMPT_TTL_MS;
    room.send('bob', deposit(12));
    room.enter('frank');
    assert.deepEqual(offers(room, 'frank'), [12]);
  });

  it('forgets the oldest offer of a holder that sends too many, and none that was given', () => {
    const room = left();
    crowd(room, 3);
    for (let n = 0; n <= MAX_ATTEMPTS_PER_PEER; n++) {
      room.enter(`other ${n}`);
      room.send(`other ${n}`, have([2 + n]));
      room.send('bob', want([2 + n]));
      room.send('bob', signal('offer', room.id(`other ${n}`), 2000 + n));
    }
    const answer = (name: string, attempt: number) =>
      fate(room.send(name, signal('answer', room.id('bob'), attempt)));
    assert.equal(answer('other 0', 2000).reason, NOT_INTRODUCED);
    assert.equal(answer('other 1', 2001).to, 'bob');
    assert.equal(answer('newcomer 0', 1000).to, 'bob');
  });

  it('gives none away that is too old', () => {
    const room = left(1);
    room.now = DEPOSIT_TTL_MS - 1;
    room.send('bob', deposit(2));
    room.now = DEPOSIT_TTL_MS;
    assert.deepEqual(offers(room, 'alice'), [2]);
    assert.deepEqual(offers(room, 'carol'), []);
  });

  it('forgets those that are too old, though nobody asks', () => {
    const peer = new Peer(1n, 'bob');
    const offer = { attempt: 1, description: undefined };
    peer.deposit([offer], 0);
    peer.deposit([offer, offer], 1);
    peer.expireDeposits(DEPOSIT_TTL_MS, DEPOSIT_TTL_MS);
    assert.equal(peer.deposits, 2);
    peer.expireDeposits(DEPOSIT_TTL_MS, DEPOSIT_TTL_MS + 1);
    assert.equal(peer.deposits, 0);
  });

  it('keeps nothing of a peer that left', () => {
    const room = left(1);
    offers(room, 'alice');
    room.send('bob', drop([1]));
    for (const name of ['alice', 'bob', 'carol']) room.leave(name);
    assert.deepEqual(room.registry.stats(), EMPTY);
  });
});
