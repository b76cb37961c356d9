import assert from 'node:assert/strict';
import type { Cell } from '../results.ts';
import type { Committed } from './committed.ts';
import { CONDITIONS, experiment, type Wanted } from './fixtures.ts';
import { targetsSection } from './targets.ts';

const NO_LINKS = { peerUp: 0, peerDown: 0, rttMs: 0, loss: 0, scriptFrom: 'fast' };

function result(
  wanted: Wanted,
  change: (cell: Cell) => Partial<Cell> = () => ({}),
  options: Readonly<Record<string, unknown>> = {},
  over: object = {},
): Committed {
  const { summary } = experiment(wanted);
  const conditions = { ...CONDITIONS, options: { ...NO_LINKS, ...options }, ...over };
  const cells = summary.cells.map((cell) => ({ ...cell, ...change(cell) }));
  const none = { load: null, sim: null, soak: null, hostile: null, size: null, figures: [] };
  return { name: wanted.scenario, summary: { ...summary, conditions, cells }, ...none };
}

const line = (text: string, start: string): string =>
  text.split('\n').find((one) => one.startsWith(`| ${start}`)) ?? assert.fail(`no ${start}`);

const FLASH: Wanted = {
  scenario: 'flash',
  places: [{ seeders: 0, leechers: 10, rate: 64_000 }],
};

describe('targets', () => {
  it('say what was not measured', () => {
    const text = targetsSection([], {});
    assert.equal(text.match(/\| – not measured \|/g)?.length, 26);
    assert.doesNotMatch(text, /Why those/);
  });

  it('say what was reached, and by how much and why what was missed', () => {
    const good = () => ({ meanMs: 13_500, fluidLimitMs: 12_288, originCopies: 1.07 });
    const start = '`flash` S=0 L=10, 64 KB/s |';
    assert.match(line(targetsSection([result(FLASH, good)], {}), start), /✓ reached \|$/);
    const cpu = {
      ...{ wallMs: 1000, cores: 2, machine: { busy: 1.8, softirq: 0.1, idle: 0.2 } },
      ...{ kinds: { nginx: { user: 1, system: 0 } }, threads: {} },
    };
    const bad = () => ({ ...good(), meanMs: 2 * 1.15 * 12_288, cpu });
    const text = targetsSection([result(FLASH, bad)], { flash: 'It was a test' });
    assert.match(line(text, start), /2\.30 × fluid limit .*✕ missed mean by 100 % \|$/);
    assert.match(
      text,
      /\n- `flash` S=0 L=10, 64 KB\/s: It was a test; processors 90 % busy: nginx 50 %\.$/,
    );
  });

  it('say when only some of a target was measured', () => {
    const places = [{ seeders: 1, leechers: 1, rate: 64_000 }];
    const change = ({ mode }: Cell) => ({ meanMs: mode === 'webtorrent' ? 1000 : 10 });
    const fig3 = result({ scenario: 'fig3', places, modes: ['zauberflote', 'webtorrent'] }, change);
    assert.match(
      line(targetsSection([fig3], {}), '`fig3` n ='),
      /✓ reached; not all was measured \|$/,
    );
  });

  it('take failed loads for a miss, however fast the others were', () => {
    const text = targetsSection([result(FLASH, () => ({ failed: 1, meanMs: 1 }))], {});
    assert.match(line(text, '`flash` S=0 L=10, 64 KB/s |'), /✕ missed mean as loads failed/);
  });

  it('look only at results of the same links, that are not void, and at the newest', () => {
    const slow = () => ({ meanMs: 90_000 });
    const fast = () => ({ meanMs: 1, originCopies: 1 });
    const start = '`flash` S=0 L=10, 64 KB/s |';
    const measured = (...results: Committed[]) => line(targetsSection(results, {}), start);
    assert.match(measured(result(FLASH, fast, { peerUp: 1000 })), /not measured/);
    assert.match(measured(result(FLASH, fast, { scriptFrom: 'origin' })), /not measured/);
    const voided = result(FLASH, fast);
    assert.match(
      measured({ ...voided, summary: { ...voided.summary!, verdict: 'void' } }),
      /not measured/,
    );
    const newer = { date: '2026-02-01T00:00:00.000Z' };
    for (const order of [0, 1]) {
      const both = [result(FLASH, slow), result(FLASH, fast, {}, newer)];
      assert.match(measured(...(order ? both : both.reverse())), /reached/);
    }
  });

  it('count the scripts, and no pages, where the origin sends them', () => {
    const fromOrigin = { zauberflote: { pageBytes: 1e9, scriptBytes: 20_000 } };
    const options = { scriptFrom: 'origin', fromOrigin, assetBytes: 786_432 };
    const limit = ((786_432 + 200_000) / 64_000) * 1000;
    const text = targetsSection([result(FLASH, () => ({ meanMs: 1.2 * limit }), options)], {});
    assert.match(line(text, '`flash` S=0 L=10, 64 KB/s, script'), /1\.20 × that .* by 4.3 % \|$/);
  });

  it('measure trouble by the same without it, and figure 2 by plain HTTP not limited', () => {
    const modes = ['http-unlimited', 'zauberflote', 'zauberflote-undisturbed'];
    const places = [{ seeders: 10, leechers: 10, rate: 512_000 }];
    const means: Record<string, number> = { zauberflote: 1000, 'http-unlimited': 300 };
    const change = ({ mode }: Cell) => ({ meanMs: means[mode] ?? 500 });
    const text = targetsSection(
      ['churn', 'fig2'].map((scenario) => result({ scenario, places, modes }, change)),
      {},
    );
    assert.match(line(text, '`churn`'), /2\.00 × zauberflote-undisturbed .* by 33 % \|$/);
    assert.match(
      line(text, '`fig2`'),
      /1 of 1 cells above, worst S=10 L=10: 1000 ms, at most 900 ms .* by 11 % \|$/,
    );
  });
});
