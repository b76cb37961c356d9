import assert from 'node:assert/strict';
import { contentKey } from '@zauberflote/proto';
import fc from 'fast-check';
import type { Ask } from '../../test-support/lease-model.ts';
import type { SignalKind } from '../../test-support/messages.ts';
import {
  content,
  drop,
  have,
  lease,
  SIGNAL_KINDS,
  signal,
  want,
} from '../../test-support/messages.ts';
import { Model } from '../../test-support/model.ts';
import { EMPTY, fate, granted, Room, swarms } from '../../test-support/room.ts';
import { ATTEMPT_TTL_MS, LEASE_TTL_MS } from '../limits.ts';

type Step =
  | { readonly does: 'connect'; readonly name: string }
  | { readonly does: 'disconnect'; readonly name: string }
  | {
      readonly does: 'have';
      readonly name: string;
      readonly ids: number[];
      readonly size: bigint;
      readonly partial: boolean;
    }
  | { readonly does: 'drop'; readonly name: string; readonly ids: number[] }
  | { readonly does: 'want'; readonly name: string; readonly ids: number[]; readonly max: number }
  | {
      readonly does: 'signal';
      readonly name: string;
      readonly to: string;
      readonly kind: SignalKind;
      readonly attempt: number;
    }
  | { readonly does: 'lease'; readonly name: string; readonly id: number; readonly ask: Ask }
  | { readonly does: 'wait'; readonly ms: number };

// Few of each, so that they meet often.
const NAMES = ['a', 'b', 'c'];
const name = fc.constantFrom(...NAMES);
const ids = fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1 });
const just = <T extends string>(does: T) => fc.constant(does);

const unit = fc.integer({ min: 0, max: 20 });
const units = fc.array(unit, { maxLength: 5 });
const ask: fc.Arbitrary<Ask> = fc.record({
  unitBytes: fc.constantFrom(1000, 1000, 1000, 1000, 1000, 7),
  units: fc.constantFrom(0, 12, 12, 12, 21),
  wanted: fc.integer({ min: 0, max: 9 }),
  needed: fc.option(units, { nil: undefined }),
  fetched: units,
  returned: units,
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ does: just('connect'), name }) },
  { weight: 1, arbitrary: fc.record({ does: just('disconnect'), name }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: just('have'),
      name,
      ids,
      size: fc.bigInt(0n, 2n ** 53n - 1n),
      partial: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: just('drop'), name, ids }) },
  {
    weight: 5,
    arbitrary: fc.record({ does: just('want'), name, ids, max: fc.integer({ min: 0, max: 4 }) }),
  },
  {
    weight: 30,
    arbitrary: fc.record({
      does: just('signal'),
      name,
      to: name,
      kind: fc.constantFrom(...SIGNAL_KINDS),
      attempt: fc.constantFrom(1, 1, 1, 2),
    }),
  },
  { weight: 15, arbitrary: fc.record({ does: just('lease'), name, id: fc.nat({ max: 1 }), ask }) },
  ...[ATTEMPT_TTL_MS, LEASE_TTL_MS].map((ttlMs) => ({
    weight: 1,
    arbitrary: fc.record({ does: just('wait'), ms: fc.integer({ min: 0, max: ttlMs / 2 }) }),
  })),
);

