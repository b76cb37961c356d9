import assert from 'node:assert/strict';
import { deposit, drop, have, signal, want } from '../../test-support/messages.ts';
import { EMPTY, fate, Room, swarms } from '../../test-support/room.ts';
import { DEPOSIT_TTL_MS, MAX_OFFERS_PER_REPLY } from '../limits.ts';
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
  assert.deepEqual(room.send('bob', deposit(...attempts)), []);
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
