import assert from 'node:assert/strict';
import fc from 'fast-check';
import { seeded } from '../../../demo/random.ts';
import { crowdTurn } from '../../test-support/arbitraries.ts';
import type { Ask } from '../../test-support/lease-model.ts';
import { LeaseModel } from '../../test-support/lease-model.ts';
import { drop, have, lease } from '../../test-support/messages.ts';
import { EMPTY, granted, Room } from '../../test-support/room.ts';
import * as limits from '../limits.ts';

/** Each of them downloads content 1. */
function downloading(...names: readonly string[]): Room {
  const room = new Room();
  room.enter(...names);
  for (const name of names) room.send(name, have([1], 0n, true));
  return room;
}

const ask = (room: Room, name: string, fields: Partial<Ask>) =>
  granted(room.send(name, lease(1, { wanted: 100, ...fields })));
const tell = (room: Room, name: string, fields: Partial<Ask>) =>
  assert.deepEqual(room.send(name, lease(1, { ...fields, wanted: 0 })), []);
/** What `lease` takes for one, unless said. */
const UNIT = 16_384;
const range = (first: number, end: number) =>
  Array.from({ length: end - first }, (_, i) => first + i);

describe('registry: grants', () => {
  it('lends consecutive free units, from the lowest', () => {
    const room = downloading('a');
    assert.deepEqual(ask(room, 'a', { units: 16, wanted: 3 }), [0, 1, 2]);
    assert.deepEqual(ask(room, 'a', { units: 16, wanted: 3 }), [3, 4, 5]);
    tell(room, 'a', { returned: [1] });
    assert.deepEqual(ask(room, 'a', { units: 16, wanted: 3 }), [1]);
    assert.equal(room.registry.stats().leases, 6);
  });

  it('lends only what is needed', () => {
    const room = downloading('a');
    assert.deepEqual(ask(room, 'a', { units: 40, needed: [7, 8, 9, 20] }), [7, 8, 9]);
    assert.deepEqual(ask(room, 'a', { units: 40, needed: [8, 9, 20] }), [20]);
    assert.deepEqual(ask(room, 'a', { units: 40, needed: [8, 9, 20] }), []);
    assert.deepEqual(ask(room, 'a', { units: 8, needed: [8] }), [], 'there is no unit 8');
  });

  it('lends less to each, the more clients download and the less is left', () => {
    const room = downloading('a', 'b');
    assert.deepEqual(ask(room, 'a', { units: 64 }), range(0, 16));
    assert.deepEqual(ask(room, 'b', { units: 64 }), range(16, 28));
    room.enter('c', 'd', 'e');
    for (const name of ['c', 'd']) room.send(name, have([1], 0n, true));
    room.send('e', have([1], 9n));
    assert.deepEqual(ask(room, 'a', { units: 64 }), range(28, 33), '36 are free, 4 download');
    room.send('b', have([1], 9n));
    assert.deepEqual(ask(room, 'a', { units: 64 }), range(33, 39), '31 are free, 3 download');
  });

  it('lends to one who serves, complete or not, and to nobody else', () => {
    const room = downloading('a');
    room.enter('b', 'c');
    room.send('b', have([1], 9n));
    assert.deepEqual(ask(room, 'c', { units: 8 }), []);
    assert.deepEqual(room.registry.stats().leases, 0);
    assert.deepEqual(ask(room, 'b', { units: 8 }), range(0, 8), 'one downloads');
  });

  it('answers only a lease that wants something', () => {
    const room = downloading('a');
    room.enter('b');
    for (const name of ['a', 'b'])
      assert.deepEqual(room.send(name, lease(1, { wanted: 0, fetched: [3] })), []);
  });

  it('keeps contents apart', () => {
    const room = downloading('a', 'b');
    for (const name of ['a', 'b']) room.send(name, have([2], 0n, true));
    assert.deepEqual(ask(room, 'a', { units: 4 }), [0]);
    assert.deepEqual(granted(room.send('b', lease(2, { units: 4, wanted: 1 }))), [0]);
  });

  it('counts in the units of who asks first, and says so to others, until all those are gone', () => {
    const room = downloading('a', 'b');
    assert.deepEqual(ask(room, 'a', { unitBytes: 1000, units: 8 }), [0, 1]);
    tell(room, 'b', { unitBytes: 7, fetched: [0, 1, 2] });
    const [seen] = room.send('b', lease(1, { unitBytes: 7, units: 8, wanted: 8 }));
    assert.ok(seen && 'body' in seen && seen.body.case === 'grant');
    assert.equal(seen.body.value.count, 0);
    assert.equal(seen.body.value.unitBytes, 1000);
    assert.deepEqual(ask(room, 'a', { unitBytes: 1000, units: 8 }), [2, 3]);
    room.leave('a');
    assert.deepEqual(ask(room, 'b', { unitBytes: 7, units: 8 }), range(0, 8));
  });
});

