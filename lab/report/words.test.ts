import assert from 'node:assert/strict';
import type { Summary } from '../results.ts';
import { parseOptions } from '../runner/options.ts';
import { SCENARIOS } from '../scenarios/index.ts';
import { CONDITIONS } from './fixtures.ts';
import { aboutScenario, commandOf } from './words.ts';

/** What a run of these arguments would write, as far as the command depends on it. */
function summaryOf(args: readonly string[]): Summary {
  const options = parseOptions(args);
  assert.ok(options !== 'help');
  const { scenario, setup, scriptFrom, seed, shaper, timeoutMs } = options;
  return {
    scenario: scenario.name,
    verdict: 'ok',
    why: [],
    conditions: {
      ...CONDITIONS,
      shaper,
      seed,
      options: { ...setup, scriptFrom, ...(timeoutMs !== undefined && { timeoutMs }) },
    },
    cells: [],
  };
}

describe('the command that runs a scenario again', () => {
  const all = SCENARIOS.flatMap(({ name, full }) => [
    [name],
    [name, '--quick'],
    ...(full ? [[name, '--full']] : []),
  ]);
  const special = [
    ['flash', '--peer-up', '250000', '--peer-down', '1MB', '--rtt', '50ms', '--loss', '0.5%'],
    ['lone', '--script-from', 'origin', '--rate', '0,64KB', '--seed', '12'],
    ['fig3', '--seeders', '3', '--leechers', '1', '--modes', 'zauberflote'],
    ['fig3', '--n', '2', '--shaper', 'proxy'],
    // Takes away what the scenario has by itself.
    ['first-byte', '--rtt', '0'],
    ['churn', '--peer-up', '0'],
    ['flash', '--timeout', '5s'],
    ['flash', '--timeout', '1.0005s'],
  ];
  for (const args of [...all, ...special])
    it(`means the same as ${args.join(' ')}`, () => {
      const words = commandOf(summaryOf(args)).split(' ');
      assert.deepEqual(words.slice(0, 4), ['npm', 'run', 'bench', '--']);
      const [before, after] = [args, words.slice(4)].map(parseOptions);
      assert.deepEqual(after, before);
    });

  it('is one word for the shell where a name is odd', () => {
    const summary = { ...summaryOf(['lone']), scenario: "a'; rm -rf b" };
    assert.match(commandOf(summary), /^npm run bench -- 'a'\\''; rm -rf b' /);
  });

  it('knows every scenario by a sentence', () => {
    for (const { name } of SCENARIOS) assert.notEqual(aboutScenario(name), `Scenario ${name}.`);
  });
});
