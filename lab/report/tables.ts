/** The tables of the page: cells, links, conditions. */

import { MARKS } from '../modes/marks.ts';
import { type LinkMeasurement, MAX_LINK_ERROR } from '../net/types.ts';
import type { Cell, Conditions } from '../results.ts';
import { plural } from './compare.ts';
import { type Child, h, type Markup } from './markup.ts';
import { grouped, megabytes, percent, rateText } from './scale.ts';
import { isUncounted, labelOf } from './theme.ts';
import { commitOf, loadAverageOf, MARK_WORDS } from './words.ts';

const DASH = '–';

function table(
  caption: string,
  head: readonly string[],
  body: readonly (readonly Child[])[],
): Markup {
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      {},
      h('caption', {}, caption),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          head.map((cell) => h('th', { scope: 'col' }, cell)),
        ),
      ),
      h(
        'tbody',
        {},
        body.map(([first, ...rest]) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, first ?? ''),
            rest.map((cell) => h('td', {}, cell)),
          ),
        ),
      ),
    ),
  );
}

const ms = (value: number | null): string => (value === null ? DASH : grouped(value));

export function cellTable(cells: readonly Cell[]): Markup {
  const columns: [head: string, of: (cell: Cell) => Child][] = [
    ['Mode', ({ mode }) => labelOf(mode)],
    ['Seeders', ({ seeders }) => seeders],
    ['Leechers', ({ leechers }) => leechers],
    ['Origin', ({ rateBytesPerSecond }) => rateText(rateBytesPerSecond)],
    ['Loads', ({ loads }) => loads],
    ['Failed', ({ failed }) => (failed > 0 ? h('strong', { class: 'bad' }, `✕ ${failed}`) : '0')],
    ['Mean', ({ meanMs }) => h('strong', {}, ms(meanMs))],
    ['± 95 %', ({ ci95Ms }) => ms(ci95Ms ?? null)],
    ['Median', ({ medianMs }) => ms(medianMs)],
    ['95th', ({ p95Ms }) => ms(p95Ms)],
    ['Min', ({ minMs }) => ms(minMs)],
    ['Max', ({ maxMs }) => ms(maxMs)],
    ['Limit', ({ fluidLimitMs }) => ms(fluidLimitMs)],
    [
      '× limit',
      ({ meanMs, fluidLimitMs }) =>
        meanMs === null || fluidLimitMs === null ? DASH : (meanMs / fluidLimitMs).toFixed(2),
    ],
    ['Copies', ({ mode, originCopies }) => (isUncounted(mode) ? DASH : originCopies.toFixed(2))],
  ];
  if (cells.some(({ firstPeerByteMs }) => typeof firstPeerByteMs === 'number'))
    columns.push(['Peer from', ({ firstPeerByteMs }) => ms(firstPeerByteMs ?? null)]);
  if (cells.some(({ peerBytesPerSecond }) => peerBytesPerSecond !== undefined))
    columns.push(
      ['From peers, MB/s', ({ peerBytesPerSecond }) => megabytes(peerBytesPerSecond)],
      ['Of a bare channel', ({ ofBareChannel }) => percent(ofBareChannel)],
    );
  return table(
    'All cells: times in ms; ± 95 %: confidence interval of the mean, by means of runs; 95th: percentile of loads; the fluid limit; copies of the image that left the origin; from when on content came from a peer, in ms after navigation',
    columns.map(([head]) => head),
    cells.map((cell) => columns.map(([, of]) => of(cell))),
  );
}

/** The steps of each cell's loads to a peer's first byte; null where none was recorded. */
export function marksTable(cells: readonly Cell[]): Markup | null {
  const marked = cells.filter(({ marks }) => marks && Object.keys(marks).length > 0);
  if (marked.length === 0) return null;
  return table(
    'The way to the first content from a peer: mean ms after navigation',
    ['Mode', 'Seeders', 'Leechers', 'Origin', ...MARKS.map((name) => MARK_WORDS[name])],
    marked.map(({ mode, seeders, leechers, rateBytesPerSecond, marks }) => [
      labelOf(mode),
      seeders,
      leechers,
      rateText(rateBytesPerSecond),
      ...MARKS.map((name) => ms(marks?.[name] ?? null)),
    ]),
  );
}

function linkState(links: readonly LinkMeasurement[], when: 'before' | 'after'): Child {
  const link = links.find((one) => one.when === when);
  if (!link) return h('strong', { class: 'bad' }, 'not measured');
  const text = `${grouped(link.measuredBytesPerSecond)} (${link.error < 0 ? '−' : '+'}${(Math.abs(link.error) * 100).toFixed(1)} %)`;
  // Not "greater than": a measurement that is not a number is off, too.
  return Math.abs(link.error) <= MAX_LINK_ERROR ? text : h('strong', { class: 'bad' }, `✕ ${text}`);
}

/** How many links were within {@link MAX_LINK_ERROR} in every measurement, and the table. */
export function linkTable(links: readonly LinkMeasurement[]): { summary: string; table: Markup } {
  const byLink = [...Map.groupBy(links, ({ host, direction }) => `${host} ${direction}`).values()];
  const off = byLink.filter((all) => all.some(({ error }) => !(Math.abs(error) <= MAX_LINK_ERROR)));
  const worst = Math.max(0, ...links.map(({ error }) => Math.abs(error)));
  const most = `${MAX_LINK_ERROR * 100} %`;
  return {
    summary:
      off.length > 0
        ? `${off.length} of ${plural(byLink.length, 'direction')} of links off by more than ${most}.`
        : `${plural(byLink.length, 'limited direction')} of links, all within ${most} of what was set; the worst was off by ${(worst * 100).toFixed(1)} %.`,
    table: table(
      'Links in bytes per second, as set and as real transfers found them',
      ['Host', 'Direction', 'Set', 'Before', 'After'],
      byLink.map((all) => [
        all[0]!.host,
        all[0]!.direction,
        grouped(all[0]!.setBytesPerSecond),
        linkState(all, 'before'),
        linkState(all, 'after'),
      ]),
    ),
  };
}

/** An option as a person would write it. */
function valueText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'not set');
}

export function conditionsTable(conditions: Conditions): Markup {
  const { date, kernel, cores, processor, memoryBytes, shaper, seed, versions, options } =
    conditions;
  const load = loadAverageOf(conditions.loadBefore, conditions.loadAfter, cores);
  return table(
    'Conditions',
    ['What', 'Value'],
    [
      ['Date', date],
      ['Commit', commitOf(conditions)],
      ['Kernel', kernel],
      ['Cores', cores],
      ...(processor === undefined ? [] : [['Processor', processor] as const]),
      ['Memory', `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`],
      ...(load === null ? [] : [['Load', load]]),
      ['Shaper', shaper],
      ['Seed', seed],
      ...Object.entries(versions).map(([name, version]) => [`Version of ${name}`, version]),
      ...Object.entries(options).map(([name, value]) => [`Option ${name}`, valueText(value)]),
    ],
  );
}
