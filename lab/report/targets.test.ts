import assert from 'node:assert/strict';
import type { Cell } from '../results.ts';
import type { Committed } from './committed.ts';
import { CONDITIONS, experiment, type Wanted } from './fixtures.ts';
import { targetsSection } from './targets-section.ts';

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
    assert.equal(text.match(/\| – not measured \|/g)?.length, 27);
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
    const why = { flash: { of: { flash: CONDITIONS.date }, why: 'It was a test' } };
    const text = targetsSection([result(FLASH, bad)], why);
    assert.match(line(text, start), /2\.30 × fluid limit .*✕ missed mean by 100 % \|$/);
    assert.match(
      text,
      /\n- `flash` S=0 L=10, 64 KB\/s: It was a test; processors 90 % busy: nginx 50 %\.$/,
    );
  });

  it('tell a reason of the result that it was found for, and of no other', () => {
    const slow = () => ({ meanMs: 90_000, originCopies: 1 });
    const told = (name: string, of: Record<string, string>) => {
      const one = { ...result(FLASH, slow), name };
      const text = targetsSection([one], { flash: { of, why: 'It was a test' } });
      return /\n- `flash` S=0 L=10, 64 KB\/s: (.*)\.$/.exec(text)?.[1];
    };
    const { date } = CONDITIONS;
    assert.equal(told('flash', { flash: date }), 'It was a test');
    assert.equal(told('flash', { bulk: date, flash: date }), 'It was a test');
    const open = 'the reason is still to be found';
    assert.equal(told('flash', { flash: '2024-12-31T00:00:00.000Z' }), open);
    assert.equal(told('flash-2', { flash: date }), open);
    assert.equal(told('constructor', { flash: date }), open);
    const undated = result(FLASH, slow, {}, { date: undefined });
    assert.match(
      targetsSection([undated], { flash: { of: { flash: '' }, why: 'x' } }),
      /to be found/,
    );
  });

  it('tell a reason only where it is of every result that was missed', () => {
    const at = (rate: number, name: string, copies: number) => {
      const places = [{ seeders: 10, leechers: 10, rate }];
      return { ...result({ scenario: 'fig3', places }, () => ({ originCopies: copies })), name };
    };
    const { date } = CONDITIONS;
    const why = { copies: { of: { slow: date }, why: 'It was a test' } };
    const has = (...results: Committed[]) => targetsSection(results, why).includes('It was a test');
    assert.ok(has(at(64_000, 'slow', 1), at(512_000, 'fast', 0)));
    assert.ok(!has(at(64_000, 'slow', 1), at(512_000, 'fast', 1)));
  });

  it('know a size by its bytes, as it has no date', () => {
    const size = (gzip: number) => ({
      ...{ name: 'size', summary: null, load: null, sim: null, soak: null, hostile: null },
      ...{ size: [{ file: 'zauberflote.js', gzip }], figures: [] },
    });
    const why = { bundle: { of: { size: '36044 bytes' }, why: 'It was a test' } };
    assert.match(targetsSection([size(36_044)], why), /- Bundle, gzip: It was a test\.$/);
    assert.match(targetsSection([size(36_045)], why), /- Bundle, gzip: the reason is still/);
  });

  it('have no reason under a name that none of them has', () => {
    const why = { flush: { of: { flash: CONDITIONS.date }, why: 'A slip' } };
    assert.throws(() => targetsSection([], why), /no target is called 'flush'; there are flash,/);
  });

  it('say when and how often was measured what they rest on', () => {
    const at = (rate: number, runs: number, date: string) => {
      const places = [{ seeders: 10, leechers: 10, rate }];
      return result({ scenario: 'fig3', places, runs }, undefined, {}, { date });
    };
    const both = [
      at(64_000, 3, '2026-02-01T10:00:00.000Z'),
      at(512_000, 1, '2026-01-31T09:00:00Z'),
    ];
    const text = targetsSection(both, {});
    assert.match(line(text, 'S=10 L=10'), /\| 2026-02-01, 3 runs; 2026-01-31, 1 run \| [✓✕]/);
    // That it is the worst rests on those it was compared with.
    assert.match(line(text, '`fig3`, any'), /\| 2026-01-31, 1 run; 2026-02-01, 3 runs \| [✓✕]/);
    assert.match(line(text, '`fig3` n ='), /\| 2026-02-01, 3 runs \| [✓✕]/);
    assert.match(line(text, '`bulk`'), /\| – \| – \| – not measured \|$/);
  });

  it('say how far loads differed', () => {
    const change = () => ({ meanMs: 13_000, minMs: 12_500.4, maxMs: 14_000.6 });
    const text = targetsSection([result(FLASH, change)], {});
    assert.match(line(text, '`flash` S=0 L=10, 64 KB/s |'), /mean: 13000 ms \(12500–14001\), /);
  });

  it('do not count a bench that ended early', () => {
    const good = () => ({ meanMs: 13_500, originCopies: 1.07 });
    const failed = (why: string, date: string): Committed => {
      const one = result(FLASH, good, {}, { date });
      return { ...one, summary: { ...one.summary!, verdict: 'failed', why: [why] } };
    };
    const broken = failed('ended early: ip netns add: File exists', '2026-02-01T00:00:00.000Z');
    const start = '`flash` S=0 L=10, 64 KB/s |';
    assert.match(line(targetsSection([broken], {}), start), /– not measured \|$/);
    const whole = failed('a check did not hold', '2026-01-31T00:00:00.000Z');
    for (const results of [
      [whole, broken],
      [broken, whole],
    ])
      assert.match(
        line(targetsSection(results, {}), start),
        /\| 2026-01-31, 3 runs \| ✓ reached \|$/,
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
    assert.match(
      line(text, '`flash` S=0 L=10, 64 KB/s |'),
      /1 ms \(.*1 of 30 loads failed.* ✕ missed mean as loads failed; origin as loads failed/,
    );
  });

  for (const [start, scenario, place, options] of [
    ['`lone`, not', 'lone', { seeders: 0, leechers: 1, rate: 0 }, {}],
    ['`fig2`', 'fig2', { seeders: 2, leechers: 2, rate: 512_000 }, {}],
    ['`two-trackers`', 'two-trackers', { seeders: 0, leechers: 10, rate: 64_000 }, {}],
    ['S=10 L=10', 'fig3', { seeders: 10, leechers: 10, rate: 64_000 }, {}],
    ['`bulk`', 'bulk', { seeders: 1, leechers: 1, rate: 64_000 }, {}],
    ['`first-byte`', 'first-byte', { seeders: 3, leechers: 1, rate: 512_000 }, { rttMs: 50 }],
    ['`churn`', 'churn', { seeders: 10, leechers: 10, rate: 512_000 }, {}],
  ] as const)
    it(`take failed loads for a miss in ${start}, were it some or all`, () => {
      const modes = ['http', 'http-unlimited', 'zauberflote', 'zauberflote-undisturbed'];
      const wanted = { scenario, places: [place], modes: [...modes, 'zauberflote-two-trackers'] };
      for (const all of [false, true]) {
        const change = ({ mode, loads }: Cell): Partial<Cell> => {
          if (!/^zauberflote(-two-trackers)?$/.test(mode)) return { meanMs: 100_000 };
          const good = {
            failed: 1,
            originCopies: 0,
            ofBareChannel: 1,
            firstPeerByteMs: 1,
            meanMs: 1,
          };
          const none = { failed: loads, ofBareChannel: null, firstPeerByteMs: null, meanMs: null };
          return all ? { ...good, ...none } : good;
        };
        const text = line(targetsSection([result(wanted, change, options)], {}), start);
        assert.match(text, /✕ missed .*as loads failed/);
        assert.doesNotMatch(text, /NaN|Infinity|null|undefined/);
      }
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

  it('measure figure 2 by all loads of plain HTTP with as many leechers, as it has no seeders', () => {
    const modes = ['http-unlimited', 'zauberflote'];
    const at = (seeders: number, leechers: number) => ({ seeders, leechers, rate: 512_000 });
    const places = [at(1, 2), at(5, 2), at(10, 2), at(1, 5), at(5, 5)];
    // With two leechers: 4 loads of 100 ms and 2 of 400, so 200 ms, and at most 700.
    const change = ({ mode, seeders, leechers }: Cell): Partial<Cell> => {
      if (mode === 'zauberflote') return { meanMs: leechers === 2 ? 600 + 11 * seeders : 1 };
      if (leechers === 5) return { meanMs: 5000 };
      if (seeders === 10) return { meanMs: null, loads: 2, failed: 2 };
      return seeders === 1
        ? { meanMs: 100, loads: 5, failed: 1 }
        : { meanMs: 400, loads: 2, failed: 0 };
    };
    const text = targetsSection([result({ scenario: 'fig2', places, modes }, change)], {});
    assert.match(
      line(text, '`fig2`'),
      /1 of 5 cells above, worst S=10 L=2: 710 ms \(\d+–\d+\), at most 700 ms .* by 1.4 % \|$/,
    );
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
      /1 of 1 cells above, worst S=10 L=10: 1000 ms \(\d+–\d+\), at most 900 ms .* by 11 % \|$/,
    );
  });
});