describe('registry: the number of units', () => {
  it('is taken for 16 while nobody knows; beyond, one at a time is lent', () => {
    const room = downloading('a');
    assert.deepEqual(ask(room, 'a', {}), range(0, limits.ASSUMED_UNITS));
    const all = new Set(range(0, limits.ASSUMED_UNITS));
    while (all.size < 40) for (const unit of ask(room, 'a', {})) all.add(unit);
    assert.deepEqual([...all], range(0, 40));
    assert.deepEqual(ask(room, 'a', {}), [40]);
  });

  it('once said, is known to those who do not know it, while one who said so is there', () => {
    const room = downloading('a', 'b', 'c', 'd');
    tell(room, 'a', { units: 1 });
    tell(room, 'b', { units: 1 });
    assert.deepEqual(ask(room, 'c', { wanted: 1 }), [0]);
    room.leave('a');
    assert.deepEqual(ask(room, 'c', { wanted: 1 }), []);
    room.leave('b');
    assert.deepEqual(ask(room, 'c', { wanted: 1 }), [1]);
    tell(room, 'd', { units: 3 });
    assert.deepEqual(ask(room, 'c', { wanted: 1 }), [2]);
    assert.deepEqual(ask(room, 'c', { wanted: 1 }), []);
  });

  for (const lie of [1, 65_536])
    it(`when a liar says ${lie}, those who know better are lent what there is`, () => {
      const room = downloading('liar', 'a', 'b');
      tell(room, 'liar', { units: lie });
      const all: number[] = [];
      for (let turn = 0; turn < 12; turn++)
        all.push(...ask(room, turn % 2 ? 'a' : 'b', { units: 12 }));
      assert.deepEqual(all, range(0, 12));
      assert.deepEqual(ask(room, 'a', { units: 12 }), []);
    });

  it('may be as large as the protocol has', () => {
    const room = downloading('a');
    // Compared as text: the difference of two arrays of that size takes more memory than there is.
    const first = ask(room, 'a', { units: 65_536, wanted: 16_384 });
    assert.equal(String(first), String(range(0, 16_384)));
    assert.deepEqual(ask(room, 'a', { units: 65_536, needed: [65_535] }), [65_535]);
    tell(room, 'a', { fetched: [65_535] });
    assert.equal(room.registry.stats().leases, 16_384);
  });
});

