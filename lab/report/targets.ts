/** The figures that engine and tracker are to reach, and what the committed results say of them. */
import type { Committed } from './committed.ts';
import { code, md, mdTable } from './markdown.ts';
import { percent } from './scale.ts';
import {
  against,
  atLeast,
  atMost,
  beyond,
  inside,
  number,
  type Outcome,
  placesOf,
  profileOf,
  type Target,
  type Wanted,
  worstOf,
} from './target-tools.ts';
import { TRACKER_TARGETS } from './tracker-targets.ts';

const KB = 1000;

type Json = Readonly<Record<string, unknown>>;

/** Mean of ours at most so many times the fluid limit. */
const ofLimit = (times: number, wanted: Wanted) => (results: readonly Committed[]) =>
  placesOf(results, wanted).flatMap(({ of }) =>
    against('mean', of('zauberflote'), times, of('zauberflote')?.fluidLimitMs, 'fluid limit'),
  );

const copies =
  (most: number, wanted: Wanted, where = 'origin') =>
  (results: readonly Committed[]) =>
    placesOf(results, wanted).flatMap(({ of, rate }): Outcome[] => {
      const cell = of('zauberflote');
      const at = where === 'origin' ? where : `${where} ${rate / KB} KB/s`;
      const text = `${cell?.originCopies.toFixed(2)} copies`;
      return cell ? [atMost(at, cell.originCopies, most, text, cell)] : [];
    });

/** Nothing failed, and at most half more than without the trouble. */
function trouble(
  scenario: string,
  seeders: number,
  base: 'zauberflote-undisturbed' | 'http' = 'zauberflote-undisturbed',
): Target {
  const words = base === 'http' ? 'plain HTTP, all there is without a tracker' : 'undisturbed';
  return {
    id: scenario,
    scenario: `${code(scenario)}, ${seeders} seeders`,
    reach: `0 failed, 0 wrong bytes, ≤ 1.5 × ${words}`,
    outcomes: (results) =>
      placesOf(results, { scenario, seeders, options: { peerUp: undefined } }).flatMap(
        ({ of, leechers }) =>
          against(`L=${leechers}`, of('zauberflote'), 1.5, of(base)?.meanMs, base),
      ),
  };
}

const FLASH = { scenario: 'flash', seeders: 0, leechers: 10 };
const FLASH_64 = { ...FLASH, rate: 64 * KB };
const FAR = { peerUp: 250 * KB, peerDown: 1000 * KB };

