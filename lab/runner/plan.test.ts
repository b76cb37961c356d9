import assert from 'node:assert/strict';
import { SCENARIOS } from '../scenarios/index.ts';
import { plan } from './plan.ts';

const { setup } = SCENARIOS.find(({ name }) => name === 'fig3')!;

describe('The plan of a bench', () => {
  it('has every mode once in every cell and run', () => {
    const steps = plan(setup, 1);
    assert.equal(steps.length, setup.modes.length * setup.cells.length * setup.runs);
    assert.equal(new Set(steps.map((step) => JSON.stringify(step))).size, steps.length);
  });

  it('is the same for the same seed, and has the modes in another order for another', () => {
    assert.deepEqual(plan(setup, 5), plan(setup, 5));
    assert.notDeepEqual(plan(setup, 5), plan(setup, 6));
  });

  it('does not run one mode after the other', () => {
    const firsts = plan({ ...setup, runs: 20 }, 1).filter((_, i) => i % setup.modes.length === 0);
    assert.deepEqual([...new Set(firsts.map(({ mode }) => mode))].sort(), [...setup.modes].sort());
  });
});
