import assert from 'node:assert/strict';
import { commandOf, MEASUREMENTS, parse } from './measure.ts';
import { parseOptions } from './runner/options.ts';

describe('What npm run measure runs', () => {
  for (const one of MEASUREMENTS.filter(({ bench }) => bench))
    it(`can be run: ${one.name}`, () => {
      const [program, ...args] = commandOf(one, '7', '/nowhere');
      assert.equal(program, 'lab/bench.ts');
      const options = parseOptions(args);
      assert.ok(options !== 'help');
      assert.deepEqual([options.setup.runs, options.out], [7, '/nowhere']);
    });

  it('is chosen by name and from a name on, and a wrong name is refused', () => {
    const chosen = (...args: string[]) => {
      const options = parse(args);
      assert.ok(options !== 'help');
      return options.chosen.map(({ name }) => name);
    };
    assert.deepEqual(chosen('--only', 'sim,flash'), ['flash', 'sim']);
    assert.deepEqual(chosen('--from', 'sim'), ['sim', 'sim-beside', 'sim-10000', 'soak']);
    assert.equal(chosen().length, MEASUREMENTS.length);
    for (const args of [
      ['--only', 'x'],
      ['--from', 'x'],
      ['--runs', '0'],
      ['--minutes', 'no'],
    ])
      assert.throws(() => parse(args), /no measurement|takes a number/);
  });
});