/** Does a step in both, and compares what the registry says with what the model allows. */
function perform(step: Step, room: Room, model: Model, fates: Map<string, number>): void {
  if (step.does === 'wait') {
    room.now += step.ms;
    return room.registry.tick(room.now);
  }
  const { name } = step;
  if (step.does === 'connect') {
    if (model.connected.has(name)) return;
    room.enter(name);
    model.connected.add(name);
    return;
  }
  if (step.does === 'disconnect') {
    room.leave(name);
    return model.disconnect(name, room.now);
  }
  const body = () => {
    if (step.does === 'have') return have(step.ids, step.size, step.partial);
    if (step.does === 'lease') return lease(step.id, step.ask);
    if (step.does === 'drop') return drop(step.ids);
    if (step.does === 'want') return want(step.ids, step.max);
    // A name that was never here gets an id that nobody has.
    return signal(step.kind, room.ids.get(step.to) ?? 1n, step.attempt);
  };
  const seen = room.send(name, body());
  if (!model.connected.has(name)) return assert.deepEqual(seen, []);

  switch (step.does) {
    case 'have':
      for (const id of step.ids) model.holdings.set(`${name}:${id}`, step);
      return assert.deepEqual(seen, []);
    case 'drop':
      for (const id of step.ids) model.drop(name, id, room.now);
      return assert.deepEqual(seen, []);
    case 'lease': {
      const units = model.lease(name, step.id, step.ask, room.now);
      if (step.ask.wanted === 0) return assert.deepEqual(seen, []);
      const outcome = `lease ${units.length > 0 ? 'granted' : 'of nothing'}`;
      fates.set(outcome, (fates.get(outcome) ?? 0) + 1);
      return assert.deepEqual(granted(seen), units);
    }
    case 'want': {
      const reply = swarms(seen);
      assert.deepEqual(
        reply.map((swarm) => contentKey(swarm.content!)),
        step.ids.map((id) => contentKey(content(id))),
      );
      reply.forEach((swarm, i) => {
        const holders = model.holders(step.ids[i]!, name);
        const complete = [...holders.values()].filter(({ partial }) => !partial).length;
        assert.equal(swarm.totalHolders, complete);
        assert.equal(swarm.totalPartial, holders.size - complete);
        assert.equal(swarm.holders.length, Math.min(holders.size, step.max || holders.size));
        const firstPartial = swarm.holders.findIndex(({ partial }) => partial);
        if (firstPartial >= 0) assert.equal(firstPartial, complete, 'complete ones come first');
        const named = swarm.holders.map(({ peerId }) => nameOf(peerId, room, model));
        assert.equal(new Set(named).size, named.length);
        for (const [j, { size, partial }] of swarm.holders.entries()) {
          const held = holders.get(named[j]!) ?? assert.fail(`${named[j]} does not hold this`);
          assert.deepEqual({ size, partial }, { size: held.size, partial: held.partial });
          model.introductions.add(`${name}>${named[j]}`);
        }
      });
      return;
    }
    case 'signal': {
      const { to, kind, attempt } = step;
      const reason = model.signal(name, to, kind, attempt, room.now);
      const outcome = `${kind} ${reason ? `reason ${reason}` : 'relayed'}`;
      fates.set(outcome, (fates.get(outcome) ?? 0) + 1);
      const from = room.id(name);
      const peer = room.ids.get(to) ?? 1n;
      const expected = reason ? { to: name, reason, peer, attempt } : { to, kind, from, attempt };
      assert.deepEqual(fate(seen), expected);
    }
  }
}

/** The connected peer with this id. */
function nameOf(id: bigint, room: Room, model: Model): string {
  for (const name of model.connected) if (room.ids.get(name) === id) return name;
  return assert.fail(`${id} is nobody who is connected`);
}

describe('registry against a naive model', () => {
  it('does what the protocol says, whatever peers do, and keeps nothing when they are gone', () => {
    const fates = new Map<string, number>();
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 60, maxLength: 120 }),
        fc.integer(),
        (steps, seed) => {
          const room = new Room({}, seed);
          const model = new Model(ATTEMPT_TTL_MS);
          for (const name of NAMES) perform({ does: 'connect', name }, room, model, fates);
          for (const step of steps) {
            perform(step, room, model, fates);
            room.registry.tick(room.now);
            assert.deepEqual(room.registry.stats(), model.stats(room.now));
          }
          for (const name of model.connected) room.leave(name);
          assert.deepEqual(room.registry.stats(), EMPTY);
        },
      ),
      { numRuns: 1000 },
    );
    for (const fate of ['granted', 'of nothing'])
      assert.ok((fates.get(`lease ${fate}`) ?? 0) > 500, `leases ${fate} are too rare`);
    // Shows that the steps meet: every kind of signal was relayed, and refused for every reason.
    for (const kind of SIGNAL_KINDS)
      for (const fate of ['relayed', 'reason 1', 'reason 2']) {
        const count = fates.get(`${kind} ${fate}`) ?? 0;
        assert.ok(count > 50, `${kind} ${fate} only ${count} times`);
      }
  });
});
