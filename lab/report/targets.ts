/** The figures that the engine is to reach. */
import type { Committed } from './committed.ts';
import { code } from './markdown.ts';
import { percent } from './scale.ts';
import {
  against,
  atLeast,
  atMost,
  inPlaces,
  inside,
  meanOfAll,
  meanText,
  number,
  type Outcome,
  restingOn,
  sourceOf,
  type Target,
  type Wanted,
  worstOf,
} from './target-tools.ts';

const KB = 1000;

/** Mean of ours at most so many times the fluid limit. */
const ofLimit = (times: number, wanted: Wanted) => (results: readonly Committed[]) =>
  inPlaces(results, wanted, ({ of }) =>
    against('mean', of('zauberflote'), times, of('zauberflote')?.fluidLimitMs, 'fluid limit'),
  );

const copies =
  (most: number, wanted: Wanted, where = 'origin') =>
  (results: readonly Committed[]) =>
    inPlaces(results, wanted, ({ of, rate }) => {
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
      inPlaces(results, { scenario, seeders, options: { peerUp: undefined } }, ({ of, leechers }) =>
        against(`L=${leechers}`, of('zauberflote'), 1.5, of(base)?.meanMs, base),
      ),
  };
}

const FLASH = { scenario: 'flash', seeders: 0, leechers: 10 };
const FLASH_64 = { ...FLASH, rate: 64 * KB };
const FAR = { peerUp: 250 * KB, peerDown: 1000 * KB };
const HEALTHY = { peerUp: 125_000, peerDown: 1_000_000, rttMs: 20, scriptFrom: 'origin' };

