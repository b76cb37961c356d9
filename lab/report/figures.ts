/** Which figures a summary asks for. */
import type { Cell, ResultRow, Summary } from '../results.ts';
import { compareModes } from '../stats/index.ts';
import { drawBars } from './bars.ts';
import { placeOf, plural } from './compare.ts';
import * as content from './content.ts';
import type { Heading } from './drawing.ts';
import { drawHeatMap } from './heatmap.ts';
import { drawLines } from './lines.ts';
import type { Markup } from './markup.ts';
import { isLikePaperFig3 } from './paper.ts';
import { duration, rateText, tickDuration } from './scale.ts';
import { drawStrip } from './strip.ts';
import { isUncounted, labelOf, type Series, seriesOf } from './theme.ts';
import { countedBy } from './words.ts';

export interface Figure {
  /** File name without its ending. */
  readonly name: string;
  readonly caption: string;
  /** @param id unique on the page @param width of the drawing in px, 320 or more */
  readonly draw: (id: string, width: number) => Markup;
}

/** How the numbers of seeders and leechers vary over the cells. */
export type Shape = 'grid' | 'seeders' | 'leechers' | 'equal' | 'single';

export function shapeOf(cells: readonly Cell[]): Shape {
  const seeders = new Set(cells.map((cell) => cell.seeders)).size;
  const leechers = new Set(cells.map((cell) => cell.leechers)).size;
  if (seeders === 1 && leechers === 1) return 'single';
  if (leechers === 1) return 'seeders';
  if (seeders === 1) return 'leechers';
  if (cells.every((cell) => cell.seeders === cell.leechers)) return 'equal';
  const places = new Set(cells.map((cell) => `${cell.seeders} ${cell.leechers}`)).size;
  return places === leechers ? 'leechers' : 'grid';
}

const X_LABEL: Readonly<Record<Shape, string>> = {
  grid: 'Leechers (all numbers of seeders together)',
  seeders: 'Seeders',
  leechers: 'Leechers, loading at once',
  equal: 'n: so many seeders, and as many leechers loading at once',
  single: 'Leechers, loading at once',
};

/** What goes to the right, and what is the same all along it. */
function xLabelOf(shape: Shape, cells: readonly Cell[]): string {
  const same = (key: 'seeders' | 'leechers', word: string): string => {
    const counts = new Set(cells.map((cell) => cell[key]));
    return counts.size === 1 ? `, with ${plural([...counts][0]!, word)}` : '';
  };
  if (shape === 'seeders') return X_LABEL[shape] + same('leechers', 'leecher');
  if (shape === 'leechers') return X_LABEL[shape] + same('seeders', 'seeder');
  return X_LABEL[shape];
}

/** What else the links were set to: a figure is also shown without its page. */
export function linksText({ options }: Summary['conditions']): string {
  const { rttMs, loss, peerUp, peerDown } = options;
  const set = (value: unknown, text: (value: number) => string): string[] =>
    typeof value === 'number' && value !== 0 ? [text(value)] : [];
  const said = [
    ...set(peerUp, (rate) => `visitors send ${rateText(rate)}`),
    ...set(peerDown, (rate) => `visitors receive ${rateText(rate)}`),
    ...set(rttMs, (ms) => `round trips ${duration(ms)} longer`),
    ...set(loss, (share) => `${Number((share * 100).toPrecision(3))} % of packets lost`),
  ].join(', ');
  return said === '' ? '' : ` Links: ${said}.`;
}

/** In figures and beside them: they are also shown without their page. */
const WHISKERS = 'Bars are means, whiskers reach from the fastest to the slowest load';
const SHADES =
  'Lines are means, the shade around them reaches from the fastest to the slowest load';

const LIMIT =
  'the fluid limit, the least time in which any peer-assisted distribution can have served all';

/** All cells of one rate of the origin, and what their figures have in common. */
interface Group {
  readonly scenario: string;
  readonly rate: number;
  readonly cells: readonly Cell[];
  readonly byMode: ReadonlyMap<string, readonly Cell[]>;
  readonly series: ReadonlyMap<string, Series>;
  readonly shape: Shape;
  readonly x: content.X;
  readonly xLabel: string;
  readonly limited: boolean;
  /** What the fluid limit is, in words. */
  readonly limit: string;
  /** What copies are, in words. */
  readonly copies: string;
  readonly file: (kind: string) => string;
  readonly heading: (title: string, subtitle: string) => Heading;
}