describe('registry: the end of a lease', () => {
  it('comes 15 s after it was granted or confirmed', () => {
    const room = downloading('a', 'b');
    ask(room, 'a', { units: 2, wanted: 1 });
    room.now = limits.LEASE_TTL_MS - 1;
    tell(room, 'a', {});
    room.now = 2 * limits.LEASE_TTL_MS - 2;
    assert.deepEqual(ask(room, 'b', { units: 2, needed: [0] }), []);
    room.now++;
    assert.deepEqual(ask(room, 'b', { units: 2, needed: [0] }), [0]);
    room.registry.tick(room.now + limits.LEASE_TTL_MS - 1);
    assert.equal(room.registry.stats().leases, 1);
    room.registry.tick(room.now + limits.LEASE_TTL_MS);
    assert.equal(room.registry.stats().leases, 0);
  });

  for (const how of ['drop', 'leave'] as const)
    it(`comes when the client ${how}s`, () => {
      const room = downloading('a', 'b');
      ask(room, 'a', { units: 8, wanted: 1 });
      assert.deepEqual(ask(room, 'b', { units: 8, needed: [0] }), []);
      if (how === 'leave') room.leave('a');
      else room.send('a', drop([1]));
      assert.deepEqual(ask(room, 'b', { units: 8, needed: [0] }), [0]);
      room.leave('b');
      assert.equal(room.registry.stats().leases, 0);
    });

  it('comes after a minute without a report that something came of it', () => {
    const room = downloading('a', 'b');
    const confirm = (until: number, fields: Partial<Ask> = {}) => {
      for (; room.now < until; room.now += 10_000) tell(room, 'a', fields);
    };
    assert.deepEqual(ask(room, 'a', { units: 1 }), [0]);
    confirm(limits.MAX_LEASE_MS);
    assert.deepEqual(ask(room, 'b', { units: 1 }), [0]);
    room.leave('b');
    assert.deepEqual(ask(room, 'a', { units: 2, wanted: 1 }), [0]);
    confirm(room.now + 3 * limits.MAX_LEASE_MS, { fetched: [1] });
    room.enter('c');
    room.send('c', have([1], 0n, true));
    assert.deepEqual(ask(room, 'c', { units: 2, needed: [0] }), [], 'it gets on');
  });

  it('comes when the client returns it, and not when another does', () => {
    const room = downloading('a', 'b');
    ask(room, 'a', { units: 8, wanted: 1 });
    tell(room, 'b', { returned: [0, 5, 999] });
    assert.deepEqual(ask(room, 'b', { units: 8, needed: [0] }), []);
    tell(room, 'a', { returned: [0] });
    assert.deepEqual(ask(room, 'b', { units: 8, needed: [0] }), [0]);
  });

  it('makes room for another of those who may fetch at once', () => {
    const names = range(0, limits.MAX_FETCHERS_PER_SWARM + 2).map((n) => `peer ${n}`);
    const room = downloading(...names);
    const late = names.splice(limits.MAX_FETCHERS_PER_SWARM);
    const next = names.length;
    for (const name of names) assert.equal(ask(room, name, { units: 1000, wanted: 1 }).length, 1);
    for (const name of late) assert.deepEqual(ask(room, name, { units: 1000 }), []);
    assert.deepEqual(ask(room, names[3]!, { units: 1000, wanted: 1 }), [next], 'it is one of them');
    tell(room, names[0]!, { fetched: [0] });
    assert.deepEqual(ask(room, late[0]!, { units: 1000, wanted: 1 }), [next + 1]);
    assert.deepEqual(ask(room, late[1]!, { units: 1000, wanted: 1 }), []);
    tell(room, names[1]!, { returned: [1] });
    assert.deepEqual(ask(room, late[1]!, { units: 1000, wanted: 1 }), [1]);
  });
});

describe('registry: the turn of one who fetches', () => {
  const names = range(0, limits.MAX_FETCHERS_PER_SWARM).map((n) => `peer ${n}`);
  const [first, second] = names as [string, string];
  const take = (room: Room, name: string, fields: Partial<Ask> = {}) =>
    ask(room, name, { units: 1000, wanted: 1, ...fields }).length;

  /** As many fetch as may, since just now, and so many others were refused. */
  function crowded(others: number): Room {
    const late = range(0, others).map((n) => `late ${n}`);
    const room = downloading(...names, ...late);
    for (const name of names) assert.equal(take(room, name), 1);
    for (const name of late) assert.equal(take(room, name), 0);
    return room;
  }

  it('ends after a second when another waits, and its place goes to that one', () => {
    const room = crowded(1);
    room.now += limits.FETCH_TURN_MS - 1;
    assert.equal(take(room, first), 1);
    room.now += 1;
    assert.equal(take(room, first), 0);
    assert.equal(take(room, 'late 0'), 0, 'it still fetches what it has');
    tell(room, first, { fetched: [0, limits.MAX_FETCHERS_PER_SWARM] });
    assert.equal(take(room, 'late 0'), 1);
  });

  it('ends as well when it reports all it was lent and asks for more at once', () => {
    const room = crowded(1);
    room.now += limits.FETCH_TURN_MS;
    assert.equal(take(room, first, { fetched: [0] }), 0);
    assert.equal(take(room, 'late 0'), 1);
  });

  it('goes on when nobody waits, or has not been heard of for some time', () => {
    for (const others of [0, 2]) {
      const room = crowded(others);
      room.now += limits.FETCH_WAIT_MS;
      for (const name of names) assert.equal(take(room, name), 1);
    }
  });

  it('goes on while there are places', () => {
    const room = crowded(1);
    tell(room, second, { returned: [1] });
    room.now += limits.FETCH_TURN_MS;
    assert.equal(take(room, first), 1);
    assert.equal(take(room, 'late 0'), 1);
  });

  it('ends for no more of them than wait', () => {
    const room = crowded(2);
    room.now += limits.FETCH_TURN_MS;
    assert.deepEqual(
      names.map((name) => take(room, name)),
      [0, 0, ...Array(names.length - 2).fill(1)],
    );
  });

  it('does not end for who has left, or was lent something since', () => {
    const room = crowded(2);
    room.leave('late 0');
    tell(room, second, { returned: [1] });
    assert.equal(take(room, 'late 1'), 1);
    room.now += limits.FETCH_TURN_MS;
    assert.equal(take(room, first), 1);
  });
});

