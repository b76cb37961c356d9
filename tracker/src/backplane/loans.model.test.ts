import assert from 'node:assert/strict';
import fc from 'fast-check';
import { seeded } from '../../../demo/random.ts';
import { crowdTurn } from '../../test-support/arbitraries.ts';
import { LeaseModel } from '../../test-support/lease-model.ts';
import { drop, have, lease } from '../../test-support/messages.ts';
import { Nodes } from '../../test-support/nodes.ts';
import type { Seen } from '../../test-support/room.ts';
import { EMPTY, granted } from '../../test-support/room.ts';
import { passed, timersByHand } from '../../test-support/timers.ts';
import * as limits from '../limits.ts';

type Step =
  | { readonly does: 'enter'; readonly name: string; readonly node: number }
  | { readonly does: 'have' | 'lease' | 'drop'; readonly name: string; readonly id: number }
  | { readonly does: 'leave'; readonly name: string }
  | { readonly does: 'turn' | 'wait'; readonly name?: undefined }
  | { readonly does: 'end'; readonly node: number; readonly name?: undefined };

type SeenBody = Extract<Seen, { readonly body: unknown }>;

const NODES = 3;
const UNIT = 16_384;

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** Clients that download content 1, each at the node that `at` names. */
async function downloading(at: ReadonlyMap<string, number>, seed: number): Promise<Nodes> {
  const nodes = new Nodes(NODES, {}, seed);
  for (const [name, node] of at) {
    await nodes.enter(node, name);
    await nodes.send(name, have([1], 0n, true));
  }
  return nodes;
}

async function endsEmpty(nodes: Nodes, names: Iterable<string>): Promise<void> {
  for (const name of names) nodes.leave(name);
  // Lets them tell the others.
  await new Promise(setImmediate);
  for (const { registry, exchange } of nodes.nodes) {
    assert.deepEqual(registry.stats(), EMPTY);
    assert.equal(exchange.pending + exchange.lenders, 0);
  }
  assert.equal(nodes.hub.size, 0);
  assert.equal(nodes.counters.leasesAlone + nodes.counters.nodeMalformed, 0);
}