/** Name of a file about all cells of one rate, without its ending. */
export function figureFile(scenario: string, kind: string, rate: number): string {
  return `${scenario.replace(/[^\w-]+/g, '-')}-${kind}-${rate === 0 ? 'unlimited' : rate}`;
}

function groupOf(summary: Summary, rate: number, cells: readonly Cell[]): Group {
  const modes = [...new Set(cells.map(({ mode }) => mode))].sort(compareModes);
  const shape = shapeOf(cells);
  const origin = rate === 0 ? 'origin not limited' : `origin at ${rateText(rate)}`;
  const links = linksText(summary.conditions);
  const words = cells
    .map((cell) => {
      const time = cell.meanMs === null ? 'no load succeeded' : duration(cell.meanMs);
      return `${labelOf(cell.mode)}, ${plural(cell.seeders, 'seeder')}, ${plural(cell.leechers, 'leecher')}: ${time}.`;
    })
    .join(' ');
  return {
    scenario: summary.scenario,
    rate,
    cells,
    byMode: new Map(modes.map((mode) => [mode, cells.filter((cell) => cell.mode === mode)])),
    series: seriesOf(modes),
    shape,
    xLabel: xLabelOf(shape, cells),
    x: ({ seeders, leechers }) => (shape === 'seeders' ? seeders : leechers),
    limit:
      summary.conditions.options.scriptFrom === 'origin'
        ? `${LIMIT}; page and script of every leecher are in it, as the limited origin sends them`
        : LIMIT,
    copies:
      `What left the origin while the leechers loaded, ${countedBy(summary.conditions)}, in copies of the image.` +
      modes
        .filter(isUncounted)
        .map((mode) => ` “${labelOf(mode)}” is left out: its copies came from another server.`)
        .join(''),
    limited: cells.some(({ fluidLimitMs }) => fluidLimitMs !== null),
    file: (kind) => figureFile(summary.scenario, kind, rate),
    heading: (title, subtitle) => ({
      title: `${title}, ${origin}`,
      subtitle: `${subtitle}${links}`,
      description: `${subtitle}${links} Mean load times: ${words}`,
      warning:
        summary.verdict === 'ok'
          ? null
          : `${summary.verdict.toUpperCase()}: ${summary.why.join('; ') || 'no reason given'}`,
    }),
  };
}

/** Load times, origin copies and single loads, for each rate of the origin; none without cells. */
export function figuresOf(summary: Summary, rows: readonly ResultRow[]): Figure[] {
  return [...Map.groupBy(summary.cells, (cell) => cell.rateBytesPerSecond)].flatMap(
    ([rate, cells]) => {
      const group = groupOf(summary, rate, cells);
      const times = { grid: heatMap, single: timeBars }[group.shape as string] ?? timeLines;
      const counted = [...group.byMode.keys()].some((mode) => !isUncounted(mode));
      const copies = group.shape === 'single' ? copiesBars : copiesLines;
      const own = rows.filter((row) => row.rateBytesPerSecond === rate);
      return [
        times(group),
        ...(counted ? [copies(group)] : []),
        ...(own.length > 0 ? [strip(group, own)] : []),
      ];
    },
  );
}

function heatMap({ scenario, byMode, file, heading }: Group): Figure {
  const paper = scenario === 'fig2';
  return {
    name: file('heatmap'),
    caption:
      'Mean load time in ms (k: thousands), one scale of colour for all panels. A ✕ marks cells in which loads failed.' +
      (paper ? ' The last panel is figure 2 of the paper.' : ''),
    draw: (id, width) =>
      drawHeatMap(
        {
          heading: heading(
            'Mean load time over seeders and leechers',
            'The further from the ground colour, the slower; each step is by the same factor (log scale).',
          ),
          panels: [
            ...[...byMode].map(([mode, cells]) => content.heatPanel(mode, cells)),
            ...(paper ? [content.paperPanel()] : []),
          ],
        },
        id,
        width,
      ),
  };
}