describe('registry: units that were fetched', () => {
  it('are lent again only by name, after the free ones, the least often fetched first', () => {
    const room = downloading('a', 'b', 'c');
    tell(room, 'a', { fetched: [0, 1, 2] });
    tell(room, 'b', { fetched: [0, 2] });
    assert.deepEqual(ask(room, 'c', { units: 4 }), [3]);
    room.now += limits.RELEND_MS - 1;
    assert.deepEqual(ask(room, 'c', { units: 4, needed: [0, 1, 2] }), [], 'they are spreading');
    const hurried = ask(room, 'c', { units: 4, needed: [0, 1, 2], hurry: true, wanted: 1 });
    assert.deepEqual(hurried, [1]);
    tell(room, 'c', { returned: [1] });
    room.now += 1;
    assert.deepEqual(ask(room, 'c', { units: 4 }), []);
    assert.deepEqual(ask(room, 'c', { units: 4, needed: [0, 1, 2] }), [1]);
    assert.deepEqual(ask(room, 'c', { units: 4, needed: [0, 1, 2] }), [0]);
    assert.deepEqual(ask(room, 'c', { units: 4, needed: [0, 1, 2] }), [2]);
    assert.deepEqual(ask(room, 'b', { units: 4, needed: [0, 1, 2] }), [], 'lent to c');
    tell(room, 'c', { fetched: [3] });
    tell(room, 'a', { fetched: [3] });
    tell(room, 'c', { fetched: [1] });
    room.now += limits.RELEND_MS;
    assert.deepEqual(ask(room, 'b', { units: 4, needed: [1, 3] }), [1], 'both fetched twice');
  });

  it('are lent sooner in a hurry only where the origin could send each client a unit meanwhile', () => {
    const names = range(0, 10).map((n) => `peer ${n}`);
    const room = downloading(...names);
    const hurried = { units: 8, needed: [0], hurry: true };
    // Two share the origin, each gets two units in 1.2 s: the origin needs 0.3 s for one.
    for (const name of names.slice(0, 2)) ask(room, name, { units: 8, wanted: 2 });
    for (const name of names.slice(0, 2)) ask(room, name, { units: 8, wanted: 2 });
    room.now += 1_200;
    tell(room, names[0]!, { fetched: [0, 2] });
    assert.deepEqual(ask(room, names[2]!, hurried), [0], '10 of 0.3 s each are 3 s');
    tell(room, names[2]!, { returned: [0] });
    room.enter('one more');
    room.send('one more', have([1], 0n, true));
    assert.deepEqual(ask(room, names[2]!, hurried), [], '11 are not');
    room.leave('one more');
    assert.deepEqual(ask(room, names[2]!, hurried), [0]);
  });

  it('count once when one client says it twice', () => {
    const room = downloading('a', 'b');
    for (let i = 0; i < 3; i++) tell(room, 'a', { fetched: [0] });
    tell(room, 'a', { fetched: [1] });
    room.now += limits.RELEND_MS;
    assert.deepEqual(ask(room, 'b', { units: 2, needed: [0, 1], wanted: 1 }), [0]);
  });

  it('are free again when who alone had them leaves within 5 s', () => {
    const room = downloading('a', 'b', 'c');
    tell(room, 'a', { fetched: [0] });
    room.now = 1;
    tell(room, 'a', { fetched: [1, 2] });
    tell(room, 'b', { fetched: [2] });
    room.now = limits.SPREAD_MS;
    room.leave('a');
    assert.deepEqual(ask(room, 'c', { units: 3 }), [1]);
    assert.deepEqual(ask(room, 'c', { units: 3 }), []);
  });

  it('are known only while somebody has announced the content', () => {
    const room = downloading('a');
    tell(room, 'a', { fetched: [0] });
    room.now = limits.SPREAD_MS;
    room.leave('a');
    assert.deepEqual(room.registry.stats(), EMPTY);
    room.enter('b');
    room.send('b', have([1], 0n, true));
    assert.deepEqual(ask(room, 'b', { units: 1 }), [0]);
  });

  it('are forgotten in the swarms that asked least recently when there are too many', () => {
    const room = new Room();
    room.enter('a');
    const contents = limits.MAX_LEASE_UNITS / 65_536;
    const fill = (n: number) => {
      room.send('a', have([n], 0n, true));
      room.send('a', lease(n, { wanted: 0, fetched: [0, 65_535] }));
    };
    const isForgotten = (n: number) =>
      granted(room.send('a', lease(n, { units: 1, wanted: 1 }))).length === 1;
    for (let n = 0; n < contents; n++) fill(n);
    assert.ok(!isForgotten(0));
    fill(contents);
    assert.ok(!isForgotten(0), 'it was asked for just now');
    assert.ok(!isForgotten(2) && !isForgotten(contents));
    room.send('a', drop([3]));
    fill(contents + 1);
    assert.ok(!isForgotten(4), 'what was dropped made room');
    assert.ok(isForgotten(1));
  });

  it('of small contents outlast whoever fills the memory with large ones', () => {
    const room = new Room();
    room.enter('a', 'b', 'attacker');
    for (const name of ['a', 'b']) room.send(name, have([0], 0n, true));
    const ask = lease(0, { units: 40, wanted: 40 });
    const held = granted(room.send('a', ask));
    assert.ok(held.length > 0);
    for (let n = 1; n <= (3 * limits.MAX_LEASE_UNITS) / 65_536; n++) {
      room.send('attacker', have([n], 0n, true));
      room.send('attacker', lease(n, { wanted: 0, fetched: [65_535] }));
    }
    const others = granted(room.send('b', ask));
    assert.deepEqual(
      others.filter((unit) => held.includes(unit)),
      [],
    );
  });
});

