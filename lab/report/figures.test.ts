import assert from 'node:assert/strict';
import { MODES } from '../modes/index.ts';
import type { Summary } from '../results.ts';
import { type Figure, figuresOf } from './figures.ts';
import { CONDITIONS, experiment, grid, type Wanted } from './fixtures.ts';
import { standalone } from './index.ts';
import { pageOf } from './page.ts';
import { isUncounted, seriesOf } from './theme.ts';

const FIG3: Wanted = {
  scenario: 'fig3',
  places: [1, 2, 5, 10].map((n) => ({ seeders: n, leechers: n, rate: 512_000 })),
};
const FLASH: Wanted = {
  scenario: 'flash',
  places: [{ seeders: 0, leechers: 10, rate: 64_000 }],
};

function figures(wanted: Wanted, change: (summary: Summary) => Partial<Summary> = () => ({})) {
  const { summary, rows } = experiment(wanted);
  const changed = { ...summary, ...change(summary) };
  const all = figuresOf(changed, rows);
  const of = (kind: string): Figure =>
    all.find(({ name }) => name.includes(`-${kind}-`)) ?? assert.fail(`no ${kind}`);
  return { all, of, svg: (kind: string) => standalone(of(kind)), page: pageOf(changed, all) };
}

describe('charts', () => {
  const options = { ...CONDITIONS.options, rttMs: 50, loss: 0.01, peerUp: 250_000, peerDown: 0 };

  it('say without their page what is the same all along, and how links were set', () => {
    const of = (places: Wanted['places']) =>
      figures({ scenario: 'flash', places }, () => ({ conditions: { ...CONDITIONS, options } }));
    const one = { seeders: 2, leechers: 3, rate: 64_000 };
    const seeders = of([one, { ...one, seeders: 4 }]);
    const leechers = of([one, { ...one, leechers: 4 }]);
    for (const kind of ['time', 'origin', 'loads']) {
      assert.match(seeders.svg(kind), />Seeders, with 3 leechers</);
      assert.match(leechers.svg(kind), />Leechers, loading at once, with 2 seeders</);
      assert.match(
        seeders.svg(kind),
        /Links: visitors send 250 KB\/s, round trips 50 ms longer, 1 % of packets lost\./,
      );
    }
    assert.doesNotMatch(
      figures(FIG3, () => ({ conditions: { ...CONDITIONS, options: {} } })).svg('time'),
      /Links/,
    );
  });

  it('say without their page what whiskers, shades and steps of colour are', () => {
    const said = (wanted: Wanted, kind: string) =>
      figures(wanted)
        .svg(kind)
        .replace(/<desc.*?<\/desc>/, '')
        .replace(/<\/text><text[^>]*>/g, ' ');
    const range = 'from the fastest to the slowest load';
    assert.match(said(FLASH, 'time'), RegExp(`>[^<]*Bars are means, whiskers reach ${range}\\.`));
    assert.match(said(FIG3, 'time'), RegExp(`>[^<]*the shade around them reaches ${range}\\.`));
    const fig2 = { scenario: 'fig2', places: grid(3, 512_000) };
    assert.match(said(fig2, 'heatmap'), />[^<]*each step is by the same factor \(log scale\)/);
    assert.match(said(fig2, 'origin'), />[^<]*The shade is the range over the numbers of seeders/);
    assert.doesNotMatch(said(FIG3, 'origin'), /shade/);
  });

  it('show a fluid limit that there is at one place only', () => {
    const place = (seeders: number) => ({ seeders, leechers: 3, rate: 64_000 });
    const svg = figures({ scenario: 'flash', places: [place(0), place(2)] }, ({ cells }) => ({
      cells: cells.map((cell) => (cell.seeders === 0 ? cell : { ...cell, fluidLimitMs: null })),
    })).svg('time');
    assert.match(svg, /d="M[\d.]+ [\d.]+h24" class="limit/);
  });
});

describe('lines of charts', () => {
  it('bring the paper’s figure 3 only where the origin is as its own was', () => {
    const at = (rate: number) =>
      figures({ ...FIG3, places: FIG3.places.map((one) => ({ ...one, rate })) });
    for (const rate of [512_000, 524_288]) assert.match(at(rate).svg('time'), /Paper, HTTP/);
    for (const rate of [64_000, 0]) {
      assert.doesNotMatch(at(rate).svg('time'), /Paper/);
      assert.doesNotMatch(at(rate).of('time').caption, /paper/);
    }
  });

  it('are dotted for the paper alone, and no two alike', () => {
    assert.match(
      figures(FIG3).of('time').caption,
      /Dotted are “Paper, P2P \(2015\)” and “Paper, HTTP \(2015\)”: figure 3 of the paper/,
    );
    const paper = ['paper-p2p', 'paper-http'];
    const all = seriesOf([...MODES.map(({ name }) => name), ...paper]);
    const dotted = [...all].filter(([, { dash }]) => dash && Number(dash.split(' ')[0]) < 2);
    assert.deepEqual(
      dotted.map(([name]) => name),
      paper,
    );
    const dashes = [...all.values()].map(({ dash }) => dash);
    assert.equal(new Set(dashes).size, dashes.length, `${dashes}`);
    // The round ends of a line of 2.25 px eat as much of each gap.
    for (const dash of dashes.filter((one) => one !== undefined))
      assert.ok(
        dash.split(' ').every((px, index) => index % 2 === 0 || Number(px) >= 5),
        dash,
      );
  });
});

describe('charts of origin copies', () => {
  const modes = ['http-unlimited', 'zauberflote', 'webtorrent'];

  it('show none as 0, on an axis that is broken above it', () => {
    const { svg } = figures(FIG3, ({ cells }) => ({
      cells: cells.map((cell) =>
        cell.mode === 'zauberflote' ? { ...cell, originCopies: 0 } : cell,
      ),
    }));
    assert.match(svg('origin'), /log scale; 0 below the break.*>0<\/text>.*class="axis break"/s);
    assert.doesNotMatch(svg('time'), /break/);
  });

  it('leave out modes whose server is not counted, and say so', () => {
    for (const wanted of [{ scenario: 'fig2', places: grid(3, 512_000) }, FLASH]) {
      const { svg, of, page } = figures({ ...wanted, modes });
      assert.doesNotMatch(svg('origin').replace(/<desc.*?<\/desc>/, ''), /not limited/);
      assert.match(of('origin').caption, /“Plain HTTP, not limited” is left out/);
      assert.match(svg('loads'), /not limited/);
      assert.doesNotMatch(page, /Plain HTTP, not limited[^<]*origin copies/);
      assert.match(page, /WebTorrent[^<]*origin copies/);
      assert.match(page, /not limited<\/th>(?:(?!<\/tr>).)*<td>–<\/td><\/tr>/);
    }
    assert.doesNotMatch(figures(FIG3).of('origin').caption, /left out/);
  });

  it('are not drawn where nothing was counted', () => {
    const { all } = figures({ ...FLASH, modes: ['http-unlimited'] });
    assert.deepEqual(
      all.map(({ name }) => name),
      ['flash-time-64000', 'flash-loads-64000'],
    );
  });

  it('know such modes by their names', () => {
    for (const { name, unlimited = false } of MODES)
      assert.equal(isUncounted(name), unlimited, name);
  });

  it('say who counted', () => {
    for (const wanted of [FIG3, FLASH]) {
      const by = (shaper: string) =>
        figures(wanted, () => ({ conditions: { ...CONDITIONS, shaper } })).of('origin').caption;
      assert.match(by('tc'), /by kernel counters, in copies/);
      assert.match(by('proxy'), /by the lab’s proxy .* not their headers, in copies/);
      assert.doesNotMatch(by('proxy'), /kernel/);
    }
  });
});
