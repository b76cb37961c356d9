import assert from 'node:assert/strict';
import { SCENARIOS } from '../scenarios/index.ts';
import { type BenchOptions, parseOptions } from './options.ts';

const parsed = (...args: string[]) => parseOptions(args) as BenchOptions;

describe('The options of the bench', () => {
  it('take rates, sizes, times and shares in the units of the paper', () => {
    const { setup, seed, timeoutMs } = parsed(
      ...['fig3', '--rate', '64KB,1.5MB/s,0', '--peer-up', '32kb', '--rtt', '50ms'],
      ...['--loss', '1.5%', '--n', '1,12', '--runs', '2', '--seed', '7', '--timeout', '20'],
    );
    assert.deepEqual(setup.rates, [64_000, 1_500_000, 0]);
    assert.equal(setup.peerUp, 32_000);
    assert.equal(setup.rttMs, 50);
    assert.equal(setup.loss, 0.015);
    assert.deepEqual(setup.cells, [
      { seeders: 1, leechers: 1 },
      { seeders: 12, leechers: 12 },
    ]);
    assert.equal(setup.runs, 2);
    assert.equal(seed, 7);
    assert.equal(timeoutMs, 20_000);
  });

  it('make a grid of seeders and leechers, with the declared ones for the axis not given', () => {
    assert.deepEqual(parsed('poison', '--leechers', '2,3').setup.cells, [
      { seeders: 1, leechers: 2 },
      { seeders: 1, leechers: 3 },
      { seeders: 4, leechers: 2 },
      { seeders: 4, leechers: 3 },
    ]);
  });

  it('take a range for all numbers in it, each once', () => {
    assert.deepEqual(
      parsed('fig3', '--n', '1-3,2,7').setup.cells.map(({ leechers }) => leechers),
      [1, 2, 3, 7],
    );
    const { cells } = parsed('fig2', '--seeders', '1-10', '--leechers', '1-10').setup;
    assert.equal(cells.length, 100);
  });

  it('let --quick and --full change the size of an experiment, and an option change that', () => {
    assert.equal(parsed('fig3', '--quick').setup.runs, 1);
    assert.equal(parsed('fig3', '--quick', '--runs', '4').setup.runs, 4);
    assert.equal(parsed('fig3', '--full').setup.cells.at(-1)?.leechers, 33);
  });

  it('accept every scenario, and --quick for each', () => {
    for (const { name } of SCENARIOS) {
      assert.ok(parsed(name).setup.cells.length > 0);
      assert.ok(parsed(name, '--quick').setup.runs > 0);
    }
  });

  const BAD: readonly (readonly [string[], RegExp])[] = [
    [[], /give one scenario \(fig2, /],
    [['fig3', 'flash'], /give one scenario/],
    [['fig3', '--n', '5-2'], /--n: '5-2' goes downwards: give 2-5/],
    [['fig3', '--n', '0-2'], /--n: '0' is no whole number from 1 to 200/],
    [['fig3', '--n', '1-'], /--n: '1-' is no whole number/],
    [['fig4'], /no scenario is called 'fig4'; there are fig2, fig3/],
    [['fig3', '--speed', '3'], /^Error: there is no option --speed$/],
    [['fig3', '--modes'], /^Error: --modes needs a value$/],
    [['fig3', '--rtt', '-5ms'], /^Error: --rtt needs a value$/],
    [['fig3', '--out', ''], /--out: name a folder/],
    [['fig3', '--modes', 'http,'], /--modes: no mode is called ''; there are http,/],
    [['fig3', '--rtt', '11s'], /--rtt: '11s' is too long: give at most 10s/],
    [['fig3', '--rate', '1001MB'], /--rate: '1001MB' is more than this can limit/],
    [
      ['fig3', '--n', '13', '--peer-up', '64KB'],
      /a limit of peers .* needs a browser and a link for every visitor: give at most 12 .* not 13/,
    ],
    [['fig3', '--full', '--peer-down', '1MB'], /a limit of peers .* not 33/],
    [['flash', '--leechers', '13', '--loss', '1%'], /--loss needs a browser and a link/],
    [['nat', '--n', '13'], /a NAT needs a browser and a link for every visitor/],
    [['churn', '--seeders', '20', '--peer-up', '0'], /killing some seeders needs a browser/],
    [['fig3', '--rate', 'fast'], /--rate: 'fast' is no rate: give bytes per second as 64KB/],
    [['fig3', '--rate', '3'], /--rate: '3' is too slow/],
    [['fig3', '--rate', '0.4'], /--rate: '0.4' is too slow/],
    [['fig3', '--rate', '-1'], /--rate/],
    [['fig3', '--n', '0'], /--n: '0' is no whole number from 1 to 200/],
    [['fig3', '--n', '1', '--seeders', '2'], /--n stands for both/],
    [['fig3', '--seeders', '2'], /give --n, or both/],
    [['flash', '--leechers', '2,x'], /--leechers: 'x' is no whole number/],
    [['fig3', '--rtt', '50h'], /--rtt: '50h' is no time/],
    [['fig3', '--loss', '0.1'], /--loss: '0.1' is no share of packets: give it as 1%/],
    [['fig3', '--loss', '100%'], /below 100%/],
    [
      ['fig3', '--modes', 'http,carrier-pigeon'],
      /--modes: no mode is called 'carrier-pigeon'; there are http,/,
    ],
    [['fig3', '--runs', '1.5'], /--runs/],
    [['fig3', '--seed', '-3'], /--seed/],
    [['fig3', '--shaper', 'magic'], /--shaper takes auto, tc, proxy, not 'magic'/],
    [['fig3', '--script-from', 'cdn'], /--script-from takes fast, origin/],
    [['fig3', '--timeout', '0'], /--timeout: '0' is too short/],
    [['fig3', '--quick', '--full'], /exclude each other/],
    [['poison', '--full'], /poison has no --full/],
    [['site', '--modes', 'webtorrent'], /webtorrent cannot load the page of many files of site/],
    [['bulk', '--modes', 'http'], /http cannot load the large file of bulk/],
    [['fig3', '--modes', 'bare-channel'], /bare-channel cannot load the picture of fig3/],
    [['fig3', '--shaper', 'proxy', '--rtt', '10ms'], /--rtt needs tc/],
    [['nat', '--shaper', 'proxy'], /a NAT needs tc/],
  ];
  for (const [args, message] of BAD)
    it(`refuse ${args.join(' ') || 'nothing at all'}`, () => {
      assert.throws(() => parseOptions(args), message);
    });
});