describe('registry: a crowd', () => {
  it('is lent what a simple model lends, with more who want to fetch than may', () => {
    const names = range(0, limits.MAX_FETCHERS_PER_SWARM + 4).map((n) => `peer ${n}`);
    const turn = fc.record({
      ...crowdTurn(names),
      leaves: fc.constantFrom(...Array(19).fill(false), true),
    });
    const seen = { refused: 0, passed: 0 };
    fc.assert(
      fc.property(fc.array(turn, { minLength: 60, maxLength: 200 }), (turns) => {
        const room = downloading(...names);
        const model = new LeaseModel(UNIT);
        for (const { name, waits, wanted, fetched, returned, leaves } of turns) {
          room.now += waits;
          if (leaves) {
            room.leave(name);
            model.leave(name, room.now);
            room.enter(name);
            room.send(name, have([1], 0n, true));
            continue;
          }
          model.expire(room.now);
          const own = [...model.lent].filter(([, to]) => to === name).map(([unit]) => unit);
          const fields = { fetched: own.slice(0, fetched), returned: own.slice(3, 3 + returned) };
          const asked = { unitBytes: UNIT, units: 60, wanted, needed: undefined, ...fields };
          const said = room.send(name, lease(1, asked));
          assert.equal(said.length, wanted > 0 ? 1 : 0);
          const got = wanted > 0 ? granted(said) : [];
          assert.deepEqual(got, model.ask(name, asked, names.length, room.now));
          if (wanted > 0 && got.length === 0) seen[own.length > 0 ? 'passed' : 'refused']++;
        }
      }),
      { numRuns: 300 },
    );
    assert.ok(seen.refused > 0 && seen.passed > 0, JSON.stringify(seen));
  });

  it('gets every unit exactly once, whoever asks when, while nobody fails', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 300 }),
        fc.boolean(),
        fc.integer(),
        (clients, units, known, seed) => {
          const names = range(0, clients).map((n) => `peer ${n}`);
          const room = downloading(...names);
          const random = seeded(seed);
          const fetched: number[] = [];
          const held = new Map<string, number[]>();
          for (let turn = 0; fetched.length < units; turn++) {
            assert.ok(turn < 10_000, 'it comes to an end');
            const name = names[Math.floor(random() * clients)]!;
            // Quick enough that no lease ends before its client's next turn.
            room.now += random() * 10;
            const done = held.get(name) ?? [];
            const got = ask(room, name, {
              units: known || turn >= clients ? units : 0,
              wanted: 1 + Math.floor(random() * 20),
              fetched: done,
            });
            fetched.push(...done);
            held.set(
              name,
              got.filter((unit) => unit < units),
            );
          }
          assert.deepEqual(
            fetched.sort((a, b) => a - b),
            range(0, units),
          );
          for (const name of names) room.leave(name);
          assert.deepEqual(room.registry.stats(), EMPTY);
        },
      ),
      { numRuns: 300 },
    );
  });
});