describe('leases of a crowd at several trackers', () => {
  timersByHand();

  it('are what a simple model of one tracker lends, wherever who asks is connected', async () => {
    const names = range(0, limits.MAX_FETCHERS_PER_SWARM + 4).map((n) => `peer ${n}`);
    const turn = fc.record({
      ...crowdTurn(names),
      /** To which node it goes when it leaves. */
      goes: fc.constantFrom(...Array(19).fill(undefined), ...range(0, NODES)),
    });
    const seen = { granted: 0, refused: 0, passed: 0, elsewhere: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(turn, { minLength: 60, maxLength: 200 }),
        fc.nat(),
        async (turns, seed) => {
          const at = new Map(names.map((name, i) => [name, i % NODES]));
          const nodes = await downloading(at, seed);
          const model = new LeaseModel(UNIT);
          const here = (node: number) => [...at.values()].filter((other) => other === node).length;
          /** The node that keeps the leases, and what the others said last, of whom it heard of somebody. */
          let lender: number | undefined;
          const said = new Map<number, { count: number; at: number; of: Set<string> }>();
          for (const { name, waits, wanted, fetched, returned, goes } of turns) {
            nodes.now += waits;
            if (goes !== undefined) {
              // Nobody is the only one at a node, so no node forgets anything.
              if (here(at.get(name)!) === 1) continue;
              nodes.leave(name);
              model.leave(name, nodes.now);
              for (const [node, { of }] of said)
                if (of.delete(name) && of.size === 0) said.delete(node);
              at.set(name, goes);
              await nodes.enter(goes, name);
              await nodes.send(name, have([1], 0n, true));
              continue;
            }
            const node = at.get(name)!;
            lender ??= node;
            if (node !== lender) {
              const of = said.get(node)?.of ?? new Set();
              said.set(node, { count: here(node), at: nodes.now, of: of.add(name) });
            }
            const heard = [...said.values()].filter(
              ({ at }) => nodes.now < at + limits.LEASE_TTL_MS,
            );
            const count = heard.reduce((sum, { count }) => sum + count, here(lender));
            model.expire(nodes.now);
            const own = [...model.lent].filter(([, to]) => to === name).map(([unit]) => unit);
            const fields = { fetched: own.slice(0, fetched), returned: own.slice(3, 3 + returned) };
            const asked = { unitBytes: UNIT, units: 60, wanted, needed: undefined, ...fields };
            const replies = await nodes.send(name, lease(1, asked));
            assert.equal(replies.length, wanted > 0 ? 1 : 0);
            const got = wanted > 0 ? granted(replies) : [];
            assert.deepEqual(got, model.ask(name, asked, count, nodes.now));
            if (got.length > 0) seen.granted++;
            else if (wanted > 0) seen[own.length > 0 ? 'passed' : 'refused']++;
            if (node !== lender) seen.elsewhere++;
          }
          await endsEmpty(nodes, names);
        },
      ),
      { numRuns: 150, interruptAfterTimeLimit: 60_000 },
    );
    // If one of these did not occur, the runs would not test what they are for.
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 20, `${what}: ${times}`);
  });

  it('leave nothing behind, and each Lease has one Grant, whoever comes, goes and ends when', async () => {
    const name = fc.constantFrom(...range(0, 4).map((n) => `peer ${n}`));
    const id = fc.constantFrom(1, 1, 1, 2);
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ does: fc.constant('enter'), name, node: fc.nat(3) }) },
      { weight: 6, arbitrary: fc.record({ does: fc.constant('have'), name, id }) },
      { weight: 12, arbitrary: fc.record({ does: fc.constant('lease'), name, id }) },
      { weight: 2, arbitrary: fc.record({ does: fc.constant('drop'), name, id }) },
      { weight: 2, arbitrary: fc.record({ does: fc.constant('leave'), name }) },
      { weight: 4, arbitrary: fc.record({ does: fc.constant('turn') }) },
      { weight: 1, arbitrary: fc.record({ does: fc.constant('wait') }) },
      { weight: 1, arbitrary: fc.record({ does: fc.constant('end'), node: fc.nat(3) }) },
    );
    const seen = { answered: 0, gone: 0, ended: 0, forwarded: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(step as fc.Arbitrary<Step>, { minLength: 60, maxLength: 150 }),
        fc.nat(),
        async (steps, seed) => {
          const nodes = new Nodes(4, {}, seed);
          const random = seeded(seed);
          const turns = async (count: number) => {
            for (let i = 0; i < count; i++) await new Promise(setImmediate);
          };
          nodes.lookups = () => turns(Math.floor(random() * 4));
          /** Who is connected where, by which connection, and how many Grants it waits for. */
          const at = new Map<
            string,
            { readonly node: number; readonly by: string; waiting: number }
          >();
          let last = 0;
          const ended = new Set<number>();
          const hear = () => {
            for (const { to, body } of nodes.takeSeen() as SeenBody[]) {
              assert.equal(body.case, 'grant');
              const there = [...at.values()].find(({ by }) => by === to);
              assert.ok(there, `${to} is not there`);
              assert.ok(--there.waiting >= 0, 'a Grant for no Lease');
              seen.answered++;
            }
          };
          for (const step of steps) {
            hear();
            const there = step.does === 'enter' ? undefined : at.get(step.name ?? '');
            if (step.does === 'turn') await turns(1);
            else if (step.does === 'wait') nodes.now += limits.LENDER_MS;
            else if (step.does === 'end' && ended.size < 2 && !ended.has(step.node)) {
              ended.add(step.node);
              for (const [name, { node }] of at) if (node === step.node) at.delete(name);
              await nodes.nodes[step.node]!.end();
              seen.ended++;
            } else if (step.does === 'enter' && !at.has(step.name) && !ended.has(step.node)) {
              const by = `${step.name}, ${++last}`;
              nodes.enterSoon(step.node, by);
              at.set(step.name, { node: step.node, by, waiting: 0 });
            } else if (there && step.does === 'have')
              nodes.sendSoon(there.by, have([step.id], 0n, true));
            else if (there && step.does === 'drop') nodes.sendSoon(there.by, drop([step.id]));
            else if (there && step.does === 'lease') {
              there.waiting++;
              nodes.sendSoon(there.by, lease(step.id, { units: 50, wanted: 2 }));
            } else if (there && step.does === 'leave') {
              if (there.waiting > 0) seen.gone++;
              nodes.leave(there.by);
              at.delete(step.name);
            }
          }
          await turns(30);
          // The frame of one that ended may have got lost on its way.
          if (nodes.nodes.some(({ exchange }) => exchange.pending > 0)) {
            await passed(limits.GRANT_MS);
            await turns(30);
          }
          hear();
          for (const { waiting } of at.values())
            assert.equal(waiting, 0, 'a Lease without a Grant');
          for (const { by } of at.values()) nodes.leave(by);
          await turns(2);
          // Of a node that has ended without a word, others forget those who were there.
          nodes.now += limits.MAX_LEASE_MS;
          nodes.tick();
          for (const [i, { registry, exchange }] of nodes.nodes.entries()) {
            if (ended.has(i)) continue;
            assert.deepEqual(registry.stats(), EMPTY);
            assert.equal(exchange.pending + exchange.lenders, 0);
          }
          assert.equal(nodes.counters.nodeMalformed, 0);
          seen.forwarded += nodes.counters.forwardedLeases;
        },
      ),
      { numRuns: 500, interruptAfterTimeLimit: 60_000 },
    );
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 20, `${what}: ${times}`);
  });

  it('are of every unit exactly once, while nobody fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 100 }),
        fc.nat(),
        async (clients, units, seed) => {
          const names = range(0, clients).map((n) => `peer ${n}`);
          const random = seeded(seed);
          const at = new Map(names.map((name) => [name, Math.floor(random() * NODES)]));
          const nodes = await downloading(at, seed);
          const fetched: number[] = [];
          const held = new Map<string, number[]>();
          for (let turn = 0; fetched.length < units; turn++) {
            assert.ok(turn < 10_000, 'it comes to an end');
            const name = names[Math.floor(random() * clients)]!;
            // Quick enough that no lease ends before its client's next turn.
            nodes.now += random() * 10;
            const done = held.get(name) ?? [];
            const wanted = 1 + Math.floor(random() * 20);
            const got = granted(await nodes.send(name, lease(1, { units, wanted, fetched: done })));
            fetched.push(...done);
            held.set(name, got);
          }
          assert.deepEqual(
            fetched.sort((a, b) => a - b),
            range(0, units),
          );
          await endsEmpty(nodes, names);
        },
      ),
      { numRuns: 150, interruptAfterTimeLimit: 60_000 },
    );
  });
});
