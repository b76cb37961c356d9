import assert from 'node:assert/strict';
import fc from 'fast-check';
import { seeded } from '../../../demo/random.ts';
import { Heaviest } from './heaviest.ts';

describe('heaviest', () => {
  it('knows the sum and one that weighs more than half of the heaviest, whatever changes', () => {
    const change = fc.tuple(
      fc.nat({ max: 9 }),
      fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 5000 })),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 80 }), fc.integer(), (changes, seed) => {
        const heaviest = new Heaviest<number>();
        const random = seeded(seed);
        const weights = new Map<number, number>();
        for (const [member, weight] of changes) {
          heaviest.set(member, weight);
          weights.set(member, weight);
          const all = [...weights.values()];
          const most = Math.max(...all);
          assert.equal(
            heaviest.total,
            all.reduce((a, b) => a + b, 0),
          );
          const picked = heaviest.pick(random);
          if (most === 0) assert.equal(picked, undefined);
          else assert.ok(weights.get(picked!)! * 2 > most);
        }
      }),
    );
  });

  it('picks any of the heaviest alike', () => {
    const heaviest = new Heaviest<string>();
    for (const name of 'abcd') heaviest.set(name, 100);
    heaviest.set('light', 10);
    const random = seeded(1);
    const counts = new Map<string, number>();
    for (let i = 0; i < 4_000; i++) {
      const picked = heaviest.pick(random)!;
      counts.set(picked, (counts.get(picked) ?? 0) + 1);
    }
    assert.deepEqual([...counts.keys()].sort(), ['a', 'b', 'c', 'd']);
    for (const count of counts.values()) assert.ok(count > 800, `${count} of 4000`);
  });
});