const ENGINE_TARGETS: readonly Target[] = [
  {
    id: 'flash',
    scenario: '`flash` S=0 L=10, 64 KB/s',
    reach: 'mean ≤ 1.15 × fluid limit, origin ≤ 1.10 copies',
    parts: 2,
    outcomes: (results) => [...ofLimit(1.15, FLASH_64)(results), ...copies(1.1, FLASH_64)(results)],
  },
  {
    id: 'lone-64',
    scenario: '`lone` at 64 KB/s, script from the same origin',
    reach: '≤ 1.05 × plain HTTP',
    outcomes: (results) =>
      placesOf(results, {
        ...{ scenario: 'lone', rate: 64 * KB, leechers: 1 },
        options: { scriptFrom: 'origin' },
      }).flatMap(({ of }) => against('', of('zauberflote'), 1.05, of('http')?.meanMs, 'HTTP')),
  },
  {
    id: 'lone-unlimited',
    scenario: '`lone`, not limited',
    reach: '≤ plain HTTP + 100 ms',
    outcomes: (results) =>
      placesOf(results, { scenario: 'lone', rate: 0, leechers: 1 }).flatMap(({ of }) => {
        const [ours, http] = [of('zauberflote'), of('http')?.meanMs];
        if (!ours?.meanMs || !http) return [];
        const text = `HTTP + ${Math.round(ours.meanMs - http)} ms`;
        return [atMost('', ours.meanMs, http + 100, text, ours)];
      }),
  },
  {
    id: 'fig3',
    scenario: '`fig3` n = 1, 5, 10, 64 KB/s',
    reach: '≤ 0.5 × WebTorrent, ≤ 0.04 × HTTP',
    parts: 6,
    outcomes: (results) =>
      [1, 5, 10].flatMap((n) =>
        placesOf(results, {
          ...{ scenario: 'fig3', rate: 64 * KB, seeders: n, leechers: n },
        }).flatMap(({ of }) => [
          ...against(`n = ${n}`, of('zauberflote'), 0.5, of('webtorrent')?.meanMs, 'WebTorrent'),
          ...against(`n = ${n}`, of('zauberflote'), 0.04, of('http')?.meanMs, 'HTTP'),
        ]),
      ),
  },
  {
    id: 'fig3-http',
    scenario: '`fig3`, any n and rate',
    reach: 'never above plain HTTP',
    outcomes: (results) =>
      worstOf(
        placesOf(results, { scenario: 'fig3' }).flatMap(({ of, leechers, rate }) =>
          against(
            `worst: n = ${leechers}, ${rate / KB} KB/s`,
            of('zauberflote'),
            1,
            of('http')?.meanMs,
            'HTTP',
          ),
        ),
      ),
  },
  {
    id: 'fig2',
    scenario: '`fig2` up to 10 × 10',
    reach: 'every cell ≤ 2 × unthrottled plain HTTP by as many browsers + 300 ms',
    outcomes: (results) => {
      const all = placesOf(results, { scenario: 'fig2' }).flatMap(
        ({ of, seeders, leechers }): Outcome[] => {
          const [ours, floor] = [of('zauberflote'), of('http-unlimited')?.meanMs];
          if (!ours?.meanMs || !floor) return [];
          const most = 2 * floor + 300;
          const text = `${Math.round(ours.meanMs)} ms, at most ${Math.round(most)} ms`;
          return [atMost(`S=${seeders} L=${leechers}`, ours.meanMs, most, text, ours)];
        },
      );
      const missed = all.filter(({ over }) => over > 0).length;
      return worstOf(all).map((one) => ({
        ...one,
        where: `${missed} of ${all.length} cells above, worst ${one.where}`,
      }));
    },
  },
  {
    id: 'flash-script',
    scenario: '`flash` S=0 L=10, 64 KB/s, script from the origin too',
    reach: '≤ 1.15 × (image + 10 scripts) ÷ rate',
    outcomes: (results) =>
      placesOf(results, { ...FLASH_64, options: { scriptFrom: 'origin' } }).flatMap(
        ({ of, summary: { conditions } }) => {
          const { options } = conditions;
          const script = number(inside(options, 'fromOrigin', 'zauberflote', 'scriptBytes'));
          const image = number(options.assetBytes);
          if (script === undefined || image === undefined) return [];
          const limit = ((image + 10 * script) / (64 * KB)) * 1000;
          return against('mean', of('zauberflote'), 1.15, limit, 'that');
        },
      ),
  },
  {
    id: 'two-trackers',
    scenario: '`two-trackers` L=10, 64 KB/s: every other visitor at another tracker',
    reach: 'origin ≤ 1.10 copies, as by one',
    outcomes: (results) =>
      placesOf(results, { ...FLASH_64, scenario: 'two-trackers' }).flatMap(({ of }): Outcome[] => {
        const cell = of('zauberflote-two-trackers');
        if (!cell) return [];
        const [ours, one] = [cell, of('zauberflote')].map((it) => it?.originCopies.toFixed(2));
        return [atMost('', cell.originCopies, 1.1, `${ours} copies; by one ${one}`, cell)];
      }),
  },
  {
    id: 'copies',
    scenario: 'S=10 L=10, 64 and 512 KB/s',
    reach: 'origin ≤ 0.05 copies',
    parts: 2,
    outcomes: (results) =>
      [64, 512].flatMap((rate) =>
        copies(
          0.05,
          { scenario: 'fig3', rate: rate * KB, seeders: 10, leechers: 10 },
          'at',
        )(results),
      ),
  },
  {
    id: 'flash-far',
    scenario: '`flash` L=10, peers 8 Mbit/s down and 2 up, origin 512 KB/s',
    reach: '≤ 1.25 × fluid limit',
    outcomes: ofLimit(1.25, { ...FLASH, rate: 512 * KB, options: FAR }),
  },
  {
    id: 'bulk',
    scenario: '`bulk`: one seeder to one leecher, 100 MiB',
    reach: '≥ 85 % of a bare data channel in the same run',
    outcomes: (results) =>
      placesOf(results, { scenario: 'bulk' }).flatMap(({ of }): Outcome[] => {
        const cell = of('zauberflote');
        const share = cell?.ofBareChannel;
        if (!cell || typeof share !== 'number') return [];
        return [{ ...atLeast('', share, 0.85, percent(share)), cell }];
      }),
  },
  {
    id: 'first-byte',
    scenario: '`first-byte` S=3 L=1, round trips of 50 ms',
    reach: 'first content from a peer ≤ 6 RTT + 150 ms after navigation',
    outcomes: (results) =>
      placesOf(results, {
        ...{ scenario: 'first-byte', seeders: 3, leechers: 1 },
        options: { rttMs: 50 },
      }).flatMap(({ of }) => {
        const cell = of('zauberflote');
        const at = cell?.firstPeerByteMs;
        if (typeof at !== 'number') return [];
        const script = cell?.marks?.script;
        const from = script === undefined ? '' : `, ${Math.round(at - script)} ms after its script`;
        return [atMost('', at, 450, `${Math.round(at)} ms${from}`, cell)];
      }),
  },
  trouble('churn', 10),
  trouble('poison', 10),
  trouble('slow-peer', 4),
  trouble('origin-down', 4),
  trouble('tracker-down', 2, 'http'),
  {
    id: 'bundle',
    scenario: 'Bundle, gzip',
    reach: '≤ 20 KB',
    outcomes: (results) =>
      results.flatMap(({ size }): Outcome[] => {
        const bytes = size?.find(({ file }) => file === 'zauberflote.js')?.gzip;
        if (bytes === undefined) return [];
        return [atMost('', bytes, 20 * KB, `${(bytes / KB).toFixed(1)} KB`)];
      }),
  },
  {
    id: 'sim',
    scenario: 'Simulation, 10 000 peers arriving in 10 s',
    reach:
      'mean ≤ 1.3 × fluid limit of such arrivals, origin ≤ 1.2 copies, engine CPU per peer flat',
    parts: 3,
    outcomes: (results) => simulated(results),
  },
];

