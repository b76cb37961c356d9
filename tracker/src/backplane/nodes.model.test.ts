import assert from 'node:assert/strict';
import { contentKey, UndeliverableReason } from '@zauberflote/proto';
import fc from 'fast-check';
import type { SignalKind } from '../../test-support/messages.ts';
import { content, drop, have, SIGNAL_KINDS, signal, want } from '../../test-support/messages.ts';
import { Model } from '../../test-support/model.ts';
import { Nodes } from '../../test-support/nodes.ts';
import { EMPTY, fate, swarms } from '../../test-support/room.ts';
import { ATTEMPT_TTL_MS } from '../limits.ts';

type Step =
  | { readonly does: 'connect'; readonly name: string; readonly node: number }
  | { readonly does: 'disconnect'; readonly name: string }
  | {
      readonly does: 'have';
      readonly name: string;
      readonly ids: number[];
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
  | { readonly does: 'wait'; readonly ms: number };

const NODES = 3;
const NAMES = ['a', 'b', 'c'];
const name = fc.constantFrom(...NAMES);
const ids = fc.uniqueArray(fc.integer({ min: 0, max: 2 }), { minLength: 1 });
const just = <T extends string>(does: T) => fc.constant(does);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ does: just('connect'), name, node: fc.nat({ max: NODES - 1 }) }),
  },
  { weight: 1, arbitrary: fc.record({ does: just('disconnect'), name }) },
  {
    weight: 4,
    arbitrary: fc.record({ does: just('have'), name, ids, partial: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ does: just('drop'), name, ids }) },
  {
    weight: 10,
    arbitrary: fc.record({ does: just('want'), name, ids, max: fc.integer({ min: 0, max: 4 }) }),
  },
  {
    weight: 25,
    arbitrary: fc.record({
      does: just('signal'),
      name,
      to: name,
      kind: fc.constantFrom(...SIGNAL_KINDS),
      attempt: fc.constantFrom(1, 1, 1, 2),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      does: just('wait'),
      ms: fc.integer({ min: 0, max: ATTEMPT_TTL_MS / 2 }),
    }),
  },
);

/** Does a step in both, and compares what clients see with what one tracker alone would have said. */
async function perform(step: Step, nodes: Nodes, model: Model, fates: Map<string, number>) {
  if (step.does === 'wait') {
    nodes.now += step.ms;
    return nodes.tick();
  }
  const { name } = step;
  if (step.does === 'connect') {
    if (model.connected.has(name)) return;
    await nodes.enter(step.node, name);
    model.connected.add(name);
    return;
  }
  if (step.does === 'disconnect') {
    nodes.leave(name);
    return model.disconnect(name, nodes.now);
  }
  if (!model.connected.has(name)) return;
  switch (step.does) {
    case 'have':
      assert.deepEqual(await nodes.send(name, have(step.ids, 1000n, step.partial)), []);
      for (const id of step.ids)
        model.holdings.set(`${name}:${id}`, { size: 1000n, partial: step.partial });
      return;
    case 'drop':
      assert.deepEqual(await nodes.send(name, drop(step.ids)), []);
      for (const id of step.ids) model.drop(name, id, nodes.now);
      return;
    case 'want': {
      const reply = swarms(await nodes.send(name, want(step.ids, step.max)));
      assert.deepEqual(
        reply.map((swarm) => contentKey(swarm.content!)),
        step.ids.map((id) => contentKey(content(id))),
      );
      reply.forEach((swarm, i) => {
        const holders = model.holders(step.ids[i]!, name);
        const complete = [...holders.values()].filter(({ partial }) => !partial).length;
        assert.equal(swarm.holders.length, Math.min(holders.size, step.max || holders.size));
        const named = swarm.holders.map(({ peerId }) => nameOf(peerId, nodes, model));
        assert.equal(new Set(named).size, named.length, 'nobody twice');
        swarm.holders.forEach(({ partial }, place) => {
          const known = holders.get(named[place]!) ?? assert.fail('named and no holder');
          assert.equal(partial, known.partial);
          assert.equal(partial, place >= complete, 'complete ones come first');
          model.introductions.add(`${name}>${named[place]}`);
        });
      });
      return;
    }
    case 'signal': {
      const { to, kind, attempt } = step;
      const seen = fate(await nodes.send(name, signal(kind, nodes.ids.get(to) ?? 1n, attempt)));
      const reason = model.signal(name, to, kind, attempt, nodes.now);
      const outcome = reason === undefined ? kind : `not ${reason}`;
      fates.set(outcome, (fates.get(outcome) ?? 0) + 1);
      if (reason === undefined)
        return assert.deepEqual(seen, { to, kind, from: nodes.id(name), attempt });
      const peer = nodes.ids.get(to) ?? 1n;
      assert.equal(seen.to, name);
      assert.ok('reason' in seen && seen.peer === peer && seen.attempt === attempt);
      // Of a peer elsewhere that was not introduced, or is gone, a node need not know which it is.
      if (nodes.areTogether(name, to)) assert.equal(seen.reason, reason);
      else assert.notEqual(seen.reason, UndeliverableReason.CONGESTED);
    }
  }
}

function nameOf(id: bigint, nodes: Nodes, model: Model): string {
  for (const name of model.connected) if (nodes.ids.get(name) === id) return name;
  return assert.fail(`${id} is nobody who is connected`);
}

describe('trackers that are joined', () => {
  it('are to their clients as one, whoever is connected where, and forget all in the end', async () => {
    const fates = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 60, maxLength: 120 }),
        fc.nat(),
        async (steps, seed) => {
          const nodes = new Nodes(NODES, {}, seed);
          const model = new Model(ATTEMPT_TTL_MS);
          // Else most of a run would pass before anybody is there.
          for (const [i, name] of NAMES.entries())
            await perform({ does: 'connect', name, node: i % NODES }, nodes, model, fates);
          for (const step of steps) await perform(step, nodes, model, fates);

          for (const name of NAMES) nodes.leave(name);
          nodes.now += ATTEMPT_TTL_MS;
          nodes.tick();
          for (const { registry, exchange } of nodes.nodes) {
            assert.deepEqual(registry.stats(), EMPTY);
            assert.equal(exchange.pending, 0);
          }
          assert.equal(nodes.hub.size, 0);
          assert.equal(nodes.counters.lateInquiries + nodes.counters.nodeMalformed, 0);
        },
      ),
      { numRuns: 400, interruptAfterTimeLimit: 60_000 },
    );
    // If one of these did not occur, the runs would not test what they are for.
    for (const outcome of [...SIGNAL_KINDS, 'not 1', 'not 2'])
      assert.ok((fates.get(outcome) ?? 0) > 20, `${outcome}: ${[...fates]}`);
  });
});