function timeBars({ cells, series, limited, limit, file, heading }: Group): Figure {
  return {
    name: file('time'),
    caption: `${WHISKERS}${limited ? `; the upright mark is ${limit}` : ''}.`,
    draw: (id, width) =>
      drawBars(
        {
          heading: heading('Load time', `${placeOf(cells[0]!)}. ${WHISKERS}. Less is better.`),
          xLabel: 'From navigation to the load event of the image',
          referenceLabel: 'Fluid limit',
          tick: tickDuration,
          bars: cells.map((cell) => content.timeBar(cell, series.get(cell.mode)!)),
        },
        id,
        width,
      ),
  };
}

function timeLines({
  scenario,
  rate,
  cells,
  byMode,
  series,
  shape,
  x,
  xLabel,
  limited,
  limit,
  file,
  heading,
}: Group) {
  const paper =
    shape === 'equal' && isLikePaperFig3(scenario, rate)
      ? content.paperLines(Math.max(...cells.map(x)))
      : [];
  return {
    name: file('time'),
    caption: `${SHADES}.${
      paper.length > 0
        ? ` Dotted are ${paper.map(({ series }) => `“${series.label}”`).join(' and ')}: figure 3 of the paper, where the recipe shaped the origin to 512 KB/s (64 KB/s, by the text).`
        : ''
    }${limited ? ` The thin dash-dotted line is ${limit}.` : ''}`,
    draw: (id: string, width: number) =>
      drawLines(
        {
          heading:
            scenario === 'media'
              ? heading(
                  'Time waited',
                  `Before the film begins and in it. ${SHADES}. Less is better.`,
                )
              : heading(
                  'Load time',
                  `From navigation to the load event of the image. ${SHADES}. Less is better.`,
                ),
          xLabel,
          yLabel: scenario === 'media' ? 'Mean wait' : 'Mean load time',
          tick: tickDuration,
          lines: [
            ...[...byMode].map(([mode, own]) => content.timeLine(series.get(mode)!, own, x)),
            ...paper,
          ],
          references: content.limitLines(byMode, series, x),
        },
        id,
        width,
      ),
  };
}

function copiesBars({ cells, series, copies, file, heading }: Group): Figure {
  return {
    name: file('origin'),
    caption: copies,
    draw: (id, width) =>
      drawBars(
        {
          heading: heading('What the origin sent', `${placeOf(cells[0]!)}. Less is better.`),
          xLabel: 'Copies of the image',
          referenceLabel: '',
          tick: String,
          bars: cells
            .filter(({ mode }) => !isUncounted(mode))
            .map((cell) => content.copiesBar(cell, series.get(cell.mode)!)),
        },
        id,
        width,
      ),
  };
}

function copiesLines({ byMode, series, shape, x, xLabel, copies, file, heading }: Group): Figure {
  const shades = shape === 'grid' ? ' The shade is the range over the numbers of seeders.' : '';
  return {
    name: file('origin'),
    caption: copies + shades,
    draw: (id, width) =>
      drawLines(
        {
          heading: heading(
            'What the origin sent',
            `In copies of the image.${shades} Less is better.`,
          ),
          xLabel,
          yLabel: 'Copies of the image',
          tick: String,
          lines: [...byMode]
            .filter(([mode]) => !isUncounted(mode))
            .map(([mode, own]) => content.copiesLine(series.get(mode)!, own, x)),
          references: [],
        },
        id,
        width,
      ),
  };
}

function strip({ byMode, x, xLabel, file, heading }: Group, rows: readonly ResultRow[]): Figure {
  const modes = new Set([...byMode.keys(), ...rows.map(({ mode }) => mode)]);
  const series = seriesOf([...modes]);
  const loads = rows
    .toSorted((a, b) => a.run - b.run || a.seeders - b.seeders || a.peer - b.peer)
    .map((row) => ({
      series: series.get(row.mode)!,
      x: x(row),
      ms: row.ok ? row.loadMs : null,
      tooltip: content.rowText(row),
    }));
  return {
    name: file('loads'),
    caption:
      'Every load is a mark; within a column, from the first run to the last. Failed loads stand on top.',
    draw: (id, width) =>
      drawStrip(
        {
          heading: heading('Every single load', `${plural(rows.length, 'load')}, none left out.`),
          xLabel,
          loads,
        },
        id,
        width,
      ),
  };
}