export const ENGINE_TARGETS: readonly Target[] = [
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
      inPlaces(
        results,
        {
          ...{ scenario: 'lone', rate: 64 * KB, leechers: 1 },
          options: { scriptFrom: 'origin' },
        },
        ({ of }) => against('', of('zauberflote'), 1.05, of('http')?.meanMs, 'HTTP'),
      ),
  },
  {
    id: 'lone-unlimited',
    scenario: '`lone`, not limited',
    reach: '≤ plain HTTP + 100 ms',
    outcomes: (results) =>
      inPlaces(results, { scenario: 'lone', rate: 0, leechers: 1 }, ({ of }) => {
        const [ours, http] = [of('zauberflote'), of('http')];
        if (!ours || !http?.meanMs) return [];
        const mean = ours.meanMs ?? Number.POSITIVE_INFINITY;
        const more = `HTTP + ${Math.round(mean - http.meanMs)} ms: `;
        const text = `${ours.meanMs === null ? '' : more}${meanText(ours)}, HTTP ${meanText(http)}`;
        return [atMost('', mean, http.meanMs + 100, text, ours)];
      }),
  },
  {
    id: 'fig3',
    scenario: '`fig3` n = 1, 5, 10, 64 KB/s',
    reach: '≤ 0.5 × WebTorrent, ≤ 0.04 × HTTP',
    parts: 6,
    outcomes: (results) =>
      [1, 5, 10].flatMap((n) =>
        inPlaces(
          results,
          { scenario: 'fig3', rate: 64 * KB, seeders: n, leechers: n },
          ({ of }) => [
            ...against(`n = ${n}`, of('zauberflote'), 0.5, of('webtorrent')?.meanMs, 'WebTorrent'),
            ...against(`n = ${n}`, of('zauberflote'), 0.04, of('http')?.meanMs, 'HTTP'),
          ],
        ),
      ),
  },
  {
    id: 'fig3-http',
    scenario: '`fig3`, any n and rate',
    reach: 'never above plain HTTP',
    outcomes: (results) =>
      worstOf(
        inPlaces(results, { scenario: 'fig3' }, ({ of, leechers, rate }) =>
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
    id: 'healthy-http',
    scenario: '`healthy-origin`: five together, 10 MB/s, 1 Mbit/s up each',
    reach: 'never above plain HTTP (DESIGN section 5)',
    outcomes: (results) =>
      worstOf(
        inPlaces(
          results,
          { ...{ scenario: 'flash', rate: 10_000_000, leechers: 5 }, options: HEALTHY },
          ({ of, seeders }) =>
            against(`worst: S=${seeders}`, of('zauberflote'), 1, of('http')?.meanMs, 'HTTP'),
        ),
      ),
  },
  {
    id: 'fig2',
    scenario: '`fig2` up to 10 × 10',
    reach:
      'every cell ≤ 2 × unthrottled plain HTTP by as many leechers (all its loads, as it has no seeders) + 300 ms',
    outcomes: (results) => {
      const all = inPlaces(results, { scenario: 'fig2' }, (place) => {
        const { of, seeders, leechers } = place;
        const [ours, floor] = [of('zauberflote'), meanOfAll('http-unlimited', place)];
        if (!ours || floor === null) return [];
        const most = 2 * floor + 300;
        const text = `${meanText(ours)}, at most ${Math.round(most)} ms`;
        const mean = ours.meanMs ?? Number.POSITIVE_INFINITY;
        return [atMost(`S=${seeders} L=${leechers}`, mean, most, text, ours)];
      });
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
      inPlaces(
        results,
        { ...FLASH_64, options: { scriptFrom: 'origin' } },
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
      inPlaces(results, { ...FLASH_64, scenario: 'two-trackers' }, ({ of }) => {
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
      inPlaces(results, { scenario: 'bulk' }, ({ of }) => {
        const cell = of('zauberflote');
        const share = cell?.ofBareChannel ?? null;
        if (!cell || (share === null && cell.failed === 0)) return [];
        return [atLeast('', share ?? 0, 0.85, percent(share), cell)];
      }),
  },
  {
    id: 'first-byte',
    scenario: '`first-byte` S=3 L=1, round trips of 50 ms',
    reach: 'first content from a peer ≤ 6 RTT + 150 ms after navigation',
    outcomes: (results) =>
      inPlaces(
        results,
        { ...{ scenario: 'first-byte', seeders: 3, leechers: 1 }, options: { rttMs: 50 } },
        ({ of }) => {
          const cell = of('zauberflote');
          const at = cell?.firstPeerByteMs ?? null;
          if (!cell || (at === null && cell.failed === 0)) return [];
          if (at === null) return [atMost('', Number.POSITIVE_INFINITY, 450, 'none', cell)];
          const script = cell.marks?.script;
          const after =
            script === undefined ? '' : `, ${Math.round(at - script)} ms after its script`;
          return [atMost('', at, 450, `${Math.round(at)} ms${after}`, cell)];
        },
      ),
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
      results.flatMap(({ name, size }) => {
        const bytes = size?.find(({ file }) => file === 'zauberflote.js')?.gzip;
        if (bytes === undefined) return [];
        // No date is in it, and it needs none: the same code gives the same bytes.
        const from = { name, stamp: `${bytes} bytes`, words: 'one build' };
        return restingOn([from], [atMost('', bytes, 20 * KB, `${(bytes / KB).toFixed(1)} KB`)]);
      }),
  },
  {
    id: 'sim',
    scenario: 'Simulation, 10 000 peers arriving in 10 s',
    reach:
      'mean ≤ 1.3 × fluid limit of such arrivals, origin ≤ 1.2 copies, engine CPU per peer flat',
    parts: 3,
    outcomes: simulated,
  },
];

function simulated(results: readonly Committed[]): Outcome[] {
  const simOf = (peers: number, beside: number) =>
    results.find(
      ({ sim }) =>
        inside(sim, 'result', 'scenario', 'peers') === peers &&
        inside(sim, 'result', 'scenario', 'arrivalMs') === 10_000 &&
        (inside(sim, 'machine', 'beside') ?? 0) === beside,
    );
  // As many peers in one process either way: they share its memory and caches, as no browsers do.
  const [large, small, alone] = [simOf(10_000, 0), simOf(1_000, 9), simOf(1_000, 0)];
  const mean = number(inside(large?.sim, 'result', 'timeMs', 'mean'));
  const least = number(inside(large?.sim, 'result', 'leastMeanMs'));
  const origin = number(inside(large?.sim, 'result', 'originCopies'));
  const [cost, base, one] = [large, small, alone].map((it) =>
    number(inside(it?.sim, 'machine', 'engineMsPerPeer')),
  );
  const of = (...used: (Committed | undefined)[]) =>
    used.flatMap((it) => (it ? [sourceOf(it.name, it.sim?.conditions, '1 run')] : []));
  return [
    ...restingOn(of(large), [
      ...(mean !== undefined && least !== undefined
        ? [atMost('mean', mean, 1.3 * least, `${(mean / least).toFixed(2)} × that`)]
        : []),
      ...(origin !== undefined
        ? [atMost('origin', origin, 1.2, `${origin.toFixed(2)} copies`)]
        : []),
    ]),
    ...restingOn(
      of(large, small),
      cost !== undefined && base !== undefined
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
        : [],
    ),
  ];
}