function simulated(results: readonly Committed[]): Outcome[] {
  const of = (peers: number, beside: number) =>
    results.flatMap(({ sim }) =>
      inside(sim, 'result', 'scenario', 'peers') === peers &&
      inside(sim, 'result', 'scenario', 'arrivalMs') === 10_000 &&
      (inside(sim, 'machine', 'beside') ?? 0) === beside
        ? [sim as Json]
        : [],
    )[0];
  // As many peers in one process either way: they share its memory and caches, as no browsers do.
  const [large, small, alone] = [of(10_000, 0), of(1_000, 9), of(1_000, 0)];
  const mean = number(inside(large, 'result', 'timeMs', 'mean'));
  const least = number(inside(large, 'result', 'leastMeanMs'));
  const origin = number(inside(large, 'result', 'originCopies'));
  const [cost, base, one] = [large, small, alone].map((sim) =>
    number(inside(sim, 'machine', 'engineMsPerPeer')),
  );
  return [
    ...(mean !== undefined && least !== undefined
      ? [atMost('mean', mean, 1.3 * least, `${(mean / least).toFixed(2)} × that`)]
      : []),
    ...(origin !== undefined ? [atMost('origin', origin, 1.2, `${origin.toFixed(2)} copies`)] : []),
    ...(cost !== undefined && base !== undefined
      ? [
          // Flat: a quarter is what two runs of the same differ by on a busy machine.
          atMost(
            'engine CPU per peer',
            cost,
            1.25 * base,
            `${cost.toFixed(1)} ms against ${base.toFixed(1)} ms in ten swarms of 1 000 at once` +
              (one === undefined ? '' : ` (${one.toFixed(1)} ms in one alone)`),
          ),
        ]
      : []),
  ];
}

/** @param why reasons by target, for those that were missed */
export function targetsSection(
  results: readonly Committed[],
  why: Readonly<Record<string, string>>,
): string {
  const judged = [...ENGINE_TARGETS, ...TRACKER_TARGETS].map((target) => ({
    target,
    outcomes: target.outcomes(results),
  }));
  const rows = judged.map(({ target: { scenario, reach, parts = 1 }, outcomes }) => {
    const missed = outcomes.filter(({ over }) => !(over <= 0));
    const verdict =
      outcomes.length === 0
        ? '– not measured'
        : missed.length === 0
          ? '✓ reached'
          : `✕ missed ${missed.map((one) => `${one.where === '' ? '' : `${md(one.where)} `}${beyond(one)}`).join('; ')}`;
    const measured = outcomes.map(({ where, measured }) =>
      md(where === '' ? measured : `${where}: ${measured}`),
    );
    const some = outcomes.length > 0 && outcomes.length < parts ? '; not all was measured' : '';
    return [scenario, reach, measured.join('; ') || '–', verdict + some];
  });
  const reasons = judged.flatMap(({ target: { id, scenario }, outcomes }) => {
    const missed = worstOf(outcomes.filter(({ over }) => !(over <= 0)));
    return missed.map((one) => {
      const profile = profileOf(one);
      const said = [...(why[id] ? [md(why[id])] : []), ...(profile === null ? [] : [md(profile)])];
      return `- ${scenario}: ${said.length === 0 ? 'no reason recorded' : said.join('; ')}.`;
    });
  });
  return [
    '## What was to be reached',
    'S: seeders, L: leechers. “Missed by” is how far beyond the bound the figure is, as a share of the bound.',
    mdTable(['Scenario', 'To reach', 'Measured', 'Verdict'], rows, 'words'),
    ...(reasons.length === 0 ? [] : [`**Why those were missed**\n\n${reasons.join('\n')}`]),
  ].join('\n\n');
}
