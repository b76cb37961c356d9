import assert from 'node:assert/strict';
import { contentKey } from '@zauberflote/proto';
import { content, have, lease, want } from '../../test-support/messages.ts';
import { EMPTY, granted, Room, swarms } from '../../test-support/room.ts';

describe('registry: contents that are not served', () => {
  const isServed = (key: string) => key !== contentKey(content(2));

  it('takes nobody for their holder, and tells nobody of them', () => {
    const room = new Room({ isServed });
    room.enter('seeder', 'visitor');
    assert.deepEqual(room.send('seeder', have([1, 2, 3])), []);
    assert.deepEqual(room.registry.stats(), { ...EMPTY, peers: 2, swarms: 2, holdings: 2 });
    assert.equal(room.registry.unserved, 1);
    const found = swarms(room.send('visitor', want([1, 2, 3])));
    assert.deepEqual(
      found.map(({ holders, totalHolders }) => [holders.length, totalHolders]),
      [
        [1, 1],
        [0, 0],
        [1, 1],
      ],
    );
  });

  it('lends no part of them', () => {
    const room = new Room({ isServed });
    room.enter('a');
    room.send('a', have([2], 0n, true));
    assert.deepEqual(granted(room.send('a', lease(2, { wanted: 4 }))), []);
  });

  it('asks no other node for them', () => {
    const room = new Room({ isServed, isAlone: () => false });
    room.enter('a');
    const sought = room.send('a', want([2])).length;
    assert.equal(swarms(room.send('a', want([2])))[0]!.totalHolders, 0);
    assert.equal(sought, 1);
  });

  it('forgets all holders of one, complete or not, when it is closed, and nothing else', () => {
    const room = new Room();
    room.enter('a', 'b', 'c');
    room.send('a', have([1, 2]));
    room.send('b', have([1], 7n, true));
    room.send('b', lease(1, { wanted: 1 }));
    room.send('c', have([3]));
    room.registry.close(contentKey(content(1)), 0);
    room.registry.close(contentKey(content(9)), 0);
    assert.deepEqual(room.registry.stats(), { ...EMPTY, peers: 3, swarms: 2, holdings: 2 });
    const [first, second] = swarms(room.send('c', want([1, 2])));
    assert.deepEqual([first!.totalHolders, first!.totalPartial, second!.totalHolders], [0, 0, 1]);
  });
});
